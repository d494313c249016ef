"""Base class of all losses between a teacher and a student."""

from __future__ import annotations

import re
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfedge.errors import TfedgeError
from tfedge.near_names import near


class TeacherLoss(keras.layers.Layer, keras.distillation.DistillationLoss):
    """A loss that compares what a teacher and a student compute.

    One is a `keras.distillation.DistillationLoss`, and works in Keras' Distiller and in ours. It is
    a layer too, so that its own weights (a projection, a temperature) train, save and resume with
    the distiller.

    Subclasses define `of(teacher, student)`.

    Attributes:
        of_each_output: whether `of` is about one output, so that the losses of several are summed.

    Args:
        teacher_layer_name, student_layer_name: the layers whose outputs are compared; None for
            what the models return.
        name: under which the loss appears in `logs`.
    """

    of_each_output = False

    def __init__(
        self,
        *,
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name or _snake_case(type(self)), dtype="float32", autocast=False)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name
        self.built = True

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of every sample (batch,) or (batch, ...), or of the batch ().

        Args:
            teacher, student: float32 outputs, the same batch.
        """
        raise NotImplementedError

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **_: Any) -> Any:
        """The mean over the batch, a scalar; a share of it on each of several replicas."""
        teacher, student = (
            keras.tree.map_structure(lambda x: ops.cast(x, "float32"), outputs)
            for outputs in (teacher_outputs, student_outputs)
        )
        teacher = keras.tree.map_structure(ops.stop_gradient, teacher)
        pairs = [(teacher, student)]
        if self.of_each_output:
            pairs = list(zip(keras.tree.flatten(teacher), keras.tree.flatten(student), strict=True))
        whole = sum(ops.mean(self.of(*pair)) for pair in pairs)
        return whole / tf.distribute.get_strategy().num_replicas_in_sync

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Refuse outputs that cannot be compared.

        Raises:
            TfedgeError: their shapes differ.
        """
        require_same_shape(self.name, teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Refuse models without the layers that the loss compares.

        Raises:
            TfedgeError: a layer does not exist, or a model has no layers that can be reached.
        """
        shapes = [
            shape_of(model, layer, who)
            for model, layer, who in (
                (teacher, self.teacher_layer_name, "teacher"),
                (student, self.student_layer_name, "student"),
            )
        ]
        if None not in shapes:
            self.prepare(*shapes)

    def prepare(self, teacher_shape: Any, student_shape: Any) -> None:
        """Make the weights of the loss, and refuse shapes that cannot be compared.

        Args:
            teacher_shape, student_shape: of the outputs, batch included, as `keras.Model.output`
                has them: nested where the models' outputs are.
        """
        require_same_shape(self.name, teacher_shape, student_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
            "name": self.name,
        }


def _output_of(model: Any) -> Any:
    # A sequential model that was never called has but the list.
    return model.outputs[0] if isinstance(model, keras.Sequential) else model.output


def _snake_case(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def shape_of(model: Any, layer: str | None, who: str) -> Any:
    """The shape of a layer's or a model's output; None where only running it would tell.

    Args:
        model: a Keras model.
        layer: a layer's name, or None for the whole model.
        who: what an error calls the model.

    Raises:
        TfedgeError: there is no such layer.
    """
    known = getattr(model, "shapes_of_layers", None)
    symbolic = getattr(model, "inputs", None) is not None
    if layer is None:
        return keras.tree.map_structure(lambda x: x.shape, _output_of(model)) if symbolic else None
    if known is not None:
        return known.get(layer)
    if not symbolic:
        raise TfedgeError(
            f"the {who} '{model.name}' is subclassed, so its layer '{layer}' has no output of its "
            "own; use a functional or sequential model, or compare the models' outputs"
        )
    names = [each.name for each in model.layers]
    if layer not in names:
        raise TfedgeError(
            f"the {who} '{model.name}' has no layer '{layer}'; its layers are {', '.join(names)}"
            f"{near(layer, names)}"
        )
    return keras.tree.map_structure(lambda x: x.shape, model.get_layer(layer).output)


def require_same_shape(name: str, teacher: Any, student: Any) -> None:
    """Refuse tensors, or shapes, that differ.

    Raises:
        TfedgeError: they do.
    """
    pairs = list(zip(_shapes(teacher), _shapes(student), strict=False))
    if len(_shapes(teacher)) == len(_shapes(student)) and all(_alike(*pair) for pair in pairs):
        return
    raise TfedgeError(
        f"{name}: the teacher gives {_said(teacher)}, the student {_said(student)}; both must have "
        "the same classes and the same structure"
    )


def _shapes(outputs: Any) -> list[tuple[int | None, ...]]:
    if _is_shape(outputs):
        return [outputs]
    if isinstance(outputs, dict):
        return [shape for key in sorted(outputs) for shape in _shapes(outputs[key])]
    if isinstance(outputs, (list, tuple)):
        return [shape for item in outputs for shape in _shapes(item)]
    return [tuple(outputs.shape)]


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(n is None or isinstance(n, int) for n in value)


def _alike(first: tuple[int | None, ...], second: tuple[int | None, ...]) -> bool:
    return len(first) == len(second) and all(
        a is None or b is None or a == b for a, b in zip(first, second, strict=True)
    )


def _said(outputs: Any) -> str:
    shapes = (
        f"({', '.join('batch' if n is None else str(n) for n in shape)})"
        for shape in _shapes(outputs)
    )
    return ", ".join(shapes)
