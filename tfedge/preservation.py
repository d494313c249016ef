"""Zeros and shared values that a kernel has already, and that further training keeps."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

import keras
import numpy as np

from tfedge.clustering.shared_weights import LEAST_ZEROS, Clusters
from tfedge.clustering.sharing import attach, shared_weights, switch_on
from tfedge.errors import TfedgeError
from tfedge.kernels import Kernel, has_few_values, kernels_of
from tfedge.layer_parts import add_part, drop_parts
from tfedge.weight_constraints import ZEROS, constrain, constraint_of, release_all

KEPT_ZEROS, KEPT_CLUSTERS = "zeros", "clusters"
PROPERTIES = (KEPT_ZEROS, KEPT_CLUSTERS)


class KeptZeros(keras.layers.Layer):
    """Which weights of a kernel stay zero, as a part of the kernel's layer.

    Args:
        kernel: one with zeros.
    """

    def __init__(self, kernel: Kernel):
        super().__init__(
            name=f"{kernel.layer.name}_{kernel.attribute}_zeros", dtype="float32", autocast=False
        )
        self.mask = self.add_weight(
            shape=tuple(kernel.variable.shape),
            name="mask",
            dtype="bool",
            trainable=False,
            initializer=keras.initializers.Constant(kernel.values() != 0),
        )
        self.built = True

    def keep(self, weights: Any) -> Any:
        """The weights with zeros where they were."""
        return keras.ops.where(self.mask, weights, keras.ops.zeros_like(weights))


def check_properties(names: Collection[str]) -> tuple[str, ...]:
    """The properties that are meant.

    Raises:
        TfedgeError: there is none of a name.
    """
    unknown = [names] if isinstance(names, str) else sorted({*names} - {*PROPERTIES})
    if unknown:
        raise TfedgeError(
            f"preserve is a list of {' and '.join(map(repr, PROPERTIES))}, not {unknown[0]!r}"
        )
    return tuple(names)


def preserve(model: Any, properties: Collection[str]) -> bool:
    """Lets further training keep what the kernels of a model have.

    Zeros are kept where they are at least a tenth of a kernel but not all that it has, clusters
    where a kernel, or every channel of it, has at most 256 values that recur (see
    `tfedge.kernels.has_few_values`). What holds already, because the model was pruned or clustered
    in this process, is left alone.

    Args:
        model: a built Keras model.
        properties: "zeros", "clusters", or both.

    Returns:
        Whether anything is kept now that was not; a compiled training step has to be made anew.
    """
    strategy = getattr(model, "distribute_strategy", None)
    with strategy.scope() if strategy is not None else contextlib.nullcontext():
        kept = [_preserve_kernel(kernel, properties) for kernel in kernels_of(model)]
    return any(kept)


def _preserve_kernel(kernel: Kernel, properties: Collection[str]) -> bool:
    # Clusters of a callback or a layer are theirs to keep.
    if KEPT_CLUSTERS in properties and shared_weights(kernel) is None:
        clusters = clusters_in(kernel)
        if clusters is not None:
            _keep_clusters(kernel, clusters)
            return True
    if KEPT_ZEROS in properties and constraint_of(kernel.variable, ZEROS) is None:
        return _keep_zeros(kernel)
    return False


def clusters_in(kernel: Kernel) -> Clusters | None:
    """The clusters that a kernel has, if it has any."""
    rows = kernel.by_channel()
    if has_few_values(rows):
        return Clusters(max(2, len(np.unique(rows))))
    if all(has_few_values(row[np.newaxis]) for row in rows):
        return Clusters(max(2, *(len(np.unique(row)) for row in rows)), per_channel=True)
    return None


def _keep_clusters(kernel: Kernel, clusters: Clusters) -> None:
    part = attach(kernel, clusters)
    part.find(kernel)
    switch_on(kernel, part)


def _keep_zeros(kernel: Kernel) -> bool:
    values = kernel.values()
    zeros = np.mean(values == 0)
    # Kernels that begin as zeros are not pruned ones.
    if zeros < LEAST_ZEROS or len(np.unique(values)) < 3:
        return False
    part = KeptZeros(kernel)
    add_part(kernel.layer, part)
    constrain(kernel.variable, ZEROS, part.keep)
    return True


def let_go(model: Any) -> bool:
    """Lets every weight of a model go its own way again; whether anything was kept."""
    dropped = 0
    for kernel in kernels_of(model):
        release_all(kernel.variable)
        dropped += drop_parts(kernel.layer)
    return dropped > 0
