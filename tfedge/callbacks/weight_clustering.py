"""Weights that share a few values, found and trained while a model trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tfedge.callbacks.descriptions import described_layers, layers_from
from tfedge.callbacks.training_callback import TrainingCallback
from tfedge.clustering.initial_clusters import KMEANS
from tfedge.clustering.shared_weights import Clusters, SharedWeights
from tfedge.clustering.sharing import attach, chosen_kernels, distinct_values, switch_on
from tfedge.compiled_steps import compile_anew
from tfedge.keras_graph.requirements import require_keras3
from tfedge.pruning.kernels import Kernel
from tfedge.students import scope_of, trainable_model
from tfedge.timing import EPOCH, STEP, Timing

_LATE = {
    "begin": "before clusters are found: weights will share no values",
    "end": "before clusters are found for the last time",
}


@keras.saving.register_keras_serializable(package="tfedge")
class WeightClustering(TrainingCallback):
    """Callback that gives every kernel a few values, and lets the optimizer train these.

    From `begin` on, the weights of a cluster are one number, which moves by the mean of the
    optimizer's updates of its members. This happens in the compiled step. Which weights belong
    together is saved, restored and resumed with the model's weights, and holds in later trainings,
    with or without the callback. At the end of an epoch `logs` say how many different values each
    kernel has, `distinct_values_NAME`, and how many all have together, `distinct_values`.

    Args:
        clusters: values of a kernel, or of a channel; 2 to 256, zero included where it is kept.
        initialization: "kmeans++" (least squared error), "density" (as many weights to each value)
            or "linear" (evenly spaced between the extremes).
        per_channel: whether each output channel has values of its own.
        layers: names or layers, or a function of a layer that says whether it is meant; by default
            all that train. Frozen layers share weights where they are named.
        begin: the position, from 0 on, at which clusters are found.
        end: the position at which they are found for the last time; None for no end.
        frequency: None to keep the clusters that were found; else the number of positions after
            which they are found anew, among the weights as they would be had each gone its own way.
            This costs as much memory as the kernels.
        unit: what positions are counted in: "epoch" or "step" (of the optimizer, from 0). Both go
            on counting where an interrupted training is resumed.
        keep_zeros: whether exact zeros stay, as one of the clusters; None to do so where at least
            a tenth of a kernel's weights are zeros. To be pruned later, ask for it.
        seed: of k-means++.

    Raises:
        TfedgeError: an argument is wrong, the model is not of Keras 3, or Keras does not run on
            TensorFlow.

    Example:
        >>> model.fit(x, y, epochs=5, callbacks=[tfedge.callbacks.WeightClustering(16, begin=2)])
    """

    def __init__(
        self,
        clusters: int = 16,
        initialization: str = KMEANS,
        *,
        per_channel: bool = False,
        layers: Any = None,
        begin: int = 0,
        end: int | None = None,
        frequency: int | None = None,
        unit: str = EPOCH,
        keep_zeros: bool | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.how = Clusters(clusters, initialization, per_channel, keep_zeros, seed)
        self.timing = Timing(begin, end, frequency, unit)
        self.layers = layers
        self._shared: list[tuple[Kernel, SharedWeights]] = []
        self._is_on = False
        self._renewed_at: int | None = None

    def set_model(self, model: Any) -> None:
        """Give the model's layers what will say which weights belong together."""
        super().set_model(model)
        learner = trainable_model(model)
        require_keras3(learner)
        kernels = chosen_kernels(learner, self.layers, trained=True)
        with scope_of(model):
            self._shared = [(kernel, attach(kernel, self.how, self._renews)) for kernel in kernels]
        self._is_on = False
        self._renewed_at = None

    @property
    def _renews(self) -> bool:
        """Whether clusters are found more than once."""
        timing = self.timing
        return timing.frequency is not None or timing.end not in (None, timing.begin)

    def counts_steps(self) -> bool:
        """Whether it was asked to."""
        return self.timing.unit == STEP

    def look_ahead(self, ends: Mapping[str, int | None]) -> None:
        """Warn if no clusters will be found, or not for the last time."""
        begin = None if self._is_known else self.timing.begin
        self.warn_of_late(self.timing.unit, ends, _LATE, begin=begin, end=self.timing.end)

    @property
    def _is_known(self) -> bool:
        """Whether there are clusters, of this training or of an earlier one."""
        return all(part.is_known for _, part in self._shared)

    def enter(self, unit: str, position: int) -> None:
        """Find clusters when it is time, or goes on with those of an interrupted training."""
        if unit != self.timing.unit:
            return
        due = self.timing.last_due(position)
        if self._is_on and due == self._renewed_at:
            return
        is_known = self._is_known
        if due is None and not is_known:
            return
        if not is_known:
            self._find()
        elif due is not None and due > self._last_renewal(position):
            self._assign_again()
        self._renewed_at = due
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
        """Say if training ended before it was time."""
        if not self._is_on and not self._has_warned:
            self.look_ahead({EPOCH: self._epochs, STEP: self.step()})

    def _find(self) -> None:
        for kernel, part in self._shared:
            part.find(kernel)
        self._restart_scales()

    def _assign_again(self) -> None:
        for kernel, part in self._shared:
            part.assign_again(kernel)
        self._restart_scales()

    def _last_renewal(self, position: int) -> int:
        """Where clusters were found last; at the latest in front of where training was resumed."""
        if self._renewed_at is not None:
            return self._renewed_at
        before = self.timing.last_due(position - 1)
        return self.timing.begin if before is None else before

    def _restart_scales(self) -> None:
        """Let a model that trains for integers find scales that keep the clusters."""
        from tfedge.quantization.model import operators_of, restart_scales
        from tfedge.quantization.quantized_forward import quantized_forward_of

        learner = trainable_model(self.model)
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
            **self.timing.get_config(),
            "keep_zeros": self.how.keep_zeros,
            "seed": self.how.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WeightClustering:
        """The callback that `get_config` described."""
        return cls(**{**config, "layers": layers_from(config["layers"])})
