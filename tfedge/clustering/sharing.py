"""Which kernels of a model are shared, and switching it on and off."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from tfedge.clustering.shared_weights import Clusters, SharedWeights
from tfedge.errors import TfedgeError
from tfedge.kernels import Kernel, kernels_of
from tfedge.layer_parts import add_part, drop_part, parts_of
from tfedge.weight_constraints import CLUSTERS, constrain, release

# Names of layers, or a function that says of a layer whether it is meant; None for all.
Layers = Collection[str] | Callable[[Any], bool] | None


def chosen_kernels(model: Any, layers: Layers) -> list[Kernel]:
    """The kernels of the layers that are meant.

    Raises:
        TfedgeError: there is no layer of a name, or none with a kernel.
    """
    kernels = kernels_of(model)
    if callable(layers):
        found = [kernel for kernel in kernels if layers(kernel.layer)]
    elif layers is None:
        found = kernels
    else:
        _refuse_unknown(model, layers, {kernel.layer.name for kernel in kernels})
        found = [kernel for kernel in kernels if kernel.layer.name in layers]
    if not found:
        raise TfedgeError(
            f"model '{model.name}' has no kernels among the layers that were chosen; weights are "
            "those of convolutions, dense and recurrent layers"
        )
    return found


def _refuse_unknown(model: Any, layers: Collection[str], known: set[str]) -> None:
    unknown = [name for name in layers if name not in known]
    if unknown:
        raise TfedgeError(
            f"model '{model.name}' has no layers with kernels named {', '.join(unknown)}; it has "
            f"{', '.join(sorted(known))}"
        )


def shared_weights(kernel: Kernel) -> SharedWeights | None:
    """What shares the weights of a kernel, if anything does."""
    for part in parts_of(kernel.layer, SharedWeights):
        if part.attribute == kernel.attribute:
            return part
    return None


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
    add_part(kernel.layer, part)
    return part


def _same_kind(part: SharedWeights, clusters: Clusters, reassigned: bool) -> bool:
    return part.clusters == clusters and (part.strayed is not None) == reassigned


def switch_on(kernel: Kernel, part: SharedWeights) -> None:
    """Keeps a kernel's clusters from the next compiled training step on."""
    constrain(kernel.variable, CLUSTERS, part.share)


def detach(kernel: Kernel) -> None:
    """Lets every weight of a kernel go its own way again."""
    release(kernel.variable, CLUSTERS)
    part = shared_weights(kernel)
    if part is not None:
        drop_part(kernel.layer, part)


def distinct_values(kernel: Kernel) -> int:
    """How many different values a kernel has; if channels are shared by themselves, a channel."""
    part = shared_weights(kernel)
    if part is not None and part.clusters.per_channel:
        return max(len(np.unique(channel)) for channel in kernel.by_channel())
    return len(np.unique(kernel.values()))
