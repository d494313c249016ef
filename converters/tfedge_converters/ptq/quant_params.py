"""The quantisation parameters and integers of a graph's tensors, by the rules of
`tfedge.quantization.affine`.
"""

from __future__ import annotations

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.affine import (
    along,
    integer_bits,
    quantize_symmetric,
    reciprocal,
    round_away,
    scale_and_zero_point,
    weight_scale,
)
from tfedge_converters.graph import Quantization, Range, SharedWeights, WeightGrid


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
    scale, zero_point = scale_and_zero_point(values.low, values.high, activation_type)
    check_scale(scale, name)
    return Quantization.per_tensor(float(scale), zero_point)


def power_of_two_grid(values: Range, bits: int, name: str) -> Quantization:
    """The symmetric grid whose scale is the least power of two at which a range fits.

    It is extended and cut as `integer_bits` says.

    Args:
        values: the range, low <= high.
        bits: of the integers.
        name: the tensor's, for the error message.

    Raises:
        TfedgeError: the range is not finite.
    """
    if not np.isfinite([values.low, values.high]).all():
        raise TfedgeError(
            f"tensor '{name}' has the range [{values.low}, {values.high}]; a range must be finite: "
            "calibrate again, or train again if the range was learned"
        )
    fraction_bits = bits - 1 - integer_bits(values.low, values.high)
    return Quantization.per_tensor(2.0**-fraction_bits, 0)


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


def check_scale(scale: np.ndarray | np.float32, name: str) -> None:
    """Refuse scales that float32 cannot express.

    Raises:
        TfedgeError: a scale is infinite, 0 or not a number.
    """
    if not (np.isfinite(scale).all() and np.all(scale > 0)):
        raise TfedgeError(
            f"the values of tensor '{name}' are too large or too small for a float32 scale; "
            "normalise the data and the weights of the model"
        )


def quantize_blocks(values: np.ndarray, scale: np.ndarray, limit: int) -> np.ndarray:
    """Quantise a matrix (rows, columns) by scales (rows, blocks), as `quantize_symmetric` does."""
    along_blocks = np.repeat(reciprocal(scale), values.shape[1] // scale.shape[1], axis=1)
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
    """A float constant on an activation's grid, as float64 integers."""
    scaled = values.astype(np.float64) / float(grid.scale[0]) + int(grid.zero_point[0])
    return np.clip(round_away(scaled), activation_type.low, activation_type.high)
