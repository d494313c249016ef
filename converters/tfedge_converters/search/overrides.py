"""Schemes that differ from another one in the widths of some layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfedge.quantization.schemes import LayerScheme, Scheme
from tfedge_converters.ptq.layer_schemes import layer_of


def uniform_weights(scheme: Scheme, bits: int) -> Scheme:
    """The scheme with weights of one width; what it says of activations stays."""
    layers = {name: scheme.layer(name).activations for name in scheme.overrides}
    return dataclasses.replace(
        scheme,
        weights=dataclasses.replace(scheme.weights, bits=bits),
        overrides={
            name: LayerScheme(activations=activations)
            for name, activations in layers.items()
            if activations is not None
        },
    )


def with_weights(scheme: Scheme, bits: Mapping[str, int]) -> Scheme:
    """The scheme with weights of these widths, by the names of the layers' results."""
    return _overridden(
        scheme,
        {
            name: dataclasses.replace(
                layer_of(scheme, name), weights=dataclasses.replace(scheme.weights, bits=width)
            )
            for name, width in bits.items()
        },
    )


def with_activations(scheme: Scheme, bits: Mapping[str, int]) -> Scheme:
    """The scheme with activations of these widths, by their names."""
    return _overridden(
        scheme,
        {
            name: dataclasses.replace(
                layer_of(scheme, name),
                activations=dataclasses.replace(scheme.activations, bits=width),
            )
            for name, width in bits.items()
        },
    )


def _overridden(scheme: Scheme, layers: Mapping[str, LayerScheme]) -> Scheme:
    return dataclasses.replace(scheme, name="searched", overrides={**scheme.overrides, **layers})
