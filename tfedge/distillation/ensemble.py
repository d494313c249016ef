"""Several teachers as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfedge.distillation.output_losses import logits_of
from tfedge.distillation.teacher_loss import TeacherLoss, require_same_shape
from tfedge.distillation.teachers import as_teacher
from tfedge.errors import TfedgeError
from tfedge.near_names import near

ACCURACY, CONFIDENCE = "accuracy", "confidence"
LOGITS, PROBABILITIES, VALUES = _OUTPUTS = "logits", "probabilities", "values"

_LEAST_ERROR = 1e-3


class Ensemble(keras.Model):
    """Teachers whose outputs are averaged, or handed on one by one.

    Averaged classes are log(sum of weight * probability), which are logits again; averaged values
    are weighted means. The teachers may differ in everything but the shape of their outputs.

    Args:
        teachers: what `Teacher` takes, each.
        weights: None for equal ones; numbers; "accuracy" for the logarithm of the odds that a
            teacher is right on `validation` (as AdaBoost weighs classifiers: Freund and Schapire,
            1997); "confidence" for each sample's probabilities of the teachers' first choices.
        outputs: "logits", "probabilities" or "values": what the teachers return.
        separate: whether to return the list of all outputs, for `EachTeacher`, unweighted.
        validation: (x, y) with integer classes, for weights="accuracy".
        name: of the model.

    Raises:
        TfedgeError: arguments that are none of these, or outputs that do not match.
    """

    def __init__(
        self,
        teachers: Sequence[Any],
        weights: str | Sequence[float] | None = None,
        *,
        outputs: str = LOGITS,
        separate: bool = False,
        validation: tuple[Any, Any] | None = None,
        name: str = "ensemble",
    ):
        super().__init__(name=name)
        if not teachers:
            raise TfedgeError("an ensemble needs teachers")
        if outputs not in _OUTPUTS:
            raise TfedgeError(
                f"outputs are logits, probabilities or values, not {outputs!r}"
                f"{near(outputs, _OUTPUTS)}"
            )
        self.teachers = [as_teacher(teacher) for teacher in teachers]
        self.outputs_are = outputs
        self.separate = separate
        self.by_confidence = weights == CONFIDENCE
        if self.by_confidence and outputs == VALUES:
            raise TfedgeError("values do not say how sure a teacher is; weigh by numbers instead")
        self.shares = _shares(self.teachers, weights, validation)
        self.trainable = False

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Combine the teachers' outputs for a batch."""
        said = [teacher(inputs, training=False) for teacher in self.teachers]
        for other in said[1:]:
            require_same_shape(self.name, said[0], other)
        if self.separate:
            return said
        if self.outputs_are == VALUES:
            return sum(share * x for share, x in zip(self.shares, said, strict=True))
        return self._mixed([ops.log_softmax(self._logits(x)) for x in said])

    def _logits(self, x: Any) -> Any:
        return logits_of(ops.cast(x, "float32"), self.outputs_are == LOGITS)

    def _mixed(self, log_probabilities: list[Any]) -> Any:
        stacked = ops.stack(log_probabilities)
        if self.by_confidence:
            sure = ops.max(stacked, axis=-1, keepdims=True)
            shares = sure - ops.logsumexp(sure, axis=0, keepdims=True)
        else:
            places = (-1, *([1] * (len(stacked.shape) - 1)))
            shares = ops.reshape(ops.log(ops.convert_to_tensor(self.shares, "float32")), places)
        mixed = ops.logsumexp(stacked + shares, axis=0)
        return ops.exp(mixed) if self.outputs_are == PROBABILITIES else mixed


def _shares(teachers: list[Any], weights: Any, validation: Any) -> list[float]:
    """Weights that sum up to 1."""
    if weights is None or weights == CONFIDENCE:
        weights = [1.0] * len(teachers)
    elif weights == ACCURACY:
        if validation is None:
            raise TfedgeError('weights="accuracy" needs validation=(x, y)')
        weights = [_odds(teacher, *validation) for teacher in teachers]
    elif isinstance(weights, str):
        raise TfedgeError(
            f"weights are numbers, 'accuracy' or 'confidence', not {weights!r}"
            f"{near(weights, (ACCURACY, CONFIDENCE))}"
        )
    given = np.asarray(weights, np.float64)
    if given.shape != (len(teachers),) or not (given >= 0).all() or not given.sum() > 0:
        raise TfedgeError(
            f"{len(teachers)} teachers need as many weights, none below zero and one above, not "
            f"{list(weights)}"
        )
    return [float(share) for share in given / given.sum()]


def _odds(teacher: Any, x: Any, y: Any) -> float:
    """The logarithm of right to wrong, at least a little; chance or worse counts for nothing."""
    said = np.concatenate(
        [ops.convert_to_numpy(teacher(x[at : at + 256], training=False))
         for at in range(0, len(x), 256)]
    )  # fmt: skip
    right = float((said.argmax(-1) == np.asarray(y).reshape(-1)).mean())
    right = min(max(right, _LEAST_ERROR), 1 - _LEAST_ERROR)
    return max(float(np.log(right * (said.shape[-1] - 1) / (1 - right))), 0.0)


@keras.saving.register_keras_serializable(package="tfedge")
class EachTeacher(TeacherLoss):
    """A loss against every teacher of an ensemble apart: the mean over the teachers.

    Args:
        loss: between one teacher and the student.
        weights: of the teachers, summing up to 1; None for equal ones.
        name: in `logs`.
    """

    def __init__(
        self, loss: TeacherLoss, weights: Sequence[float] | None = None, *, name: str | None = None
    ):
        super().__init__(name=name)
        self.loss = loss
        self.weights_of_teachers = None if weights is None else list(weights)

    def of(self, teacher: Any, student: Any) -> Any:
        """The weighted mean over the teachers, a scalar."""
        shares = self.weights_of_teachers or [1 / len(teacher)] * len(teacher)
        return sum(
            share * ops.mean(self.loss.of(one, student))
            for share, one in zip(shares, teacher, strict=True)
        )

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Refuse outputs that cannot be compared.

        Raises:
            TfedgeError: the teacher is no ensemble with separate outputs, or shapes differ.
        """
        if not isinstance(teacher_outputs, list):
            raise TfedgeError(f"{self.name} needs an Ensemble(…, separate=True) as the teacher")
        for one in teacher_outputs:
            self.loss.validate_outputs(one, student_outputs)

    def prepare(self, teacher_shape: Any, student_shape: Any) -> None:
        """Nothing: outputs are compared when they come."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "loss": keras.saving.serialize_keras_object(self.loss),
            "weights": self.weights_of_teachers,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EachTeacher:
        """The loss that `get_config` described."""
        loss = keras.saving.deserialize_keras_object(config["loss"])
        return cls(loss, config["weights"], name=config["name"])
