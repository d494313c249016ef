"""Real values on the grids of integer inputs and outputs, and back."""

from __future__ import annotations

import numpy as np

from tfedge.quantization.affine import round_away
from tfedge_converters.graph import Tensor, TensorType


def as_input(value: np.ndarray, tensor: Tensor) -> np.ndarray:
    """A value in the type of an input: on its grid, if it has one, saturated."""
    if tensor.type is TensorType.FLOAT32:
        return value.astype(np.float32)  # also where the float model takes integers
    if tensor.quantization is None or tensor.type.dtype is None:
        return value
    scale, zero_point = tensor.quantization.scale[0], tensor.quantization.zero_point[0]
    limits = np.iinfo(tensor.type.dtype)
    integers = round_away(value.astype(np.float64) / float(scale)) + int(zero_point)
    return np.clip(integers, limits.min, limits.max).astype(tensor.type.dtype)


def as_real(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Dequantise an output's integers to float32; return others as they are."""
    if tensor.quantization is None:
        return values
    scale, zero_point = tensor.quantization.scale[0], tensor.quantization.zero_point[0]
    return ((values.astype(np.float64) - int(zero_point)) * float(scale)).astype(np.float32)
