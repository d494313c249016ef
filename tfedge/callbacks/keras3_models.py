"""Whose models the callbacks train."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.errors import TfedgeError


def require_keras3(model: Any) -> None:
    """Refuses what is no Keras 3 model.

    Raises:
        TfedgeError: the model is of tf_keras, or none at all.
    """
    if not isinstance(model, keras.Model):
        raise TfedgeError(
            f"tfedge's callbacks train models of Keras 3, not {type(model).__module__}."
            f"{type(model).__name__}; load the model with keras, or train it with "
            "tensorflow_model_optimization and give what its strip functions return to "
            "tfedge.convert"
        )
