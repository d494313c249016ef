"""How packed kernels bring their sums to int8: constants of tfedge_saturating_requantize.h."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tfedge_converters.arithmetic.fixed_point import divide_by_power_of_two, multiply_high
from tfedge_converters.arithmetic.step_function import find_step_function
from tfedge_converters.c.kernel_call import Constant, Param

# What all of int8 spans: saturation is the only clamp then.
INT8 = (-128, 127)
_LARGEST_INPUT = 128

# Sums below this leave room to double them, see tfedge_requantize_narrow.
_NARROW = 1 << 30
_INT32 = 1 << 31

# With more, the zero point times 2^shift would leave the room that sums have below 2^31.
_LARGEST_SHIFT = 23

# With a multiplier of 0, any shift leaves the zero point of the addend as it is.
_IDLE_SHIFT = 8

# Where the lowest result is that of all sums below 0.
_LOWEST = -128


@dataclass(frozen=True, eq=False)
class Requantization:
    """Constants with which packed kernels requantise sums.

    Attributes:
        bias: what sums begin with, int32 of shape (channels,).
        scales: int32 of shape (channels, words): multiplier and addend, and the shift if exact.
        exact: tfedge_requantize_exactly is to be used, else tfedge_requantize_by_steps.
    """

    bias: np.ndarray
    scales: np.ndarray
    exact: bool


@dataclass(frozen=True, eq=False)
class _Sums:
    """The channels' sums; arrays of int64 of shape (channels,).

    Attributes:
        bias: without the products.
        reach: how far the products can bring a sum from there, to both sides.
        multiplier, right: how it is scaled, the shift counting to the right.
        is_narrow: nothing reaches 2^30, and the shift is one that packed kernels have.
        fixed: the result of a channel that no input can change, where `is_fixed`.
    """

    bias: np.ndarray
    reach: np.ndarray
    multiplier: np.ndarray
    right: np.ndarray
    is_narrow: np.ndarray
    is_fixed: np.ndarray
    fixed: np.ndarray


def requantization(
    sums: Mapping[str, Param], weights: np.ndarray, *, exactly: bool = False
) -> Requantization | None:
    """The constants for a natural kernel's parameters.

    Channels whose result no input can change have biases that may be far beyond what packed kernels
    have room for; those become a multiplier of 0.

    Args:
        sums: with bias, multiplier, shift and the output's fields, as the parameters of
            tfedge_matmul_s8 and tfedge_depthwise_conv_2d_s8.
        weights: int8, (channels, products an output).
        exactly: the short form will not do.

    Returns:
        None where sums of another channel may reach 2^30, its shift is to the left or too far to
        the right, or a fused activation ends within int8.
    """
    zero_point = sums["output_zero_point"]
    assert isinstance(zero_point, int)
    if (sums["output_min"], sums["output_max"]) != INT8:
        return None
    of = _sums(sums, weights, zero_point)
    if not np.all(of.is_narrow | of.is_fixed):
        return None
    found = _by_steps(of) if zero_point == _LOWEST and not exactly else None
    return _exactly(of, zero_point) if found is None else found


def _sums(params: Mapping[str, Param], weights: np.ndarray, zero_point: int) -> _Sums:
    bias = _values(params["bias"])
    multiplier = np.broadcast_to(_values(params["multiplier"]), bias.shape)
    right = np.broadcast_to(-_values(params["shift"]), bias.shape)
    reach = _LARGEST_INPUT * np.abs(weights.astype(np.int64)).sum(axis=1)
    ends = [_results(bias + end, multiplier, right, zero_point) for end in (-reach, reach)]
    largest = np.abs(bias) + reach
    return _Sums(
        bias=bias,
        reach=reach,
        multiplier=multiplier,
        right=right,
        is_narrow=(largest < _NARROW) & (right >= 1) & (right <= _LARGEST_SHIFT),
        is_fixed=(ends[0] == ends[1]) & (largest < _INT32) & (right >= 0),
        fixed=ends[0],
    )


def _exactly(of: _Sums, zero_point: int) -> Requantization:
    right = np.where(of.is_narrow, of.right, _IDLE_SHIFT)
    middle = np.where(of.is_narrow, zero_point, of.fixed)
    addend = (1 << (right - 1)) + middle * (1 << right)
    multiplier = np.where(of.is_narrow, of.multiplier, 0)
    return Requantization(
        bias=np.where(of.is_narrow, of.bias, 0).astype(np.int32),
        scales=np.stack([multiplier, addend, right], axis=1).astype(np.int32),
        exact=True,
    )


def _by_steps(of: _Sums) -> Requantization | None:
    """The short form, if every channel has one; channels of one multiplier share theirs."""
    bias, scales = np.zeros_like(of.bias), np.zeros((of.bias.size, 2), np.int64)
    scales[:, 1] = 2 * of.fixed
    keys = np.stack([of.multiplier, of.right], axis=1)
    for multiplier, right in np.unique(keys[of.is_narrow], axis=0):
        chosen = of.is_narrow & (keys == (multiplier, right)).all(axis=1)
        most = int((of.bias + of.reach)[chosen].max())
        found = find_step_function(int(multiplier), int(right), most)
        if found is not None:
            bias[chosen] = of.bias[chosen] + found.offset
            scales[chosen] = (found.multiplier, found.addend)
        elif not np.all(of.is_fixed[chosen]):
            return None
    return Requantization(bias.astype(np.int32), scales.astype(np.int32), exact=False)


def _results(
    sums: np.ndarray, multiplier: np.ndarray, right: np.ndarray, zero_point: int
) -> np.ndarray:
    """Requantise sums as the reference does, for shifts that are not to the left."""
    high = multiply_high(sums, multiplier)
    results = [divide_by_power_of_two(x, max(int(n), 0)) for x, n in zip(high, right, strict=True)]
    return np.clip(np.array(results) + zero_point, *INT8)


def _values(constant: Param) -> np.ndarray:
    assert isinstance(constant, Constant)
    return constant.values.astype(np.int64)
