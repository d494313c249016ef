"""Layers that a scheme names and a model lacks, which would otherwise be as all the others."""

from __future__ import annotations

from typing import Any

from tfedge.errors import TfedgeError
from tfedge.keras_graph import private
from tfedge.keras_graph.computation import computation_of
from tfedge.near_names import near
from tfedge.quantization.schemes import Scheme


def require_layers(model: Any, scheme: Scheme) -> None:
    """Refuse a scheme with overrides that nothing in a model is called by.

    Args:
        model: a built Keras 3 model.
        scheme: whose overrides may name layers, however deep within others, and inputs.

    Raises:
        TfedgeError: says which name there is not, and which is like it.
    """
    if not scheme.overrides:
        return
    computation = computation_of(model)
    known = {
        *(layer.name for layer in private.layers_in(model)),
        *(call.operation.name for call in computation.calls),
        *(value.name for value in computation.inputs if value.name),
        *computation.output_names,
    }
    for name in scheme.overrides:
        if name not in known:
            raise TfedgeError(
                f"the scheme '{scheme.name}' has an override for '{name}', and model "
                f"'{model.name}' has no layer or input of this name{near(name, sorted(known))}"
            )
