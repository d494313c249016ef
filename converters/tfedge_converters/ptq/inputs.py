"""Shapes and types of a model's inputs."""

from __future__ import annotations

import numpy as np

from tfedge.calibration import InputSpec
from tfedge_converters.graph import Model, Tensor


def input_specs(model: Model) -> list[InputSpec]:
    """The inputs of the main graph, in its order."""
    return [
        InputSpec(
            names=(*_signature_names(model, tensor), tensor.name),
            shape=tensor.shape,
            dtype=tensor.type.dtype or np.dtype(object),
        )
        for tensor in model.main.inputs
    ]


def _signature_names(model: Model, tensor: Tensor) -> list[str]:
    return [
        name
        for signature in model.signatures
        for name, other in signature.inputs.items()
        if other is tensor
    ]
