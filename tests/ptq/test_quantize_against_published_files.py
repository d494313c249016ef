"""Our files against int8 files that TensorFlow made: today's, and those that MLPerf Tiny publishes.

The ranges are read back from the published grids, so everything else must follow.
"""

from __future__ import annotations

import numpy as np
import pytest
from model_comparison import quantized_pairs
from model_files import float_model

from tfedge_converters.graph import Range, read_file
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq import quantize

# Tensors of weights in each network.
WEIGHTS = {"ad": 10, "ic": 10, "kws": 10, "vww": 28}

# One step of float32.
ULP = 2**-23


def adopt_ranges(model, published):
    """Takes over the real range that each published grid spans."""
    for operator, other in zip(model.main.operators, published.main.operators, strict=True):
        assert operator.code == other.code
        pairs = zip(
            [*operator.inputs, *operator.outputs], [*other.inputs, *other.outputs], strict=True
        )
        for tensor, twin in pairs:
            if is_real_activation(tensor):
                scale = float(twin.quantization.scale[0])
                zero_point = int(twin.quantization.zero_point[0])
                tensor.range = Range(scale * (-128 - zero_point), scale * (127 - zero_point))


@pytest.mark.parametrize(
    ("source", "name", "weights", "rounded_otherwise"),
    [
        # A weight of 60.49999428 is 60, or halfway in float32.
        *(("seeded", name, weights, {0, 1}) for name, weights in WEIGHTS.items()),
        # Today's TensorFlow rounds these two weights as we do.
        *(
            ("published", name, WEIGHTS[name], {n})
            for name, n in (("ad", 1), ("ic", 1), ("vww", 0))
        ),
    ],
)
def test_same_integers(request, source, name, weights, rounded_otherwise):
    file = request.getfixturevalue(source)
    ours = float_model(file, name)
    published = read_file(file(f"mlperf_tiny/{name}_int8.tflite"))
    adopt_ranges(ours, published)
    quantize(ours, "edgetpu")
    pairs = quantized_pairs(ours.main, published.main)
    for pair in pairs:
        assert pair.scale_error <= 1.5 * ULP, pair.ours.name
        assert pair.same_zero_point, pair.ours.name
    compared = [pair for pair in pairs if pair.kind == "weights"]
    assert len(compared) == weights
    assert sum(np.count_nonzero(pair.differences) for pair in compared) in rounded_otherwise
    for pair in pairs:
        if pair.kind == "bias":
            # Enlarged scales may differ in the last place, and biases with them.
            allowed = 4 * ULP * np.abs(pair.theirs.data.astype(np.int64))
            assert (np.abs(pair.differences) <= allowed).all(), pair.ours.name


def test_vww_needs_room_for_its_biases(model_file):
    """Most channels of some vww layers are dead; their biases come to 2**30."""
    ours = float_model(model_file, "vww")
    published = read_file(model_file("mlperf_tiny/vww_int8.tflite"))
    adopt_ranges(ours, published)
    quantize(ours)
    biases = [op.inputs[2].data for op in ours.main.operators if "CONV" in op.code]
    assert sum(int((np.abs(bias) == 2**30).sum()) for bias in biases) > 100
