"""Losses between inner layers of a teacher and a student, or between samples of a batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfedge.distillation.teacher_loss import TeacherLoss
from tfedge.errors import TfedgeError

_TINY = 1e-12


class _Features(TeacherLoss):
    """Losses of two layers' outputs, whose shapes may differ.

    Args:
        teacher_layer_name, student_layer_name: the layers; None for what the models return.
        name: in `logs`.
    """

    def __init__(
        self,
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
        *,
        name: str | None = None,
    ):
        super().__init__(
            teacher_layer_name=teacher_layer_name, student_layer_name=student_layer_name, name=name
        )

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Refuse several tensors in place of one."""
        self.prepare(teacher_outputs, student_outputs)

    def prepare(self, teacher_shape: Any, student_shape: Any) -> None:
        """Refuse several tensors in place of one.

        Raises:
            TfedgeError: a layer has several outputs.
        """
        for shape in (teacher_shape, student_shape):
            if isinstance(shape, (dict, list)):
                raise TfedgeError(f"{self.name} compares layers with one output each")


@keras.saving.register_keras_serializable(package="tfedge")
class Hint(_Features):
    """Mean squared difference of features; the student's are projected where shapes differ.

    The projection is a 1x1 convolution (a dense layer on the last axis) that trains with the
    student and stays behind; sizes of images are matched by averages.

    Source: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015.
    """

    projection: Any = None
    _pool: tuple[int, int] | None = None

    def prepare(self, teacher_shape: Any, student_shape: Any) -> None:
        """Make the projection.

        Raises:
            TfedgeError: the shapes cannot be matched.
        """
        super().prepare(teacher_shape, student_shape)
        teacher, student = tuple(teacher_shape), tuple(student_shape)
        if len(teacher) != len(student) or teacher[-1] is None or student[-1] is None:
            raise TfedgeError(
                f"{self.name}: the teacher's layer gives {teacher}, the student's {student}; "
                "compare layers with as many axes and a known number of channels"
            )
        self._pool = self._pooling(teacher[1:-1], student[1:-1])
        self._project(student[-1], teacher[-1])

    def _project(self, student: int, teacher: int) -> None:
        if self.projection is None and teacher != student:
            self.projection = self.add_weight(
                shape=(student, teacher), name="projection", initializer="glorot_uniform"
            )
        if self.projection is not None and tuple(self.projection.shape) != (student, teacher):
            raise TfedgeError(
                f"{self.name} projects {self.projection.shape[0]} channels to "
                f"{self.projection.shape[1]}, not {student} to {teacher}; make a new one"
            )

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Nothing: `prepare` saw the shapes."""

    def _pooling(self, teacher: Any, student: Any) -> tuple[int, int] | None:
        """How many of the teacher's rows and columns make one of the student's, and reverse."""
        if teacher == student:
            return None
        if None in (*teacher, *student) or not teacher:
            raise TfedgeError(f"{self.name}: {teacher} cannot be matched with {student}")
        for factors in ((teacher, student), (student, teacher)):
            parts = {a // b for a, b in zip(*factors, strict=True) if a % b == 0}
            if len(parts) == 1 and all(a % b == 0 for a, b in zip(*factors, strict=True)):
                part = parts.pop()
                return (part, 1) if factors[0] is teacher else (1, part)
        raise TfedgeError(
            f"{self.name}: the teacher's layer is {teacher}, the student's {student}; one must be "
            "a whole multiple of the other"
        )

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of every sample, (batch,)."""
        if self._pool is not None:
            teacher = averaged(teacher, self._pool[0])
            student = averaged(student, self._pool[1])
        if self.projection is not None:
            student = ops.matmul(student, self.projection)
        return ops.mean(ops.square(flat(teacher) - flat(student)), axis=-1)


