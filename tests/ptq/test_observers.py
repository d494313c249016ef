"""What observers make of streams of values, against the same values held in memory."""

from __future__ import annotations

import numpy as np
import pytest

from tfedge.calibration.histogram import BINS, Histogram
from tfedge.calibration.methods import METHODS, method
from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import get
from tfedge_converters.graph import Range
from tfedge_converters.ptq.quant_params import activation_grid, quantize_operand

INT8, INT16 = (get(name).activations.type for name in ("int8", "int16x8"))


def streams(seed):
    """Parts of ever wider, narrower, shifted and one-sided values."""
    rng = np.random.default_rng(seed)
    return {
        "normal": [rng.normal(size=500) for _ in range(20)],
        "rectified": [np.maximum(rng.normal(size=500), 0) for _ in range(20)],
        "widening": [rng.normal(size=300) * 10.0**power for power in range(-8, 9)],
        "outliers": [np.append(rng.normal(size=2000), 60 * rng.normal()) for _ in range(20)],
        "far": [rng.uniform(1000, 1001, 300) for _ in range(20)],
        "negative": [-rng.exponential(size=300) for _ in range(20)],
        "denormal": [rng.uniform(-1, 1, 100) * 1e-42 for _ in range(20)],
        "huge": [rng.uniform(-1, 1, 100) * 1.5e38 for _ in range(20)],
        "constant": [np.full(10, 3.0) for _ in range(20)],
        "zero": [np.zeros(10) for _ in range(20)],
    }


STREAMS = [
    pytest.param([part.astype(np.float32) for part in parts], id=name)
    for name, parts in streams(0).items()
]


def watched(name, parts):
    observer = method(name)()
    for part in parts:
        observer.update(part, float(part.min()), float(part.max()))
    return observer


def histogram_of(parts):
    histogram = Histogram()
    for part in parts:
        histogram.add(part, float(part.min()), float(part.max()))
    return histogram


@pytest.mark.parametrize("parts", STREAMS)
def test_a_histogram_counts_as_if_it_had_known_its_bins_from_the_start(parts):
    histogram = histogram_of(parts)
    values = np.concatenate(parts).astype(np.float64)
    inside = values[values != 0]
    assert histogram.zeros == values.size - inside.size
    if histogram.width:
        expected, _ = np.histogram(inside, np.append(histogram.edges()[:-1], np.inf))
        assert np.array_equal(histogram.counts, expected)
        used = min(values.min(), 0), max(values.max(), 0)
        assert (used[1] - used[0]) / histogram.width > BINS / 2 - 2, "bins are wider than need be"


@pytest.mark.parametrize("parts", STREAMS)
def test_a_histogram_does_not_depend_on_the_order(parts):
    forwards, backwards = histogram_of(parts), histogram_of(parts[::-1])
    for name, value in forwards.state().items():
        assert np.array_equal(value, backwards.state()[name])


@pytest.mark.parametrize("parts", STREAMS)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_a_range_within_the_extremes(name, parts):
    values = np.concatenate(parts)
    found = watched(name, parts).range(INT8)
    low, high = min(values.min(), 0), max(values.max(), 0)
    assert low <= found.low <= found.high <= high
    activation_grid(found, name, INT8)


@pytest.mark.parametrize("parts", STREAMS)
@pytest.mark.parametrize("name", METHODS)
def test_a_restored_observer_goes_on_as_if_nothing_had_happened(name, parts):
    half = watched(name, parts[:7])
    resumed = method(name)()
    resumed.restore(half.state())
    for part in parts[7:]:
        resumed.update(part, float(part.min()), float(part.max()))
    assert resumed.range(INT8) == watched(name, parts).range(INT8)
    assert resumed.low == np.concatenate(parts).min()


