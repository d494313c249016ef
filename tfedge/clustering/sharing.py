"""Which kernels of a model are shared, and switching it on and off.

What shares a kernel is an attribute of its layer that Keras saves, but does not count among the
layer's weights, as pruning's masks are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfedge import saved_parts
from tfedge.clustering.shared_weights import Clusters, SharedWeights, described_clusters
from tfedge.errors import TfedgeError
from tfedge.pruning.kernels import Kernel, kernels_of, selected_kernels, trained_kernels
from tfedge.weight_constraints import CLUSTERS, constrain, release

_ATTRIBUTE = "tfedge_shared_"


def chosen_kernels(model: Any, layers: Any, trained: bool = False) -> list[Kernel]:
    """The kernels of the layers that are meant; with `trained`, no frozen ones but by name.

    Raises:
        TfedgeError: there is no layer of a name, or none with a kernel.
    """
    found = (trained_kernels if trained else selected_kernels)(model, layers)
    if not found:
        raise TfedgeError(
            f"model '{model.name}' has no kernels among the layers that were chosen; weights are "
            "those of convolutions, dense and recurrent layers"
        )
    return found


def shared_weights(kernel: Kernel) -> SharedWeights | None:
    """Return the clusters that share the weights of a kernel, or None."""
    return getattr(kernel.layer, _ATTRIBUTE + kernel.attribute, None)


def attach(kernel: Kernel, clusters: Clusters, reassigned: bool = False) -> SharedWeights:
    """The part that shares a kernel's weights in this way; it does not act yet.

    One that is there already stays, with its assignments, if it is of the same kind.
    """
    part = shared_weights(kernel)
    if part is not None and _same_kind(part, clusters, reassigned):
        return part
    if part is not None:
        detach(kernel)
    part = SharedWeights(kernel, clusters, reassigned)
    saved_parts.keep(kernel.layer, _ATTRIBUTE + kernel.attribute, part)
    return part


def _same_kind(part: SharedWeights, clusters: Clusters, reassigned: bool) -> bool:
    return part.clusters == clusters and (part.strayed is not None) == reassigned


def switch_on(kernel: Kernel, part: SharedWeights) -> None:
    """Keep a kernel's clusters from the next compiled training step on."""
    constrain(kernel.variable, CLUSTERS, part.share)


def detach(kernel: Kernel) -> None:
    """Let every weight of a kernel go its own way again."""
    release(kernel.variable, CLUSTERS)
    if shared_weights(kernel) is not None:
        saved_parts.forget(kernel.layer, _ATTRIBUTE + kernel.attribute)


def _names(layer: Any) -> list[str]:
    return [_ATTRIBUTE + kernel.attribute for kernel in kernels_of(layer)]


def _make_from(layer: Any, name: str, store: saved_parts.Store) -> None:
    """Share a kernel as it was when it was saved; assignments are loaded afterwards."""
    described = described_clusters(store)
    if described is not None:
        kernel = next(one for one in kernels_of(layer) if _ATTRIBUTE + one.attribute == name)
        switch_on(kernel, attach(kernel, *described))


saved_parts.register(saved_parts.Kind(_names, _make_from, "does not keep its clusters"))


def distinct_values(kernel: Kernel) -> int:
    """How many different values a kernel has; if channels are shared by themselves, a channel."""
    part = shared_weights(kernel)
    if part is not None and part.clusters.per_channel:
        return max(len(np.unique(channel)) for channel in kernel.rows())
    return len(np.unique(kernel.values()))
