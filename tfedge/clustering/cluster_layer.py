"""The wrapper that gives a layer shared weights, for models that are built by hand."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.clustering.initial_clusters import KMEANS
from tfedge.clustering.shared_weights import Clusters
from tfedge.clustering.sharing import attach, switch_on
from tfedge.keras_graph.requirements import require_tensorflow
from tfedge.pruning.kernels import selected_kernels


@keras.saving.register_keras_serializable(package="tfedge")
class Cluster(keras.layers.Layer):
    """A layer whose kernels have at most `clusters` different values, which the optimizer trains.

    Clusters are found when the layer is built, among the weights that it begins with, or that it
    has if it was trained before.

    >>> model = keras.Sequential([
    ...     keras.Input((28, 28, 1)),
    ...     keras.layers.Flatten(),
    ...     tfedge.layers.Cluster(keras.layers.Dense(10), clusters=16),
    ... ])

    Args:
        layer: a Keras layer with kernels, built or not.
        clusters, initialization, per_channel, keep_zeros, seed: see `tfedge.clustering.cluster`.
        name: the layer's own by default.

    Input and output: as of `layer`.

    Raises:
        TfedgeError: an argument is wrong.
    """

    def __init__(
        self,
        layer: Any,
        clusters: int = 16,
        *,
        initialization: str = KMEANS,
        per_channel: bool = False,
        keep_zeros: bool | None = None,
        seed: int = 0,
        name: str | None = None,
    ):
        require_tensorflow("tfedge.layers.Cluster")
        super().__init__(name=name or layer.name, dtype=layer.dtype_policy)
        self.how = Clusters(clusters, initialization, per_channel, keep_zeros, seed)
        self.layer = layer
        if layer.built:
            self._share()

    @property
    def transparent_to(self) -> Any:
        """The layer that takes the wrapper's place when a model is taken apart."""
        return self.layer

    def build(self, input_shape: Any) -> None:
        """Build the layer, and find clusters among its weights."""
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self._share()

    def _share(self) -> None:
        kernels = selected_kernels(self.layer)
        # Weights of this layer, so that `set_weights` and .h5 files have them too.
        self.shared = [attach(kernel, self.how) for kernel in kernels]
        for kernel, part in zip(kernels, self.shared, strict=True):
            if not part.is_known:
                part.find(kernel)
            switch_on(kernel, part)

    def call(self, inputs: Any, **options: Any) -> Any:
        """Call the wrapped layer."""
        return self.layer(inputs, **options)

    def compute_output_spec(self, inputs: Any, **options: Any) -> Any:
        """Return the output spec of the wrapped layer."""
        return self.layer.compute_output_spec(inputs, **options)

    def get_config(self) -> dict[str, Any]:
        """The arguments, serialised."""
        return {
            "name": self.name,
            "layer": keras.saving.serialize_keras_object(self.layer),
            "clusters": self.how.count,
            "initialization": self.how.initialization,
            "per_channel": self.how.per_channel,
            "keep_zeros": self.how.keep_zeros,
            "seed": self.how.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cluster:
        """The layer that `get_config` described."""
        config = dict(config)
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)