@pytest.mark.parametrize("parts", STREAMS)
@pytest.mark.parametrize("percentage", [100, 99.99, 99, 90])
def test_percentiles_are_numpys_to_within_a_bin(parts, percentage):
    observer = watched(f"percentile:{percentage}", parts)
    tail = (100 - percentage) / 2
    values = np.concatenate(parts).astype(np.float64)
    # Between two values, numpy interpolates; any value between them is a percentile.
    lowest = np.percentile(values, [tail, 100 - tail], method="lower")
    highest = np.percentile(values, [tail, 100 - tail], method="higher")
    found = observer.range(INT8)
    slack = observer.histogram.width
    for index, end in enumerate((found.low, found.high)):
        assert lowest[index] - slack <= end <= highest[index] + slack


def loss(values, ends, activation_type):
    grid = activation_grid(ends, "", activation_type)
    real = (quantize_operand(values, grid, activation_type) - grid.zero_point[0]) * float(
        grid.scale[0]
    )
    return np.square(real - values).sum()


@pytest.mark.parametrize("parts", STREAMS)
@pytest.mark.parametrize("activation_type", [INT8, INT16], ids=["int8", "int16"])
def test_no_clipping_loses_much_less_than_the_one_that_mse_found(parts, activation_type):
    values = np.concatenate(parts).astype(np.float64)
    found = watched("mse", parts).range(activation_type)
    low, high = min(values.min(), 0), max(values.max(), 0)
    least = loss(values, Range(low, high), activation_type)
    best = loss(values, found, activation_type)
    assert best <= least * 1.001
    for first in np.linspace(0.02, 1, 30):
        for second in [first] if activation_type.symmetric else np.linspace(0.02, 1, 30):
            least = min(least, loss(values, Range(low * first, high * second), activation_type))
    assert best <= least * 1.05


def test_mse_clips_outliers_and_keeps_what_needs_no_clipping():
    values = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
    values[0] = 30
    high = watched("mse", [values]).range(INT8).high
    assert 5 < high < 20
    bytes_ = np.arange(256, dtype=np.float32)
    assert watched("mse", [bytes_]).range(INT8) == Range(0, 255)


def test_entropy_clips_a_long_tail_and_keeps_an_even_distribution():
    rng = np.random.default_rng(0)
    long_tail = rng.laplace(size=200_000).astype(np.float32)
    assert 3 < watched("entropy", [long_tail]).range(INT8).high < 0.9 * np.abs(long_tail).max()
    even = rng.uniform(-1, 1, 200_000).astype(np.float32)
    assert watched("entropy", [even]).range(INT8).high > 0.95


def test_entropy_is_not_led_astray_by_a_constant_background():
    rng = np.random.default_rng(0)
    shown = np.abs(rng.normal(size=200_000))
    background = rng.choice([0.11, 0.43], 40_000)
    alone = watched("entropy", [shown.astype(np.float32)]).range(INT8).high
    both = np.concatenate([shown, background]).astype(np.float32)
    assert watched("entropy", [both]).range(INT8).high > 0.9 * alone > 2.5


def test_entropy_cuts_nothing_where_its_histogram_is_too_coarse():
    values = np.random.default_rng(0).laplace(size=10_000).astype(np.float32)
    assert watched("entropy", [values]).range(INT16) == Range(values.min(), values.max())


def test_a_moving_average_begins_without_a_bias_and_forgets():
    parts = [np.array([-1.0, 4.0], np.float32)] * 3
    assert watched("moving_average", parts).range(INT8) == Range(-1, 4)
    parts += [np.array([-3.0, 8.0], np.float32)] * 1000
    found = watched("moving_average", parts).range(INT8)
    assert found.low == pytest.approx(-3, abs=0.01)
    assert found.high == pytest.approx(8, abs=0.01)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("median", "no calibration method 'median'; use minmax"),
        ("percentile:many", "give a percentage"),
        ("percentile:0", "above 0 and at most 100"),
        ("percentile:101", "above 0 and at most 100"),
        (7, "no calibration method 7"),
    ],
)
def test_unknown_methods(name, message):
    with pytest.raises(TfedgeError, match=message):
        method(name)()
