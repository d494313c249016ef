"""The numbers of a float constant, checked."""

from __future__ import annotations

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.graph import Range, Tensor


def constant_values(tensor: Tensor) -> np.ndarray:
    """The constant's float32 array.

    Raises:
        TfedgeError: a value is NaN or infinite, or the constant is of no numbers.
    """
    data = np.asarray(tensor.data)
    if data.shape != tensor.shape:
        raise TfedgeError(
            f"constant '{tensor.name}' is of type {tensor.type.name}, which has no numbers"
        )
    bad = data.size - int(np.isfinite(data).sum())
    if bad:
        raise TfedgeError(
            f"constant '{tensor.name}' of shape {tensor.shape} has {bad} values that are NaN or "
            "infinite; if the training has diverged, load an earlier checkpoint"
        )
    return data


def constant_range(tensor: Tensor) -> Range:
    """The range of a constant's values, 0 included; raises as `constant_values`."""
    data = constant_values(tensor)
    return Range(float(data.min(initial=0.0)), float(data.max(initial=0.0)))
