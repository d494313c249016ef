"""Zeros and shared values that a kernel has already, and that further training keeps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from tfedge.clustered_values import is_clustered
from tfedge.clustering.shared_weights import LEAST_ZEROS, Clusters
from tfedge.clustering.sharing import attach, detach, shared_weights, switch_on
from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.pruning.kernels import Kernel, selected_kernels
from tfedge.pruning.masks import mask_of, mask_weight, put_mask, release
from tfedge.students import scope_of

KEPT_ZEROS, KEPT_CLUSTERS = "zeros", "clusters"
PROPERTIES = (KEPT_ZEROS, KEPT_CLUSTERS)


def check_properties(names: Collection[str]) -> tuple[str, ...]:
    """The properties that are meant.

    Raises:
        TfedgeError: there is none of a name.
    """
    unknown = [names] if isinstance(names, str) else sorted({*names} - {*PROPERTIES})
    if unknown:
        raise TfedgeError(
            f"preserve is a list of {' and '.join(map(repr, PROPERTIES))}, not {unknown[0]!r}"
            f"{near(unknown[0], PROPERTIES)}"
        )
    return tuple(names)


def preserve(model: Any, properties: Collection[str]) -> bool:
    """Let further training keep what the kernels of a model have.

    Zeros are kept where they are at least a tenth of a kernel but not all that it has, clusters
    where a kernel, or every channel of it, has at most 256 values that recur (see
    `tfedge.clustered_values.is_clustered`). What holds already, because the model has masks or
    clusters, is left alone.

    Args:
        model: a built Keras model.
        properties: "zeros", "clusters", or both.

    Returns:
        Whether anything is kept now that was not; a compiled training step has to be made anew.
    """
    with scope_of(model):
        kept = [_preserve_kernel(kernel, properties) for kernel in selected_kernels(model)]
    return any(kept)


def _preserve_kernel(kernel: Kernel, properties: Collection[str]) -> bool:
    # Clusters of a callback or a layer are theirs to keep.
    if KEPT_CLUSTERS in properties and shared_weights(kernel) is None:
        clusters = clusters_in(kernel)
        if clusters is not None:
            _keep_clusters(kernel, clusters)
            return True
    if KEPT_ZEROS in properties and mask_of(kernel.variable) is None:
        return _keep_zeros(kernel)
    return False


def clusters_in(kernel: Kernel) -> Clusters | None:
    """The clusters that a kernel has, if it has any."""
    rows = kernel.rows()
    if is_clustered(rows):
        return Clusters(max(2, len(np.unique(rows))))
    if all(is_clustered(row[np.newaxis]) for row in rows):
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
    put_mask(kernel.layer, kernel.attribute)
    mask_weight(kernel.layer, kernel.attribute, values != 0)
    return True


def remove_constraints(model: Any) -> bool:
    """Remove masks and clusters from every weight of a model; return whether there were any."""
    shared = [kernel for kernel in selected_kernels(model) if shared_weights(kernel) is not None]
    for kernel in shared:
        detach(kernel)
    return release(model) or bool(shared)
