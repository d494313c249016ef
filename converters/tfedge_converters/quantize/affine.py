"""Scales, zero points and rounding of affine quantisation to integers.

The arithmetic, down to its float32 roundings and its ties away from zero, is that of
TensorFlow's converter, so that the same ranges give the same file.
"""

from __future__ import annotations

import math

import numpy as np

from tfedge.calibration.ranges import round_away, scale_and_zero_point
from tfedge.errors import TfedgeError
from tfedge.quantization.activation_types import ActivationType
from tfedge_converters.graph import Quantization, Range, SharedWeights, WeightGrid

# Biases stay below half of int32, which leaves the accumulator room for the products. Kernels for
# int16 have wider ones, but TensorFlow's converter does the same there, and it keeps their
# multipliers in the range that they can shift by.
BIAS_MAX = (2**31 - 1) // 2

_MOST_INTEGER_BITS = 6

_SMALLEST_NORMAL = np.finfo(np.float32).tiny


def activation_grid(values: Range, name: str, activation_type: ActivationType) -> Quantization:
    """The grid that covers a range of real values; see `scale_and_zero_point`.

    Args:
        values: the range, low <= high.
        name: the tensor's, for the error message.
        activation_type: the integers.

    Raises:
        TfedgeError: the range is not finite, is inverted, or too wide for float32.
    """
    if not (np.isfinite([values.low, values.high]).all() and values.low <= values.high):
        raise TfedgeError(
            f"tensor '{name}' has the range [{values.low}, {values.high}]; a range must be finite "
            "and not inverted: calibrate again, or train again if the range was learned"
        )
    scale, zero_point = scale_and_zero_point(values, activation_type)
    check_scale(scale, name)
    return Quantization.per_tensor(float(scale), zero_point)


def power_of_two_grid(values: Range, bits: int, name: str) -> Quantization:
    """The symmetric grid whose scale is the least power of two at which a range fits.

    The range is extended to [-1, 1], for finer steps than those of sigmoid and tanh add nothing,
    and cut at [-64, 64], for LiteRT computes wrongly beyond, where tanh is 1 anyway.

    Args:
        values: the range, low <= high.
        bits: of the integers.
        name: the tensor's, for the error message.

    Raises:
        TfedgeError: the range is not finite.
    """
    largest = max(abs(values.low), abs(values.high), 1.0)
    if not np.isfinite(largest):
        raise TfedgeError(
            f"tensor '{name}' has the range [{values.low}, {values.high}]; a range must be finite: "
            "calibrate again, or train again if the range was learned"
        )
    integer_bits = min(math.ceil(math.log2(largest)), _MOST_INTEGER_BITS)
    return Quantization.per_tensor(2.0 ** (integer_bits - (bits - 1)), 0)


def weight_scale(weights: np.ndarray, axis: int | None, limit: int) -> np.ndarray:
    """The symmetric scale that puts the largest magnitude on `limit`.

    Args:
        weights: float32 constant.
        axis: dimension along which every channel has its own scale; None for one scale in all.
        limit: the largest integer.

    Returns:
        float32 array of shape (channels,) or (1,). A channel of zeros has scale 0, which
        `accumulator_scales` replaces.
    """
    others = tuple(dimension for dimension in range(weights.ndim) if dimension != axis)
    largest = np.abs(weights).max(axis=others, initial=0).reshape(-1).astype(np.float32)
    return largest / np.float32(limit)


