"""Weights that share a few values, found and trained while a model trains."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.callbacks.descriptions import described_layers, layers_from
from tfedge.callbacks.training_callback import TrainingCallback, notify
from tfedge.clustering.initial_clusters import KMEANS
from tfedge.clustering.shared_weights import Clusters, SharedWeights
from tfedge.clustering.sharing import attach, chosen_kernels, distinct_values, switch_on
from tfedge.compiled_steps import compile_anew
from tfedge.errors import TfedgeError
from tfedge.keras_graph.requirements import require_keras3
from tfedge.pruning.kernels import Kernel
from tfedge.students import scope_of, trained_model


@keras.saving.register_keras_serializable(package="tfedge")
class WeightClustering(TrainingCallback):
    """Gives every kernel a few values, and lets the optimizer train these.

    From `start` on, the weights of a cluster are one number, which moves by the mean of the
    optimizer's updates of its members (see `tfedge.clustering.shared_weights.SharedWeights`).
    This happens in the compiled step. Which weights belong together is saved, restored and resumed
    with the model's weights, and holds in later trainings, with or without the callback. At the end
    of an epoch `logs` say how many different values each kernel has, `distinct_values_NAME`, and
    how many all have together, `distinct_values`.

    Args:
        clusters: values of a kernel, or of a channel; 2 to 256, zero included where it is kept.
        initialization: "kmeans++" (least squared error), "density" (as many weights to each value)
            or "linear" (evenly spaced between the extremes).
        per_channel: whether each output channel has values of its own.
        layers: names or layers, or a function of a layer that says whether it is meant; by default
            all that train. Frozen layers share weights where they are named.
        start: the epoch, from 0 on, at whose beginning clusters are found.
        frequency: None to keep the clusters that were found; else the number of epochs after which
            they are found anew, among the weights as they would be had each gone its own way. This
            costs as much memory as the kernels.
        keep_zeros: whether exact zeros stay, as one of the clusters; None to do so where at least
            a tenth of a kernel's weights are zeros. To be pruned later, ask for it.
        seed: of k-means++.

    Raises:
        TfedgeError: an argument is wrong, the model is not of Keras 3, or Keras does not run on
            TensorFlow.

    Example:
        >>> model.fit(x, y, epochs=5, callbacks=[tfedge.callbacks.WeightClustering(16, start=2)])
    """

    def __init__(
        self,
        clusters: int = 16,
        initialization: str = KMEANS,
        *,
        per_channel: bool = False,
        layers: Any = None,
        start: int = 0,
        frequency: int | None = None,
        keep_zeros: bool | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.how = Clusters(clusters, initialization, per_channel, keep_zeros, seed)
        for name, value, least in (("start", start, 0), ("frequency", frequency, 1)):
            if value is not None and (not isinstance(value, int) or value < least):
                raise TfedgeError(f"{name} is a number of epochs from {least} on, not {value!r}")
        self.layers = layers
        self.start = start
        self.frequency = frequency
        self._shared: list[tuple[Kernel, SharedWeights]] = []
        self._is_on = False
        self._epochs = 0

    def set_model(self, model: Any) -> None:
        """Gives the model's layers what will say which weights belong together."""
        super().set_model(model)
        learner = trained_model(model)
        require_keras3(learner)
        kernels = chosen_kernels(learner, self.layers, trained=True)
        with scope_of(model):
            self._shared = [
                (kernel, attach(kernel, self.how, self.frequency is not None)) for kernel in kernels
            ]
        self._is_on = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Finds clusters when it is time, or goes on with those of an interrupted training."""
        known = all(part.is_known for _, part in self._shared)
        self._epochs = epoch + 1
        if epoch < self.start and not known:
            return
        if not known:
            self._find()
        elif self._is_due(epoch):
            self._assign_again()
        if not self._is_on:
            for kernel, part in self._shared:
                switch_on(kernel, part)
            self._is_on = True
            compile_anew(self.model)

    def epoch_logs(self, epoch: int) -> dict[str, Any]:
        """How many values there are."""
        counts = {kernel.name: distinct_values(kernel) for kernel, _ in self._shared}
        each = {f"distinct_values_{name}": count for name, count in counts.items()}
        return {**each, "distinct_values": sum(counts.values())}

    def on_train_end(self, logs: Any = None) -> None:
        """Says if training ended before it was time."""
        if not self._is_on:
            notify(
                f"training ended after epoch {self._epochs}, before clusters were found "
                f"(start={self.start}): weights share no values"
            )

    def _find(self) -> None:
        for kernel, part in self._shared:
            part.find(kernel)
        self._restart_scales()

    def _assign_again(self) -> None:
        for kernel, part in self._shared:
            part.assign_again(kernel)
        self._restart_scales()

    def _is_due(self, epoch: int) -> bool:
        passed = epoch - self.start
        return self.frequency is not None and passed > 0 and passed % self.frequency == 0

    def _restart_scales(self) -> None:
        """Lets a model that trains for integers find scales that keep the clusters."""
        from tfedge.quantization.model import operators_of, restart_scales
        from tfedge.quantization.quantized_forward import quantized_forward_of

        learner = trained_model(self.model)
        forward = quantized_forward_of(learner)
        restart_scales(operators_of(learner if forward is None else forward.model))

    def get_config(self) -> dict[str, Any]:
        """The arguments; of layers their names.

        Raises:
            TfedgeError: `layers` is a function that is not registered with Keras.
        """
        return {
            "clusters": self.how.count,
            "initialization": self.how.initialization,
            "per_channel": self.how.per_channel,
            "layers": described_layers(self.layers),
            "start": self.start,
            "frequency": self.frequency,
            "keep_zeros": self.how.keep_zeros,
            "seed": self.how.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WeightClustering:
        """The callback that `get_config` described."""
        return cls(**{**config, "layers": layers_from(config["layers"])})
