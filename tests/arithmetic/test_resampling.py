"""Which pixels a resized image takes its own from."""

from __future__ import annotations

import numpy as np
import pytest

from tfedge_converters.arithmetic.resampling import bilinear_positions, nearest_positions


@pytest.mark.parametrize(
    ("size", "output_size", "expected"),
    [(5, 1, [0]), (5, 2, [0, 4]), (5, 3, [0, 2, 4]), (2, 3, [0, 1, 1]), (1, 2, [0, 0])],
)
def test_aligned_corners_are_corners(size, output_size, expected):
    np.testing.assert_array_equal(nearest_positions(size, output_size, True, False), expected)
    lower, upper, fraction = bilinear_positions(size, output_size, True, False).T
    assert (lower[0], fraction[0]) == (0, 0)
    last = lower[-1] if fraction[-1] == 0 else upper[-1]
    assert last == (size - 1 if output_size > 1 else 0)


def test_pixels_have_centres_or_not():
    np.testing.assert_array_equal(nearest_positions(4, 2, False, False), [0, 2])
    np.testing.assert_array_equal(nearest_positions(4, 2, False, True), [1, 3])
