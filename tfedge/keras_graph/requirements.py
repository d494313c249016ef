"""Which models can be read: built ones of Keras 3."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.keras_graph import private


def require_tensorflow(what: str) -> None:
    """Refuse Keras' other backends, which what trains here does not run on.

    Args:
        what: the name of what the user called.

    Raises:
        TfedgeError: Keras runs on another backend.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise TfedgeError(
            f"{what} needs Keras on TensorFlow, and this process runs it on {backend}: set the "
            "environment variable KERAS_BACKEND=tensorflow before keras is imported"
        )


def require_keras3(model: Any) -> None:
    """Refuse what is not a built Keras 3 model.

    Raises:
        TfedgeError: it is not.
        UnsupportedError: it is a tf_keras model.
    """
    require_tensorflow("tfedge")
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


def refuse_quantized_by_keras(model: Any) -> None:
    """Refuse what `model.quantize` of Keras has made.

    Raises:
        TfedgeError: a layer was quantised so.
    """
    for layer in private.layers_in(model):
        if getattr(layer, "quantization_mode", None):
            raise TfedgeError(
                f"layer '{layer.name}' was quantised by Keras ({layer.quantization_mode}), which "
                "rounds weights for servers and keeps activations in float; start from the model "
                "before `model.quantize`"
            )
