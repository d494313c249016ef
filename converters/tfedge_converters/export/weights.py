"""Checks on weights, before anything is computed with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfedge.errors import TfedgeError


def require_built(model: Any) -> None:
    """Refuse a model that has not made its weights yet.

    Raises:
        TfedgeError: the model was neither called nor built.
    """
    if not model.built:
        raise TfedgeError(
            f"model '{model.name}' has no weights yet; call it on an example, build it or load "
            "weights before it is exported"
        )


def require_finite(name: str, value: Any) -> None:
    """Refuse a weight with NaN or infinity in it.

    Raises:
        TfedgeError: names the weight and how many values are not finite.
    """
    if not np.issubdtype(value.dtype, np.floating):
        return
    bad = int(value.size - np.count_nonzero(np.isfinite(value)))
    if bad:
        raise TfedgeError(
            f"weight '{name}' has {bad} of {value.size} values that are NaN or infinite; the "
            "model cannot compute with them: load a checkpoint from before training diverged"
        )
