"""Quantization parameters of tensors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import get
from tfedge_converters.graph import Range
from tfedge_converters.ptq.quant_params import activation_grid, quantize_operand

INT8, INT16 = get("int8").activations.type, get("int16x8").activations.type

finite = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)


def one(grid):
    return float(grid.scale[0]), int(grid.zero_point[0])


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (0.0, 255.0, 1.0, -128),
        (-128.0, 127.0, 1.0, 0),
        (10.0, 255.0, 1.0, -128),  # 0 is included
        (-255.0, -10.0, 1.0, 127),
        (0.0, 0.0, 1.0, 0),
        (-0.1, 0.2, np.float32(0.3) / np.float32(255), -43),
    ],
)
def test_activation_grid(low, high, scale, zero_point):
    assert one(activation_grid(Range(low, high), "x", INT8)) == (pytest.approx(scale), zero_point)


@pytest.mark.parametrize(
    ("low", "high", "largest"), [(-1.0, 2.0, 2.0), (-3.0, 2.0, 3.0), (1.0, 2.0, 2.0)]
)
def test_symmetric_grids_cover_as_much_on_either_side(low, high, largest):
    grid = activation_grid(Range(low, high), "x", INT16)
    assert one(grid) == (float(np.float32(largest) / np.float32(32767)), 0)


def test_a_symmetric_grid_of_nothing_has_a_scale():
    assert one(activation_grid(Range(0.0, 0.0), "x", INT16)) == (1.0, 0)


@given(finite, finite)
def test_every_value_in_range_is_within_a_step(first, second):
    low, high = min(first, second), max(first, second)
    scale, zero_point = one(activation_grid(Range(low, high), "x", INT8))
    assert -128 <= zero_point <= 127
    assert np.isfinite(scale) and scale > 0
    grid = activation_grid(Range(low, high), "x", INT8)
    values = np.linspace(min(low, 0), max(high, 0), 50).astype(np.float32)
    back = scale * (quantize_operand(values, grid, INT8) - zero_point)
    # Half a step for the value and, at the ends, half a step for the zero point.
    assert np.abs(back - values).max() <= scale * 1.0001
    assert quantize_operand(np.zeros(1, np.float32), grid, INT8)[0] == zero_point


@pytest.mark.parametrize(
    ("low", "high"), [(np.nan, 1.0), (0.0, np.inf), (1.0, -1.0), (-3.4e38, 3.4e38)]
)
def test_impossible_ranges_are_refused_by_name(low, high):
    with pytest.raises(TfedgeError, match="'layer/relu'"):
        activation_grid(Range(low, high), "layer/relu", INT8)
