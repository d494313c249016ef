"""Sharing the weights of a trained model."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.clustering.initial_clusters import KMEANS
from tfedge.clustering.shared_weights import Clusters
from tfedge.clustering.sharing import attach, chosen_kernels, switch_on
from tfedge.errors import UnsupportedError


def cluster(
    model: Any,
    clusters: int = 16,
    *,
    initialization: str = KMEANS,
    per_channel: bool = False,
    layers: Any = None,
    keep_zeros: bool | None = None,
    seed: int = 0,
) -> Any:
    """A copy of a trained model with at most `clusters` different values in every kernel.

    The copy is a plain Keras model. Trained on, it keeps its clusters, and the optimizer moves
    their centroids; biases and batch-norms are not touched.

    Args:
        model: a built Functional or Sequential Keras 3 model; it is not changed.
        clusters: values of a kernel, or of a channel; 2 to 256, zero included where it is kept.
        initialization: "kmeans++" (least squared error), "density" (as many weights to each value)
            or "linear" (evenly spaced between the extremes, by which large weights suffer least).
        per_channel: whether each output channel has values of its own. One set for a kernel
            compresses better.
        layers: names or layers, or a function of a layer that says whether it is meant; all by
            default.
        keep_zeros: whether exact zeros stay, as one of the clusters; None to do so where at least
            a tenth of a kernel's weights are zeros.
        seed: of k-means++.

    Raises:
        TfedgeError: the model is not built, is quantised, or an argument is wrong.
        UnsupportedError: the model cannot be copied.

    Example:
        >>> smaller = tfedge.clustering.cluster(model, 16)
        >>> artifact = tfedge.convert(smaller, target="cortex-m4", calibration=samples)
    """
    how = Clusters(clusters, initialization, per_channel, keep_zeros, seed)
    copy = _copy(model)
    for kernel in chosen_kernels(copy, layers):
        part = attach(kernel, how)
        part.find(kernel)
        switch_on(kernel, part)
    return copy


def _copy(model: Any) -> Any:
    from tfedge.plain_models import require_plain

    require_plain(model)
    try:
        copy = keras.models.clone_model(model)
    except (ValueError, NotImplementedError, TypeError) as error:
        raise UnsupportedError(
            f"model '{model.name}' cannot be copied ({error}); train it with "
            "tfedge.callbacks.WeightClustering instead"
        ) from error
    copy.set_weights(model.get_weights())
    return copy