def block_scale(weights: np.ndarray, block_size: int, limit: int) -> np.ndarray:
    """The symmetric scales that put the largest magnitude of each block on `limit`.

    XNNPACK multiplies with scales of bfloat16, which files hold as float16: they are rounded to
    both, as ai-edge-quantizer rounds them, so that integers are found at the scales that kernels
    use.

    Args:
        weights: float32 matrix of shape (rows, columns).
        block_size: divides the columns.
        limit: the largest integer.

    Returns:
        float16 array of shape (rows, columns / block_size). It is 0 of blocks of zeros, or of
        magnitudes that float16 cannot tell from 0, and infinite beyond what it holds.
    """
    rows, columns = weights.shape
    blocks = weights.reshape(rows, columns // block_size, block_size)
    largest = np.abs(blocks).max(axis=2, initial=0)
    with np.errstate(over="ignore"):
        return _to_bfloat16(largest / np.float32(limit)).astype(np.float16)


def _to_bfloat16(values: np.ndarray) -> np.ndarray:
    """Nearest float32 numbers whose lower 16 bits are 0, ties to even; for positive ones."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = bits + (0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)


def accumulator_scales(
    weight: np.ndarray, input_scale: np.float32, bias: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Scales of weights and bias, such that the bias fits and no scale is 0.

    The bias has the scale of the products: input scale times weight scale. Where the weights of a
    channel are so small beside its bias that the bias would overflow, both scales are enlarged, as
    TensorFlow's converter does. The weights then use fewer of their integers, but half a step of
    one of them moves the sum by less than 2**-22 of the bias. A channel of zeros has no scale of
    its own and gets one from its bias in the same way, or 1 if that is 0 too.

    Args:
        weight: float32 (channels,) or (1,), from `weight_scale`.
        input_scale: the scale of the operand that the weights are multiplied with.
        bias: float32 (channels,), or None.

    Returns:
        Two float32 arrays of the shape of `weight`: scales of the weights and of the bias.
    """
    magnitude = np.zeros(weight.size) if bias is None else np.abs(bias).astype(np.float64)
    if weight.size == 1:
        magnitude = magnitude.max(initial=0, keepdims=True)
    product = weight * input_scale
    needed = magnitude / BIAS_MAX
    dead = (product < _SMALLEST_NORMAL) & (needed < _SMALLEST_NORMAL)
    enlarged = needed > product.astype(np.float64)
    with np.errstate(over="ignore"):
        weight = np.where(enlarged, (needed / float(input_scale)).astype(np.float32), weight)
    product = np.where(enlarged, needed.astype(np.float32), product)
    return np.where(dead, np.float32(1), weight), np.where(dead, input_scale, product)


def check_scale(scale: np.ndarray | np.float32, name: str) -> None:
    """Refuses scales that float32 cannot express.

    Raises:
        TfedgeError: a scale is infinite, 0 or not a number.
    """
    if not (np.isfinite(scale).all() and np.all(scale > 0)):
        raise TfedgeError(
            f"the values of tensor '{name}' are too large or too small for a float32 scale; "
            "normalise the data and the weights of the model"
        )


def quantize_symmetric(values: np.ndarray, scale: np.ndarray, axis: int, limit: int) -> np.ndarray:
    """Nearest integers of values / scale, within [-limit, limit].

    Multiplies by the float32 reciprocal, as TensorFlow's converter does.

    Args:
        values: float32 constant.
        scale: float32 (channels,) along `axis`, or (1,).
        axis: the dimension of the channels.
        limit: largest magnitude.

    Returns:
        float64 array of integers of the shape of `values`.
    """
    inverse = (1.0 / scale.astype(np.float64)).astype(np.float32)
    return np.clip(round_away(values * along(inverse, axis, values.ndim)), -limit, limit)


def quantize_blocks(values: np.ndarray, scale: np.ndarray, limit: int) -> np.ndarray:
    """As `quantize_symmetric`, of a matrix (rows, columns) and scales (rows, blocks)."""
    inverse = (1.0 / scale.astype(np.float64)).astype(np.float32)
    along_blocks = np.repeat(inverse, values.shape[1] // scale.shape[1], axis=1)
    return np.clip(round_away(values * along_blocks), -limit, limit)


def shared_scale(shared: SharedWeights, limit: int) -> np.ndarray:
    """The scales at which equal values become equal integers: one, times the channels' factors."""
    return weight_scale(shared.values, None, limit) * shared.factors


def shared_integers(shared: SharedWeights, limit: int) -> np.ndarray:
    """The integers of shared weights at `shared_scale`, the same for equal values."""
    scale = weight_scale(shared.values, None, limit)
    return quantize_symmetric(shared.values, scale, 0, limit)


def trained_integers(values: np.ndarray, grid: WeightGrid, axis: int) -> np.ndarray:
    """round(values / scale) in float32, ties to even, as training computed it.

    Args:
        values: float32 constant.
        grid: scales along `axis`, or one for all.
        axis: the dimension of the channels.

    Returns:
        float32 array of integers within ±grid.limit, of the shape of `values`.
    """
    with np.errstate(over="ignore"):
        scaled = values / along(grid.scale, axis, values.ndim)
    return np.clip(np.rint(scaled), -grid.limit, grid.limit)


def quantize_operand(
    values: np.ndarray, grid: Quantization, activation_type: ActivationType
) -> np.ndarray:
    """A real constant on an activation's grid, as float64 integers."""
    scaled = values.astype(np.float64) / float(grid.scale[0]) + int(grid.zero_point[0])
    return np.clip(round_away(scaled), activation_type.low, activation_type.high)


def along(scale: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """Scales of channels, shaped to broadcast against a constant of this rank."""
    shape = [1] * rank
    if scale.size > 1:
        shape[axis] = scale.size
    return scale.reshape(shape)
