"""How much the groups of channels matter to a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.pruning.channel_graph import ChannelGraph
from tfedge.pruning.tracing import Weight

_FINEST_BATCH = 32


class ChannelImportance:
    """Score of groups of channels; a base class for your own."""

    def scores(self, model: Any, graph: ChannelGraph, data: Any) -> np.ndarray:
        """How much the groups matter.

        Args:
            model: whose channels they are; stays as it is.
            graph: its channels.
            data: what the caller gave as `calibration`.

        Returns:
            (groups,), the larger the more it matters; NaN for groups that it cannot judge, which
            stay.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class FilterNorm(ChannelImportance):
    """Norms of the filters that make a channel, over the mean of the layers that it is a part of.

    Li et al., Pruning Filters for Efficient ConvNets (2017), sum absolute values. Coupled filters
    count as one long filter, and dividing by the mean lets layers compare with one another, as in
    Fang et al., DepGraph (2023).

    Attributes:
        order: 1 or 2, of the norm.
    """

    order: int = 2

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise TfedgeError(f"the order of a filter norm is 1 or 2, not {self.order!r}")

    def scores(self, model: Any, graph: ChannelGraph, data: Any) -> np.ndarray:
        """Score the groups of channels, as `ChannelImportance` says."""
        total = np.zeros(graph.count)
        for weight in _kernels(graph):
            powers = np.abs(weight.variable.numpy().astype(np.float64)) ** self.order
            for axis, channels in weight.axes.items():
                if axis != weight.consumed:
                    np.add.at(total, channels, _sums(powers, axis))
        norms = total ** (1 / self.order)
        for family in graph.families:
            mean = norms[family.groups].mean()
            norms[family.groups] /= mean if mean > 0 else 1.0
        return norms


@dataclass(frozen=True)
class BatchNormScale(ChannelImportance):
    """Absolute values of batch-norms' gamma: Liu et al., Network Slimming (2017).

    Groups with several batch-norms have the largest of them; groups without one stay.
    """

    def scores(self, model: Any, graph: ChannelGraph, data: Any) -> np.ndarray:
        """Score the groups of channels, as `ChannelImportance` says."""
        total = np.full(graph.count, np.nan)
        for weight in graph.weights:
            if type(weight.layer).__name__ != "BatchNormalization":
                continue
            if weight.variable is weight.layer.gamma:
                channels = weight.axes[-1]
                total[channels] = np.fmax(total[channels], np.abs(weight.variable.numpy()))
        return total


@dataclass(frozen=True)
class LossChange(ChannelImportance):
    """How much the loss changes without a group, to first order: the square of gradient x weight.

    Molchanov et al., Importance Estimation for Neural Network Pruning (2019), eq. 8, with the
    weights of the layers that read a channel, where gradient x weight equals gradient x activation
    summed over positions; the mean of the squares of batches of 32 samples.

    Attributes:
        loss: a name or object of keras.losses, or any function of labels and outputs; None for the
            one that the model was compiled with.
    """

    loss: str | Callable[[Any, Any], Any] | None = None

    def scores(self, model: Any, graph: ChannelGraph, data: Any) -> np.ndarray:
        """Score the groups of channels, as `ChannelImportance` says.

        Raises:
            TfedgeError: there are no labels, or it is not known which loss to take.
        """
        loss = self._loss(model)
        weights = [weight for weight in graph.weights if weight.consumed]
        total, batches = np.zeros(graph.count), 0
        for inputs, labels in _labelled(data):
            gradients = _gradients(model, loss, inputs, labels, weights)
            change = np.zeros(graph.count)
            for weight, gradient in zip(weights, gradients, strict=True):
                effect = _sums(weight.variable.numpy() * gradient, weight.consumed)
                np.add.at(change, weight.axes[weight.consumed], effect)
            total += change**2
            batches += 1
        return total / max(batches, 1)

    def _loss(self, model: Any) -> Callable[[Any, Any], Any]:
        given = self.loss if self.loss is not None else getattr(model, "loss", None)
        if given is None or isinstance(given, (list, dict, tuple)):
            raise TfedgeError(
                "the importance by first order needs one loss: compile the model with one, or give "
                "LossChange(loss=...)"
            )
        found: Callable[[Any, Any], Any] = keras.losses.get(given)
        return found


def _gradients(
    model: Any, loss: Callable[[Any, Any], Any], inputs: Any, labels: Any, weights: list[Weight]
) -> list[np.ndarray]:
    values = [weight.variable.value for weight in weights]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        mean = tf.reduce_mean(loss(labels, model(inputs, training=False)))
    found = tape.gradient(mean, values, unconnected_gradients="zero")
    return [np.asarray(tf.convert_to_tensor(gradient)) for gradient in found]


def _labelled(data: Any) -> Iterator[tuple[Any, Any]]:
    """Batches of inputs and labels."""
    if isinstance(data, tf.data.Dataset) and isinstance(data.element_spec, tuple):
        yield from ((item[0], item[1]) for item in data)
        return
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TfedgeError(
            "the importance by first order needs labels: give calibration=(inputs, labels), or a "
            "tf.data.Dataset of batches of both"
        )
    for start in range(0, len(keras.tree.flatten(data[1])[0]), _FINEST_BATCH):
        rows = slice(start, start + _FINEST_BATCH)
        inputs, labels = keras.tree.map_structure(lambda a, r=rows: np.asarray(a)[r], tuple(data))
        yield inputs, labels


def _kernels(graph: ChannelGraph) -> list[Weight]:
    """Return the weights that multiply activations, and tables; no biases, no normalisation."""
    return [w for w in graph.weights if w.kernel or type(w.layer).__name__ == "Embedding"]


def _sums(values: np.ndarray, axis: int) -> np.ndarray:
    """Along all axes but one."""
    others = tuple(a for a in range(values.ndim) if a != axis % values.ndim)
    return values.sum(others)


NAMES: dict[str, ChannelImportance] = {
    "l1": FilterNorm(1),
    "l2": FilterNorm(2),
    "batch_norm": BatchNormScale(),
    "first_order": LossChange(),
}


def get(importance: str | ChannelImportance) -> ChannelImportance:
    """An importance from its name.

    Raises:
        TfedgeError: there is none of this name.
    """
    if isinstance(importance, ChannelImportance):
        return importance
    if importance in NAMES:
        return NAMES[importance]
    raise TfedgeError(
        f"importance is one of {', '.join(NAMES)}, 'masked', or a ChannelImportance, not "
        f"{importance!r}{near(importance, (*NAMES, 'masked'))}"
    )
