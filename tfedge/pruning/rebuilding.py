"""A smaller model: the layers made anew with fewer channels, and what is left of their weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfedge.plain_models import copy_of, rebuild
from tfedge.pruning.channel_graph import ChannelGraph
from tfedge.pruning.tracing import Weight


def without_channels(
    model: Any,
    graph: ChannelGraph,
    keep: np.ndarray,
    added_to_bias: dict[int, np.ndarray] | None = None,
) -> Any:
    """A plain functional model with only some of the channels.

    Args:
        model: stays as it is.
        graph: its channels.
        keep: of every group, whether it stays.
        added_to_bias: of layers, by identity, what their biases get for the inputs that go; one
            number for every channel that the layer has now.

    Raises:
        UnsupportedError: a layer cannot be made from its own configuration.
    """
    added = added_to_bias or {}
    settings = _settings(graph, keep)
    for layer in added:
        settings.setdefault(layer, {})["use_bias"] = True

    def make(layer: Any, name: str) -> list[Any]:
        return [copy_of(layer, name, settings.get(id(layer)))]

    smaller, made = rebuild(model, make)
    axes = {id(weight.variable): weight for weight in graph.weights}
    for call in graph.computation.calls:
        layer = call.operation
        if isinstance(layer, keras.layers.Layer):
            _fill(layer, made[id(layer)][0], axes, keep)
            if id(layer) in added:
                _add_to_bias(layer, made[id(layer)][0], axes, keep, added[id(layer)])
    return smaller


def _settings(graph: ChannelGraph, keep: np.ndarray) -> dict[int, dict[str, Any]]:
    """Of every layer, by identity, the entries of its configuration that change."""
    changed: dict[int, dict[str, Any]] = {}
    for setting in graph.settings:
        count = int(keep[setting.channels].sum())
        if count < len(setting.channels):
            before = setting.layer.get_config()[setting.key]
            after = (*before[:-1], count) if isinstance(before, (list, tuple)) else count
            changed.setdefault(id(setting.layer), {})[setting.key] = after
    return changed


def _fill(layer: Any, fresh: Any, axes: dict[int, Weight], keep: np.ndarray) -> None:
    targets = [weight for weight in fresh.weights if not _is_new_bias(layer, fresh, weight)]
    for variable, target in zip(layer.weights, targets, strict=True):
        target.assign(_left(variable, axes, keep))


def _is_new_bias(layer: Any, fresh: Any, weight: Any) -> bool:
    return weight is getattr(fresh, "bias", None) and getattr(layer, "bias", None) is None


def _left(variable: Any, axes: dict[int, Weight], keep: np.ndarray) -> np.ndarray:
    """What is left of a weight."""
    values = variable.numpy()
    weight = axes.get(id(variable))
    for axis, channels in weight.axes.items() if weight is not None else ():
        values = np.compress(keep[channels], values, axis)
    return values


def _add_to_bias(
    layer: Any, fresh: Any, axes: dict[int, Weight], keep: np.ndarray, numbers: np.ndarray
) -> None:
    made = axes[id(layer.kernel)].axes[-1]
    fresh.bias.assign_add(numbers[keep[made]].astype(fresh.bias.dtype))
