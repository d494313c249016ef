"""Grids of ranges at their limits: of an LSTM's cell, and of activations that are always 0."""

from __future__ import annotations

import pytest
from graph_parts import activation, plain

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import get
from tfedge_converters.graph import Graph, Range
from tfedge_converters.ptq.groups import Groups
from tfedge_converters.ptq.quant_params import power_of_two_grid


@pytest.mark.parametrize(
    ("low", "high", "covered"),
    [(-0.1, 0.1, 1), (-1, 1, 1), (-1.01, 0.5, 2), (0, 3, 4), (-5, 3, 8), (-1000, 2, 64)],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_cells_grid_covers_a_power_of_two_around_its_range(low, high, covered, bits):
    grid = power_of_two_grid(Range(low, high), bits, "cell")
    assert float(grid.scale[0]) * 2 ** (bits - 1) == covered
    assert int(grid.zero_point[0]) == 0


def test_an_infinite_range_is_named():
    with pytest.raises(TfedgeError, match="'cell' has the range"):
        power_of_two_grid(Range(0, float("inf")), 16, "cell")


def test_what_is_always_0_has_a_range():
    x, y = activation("x", (1, 4), 0, 0), activation("y", (1, 4), 0, 9)
    groups = Groups(Graph([x], [y], [plain("RELU", [x], y)]), get("int8"))
    assert groups.of(x).range() == Range(0, 0)
