"""Losses between what a teacher and a student return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from tfedge.distillation.teacher_loss import TeacherLoss, require_same_shape
from tfedge.errors import TfedgeError
from tfedge.near_names import near

_LEAST_PROBABILITY = 1e-7


class _Tempered(TeacherLoss):
    """Losses of softened classes.

    Args:
        temperature: positive; a weight of the loss that does not train, for schedules.
        from_logits: whether the outputs are logits, or probabilities.
        name: in `logs`.

    Raises:
        TfedgeError: the temperature is not positive.
    """

    of_each_output = True

    def __init__(
        self, temperature: float = 4.0, *, from_logits: bool = True, name: str | None = None
    ):
        super().__init__(name=name)
        if not temperature > 0:
            raise TfedgeError(f"a temperature is positive, not {temperature}")
        self.from_logits = from_logits
        self.temperature = self.add_weight(
            shape=(),
            name="temperature",
            initializer=keras.initializers.Constant(temperature),
            trainable=False,
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments; the temperature as it is now."""
        return {
            "temperature": float(ops.convert_to_numpy(self.temperature)),
            "from_logits": self.from_logits,
            "name": self.name,
        }


@keras.saving.register_keras_serializable(package="tfedge")
class SoftTargets(_Tempered):
    """Classes softened by a temperature: T² KL(softmax(teacher / T), softmax(student / T)).

    The softmax is over the last axis; of sequences every step counts alike.

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.
    """

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of (..., classes), of shape (...)."""
        t, s = (self._log_softmax(x) for x in (teacher, student))
        return self.temperature**2 * divergence(t, s)

    def _log_softmax(self, x: Any) -> Any:
        return ops.log_softmax(logits_of(x, self.from_logits) / self.temperature)


@keras.saving.register_keras_serializable(package="tfedge")
class DecoupledDistillation(_Tempered):
    """Soft targets, with how sure the teacher is apart from what it mistakes for what.

    T² (alpha KL of (p_target, 1 - p_target) + beta KL of the other classes among themselves).

    Source: Zhao et al., "Decoupled Knowledge Distillation", CVPR 2022. The paper's target is the
    label; a distillation loss does not see labels, so here it is the teacher's first choice.

    Args:
        alpha, beta: weights of both parts.
        temperature, from_logits, name: as of `SoftTargets`.
    """

    def __init__(
        self,
        temperature: float = 4.0,
        alpha: float = 1.0,
        beta: float = 8.0,
        *,
        from_logits: bool = True,
        name: str | None = None,
    ):
        super().__init__(temperature, from_logits=from_logits, name=name)
        self.alpha, self.beta = alpha, beta

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of (..., classes), of shape (...)."""
        logits = [logits_of(x, self.from_logits) / self.temperature for x in (teacher, student)]
        target = ops.one_hot(ops.argmax(logits[0], axis=-1), logits[0].shape[-1])
        choices = [_target_or_not(ops.log_softmax(x), target) for x in logits]
        others = [ops.log_softmax(x - 1000.0 * target) for x in logits]
        return self.temperature**2 * (
            self.alpha * divergence(*choices) + self.beta * divergence(*others)
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}


def _target_or_not(log_probabilities: Any, target: Any) -> Any:
    """Logarithms of (p_target, 1 - p_target)."""
    chosen = ops.sum(ops.exp(log_probabilities) * target, axis=-1)
    both = ops.stack([chosen, 1.0 - chosen], axis=-1)
    return ops.log(ops.maximum(both, _LEAST_PROBABILITY))


@keras.saving.register_keras_serializable(package="tfedge")
class MultiLabel(_Tempered):
    """Independent yes-or-no outputs: T² KL of every Bernoulli pair, the mean over the outputs.

    For binary and multi-label classification and for objectness maps. Source: Hinton et al., 2015,
    with a sigmoid in place of the softmax.
    """

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of (..., labels), of shape (...)."""
        t, s = (self._both(x) for x in (teacher, student))
        return self.temperature**2 * ops.mean(divergence(t, s), axis=-1)

    def _both(self, x: Any) -> Any:
        if not self.from_logits:
            p = ops.clip(x, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
            x = ops.log(p) - ops.log(1 - p)
        x = x / self.temperature
        return ops.stack([ops.log_sigmoid(x), ops.log_sigmoid(-x)], axis=-1)


@keras.saving.register_keras_serializable(package="tfedge")
class Regression(TeacherLoss):
    """Numbers: smooth L1 of the difference, the mean over the last axis.

    Source: Girshick, "Fast R-CNN", ICCV 2015, for smooth L1.

    Args:
        delta: where the loss turns from quadratic to linear, in units of the output; positive.
        name: in `logs`.
    """

    of_each_output = True

    def __init__(self, delta: float = 1.0, *, name: str | None = None):
        super().__init__(name=name)
        if not delta > 0:
            raise TfedgeError(f"delta is positive, not {delta}")
        self.delta = delta

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of (..., numbers), of shape (...)."""
        far = ops.abs(teacher - student)
        near = 0.5 * ops.square(far) / self.delta
        return ops.mean(ops.where(far < self.delta, near, far - 0.5 * self.delta), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"delta": self.delta, "name": self.name}


