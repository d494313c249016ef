"""`tfedge.strip`: models as they were before training, but for their weights."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.clustering.cluster_layer import Cluster
from tfedge.compiled_steps import compile_anew
from tfedge.errors import TfedgeError
from tfedge.keras_graph import private
from tfedge.preservation import remove_constraints
from tfedge.pruning.prune_layer import Prune
from tfedge.quantization.model import QuantizedModel
from tfedge.quantization.quantized_forward import detach, quantized_forward_of

_WRAPPERS = (Cluster, Prune)


def strip(model: Any) -> Any:
    """The plain Keras model with the trained weights, and nothing of ours in it.

    Args:
        model: what `quantize` or `clustering.cluster` returned, a model that trained with the
            callbacks QuantizationAwareTraining, Pruning or WeightClustering, or one that has Prune
            or Cluster wrappers.

    Returns:
        The model itself, or for what `quantize` returned and for wrappers a model that shares its
        layers. Pruned weights are 0, and shared ones are equal, until further training moves them.

    Raises:
        TfedgeError: there is nothing of ours in it.
    """
    plain = _without_integers(model)
    found = plain is not None
    if plain is None:
        plain = model
    if isinstance(plain, keras.Model):
        found |= remove_constraints(plain)
        if found:
            compile_anew(plain)
        if any(isinstance(layer, _WRAPPERS) for layer in private.layers_in(plain)):
            return keras.models.clone_model(plain, clone_function=_unwrapped, recursive=True)
    if not found:
        name = getattr(model, "name", type(model).__name__)
        raise TfedgeError(
            f"model '{name}' is not quantised, pruned or clustered: strip takes what "
            "tfedge.quantize or tfedge.clustering.cluster returned, or what trained with the "
            "callbacks QuantizationAwareTraining, Pruning or WeightClustering"
        )
    return plain


def _without_integers(model: Any) -> Any:
    """A quantised model in float; None if it is not quantised."""
    if isinstance(model, QuantizedModel):
        return model.float_model
    if isinstance(model, keras.Model) and quantized_forward_of(model) is not None:
        return detach(model)
    return None


def _unwrapped(layer: Any) -> Any:
    return layer.layer if isinstance(layer, _WRAPPERS) else layer
