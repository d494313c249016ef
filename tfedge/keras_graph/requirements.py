"""Which models can be read: built ones of Keras 3."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.errors import TfedgeError, UnsupportedError


def require_keras3(model: Any) -> None:
    """Refuses what is not a built Keras 3 model.

    Raises:
        TfedgeError: it is not.
        UnsupportedError: it is a tf_keras model.
    """
    if any(kind.__module__.partition(".")[0] == "tf_keras" for kind in type(model).__mro__):
        raise UnsupportedError(
            f"model '{model.name}' is a tf_keras model, and only models of Keras 3 train here: "
            "save it with model.save('model.h5') and load that with keras.models.load_model, or "
            "train it with tensorflow_model_optimization, whose models tfedge.convert takes"
        )
    if not isinstance(model, keras.Model):
        raise TfedgeError(f"a Keras 3 model is needed, not {type(model).__name__}")
    if not model.built:
        raise TfedgeError(f"model '{model.name}' is not built; call it on an example first")