def averaged(x: Any, factor: int) -> Any:
    """Means of `factor` neighbours along every axis but the first and the last."""
    if factor == 1:
        return x
    for axis in range(1, len(x.shape) - 1):
        shape = list(ops.shape(x))
        parted = [*shape[:axis], shape[axis] // factor, factor, *shape[axis + 1 :]]
        x = ops.mean(ops.reshape(x, parted), axis=axis + 1)
    return x


@keras.saving.register_keras_serializable(package="tfedge")
class AttentionTransfer(_Features):
    """Where a layer looks: mean over channels of squares, normalised, squared distance.

    Features are (batch, height, width, channels) or (batch, steps, channels) with the same places;
    the numbers of channels may differ.

    Source: Zagoruyko and Komodakis, "Paying More Attention to Attention", ICLR 2017.
    """

    def prepare(self, teacher_shape: Any, student_shape: Any) -> None:
        """Refuse different places.

        Raises:
            TfedgeError: heights or widths differ, or there are none.
        """
        super().prepare(teacher_shape, student_shape)
        teacher, student = (tuple(getattr(s, "shape", s)) for s in (teacher_shape, student_shape))
        if len(teacher) < 3 or teacher[1:-1] != student[1:-1]:
            raise TfedgeError(
                f"{self.name}: the teacher's layer gives {teacher}, the student's {student}; "
                "attention needs layers of the same height and width"
            )

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of every sample, (batch,)."""
        return ops.sum(ops.square(_attention(teacher) - _attention(student)), axis=-1)


def _attention(x: Any) -> Any:
    return _normalised(flat(ops.mean(ops.square(x), axis=-1)))


@keras.saving.register_keras_serializable(package="tfedge")
class SimilarityPreserving(_Features):
    """Which samples of a batch are alike: normalised Gram matrices (batch, batch).

    ||G_t - G_s||² / batch². Source: Tung and Mori, "Similarity-Preserving Knowledge Distillation",
    ICCV 2019.
    """

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of the batch, a scalar."""
        return ops.mean(ops.square(_gram(teacher) - _gram(student)))


def _gram(x: Any) -> Any:
    x = flat(x)
    return _normalised(ops.matmul(x, ops.transpose(x)))


@keras.saving.register_keras_serializable(package="tfedge")
class RelationalDistance(_Features):
    """How far samples of a batch are from each other, in units of the mean distance.

    Smooth L1 over all pairs. Source: Park et al., "Relational Knowledge Distillation", CVPR 2019.
    """

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of the batch, a scalar."""
        return ops.mean(smooth_l1(_distances(teacher) - _distances(student)))


@keras.saving.register_keras_serializable(package="tfedge")
class RelationalAngle(_Features):
    """The angles of all triples of samples of a batch: smooth L1 of their cosines.

    Source: Park et al., "Relational Knowledge Distillation", CVPR 2019. Memory grows with the cube
    of the batch.
    """

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of the batch, a scalar."""
        return ops.mean(smooth_l1(_cosines(teacher) - _cosines(student)))


def _distances(x: Any) -> Any:
    x = flat(x)
    squares = ops.sum(ops.square(x[:, None] - x[None]), axis=-1)
    apart = squares > _TINY
    # The root's gradient at 0, of a sample to itself, would be infinite.
    distances = ops.where(apart, ops.sqrt(ops.where(apart, squares, 1.0)), 0.0)
    count = ops.maximum(ops.sum(ops.cast(apart, "float32")), 1.0)
    return distances / ops.maximum(ops.sum(distances) / count, _TINY)


def _cosines(x: Any) -> Any:
    x = flat(x)
    directions = _normalised(x[None] - x[:, None])
    return ops.matmul(directions, ops.transpose(directions, (0, 2, 1)))


@keras.saving.register_keras_serializable(package="tfedge")
class Contrastive(_Features):
    """A sample's features tell it from the other samples of the batch, teacher against student.

    Cross-entropy of the cosines of projected features over `temperature`, the sample itself being
    the right answer (InfoNCE). Source: Tian et al., "Contrastive Representation Distillation",
    ICLR 2020; negatives are those of the batch, without the paper's memory bank.

    Args:
        teacher_layer_name, student_layer_name, name: as of all feature losses.
        width: of the common projection.
        temperature: of the cosines; positive.
    """

    projections: Any = None

    def __init__(
        self,
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
        width: int = 64,
        temperature: float = 0.1,
        *,
        name: str | None = None,
    ):
        super().__init__(teacher_layer_name, student_layer_name, name=name)
        if not temperature > 0:
            raise TfedgeError(f"a temperature is positive, not {temperature}")
        self.width, self.temperature = width, temperature

    def prepare(self, teacher_shape: Any, student_shape: Any) -> None:
        """Make the projections.

        Raises:
            TfedgeError: a size is not known.
        """
        super().prepare(teacher_shape, student_shape)
        if self.projections is None:
            self.projections = [
                self.add_weight(
                    shape=(self._size(shape), self.width), name=who, initializer="glorot_uniform"
                )
                for who, shape in (("teacher", teacher_shape), ("student", student_shape))
            ]

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Nothing: `prepare` saw the shapes."""

    def _size(self, shape: Any) -> int:
        size = 1
        for n in tuple(shape)[1:]:
            if n is None:
                raise TfedgeError(f"{self.name}: a layer gives {tuple(shape)}, of unknown size")
            size *= n
        return size

    def of(self, teacher: Any, student: Any) -> Any:
        """The loss of every sample, (batch,)."""
        t, s = (
            _normalised(ops.matmul(flat(x), projection))
            for x, projection in zip((teacher, student), self.projections, strict=True)
        )
        scores = ops.log_softmax(ops.matmul(s, ops.transpose(t)) / self.temperature)
        return -ops.diagonal(scores)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "width": self.width, "temperature": self.temperature}


def flat(x: Any) -> Any:
    """Reshape to (batch, features)."""
    return ops.reshape(x, (ops.shape(x)[0], -1))


def smooth_l1(x: Any) -> Any:
    """Quadratic up to 1, then linear."""
    far = ops.abs(x)
    return ops.where(far < 1.0, 0.5 * ops.square(x), far - 0.5)


def _normalised(x: Any) -> Any:
    """Scale to length 1 along the last axis; zeros stay zeros."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), _TINY))
