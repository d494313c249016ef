"""Sizes that are computed though they are known: C takes them, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_heavy import transpose_conv_2d_of

from tfedge.errors import UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.graph import Model, Operator, Quantization, Tensor, TensorType
from tfedge_converters.graph.passes.shape_operands import fix_shape_operands
from tfedge_converters.verify import verify

GRID = Quantization.per_tensor(0.1, -3)


def _sizes(source, wanted):
    """Operators that compute sizes from those of `source`, which folding does not evaluate.

    A grid that integers of sizes do not have, as some converters write it, keeps folding away.
    """
    mark = Quantization.per_tensor(1.0, 0)
    rank = Tensor("shape", (len(source.shape),), TensorType.INT32)
    first = Tensor("first", (1,), TensorType.INT32, mark)
    known = Tensor("sizes", (len(wanted),), TensorType.INT32, mark)
    zero, one, scaled = (
        Tensor(name, np.shape(data), TensorType.INT32, data=np.array(data, np.int32))
        for name, data in (("zero", [0]), ("one", [1]), ("wanted", wanted))
    )
    as_int32 = schema.ShapeOptionsT()
    as_int32.outType = TensorType.INT32
    operators = [
        Operator("SHAPE", [source], [rank], as_int32),
        Operator("STRIDED_SLICE", [rank, zero, one, one], [first], schema.StridedSliceOptionsT()),
        Operator("MUL", [first, scaled], [known], schema.MulOptionsT()),
    ]
    return operators, known


def _with_computed_sizes(model, index):
    operator = model.main.operators[-1]
    source = next(t for t in operator.inputs if t is not None and t.data is None)
    operators, known = _sizes(source, operator.inputs[index].data.reshape(-1).tolist())
    operator.inputs[index] = known
    model.main.operators[-1:-1] = operators
    return model


def _one(code, index, source, constants, shape, options=None, version=2):
    b = Builder(np.random.default_rng(0))
    operands = [b.input(source, GRID), *(b.constant(np.array(c, np.int32)) for c in constants)]
    b.output(code, operands, shape, GRID, options, version)
    return b.model(), index


def _transposed_convolution():
    b = Builder(np.random.default_rng(1))
    transpose_conv_2d_of(b, (6, 7), 3, depth=2)
    return b.model(), 0


def _resize():
    options = schema.ResizeBilinearOptionsT()
    options.halfPixelCenters = True
    return _one("RESIZE_BILINEAR", 1, (1, 4, 4, 2), [[8, 6]], (1, 8, 6, 2), options)


CASES = {
    "TRANSPOSE_CONV": _transposed_convolution,
    "RESIZE_BILINEAR": _resize,
    "RESHAPE": lambda: _one("RESHAPE", 1, (1, 4, 6), [[1, 3, 8]], (1, 3, 8), version=1),
    "TILE": lambda: _one("TILE", 1, (1, 2, 3), [[1, 3, 2]], (1, 6, 6)),
    "SLICE": lambda: _one("SLICE", 2, (1, 5, 6), [[0, 1, 2], [1, 3, 2]], (1, 3, 2)),
    "BROADCAST_TO": lambda: _one("BROADCAST_TO", 1, (1, 1, 6), [[1, 4, 6]], (1, 4, 6)),
    "STRIDED_SLICE": lambda: _one(
        "STRIDED_SLICE",
        2,
        (1, 6, 5),
        [[0, -5, 0], [1, 5, 5], [1, 2, 2]],
        (1, 2, 3),
        schema.StridedSliceOptionsT(),
    ),
}


@pytest.mark.parametrize("code", CASES)
def test_known_sizes_are_taken_as_constants(code):
    model, index = CASES[code]()
    model = _with_computed_sizes(model, index)
    result = verify(model, samples=10, engines=["c", "litert-reference"])
    assert result.passed, result
    for item in result.comparisons:
        assert item.engine == "c" or not item.mismatches or code == "TRANSPOSE_CONV"


def test_sizes_that_depend_on_values_stay():
    model, index = CASES["TRANSPOSE_CONV"]()
    sizes = Tensor("sizes", (4,), TensorType.INT32)
    model.main.inputs.append(sizes)
    model.main.operators[-1].inputs[index] = sizes
    assert not fix_shape_operands(model)
    with pytest.raises(UnsupportedError, match="'sizes' must be constant"):
        generate(model, Options("model", targets.load("host")))


def test_open_shapes_stay():
    model, index = CASES["RESHAPE"]()
    model = _with_computed_sizes(model, index)
    model.main.outputs[0].shape_signature = (-1, 3, 8)
    assert not fix_shape_operands(Model([model.main]))
