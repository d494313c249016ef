"""A smaller model: the layers made anew with fewer channels, and what is left of their weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfedge.equivalence import exchanged, require_same_outputs, telling_weights
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

    smaller, made = _rebuilt(model, settings)
    _fill_all(graph, made, keep)
    axes = {id(weight.variable): weight for weight in graph.weights}
    for call in graph.computation.calls:
        layer = call.operation
        if id(layer) in added:
            _add_to_bias(layer, made[id(layer)], axes, keep, added[id(layer)])
    return smaller


def checked_without_channels(what: str, model: Any, graph: ChannelGraph, keep: np.ndarray) -> Any:
    """Remove channels as `without_channels` does; but first compare what the result computes.

    That is what the model computes with zeros where it reads the channels that go. A normalisation
    of channels together changes with each that goes: then a copy with all of them is compared.

    Args:
        what: is done, as the subject of a message: "tfedge.pruning.remove_channels".
        model, graph, keep: see `without_channels`.

    Raises:
        DifferenceError: it would compute something else.
        UnsupportedError: a layer cannot be made from its own configuration.
    """
    if (graph.mixed & ~keep).any():
        checked_without_channels(what, model, graph, np.ones(graph.count, bool))
        return without_channels(model, graph, keep)
    smaller, made = _rebuilt(model, _settings(graph, keep))
    with telling_weights(model), exchanged(_unread(graph, keep)):
        _fill_all(graph, made, keep)
        require_same_outputs(what, model, smaller)
    _fill_all(graph, made, keep)
    return smaller


def _unread(graph: ChannelGraph, keep: np.ndarray) -> list[tuple[Any, np.ndarray]]:
    """The weights that read channels, with zeros for those that go."""
    found = []
    for weight in graph.weights:
        if weight.consumed:
            values = np.moveaxis(weight.variable.numpy(), weight.consumed, -1)
            zeroed = np.where(keep[weight.axes[weight.consumed]], values, 0)
            found.append((weight.variable, np.moveaxis(zeroed, -1, weight.consumed)))
    return found


def _rebuilt(model: Any, settings: dict[int, dict[str, Any]]) -> tuple[Any, dict[int, Any]]:
    """A model with other settings, and its layers by the identities of the old ones."""
    smaller, made = rebuild(
        model, lambda layer, name: [copy_of(layer, name, settings.get(id(layer)))]
    )
    return smaller, {key: layers[0] for key, layers in made.items()}


def _fill_all(graph: ChannelGraph, made: dict[int, Any], keep: np.ndarray) -> None:
    axes = {id(weight.variable): weight for weight in graph.weights}
    for call in graph.computation.calls:
        if isinstance(call.operation, keras.layers.Layer):
            _fill(call.operation, made[id(call.operation)], axes, keep)


def _settings(graph: ChannelGraph, keep: np.ndarray) -> dict[int, dict[str, Any]]:
    """Return the configuration entries that change, by the layers' identity."""
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
    """Cut the channels that go out of a weight."""
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
