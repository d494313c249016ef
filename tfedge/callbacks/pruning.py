"""Pruning of a model as it is, while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tfedge.callbacks.descriptions import described_layers, layers_from
from tfedge.callbacks.training_callback import TrainingCallback
from tfedge.compiled_steps import compile_anew
from tfedge.errors import TfedgeError
from tfedge.keras_graph import private
from tfedge.keras_graph.requirements import require_keras3
from tfedge.layers import Prune
from tfedge.pruning.gradient_hook import hook, needs_hook, unhook
from tfedge.pruning.pruner import Plan, Pruner, plan_arguments
from tfedge.students import scope_of, trainable_model
from tfedge.timing import EPOCH, STEP


@keras.saving.register_keras_serializable(package="tfedge")
class Pruning(TrainingCallback):
    """Callback that sets more and more weights of a plain compiled Keras model to 0 in training.

    The model stays what it is: its layers, weights, names and optimizer. Masks are applied in the
    optimizer's compiled step; this callback only renews them. They are kept with the layers and
    come back with the model's files and weights: zeros survive further training, in integers too
    (`tfedge.strip` lets go of them). At the end of an epoch `logs` have `sparsity`, of all pruned
    kernels together, and `sparsity_NAME` of each. In `fit` of a Distiller the student is pruned.
    A schedule that training ends before is said in a warning.

    Args:
        schedule: of `tfedge.pruning` or tfmot, or a sparsity to prune to before the first step;
            None if the model has `tfedge.layers.Prune` wrappers, which say how they are pruned.
        pattern: "unstructured", N:M such as "2:4", blocks such as "1x4" or (rows, columns),
            "channels", the name of a target for generated C such as "cortex-m4", for the blocks
            that its kernels leave out (`tfedge.pruning.InputBlocks`), or a
            `tfedge.pruning.Pattern`.
        importance: "magnitude", "first_order", "movement", or a `tfedge.pruning.Importance`.
        distribution: "uniform" for the same sparsity in every layer; "global" for one ranking of
            all weights; "erk" for less of it in small layers.
        layers: names or layers, or a function that says of a layer whether it is pruned. None for
            all kernels that train and have at least 16 weights per output (depthwise kernels have
            9) that the pattern divides, the last layer too, as tfmot; channels are pruned in all
            layers but those that the outputs come from. Frozen layers are pruned where they are
            named. A target's name leaves layers dense whose kernels would leave out nothing:
            depthwise and recurrent ones, embeddings, and convolutions of fewer than 4 channels.

    Raises:
        TfedgeError: an argument is wrong, the model is not compiled or built, a layer is unknown,
            the pattern does not divide it, or Keras does not run on TensorFlow.
        UnsupportedError: the model is a tf_keras model.

    Example:
        >>> schedule = tfedge.pruning.PolynomialDecay(final_sparsity=0.8, end=2000)
        >>> model.fit(x, y, epochs=5, callbacks=[tfedge.callbacks.Pruning(schedule)])
    """

    def __init__(
        self,
        schedule: Any = None,
        pattern: Any = "unstructured",
        importance: Any = "magnitude",
        distribution: str = "uniform",
        layers: Any = None,
    ):
        super().__init__()
        self.plan = None
        if schedule is not None:
            self.plan = Plan.of(schedule, pattern, importance, distribution)
        self.layers = layers
        self._pruners: list[Pruner] = []
        self._finished = 0

    def set_model(self, model: Any) -> None:
        """Put the model's weights under masks that let everything through."""
        require_keras3(trainable_model(model))
        if getattr(model, "optimizer", None) is None:
            raise TfedgeError(f"model '{model.name}' is not compiled; call model.compile first")
        if self._pruners and self.model is model:
            return
        super().set_model(model)
        with scope_of(model):
            self._pruners = self._made(trainable_model(model))

    def _made(self, model: Any) -> list[Pruner]:
        if self.plan is not None:
            return [Pruner.of(model, self.plan, self.layers, trained=True)]
        wrappers = [layer for layer in private.layers_in(model) if isinstance(layer, Prune)]
        if not wrappers:
            raise TfedgeError(
                "Pruning without a schedule prunes tfedge.layers.Prune wrappers, and model "
                f"'{model.name}' has none; give it a schedule"
            )
        return [Pruner.of(model, wrapper.plan, [wrapper]) for wrapper in wrappers]

    def on_train_begin(self, logs: Any = None) -> None:
        """Compile the step anew if it does not know the masks yet."""
        super().on_train_begin(logs)
        watches = [watch for pruner in self._pruners for watch in pruner.watches()]
        hooked = needs_hook(self.model.optimizer, watches)
        if hooked:
            hook(self.model.optimizer, watches)
        if hooked or any(pruner.changed for pruner in self._pruners):
            compile_anew(self.model)
        for pruner in self._pruners:
            pruner.changed = False

    def counts_steps(self) -> bool:
        """Whether a schedule does."""
        return any(pruner.plan.schedule.unit == STEP for pruner in self._pruners)

    def look_ahead(self, ends: Mapping[str, int | None]) -> None:
        """Warn of schedules that will not be over."""
        for schedule in {id(p): p.plan.schedule for p in self._pruners}.values():
            position = ends[schedule.unit]
            last = schedule.begin if schedule.end is None else schedule.end
            if position is None or position > last or position == schedule.end:
                continue
            due = schedule.last_due(position - 1)
            reached = 0.0 if due is None else schedule.sparsity(due)
            if reached < schedule.final_sparsity:
                name = "begin" if schedule.end is None else "end"
                self.warn(
                    f"training ends at {schedule.unit} {position}, before the pruning schedule's "
                    f"{name}={last}: the sparsity will be {reached:.3g} and not "
                    f"{schedule.final_sparsity:.3g}; train longer, or let the schedule {name} by "
                    f"{position if schedule.end is not None else position - 1}"
                )

    def _finish(self) -> None:
        """Renew masks for the last time where training ends with the schedule."""
        for unit, position in ((EPOCH, self._finished), (STEP, self.step())):
            ending = [p for p in self._pruners if p.plan.schedule.ends_by(unit, position)]
            for pruner in ending:
                pruner.renew_if_due(position, self.model.optimizer)

    def enter(self, unit: str, position: int) -> None:
        """Renew masks that are due."""
        for pruner in self._pruners:
            if pruner.plan.schedule.unit == unit:
                pruner.renew_if_due(position, self.model.optimizer)

    def epoch_logs(self, epoch: int) -> dict[str, Any]:
        """How sparse the model is, in the last epoch with the masks of a schedule that ends."""
        self._finished = epoch + 1
        if self.last_epoch() == self._finished:
            self._finish()
        counts = [item for pruner in self._pruners for item in pruner.sparsities().items()]
        whole = sum(zeros for _, (zeros, _) in counts) / sum(size for _, (_, size) in counts)
        each = {f"sparsity_{name}": zeros / size for name, (zeros, size) in counts}
        return {"sparsity": whole, **each}

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the optimizer as it was; say if a schedule was not over."""
        self._finish()
        if unhook(self.model.optimizer):
            self.model.train_function = None
        if not self._has_warned:
            self.look_ahead({EPOCH: self._finished, STEP: self.step()})

    def get_config(self) -> dict[str, Any]:
        """The arguments; of layers their names.

        Raises:
            TfedgeError: `layers` is a function that is not registered with Keras.
        """
        config = {} if self.plan is None else self.plan.get_config()
        return {**config, "layers": described_layers(self.layers)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Pruning:
        """The callback that `get_config` described."""
        config = dict(config)
        layers = layers_from(config.pop("layers"))
        return cls(**plan_arguments(config), layers=layers)
