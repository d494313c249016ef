"""Exact sequences for operators that TFLite Micro has no kernel for, of those that it has."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.arithmetic.activation import CLAMP_LIMITS
from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.graph.evaluation import evaluate
from tfedge_converters.graph.making import integers, like
from tfedge_converters.graph.passes.byte_functions import BYTE_FUNCTION, as_tables
from tfedge_converters.graph.passes.byte_tables import byte_table
from tfedge_converters.graph.passes.dead_operators import remove_dead_operators
from tfedge_converters.graph.passes.packed_weights import packed_weights, unpacked
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

_CODES = np.arange(-128, 128).astype(np.int8)

# What TFLite Micro's kernel has room for.
_MOST_TRANSPOSED_AXES = 5
# DEQUANTIZE, two operators, QUANTIZE: with one less, real numbers take no more memory.
_WORTH_A_TABLE = 4


def write_for_micro(model: Model) -> bool:
    """Replace operators that only LiteRT computes by exact sequences, in place.

    Functions of one int8 value look their results up, as LiteRT's reference kernel gives them for
    all 256 values: CAST, ADD 128, GATHER. That takes 8 bytes of memory an element, and so do what
    several operators between DEQUANTIZE and QUANTIZE compute, which takes more. What has no exact
    sequence, or not for its types, stays.

    Returns:
        Whether an operator was replaced.
    """
    changed = [_look_up_functions(graph) for graph in model.graphs]
    changed += [_rewrite_all(graph) for graph in model.graphs]
    if any(changed):
        remove_dead_operators(model)
    return any(changed)


def _look_up_functions(graph: Graph) -> bool:
    """Write functions of one int8 value that would take more memory in real numbers."""
    functions = {
        id(operator.outputs[0]): operator
        for operator in as_tables(graph).operators
        if operator.code == BYTE_FUNCTION
    }
    written = []
    for operator in graph.operators:
        function = functions.get(id(operator.outputs[0])) if operator.outputs else None
        written.append((operator, function and _looked_up(function)))
    graph.operators = [part for old, new in written for part in (new or [old])]
    return any(new for _, new in written)


def _looked_up(function: Operator) -> list[Operator] | None:
    """A sequence for what several operators compute in real numbers."""
    (source,), (output,) = function.inputs, function.outputs
    assert source is not None
    ends = function.steps[0].code, function.steps[-1].code
    if ends != ("DEQUANTIZE", "QUANTIZE") or len(function.steps) < _WORTH_A_TABLE:
        return None
    grids = source.quantization, output.quantization
    if source.type != TensorType.INT8 or any(grid is None or grid.per_channel for grid in grids):
        return None
    try:
        table = byte_table(function)
    except UndefinedError:
        return None
    return _gathered(source, output, np.roll(table, 128).astype(np.int8))


def _rewrite_all(graph: Graph) -> bool:
    written = [(operator, _rewritten(operator)) for operator in graph.operators]
    graph.operators = [part for old, new in written for part in (new or [old])]
    return any(new for _, new in written)


def _rewritten(operator: Operator) -> list[Operator] | None:
    rewrite = _REWRITES.get(operator.code)
    if rewrite is None or len(operator.outputs) != 1:
        return None
    return rewrite(operator)


def _look_up(operator: Operator) -> list[Operator] | None:
    output = operator.outputs[0]
    match operator.inputs:
        case [Tensor(type=TensorType.INT8, data=None) as source] if output.type == TensorType.INT8:
            table = _table(operator, source)
        case _:
            return None
    if table is None or output.quantization is None:
        return None
    return _gathered(source, output, table)


def _gathered(source: Tensor, output: Tensor, table: np.ndarray) -> list[Operator]:
    """CAST, ADD 128, GATHER from the results for -128 to 127."""
    codes = like(output, "codes", source.shape, TensorType.INT32)
    places = like(output, "places", source.shape, TensorType.INT32)
    results = Tensor(f"{output.name}_table", (256,), TensorType.INT8, output.quantization, table)
    cast = schema.CastOptionsT()
    cast.inDataType, cast.outDataType = TensorType.INT8.value, TensorType.INT32.value
    return [
        Operator("CAST", [source], [codes], cast),
        Operator("ADD", [codes, integers(output, "half", 128)], [places], schema.AddOptionsT()),
        Operator("GATHER", [results, places], [output], schema.GatherOptionsT(), 2),
    ]


def _table(operator: Operator, source: Tensor) -> np.ndarray | None:
    """The results for -128 to 127."""
    grid = source.quantization
    if grid is None or grid.per_channel:
        return None
    codes = _CODES
    if operator.code in _STOPS_BELOW_ZERO:
        codes = np.maximum(codes, grid.zero_point[0].astype(np.int8))
    known = Tensor("codes", codes.shape, TensorType.INT8, grid, codes)
    result = Tensor("results", codes.shape, TensorType.INT8, operator.outputs[0].quantization)
    made = evaluate(Operator(operator.code, [known], [result], operator.options, operator.version))
    return None if made is None or made[0].shape != codes.shape else made[0]


# Operators whose reference kernel ends the run at a negative value; they count as 0.
_STOPS_BELOW_ZERO = frozenset({"SQRT"})


def _clamp(operator: Operator) -> list[Operator] | None:
    """A table for int8 values; MAXIMUM and MINIMUM for real ones."""
    match operator.inputs:
        case [Tensor(type=TensorType.FLOAT32, data=None) as source]:
            output = operator.outputs[0]
        case _:
            return _look_up(operator)
    low, high = CLAMP_LIMITS[operator.code]
    above = like(output, "above", source.shape, TensorType.FLOAT32)
    ends = [
        Tensor(f"{output.name}_{name}", (), TensorType.FLOAT32, data=np.array(end, np.float32))
        for name, end in (("low", low), ("high", high))
    ]
    options = schema.MaximumMinimumOptionsT
    return [
        Operator("MAXIMUM", [source, ends[0]], [above], options()),
        Operator("MINIMUM", [above, ends[1]], [output], options()),
    ]


_CLAMPS = ("RELU_0_TO_1", "RELU_N1_TO_1")


def _unpack_channels(operator: Operator) -> list[Operator] | None:
    """Dense layers know int4 weights with one scale, and int8 ones with a scale a channel."""
    grids = [tensor.quantization for tensor in packed_weights(operator)]
    several = any(grid is not None and grid.per_channel for grid in grids)
    return [unpacked(operator)] if several else None


def _reduce_any(operator: Operator) -> list[Operator] | None:
    """Not all are false."""
    output = operator.outputs[0]
    match operator.inputs:
        case [Tensor(type=TensorType.BOOL) as source, Tensor() as axes]:
            negated = like(output, "negated", source.shape, TensorType.BOOL)
            all_false = like(output, "all_false", output.shape, TensorType.BOOL)
            return [
                Operator("LOGICAL_NOT", [source], [negated]),
                Operator("REDUCE_ALL", [negated, axes], [all_false], operator.options),
                Operator("LOGICAL_NOT", [all_false], [output]),
            ]
    return None


def _select(operator: Operator) -> list[Operator] | None:
    """A condition of one dimension chooses rows."""
    match operator.inputs:
        case [Tensor() as condition, Tensor() as first, Tensor() as second]:
            rows = (*condition.shape, *(1 for _ in first.shape[1:]))
            select = Operator(
                "SELECT_V2", [condition, first, second], operator.outputs, schema.SelectV2OptionsT()
            )
            if len(condition.shape) != 1 or rows == condition.shape:
                return [select]
            spread = like(operator.outputs[0], "rows", rows, condition.type)
            select.inputs[0] = spread
            return [_reshape(condition, spread), select]
    return None


def _tile(operator: Operator) -> list[Operator] | None:
    """One axis after the other: what lies behind it is a block that is repeated."""
    output = operator.outputs[0]
    match operator.inputs:
        case [Tensor() as source, Tensor(data=np.ndarray() as multiples)] if (
            multiples.shape == (len(source.shape),)
            and output.elements
            and _tiled(source.shape, multiples.tolist()) == output.shape
        ):
            pass
        case _:
            return None
    steps: list[Operator] = []
    shape, last = list(source.shape), source
    for axis, count in enumerate(multiples.tolist()):
        if count == 1:
            continue
        blocks = (math.prod(shape[:axis]), 1, math.prod(shape[axis:]))
        spread = (blocks[0], count, blocks[2])
        before = like(output, f"blocks_{axis}", blocks, source.type)
        behind = like(output, f"spread_{axis}", spread, source.type)
        options = schema.BroadcastToOptionsT()
        sizes = integers(output, f"sizes_{axis}", spread)
        steps.append(_reshape(last, before))
        steps.append(Operator("BROADCAST_TO", [before, sizes], [behind], options, 3))
        shape[axis] *= count
        last = behind
    return [*steps, _reshape(last, output)]


def _tiled(shape: Sequence[int], multiples: Sequence[int]) -> tuple[int, ...]:
    return tuple(size * count for size, count in zip(shape, multiples, strict=True))


def _transpose(operator: Operator) -> list[Operator] | None:
    """Axes that stay side by side count as one, and those of size 1 as none."""
    output = operator.outputs[0]
    match operator.inputs:
        case [Tensor() as source, Tensor(data=np.ndarray() as order)] if (
            len(source.shape) > _MOST_TRANSPOSED_AXES
            and sorted(order.ravel().tolist()) == list(range(len(source.shape)))
            and tuple(source.shape[axis] for axis in order.ravel()) == output.shape
        ):
            runs = _runs(source.shape, order.ravel().tolist())
        case _:
            return None
    if len(runs) > _MOST_TRANSPOSED_AXES:
        return None
    if len(runs) < 2:
        return [_reshape(source, output)]
    in_source = sorted(runs)
    sizes = [math.prod(source.shape[axis] for axis in run) for run in in_source]
    places = [in_source.index(run) for run in runs]
    before = like(output, "joint", tuple(sizes), source.type)
    behind = like(output, "moved", tuple(sizes[place] for place in places), source.type)
    axes = integers(output, "order", tuple(places))
    options = schema.TransposeOptionsT()
    return [
        _reshape(source, before),
        Operator("TRANSPOSE", [before, axes], [behind], options, operator.version),
        _reshape(behind, output),
    ]


def _runs(shape: Sequence[int], order: Sequence[int]) -> list[list[int]]:
    """Axes of more than one element that a transposition leaves side by side, in its order."""
    wide = [axis for axis, size in enumerate(shape) if size != 1]
    behind = dict(itertools.pairwise(wide))
    runs: list[list[int]] = []
    for axis in (axis for axis in order if shape[axis] != 1):
        if runs and behind.get(runs[-1][-1]) == axis:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    return runs


def _reshape(source: Tensor, output: Tensor) -> Operator:
    shape = integers(output, "shape", output.shape)
    return Operator("RESHAPE", [source, shape], [output], schema.ReshapeOptionsT())


# Operator to the function that writes it as others; None where it cannot.
_REWRITES: dict[str, Callable[[Operator], list[Operator] | None]] = {
    **dict.fromkeys(("EXP", "GELU", "LOG", "NEG", "SQRT"), _look_up),
    **dict.fromkeys(_CLAMPS, _clamp),
    "FULLY_CONNECTED": _unpack_channels,
    "REDUCE_ANY": _reduce_any,
    "SELECT": _select,
    "TILE": _tile,
    "TRANSPOSE": _transpose,
}
