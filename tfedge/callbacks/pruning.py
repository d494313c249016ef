"""Pruning of a model as it is, while it trains."""

from __future__ import annotations

import contextlib
from typing import Any

import keras

from tfedge.callbacks.compiled_steps import compile_anew
from tfedge.errors import TfedgeError
from tfedge.keras_graph.requirements import require_keras3
from tfedge.layers import Prune
from tfedge.pruning.gradient_hook import hook, needs_hook, unhook
from tfedge.pruning.pruner import Plan, Pruner, plan_arguments
from tfedge.pruning.schedules import EPOCH, STEP
from tfedge.students import trained_model


@keras.saving.register_keras_serializable(package="tfedge")
class Pruning(keras.callbacks.Callback):
    """Sets more and more weights of a plain compiled Keras model to 0 while it trains.

    The model stays what it is: its layers, weights, names and optimizer. Masks are applied in the
    optimizer's compiled step; this callback only renews them. They are kept with the layers, so
    checkpoints have them, and stay with the model: zeros survive further training, in integers too
    (`tfedge.strip` lets go of them). At the end of an epoch `logs` have `sparsity`, of all pruned
    kernels together, and `sparsity_NAME` of each. In `fit` of a Distiller the student is pruned.

    Args:
        schedule: of `tfedge.pruning` or tfmot, or a sparsity to prune to before the first step;
            None if the model has `tfedge.layers.Prune` wrappers, which say how they are pruned.
        pattern: "unstructured", N:M such as "2:4", blocks such as "1x4" or (rows, columns),
            "channels", or a `tfedge.pruning.Pattern`.
        importance: "magnitude", "first_order", "movement", or a `tfedge.pruning.Importance`.
        distribution: "uniform" for the same sparsity in every layer; "global" for one ranking of
            all weights; "erk" for less of it in small layers.
        layers: names or layers, or a function that says of a layer whether it is pruned. None for
            all kernels with at least 16 weights per output (depthwise kernels have 9) that the
            pattern divides, the last layer too, as tfmot; channels are pruned in all layers but
            those that the outputs come from.

    Raises:
        TfedgeError: an argument is wrong, the model is not compiled or built, a layer is unknown,
            or the pattern does not divide it.
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

    def set_model(self, model: Any) -> None:
        """Puts the model's weights under masks that let everything through."""
        require_keras3(trained_model(model))
        if getattr(model, "optimizer", None) is None:
            raise TfedgeError(f"model '{model.name}' is not compiled; call model.compile first")
        if self._pruners and self.model is model:
            return
        super().set_model(model)
        strategy = getattr(model, "distribute_strategy", None)
        with strategy.scope() if strategy is not None else contextlib.nullcontext():
            self._pruners = self._made(trained_model(model))

    def _made(self, model: Any) -> list[Pruner]:
        if self.plan is not None:
            return [Pruner.of(model, self.plan, self.layers)]
        wrappers = [layer for layer in model._flatten_layers() if isinstance(layer, Prune)]
        if not wrappers:
            raise TfedgeError(
                "Pruning without a schedule prunes tfedge.layers.Prune wrappers, and model "
                f"'{model.name}' has none; give it a schedule"
            )
        return [Pruner.of(model, wrapper.plan, [wrapper]) for wrapper in wrappers]

    def on_train_begin(self, logs: Any = None) -> None:
        """Compiles the step anew if it does not know the masks yet."""
        watches = [watch for pruner in self._pruners for watch in pruner.watches()]
        hooked = needs_hook(self.model.optimizer, watches)
        if hooked:
            hook(self.model.optimizer, watches)
        if hooked or any(pruner.changed for pruner in self._pruners):
            compile_anew(self.model)
        for pruner in self._pruners:
            pruner.changed = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Renews masks that are due."""
        self._renew(EPOCH, epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Renews masks that are due."""
        if any(pruner.plan.schedule.unit == STEP for pruner in self._pruners):
            self._renew(STEP, int(keras.ops.convert_to_numpy(self.model.optimizer.iterations)))

    def _renew(self, unit: str, position: int) -> None:
        for pruner in self._pruners:
            if pruner.plan.schedule.unit == unit:
                pruner.renew_if_due(position, self.model.optimizer)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Says how sparse the model is."""
        if logs is None:
            return
        counts = [item for pruner in self._pruners for item in pruner.sparsities().items()]
        logs["sparsity"] = sum(zeros for _, (zeros, _) in counts) / sum(
            size for _, (_, size) in counts
        )
        for name, (zeros, size) in counts:
            logs[f"sparsity_{name}"] = zeros / size

    def on_train_end(self, logs: Any = None) -> None:
        """Leaves the optimizer as it was, and zeros where masks are."""
        if unhook(self.model.optimizer):
            self.model.train_function = None
        for pruner in self._pruners:
            pruner.apply()

    def get_config(self) -> dict[str, Any]:
        """The arguments; of layers their names.

        Raises:
            TfedgeError: `layers` is a function, which cannot be described.
        """
        config = {} if self.plan is None else self.plan.get_config()
        return {**config, "layers": _names(self.layers)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Pruning:
        """The callback that `get_config` described."""
        config = dict(config)
        layers = config.pop("layers")
        return cls(**plan_arguments(config), layers=layers)


def _names(layers: Any) -> list[str] | None:
    if layers is None:
        return None
    if callable(layers) and not isinstance(layers, keras.layers.Layer):
        raise TfedgeError("a callback whose layers are a function cannot be described; name them")
    given = [layers] if isinstance(layers, (str, keras.layers.Layer)) else layers
    return [item if isinstance(item, str) else item.name for item in given]