@keras.saving.register_keras_serializable(package="tfedge")
class Detection(TeacherLoss):
    """Classes and boxes of a detector; boxes count as much as the teacher sees an object there.

    KL of the classes at every anchor plus `box_weight` times smooth L1 of the boxes, weighted with
    the teacher's probability of anything but the background, over the sum of these weights.

    Source: Chen et al., "Learning Efficient Object Detection Models with Knowledge Distillation",
    NeurIPS 2017, whose weight of foreground and bounded boxes this condenses.

    Args:
        classes, boxes: keys of the models' outputs: logits (batch, anchors, classes) and numbers
            (batch, anchors, 4).
        background: the class that means nothing is there.
        box_weight: of the boxes.
        name: in `logs`.
    """

    def __init__(
        self,
        classes: str = "classes",
        boxes: str = "boxes",
        *,
        background: int = 0,
        box_weight: float = 1.0,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.classes, self.boxes = classes, boxes
        self.background, self.box_weight = background, box_weight

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of every sample, (batch,)."""
        t, s = (ops.log_softmax(x[self.classes]) for x in (teacher, student))
        objects = 1.0 - ops.exp(t[..., self.background])
        apart = Regression().of(teacher[self.boxes], student[self.boxes])
        seen = ops.maximum(ops.sum(objects, axis=-1), _LEAST_PROBABILITY)
        boxes = ops.sum(objects * apart, axis=-1) / seen
        return ops.mean(divergence(t, s), axis=-1) + self.box_weight * boxes

    def prepare(self, teacher_shape: Any, student_shape: Any) -> None:
        """Refuse models without these two outputs.

        Raises:
            TfedgeError: an output is missing, or their shapes differ.
        """
        for who, shape in (("teacher", teacher_shape), ("student", student_shape)):
            if not isinstance(shape, dict) or not {self.classes, self.boxes} <= set(shape):
                raise TfedgeError(
                    f"{self.name}: the {who} must return a dict with '{self.classes}' and "
                    f"'{self.boxes}'"
                )
        super().prepare(teacher_shape, student_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "classes": self.classes, "boxes": self.boxes, "background": self.background,
            "box_weight": self.box_weight, "name": self.name,
        }  # fmt: skip


@keras.saving.register_keras_serializable(package="tfedge")
class PerOutput(TeacherLoss):
    """A loss of its own for each of several outputs; outputs without one do not count.

    Args:
        losses: by the key of a dict of outputs, or by position as text ("0", "1", …).
        name: in `logs`.
    """

    def __init__(self, losses: Mapping[str, TeacherLoss], *, name: str | None = None):
        super().__init__(name=name)
        self.losses_by_output = dict(losses)

    def of(self, teacher: Any, student: Any) -> Any:
        """The sum over the outputs, a scalar."""
        t, s = by_name(teacher), by_name(student)
        return sum(ops.mean(loss.of(t[key], s[key])) for key, loss in self.losses_by_output.items())

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Refuse outputs that cannot be compared."""
        self.prepare(teacher_outputs, student_outputs)

    def prepare(self, teacher_shape: Any, student_shape: Any) -> None:
        """Refuse models without these outputs.

        Raises:
            TfedgeError: an output is missing, or shapes differ.
        """
        t, s = by_name(teacher_shape), by_name(student_shape)
        for key, loss in self.losses_by_output.items():
            if key not in t or key not in s:
                raise TfedgeError(
                    f"{self.name}: there is no output '{key}'; the teacher has "
                    f"{', '.join(t)}, the student {', '.join(s)}{near(key, {**t, **s})}"
                )
            require_same_shape(loss.name, t[key], s[key])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        serialized = {
            key: keras.saving.serialize_keras_object(loss)
            for key, loss in self.losses_by_output.items()
        }
        return {"losses": serialized, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PerOutput:
        """The loss that `get_config` described."""
        losses = {
            key: keras.saving.deserialize_keras_object(loss)
            for key, loss in config["losses"].items()
        }
        return cls(losses, name=config["name"])


def by_name(outputs: Any) -> dict[str, Any]:
    """Outputs by key, or by position where they are a list; a single one is "0"."""
    if isinstance(outputs, dict):
        return outputs
    listed = outputs if isinstance(outputs, list) else [outputs]
    return {str(place): output for place, output in enumerate(listed)}


def logits_of(x: Any, from_logits: bool) -> Any:
    """`x`, or the logarithms of probabilities, which are logits of the same classes."""
    return x if from_logits else ops.log(ops.maximum(x, _LEAST_PROBABILITY))


def divergence(teacher: Any, student: Any) -> Any:
    """KL(teacher, student) of log-probabilities over the last axis."""
    return ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)
