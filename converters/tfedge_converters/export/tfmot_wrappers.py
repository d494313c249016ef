"""Removal of the wrappers that tfmot puts around layers to prune, cluster or quantise them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from absl import logging

_PRUNING, _CLUSTERING = "PruneLowMagnitude", "ClusterWeights"

_WRAPPERS = (_PRUNING, _CLUSTERING, "QuantizeWrapper", "QuantizeLayer")


def without_wrappers(model: Any) -> Any:
    """The model without wrappers that do nothing in inference; the model itself if it has none.

    Pruned weights are zero and clustered ones are shared in the layers inside already. Wrappers of
    quantisation stay: they round. The model that is given is unchanged.
    """
    if "tensorflow_model_optimization" not in sys.modules:
        return model
    import tensorflow_model_optimization as tfmot

    strips = {
        _PRUNING: tfmot.sparsity.keras.strip_pruning,
        _CLUSTERING: tfmot.clustering.keras.strip_clustering,
    }
    found = {type(layer).__name__ for layer in model.submodules} & set(strips)
    if not found:
        return model
    logging.info("model '%s': taking out tfmot's %s", model.name, " and ".join(sorted(found)))
    # Stripping changes the layers that it is given.
    with known_wrappers(found):
        stripped = type(model).from_config(model.get_config())
    stripped.set_weights(model.get_weights())
    for name in sorted(found):
        stripped = strips[name](stripped)
    return stripped


@contextmanager
def known_wrappers(names: Iterable[str]) -> Iterator[None]:
    """Let tf_keras make the wrappers that are among names, as a saved model's config has them."""
    with ExitStack() as stack:
        if any(wrapper in name for name in names for wrapper in _WRAPPERS):
            import tensorflow_model_optimization as tfmot

            stack.enter_context(tfmot.quantization.keras.quantize_scope())
            stack.enter_context(tfmot.sparsity.keras.prune_scope())
            stack.enter_context(tfmot.clustering.keras.cluster_scope())
        yield
