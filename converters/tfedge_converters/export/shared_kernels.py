"""The kernels of a Keras model whose weights share a few values."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfedge.clustered_values import is_clustered


def shared_kernels(model: Any) -> list[np.ndarray]:
    """The weights, as the model has them, of every kernel with few different values.

    Args:
        model: a built Keras 3 or tf_keras model, or a function, which has none.

    Returns:
        float32 arrays of two or more dimensions.
    """
    values = (np.asarray(variable) for variable in getattr(model, "trainable_variables", ()))
    kernels = (value.astype(np.float32) for value in values if value.ndim > 1)
    return [kernel for kernel in kernels if is_clustered(kernel.reshape(1, -1))]
