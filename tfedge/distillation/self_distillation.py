"""Deeper layers of a model teach its shallower ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfedge.distillation.output_losses import SoftTargets
from tfedge.distillation.teacher_loss import shape_of
from tfedge.errors import TfedgeError
from tfedge.keras_graph.requirements import require_tensorflow


class SelfDistiller(keras.Model):
    """A model that trains a classifier with exits at inner layers, taught by its own output.

    Every exit is an average over places and a dense layer. It learns from the labels and, by soft
    targets, from the deepest output of the same step, which gets no gradient from that. Exits stay
    behind: `model` is as it was, only trained.

    Source: Zhang et al., "Be Your Own Teacher: Improve the Performance of Convolutional Neural
    Networks via Self Distillation", ICCV 2019, without its hints.

    Args:
        model: a functional or sequential classifier that returns logits (batch, classes).
        exits: names of inner layers, (batch, …, channels).
        alpha: share of the deepest output in the loss of an exit, 0 to 1; the rest is labels'.
        temperature: of the soft targets.
        exit_weight: of each exit against the model's own loss.
        name: of the model.

    Raises:
        TfedgeError: a layer does not exist, or the output is not (batch, classes).
    """

    def __init__(
        self,
        model: Any,
        exits: Sequence[str],
        alpha: float = 0.5,
        temperature: float = 4.0,
        exit_weight: float = 0.3,
        name: str = "self_distiller",
    ):
        require_tensorflow("SelfDistiller")
        super().__init__(name=name)
        if not exits:
            raise TfedgeError("self-distillation needs the names of inner layers as exits")
        shape = shape_of(model, None, "model")
        if not isinstance(shape, tuple) or len(shape) != 2:
            raise TfedgeError(
                f"self-distillation needs a functional model that returns (batch, classes), not "
                f"{shape}"
            )
        self.model = model
        self.alpha, self.exit_weight = alpha, exit_weight
        self.soft_targets = SoftTargets(temperature)
        self.heads = [_head(shape_of(model, layer, "model"), shape[-1], layer) for layer in exits]
        outputs = [model.output, *(model.get_layer(layer).output for layer in exits)]
        self._extractor = keras.Model(model.inputs, outputs)
        self._exits_tracker = keras.metrics.Mean(name="exits_loss")
        self._agreement_tracker = keras.metrics.Mean(name="agreement")
        self._said = _Said()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Call the model."""
        said, *features = self._extractor(inputs, training=training)
        self._said.by_exits = [
            head(x, training=training) for head, x in zip(self.heads, features, strict=True)
        ]
        return said

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The model's loss plus, of every exit, the labels' and the deepest output's."""
        own = super().compute_loss(x, y, y_pred, sample_weight, training)
        total = ops.zeros(())
        for said in self._said.by_exits:
            labels = super().compute_loss(x, y, said, sample_weight, training)
            deepest = self.soft_targets.compute_loss(y_pred, said)
            total = total + (1.0 - self.alpha) * labels + self.alpha * deepest
            same = ops.equal(ops.argmax(said, axis=-1), ops.argmax(y_pred, axis=-1))
            self._agreement_tracker.update_state(ops.cast(same, "float32"))
        self._exits_tracker.update_state(total)
        return own + self.exit_weight * total


class _Said:
    """Outputs of the exits in the step that is being traced."""

    by_exits: Sequence[Any] = ()


def _head(shape: Any, classes: int, layer: str) -> Any:
    """An average over places, and logits."""
    inputs = x = keras.Input(shape[1:])
    for _ in shape[1:-1]:
        x = ops.mean(x, axis=1)
    return keras.Model(inputs, keras.layers.Dense(classes)(x), name=f"{layer}_exit")
