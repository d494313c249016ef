"""The table of sigmoid for int16."""

import numpy as np

from tfedge.quantization.function_tables import sigmoid_table


def test_entries_are_those_of_the_reference():
    table = sigmoid_table().astype(int) + 32768
    expected = {0: 32768, 4: 35493, 33: 52311, 66: 61599, 130: 65246, 200: 65520, 255: 65535}
    assert {index: table[index] for index in expected} == expected


def test_interpolation_errs_to_both_sides_alike():
    table = sigmoid_table().astype(float) + 32768
    x = np.linspace(0, 254 / 24, 20_000)
    interpolated = np.interp(x, np.arange(256) / 24, table) / 65536
    error = interpolated - 1 / (1 + np.exp(-x))
    assert np.abs(error).max() < 1.4 / 65536
    assert abs(error.max() + error.min()) < 0.4 / 65536
