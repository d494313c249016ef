"""The weights of a model that are pruned, shared and rounded: those that kernels multiply with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_LAST = (-1,)
_LAST_BUT_ONE = (-2,)
_LAST_TWO = (-2, -1)
# Attributes of layers that hold kernels, and the axes along which their output channels run.
_ATTRIBUTES: dict[str, tuple[int, ...]] = {
    "kernel": _LAST,
    "depthwise_kernel": _LAST_TWO,
    "pointwise_kernel": _LAST,
    "recurrent_kernel": _LAST,
}
_EXCEPTIONS = {
    "Conv1DTranspose": _LAST_BUT_ONE,
    "Conv2DTranspose": _LAST_BUT_ONE,
    "Conv3DTranspose": _LAST_BUT_ONE,
    "DepthwiseConv1D": _LAST_TWO,
    "DepthwiseConv2D": _LAST_TWO,
}


@dataclass(frozen=True)
class Kernel:
    """One kernel of a layer.

    Attributes:
        layer: the layer that it belongs to.
        attribute: under which the layer has it.
        variable: the Keras variable.
        channel_axes: the axes, counted from the end, along which its output channels run.
    """

    layer: Any
    attribute: str
    variable: Any
    channel_axes: tuple[int, ...]

    @property
    def name(self) -> str:
        """The layer's name, with the attribute's where the layer has several kernels."""
        if self.attribute == "kernel":
            return str(self.layer.name)
        return f"{self.layer.name}/{self.attribute}"

    def values(self) -> np.ndarray:
        """The weights as they are now."""
        import keras

        return np.asarray(keras.ops.convert_to_numpy(self.variable))

    def by_channel(self) -> np.ndarray:
        """The weights as (channels, weights of a channel)."""
        return by_channel(self.values(), self.channel_axes)


def by_channel(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Values as (channels, values of a channel), for channels that run along some axes."""
    moved = np.moveaxis(values, axes, range(len(axes)))
    return moved.reshape(int(np.prod(moved.shape[: len(axes)])), -1)


def kernels_of(model: Any) -> list[Kernel]:
    """Every kernel of a model, or of a layer, once, in the order of the layers."""
    found: dict[int, Kernel] = {}
    for layer in model._flatten_layers():
        for kernel in _kernels(layer):
            found.setdefault(id(kernel.variable), kernel)
    return list(found.values())


def _kernels(layer: Any) -> Iterator[Kernel]:
    own = {id(variable) for variable in layer._trainable_variables}
    for attribute, axes in _ATTRIBUTES.items():
        variable = getattr(layer, attribute, None)
        if id(variable) in own:
            axes = _EXCEPTIONS.get(type(layer).__name__, axes)
            yield Kernel(layer, attribute, variable, axes)


_MOST_SHARED = 256
_LARGEST_SHARE = 0.75


def count_values(values: np.ndarray) -> int:
    """How many different values there are."""
    return len(np.unique(values))


def has_few_values(rows: np.ndarray) -> bool:
    """Whether weights were shared among channels.

    Args:
        rows: weights (channels, weights of a channel).

    Returns:
        Whether there are at most 256 values, of which those but 0 are at most three quarters of
        as many as weights, and as the values that the channels have if each is counted by itself.
        Trained float weights hardly ever coincide.
    """
    used = rows[rows != 0]
    count = count_values(used)
    if not (1 < count <= _MOST_SHARED and count <= _LARGEST_SHARE * used.size):
        return False
    by_channel = sum(count_values(row[row != 0]) for row in rows)
    return len(rows) == 1 or count <= _LARGEST_SHARE * by_channel
