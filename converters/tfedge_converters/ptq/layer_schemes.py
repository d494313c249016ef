"""Settings of a scheme for single layers, which answer to several names."""

from __future__ import annotations

from tfedge.quantization.schemes import LayerScheme, Scheme
from tfedge_converters.graph.layers import answers_to


def layer_of(scheme: Scheme, tensor: str) -> LayerScheme:
    """Return a scheme's settings for the layer that a tensor of this name is a result of.

    The whole name comes first, then its parts, which are names of layers and of what is in them.
    """
    if not scheme.overrides:
        return LayerScheme()
    named = next((name for name in answers_to(tensor) if name in scheme.overrides), None)
    return LayerScheme() if named is None else scheme.layer(named)
