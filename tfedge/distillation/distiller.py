"""Keras' Distiller, with what it lacks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
from keras import ops

from tfedge.distillation.cached_outputs import DistillationInputs, TeacherCache
from tfedge.distillation.teachers import apart_from, as_teacher
from tfedge.errors import TfedgeError
from tfedge.keras_graph.requirements import require_tensorflow

_WHOLE = "final_output"


@keras.saving.register_keras_serializable(package="tfedge")
class Distiller(keras.distillation.Distiller):
    """A model that trains a student to do what a teacher does.

    As `keras.distillation.Distiller`, and beyond it: the student runs once a step whatever is
    compared; teachers may be anything that `Teacher` takes, or a cache; labels are not needed; each
    loss, the student's share of agreement with the teacher and `alpha` appear in `logs`; `alpha`,
    weights and temperatures can change while it trains (`tfedge.callbacks.DistillationSchedule`).
    The student stays a model of its own: save and convert `distiller.student`.

    A teacher that has layers in common with its student, as the model that `tfedge.quantize` was
    given, is copied, so that it stays as it is.

    Args:
        teacher: what `Teacher` takes, an `Ensemble`, or a `TeacherCache`.
        student: a Keras model; a quantised one is fine.
        losses: one distillation loss or several.
        loss_weights: of each; 1 by default.
        alpha: share of the distillation in the loss, 0 to 1; the rest is the student's own loss.
        name: of the model.

    Raises:
        TfedgeError: the models do not fit each other or the losses; or they share layers and the
            teacher cannot be copied.

    Example:
        >>> distiller = Distiller(teacher, student, SoftTargets(4.0), alpha=0.9)
        >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> distiller.fit(x, y)
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        losses: Any,
        loss_weights: Sequence[float] | None = None,
        alpha: float = 0.5,
        name: str = "distiller",
    ):
        require_tensorflow("tfedge.distillation")
        if not 0.0 <= alpha <= 1.0:
            raise TfedgeError(f"alpha is a share, 0 to 1, not {alpha}")
        if not isinstance(student, keras.Model):
            raise TfedgeError(
                f"a student is a model of Keras 3, not {type(student).__module__}."
                f"{type(student).__name__}; build it with `import keras`"
            )
        listed = list(losses) if isinstance(losses, (list, tuple)) else [losses]
        given = [1.0] * len(listed) if loss_weights is None else list(loss_weights)
        if len(given) != len(listed):
            raise TfedgeError(f"{len(listed)} losses need as many weights, not {len(given)}")
        teacher = apart_from(as_teacher(teacher), student)
        super().__init__(teacher, student, listed, given, 1.0 - alpha, name=name)
        self.alpha = self._scalar("alpha", alpha)
        self.loss_weights = [
            self._scalar(f"{loss_name}_weight", weight)
            for loss_name, weight in zip(_names(listed), given, strict=True)
        ]
        self.loss_trackers = [keras.metrics.Mean(name=loss_name) for loss_name in _names(listed)]
        self._alpha_tracker = keras.metrics.Mean(name="alpha")
        self._agreement_tracker = keras.metrics.Mean(name="agreement")
        self._step = _Step()
        self._compile_arguments: dict[str, Any] = {}

    def _scalar(self, name: str, value: float) -> Any:
        return self.add_weight(
            shape=(), name=name, dtype="float32", trainable=False,
            initializer=keras.initializers.Constant(value),
        )  # fmt: skip

    def _validate_models(self, teacher: Any, student: Any) -> None:
        """Nothing: the losses say what they need of the outputs."""

    def _create_feature_extractor(self, model: Any, layer_names: list[str]) -> Any:
        """None for a cache, which has nothing to run."""
        if isinstance(model, TeacherCache):
            return None
        return super()._create_feature_extractor(model, layer_names)

    def compile(
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **options: Any
    ) -> None:
        """Compile as `keras.Model` does; without a loss the student learns from the teacher alone.

        Raises:
            TfedgeError: there is no loss, but `alpha` leaves something to it.
        """
        share = 1.0 - float(ops.convert_to_numpy(self.alpha))
        if loss is None and share > 0:
            raise TfedgeError(
                f"the student's own loss counts for {share:g}, but there is none; give compile() a "
                "loss, or the Distiller alpha=1"
            )
        # Past Keras' Distiller, whose losses and metrics are for models with one output.
        keras.Model.compile(self, optimizer, loss, metrics=metrics, **options)
        self._compile_arguments = {"loss": loss, "metrics": metrics, **options}

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile`, so that a saved distiller goes on with its optimizer."""
        return keras.saving.serialize_keras_object(
            {"optimizer": self.optimizer, **self._compile_arguments}
        )

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as `get_compile_config` says."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def build(self, input_shape: Any = None) -> None:
        """Build the student, where its layers wait for data."""
        if not self.student.built and not isinstance(input_shape, DistillationInputs):
            self.student.build(input_shape)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        """Call the student."""
        x = inputs.inputs if isinstance(inputs, DistillationInputs) else inputs
        extractor = self._student_feature_extractor
        if extractor is None:
            return self.student(x, training=training, **options)
        self._step.features = extractor(x, training=training)
        return self._step.features[_WHOLE]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """(1 - alpha) times the student's own loss plus alpha times the distillation losses."""
        if y_pred is None:
            y_pred = self(x, training=training)
        own = self._own_loss(y, y_pred, sample_weight)
        if (
            not training
            and isinstance(self.teacher, TeacherCache)
            and not isinstance(x, DistillationInputs)
        ):
            return self._loss_without_teacher(y, own)
        said = self._said_by_teacher(x)
        terms = [self._term(loss, said, y_pred) for loss in self.distillation_losses]
        taught = sum(w * term for w, term in zip(self.loss_weights, terms, strict=True))
        total = (1.0 - self.alpha) * own + self.alpha * taught
        self._track(own, taught, total, terms, said[_WHOLE], y_pred)
        return total

    def _own_loss(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        if y is None or self._compile_loss is None:
            return ops.zeros(())
        return self._compile_loss(y, y_pred, sample_weight)

    def _loss_without_teacher(self, y: Any, own: Any) -> Any:
        """Return the loss of samples that no cache knows, outside of training."""
        has_own = y is not None and self._compile_loss is not None
        what = "the student's own loss" if has_own else "nan, as the student has no loss of its own"
        warnings.warn(
            "the teacher is a cache that does not know these samples: their loss is "
            f"{what}; evaluate cache.with_targets(x) of a cache of theirs to count the teacher",
            stacklevel=2,
        )
        total = own if has_own else own + float("nan")
        self.student_loss_tracker.update_state(own)
        self.total_loss_tracker.update_state(total)
        return total

    def _said_by_teacher(self, x: Any) -> dict[str, Any]:
        if isinstance(x, DistillationInputs):
            return x.outputs
        return self._extract_all_teacher_features(x)

    def _term(self, loss: Any, said: dict[str, Any], y_pred: Any) -> Any:
        of_teacher = getattr(loss, "teacher_layer_name", None) or _WHOLE
        of_student = getattr(loss, "student_layer_name", None)
        if of_teacher not in said:
            raise TfedgeError(
                f"{type(loss).__name__} compares the teacher's layer '{of_teacher}', but the cache "
                f"has {', '.join(said)}; make it with layers=['{of_teacher}']"
            )
        mine = self._step.features[of_student] if of_student else y_pred
        loss.validate_outputs(said[of_teacher], mine)
        return loss.compute_loss(said[of_teacher], mine)

    def _track(
        self, own: Any, taught: Any, total: Any, terms: list[Any], said: Any, y_pred: Any
    ) -> None:
        self.student_loss_tracker.update_state(own)
        self.distillation_loss_tracker.update_state(taught)
        self.total_loss_tracker.update_state(total)
        self._alpha_tracker.update_state(self.alpha)
        for tracker, term in zip(self.loss_trackers, terms, strict=True):
            tracker.update_state(term)
        if _are_classes(said, y_pred):
            same = ops.equal(ops.argmax(said, axis=-1), ops.argmax(y_pred, axis=-1))
            self._agreement_tracker.update_state(ops.cast(same, "float32"))

    def get_config(self) -> dict[str, Any]:
        """The arguments, weights as they are now.

        Raises:
            TfedgeError: the teacher is not a Keras model, so a file cannot hold it.
        """
        serialize = keras.saving.serialize_keras_object
        return {
            "teacher": serialize(self.teacher),
            "student": serialize(self.student),
            "losses": [serialize(loss) for loss in self.distillation_losses],
            "loss_weights": [float(ops.convert_to_numpy(w)) for w in self.loss_weights],
            "alpha": float(ops.convert_to_numpy(self.alpha)),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Distiller:
        """The distiller that `get_config` described.

        Raises:
            TfedgeError: the teacher is none of its own, but the path of a file, or a function.
        """
        restore = keras.saving.deserialize_keras_object
        config = dict(config)
        config["teacher"] = restore(config["teacher"])
        if not isinstance(config["teacher"], keras.Model):
            raise TfedgeError("the distiller's teacher is no Keras model, which alone a file holds")
        config["student"] = restore(config["student"])
        config["losses"] = [restore(loss) for loss in config["losses"]]
        return cls(**config)


class _Step:
    """Outputs of the student in `call`, for `compute_loss` of the same step."""

    features: Mapping[str, Any] = MappingProxyType({})


def _are_classes(said: Any, y_pred: Any) -> bool:
    if not (hasattr(said, "shape") and hasattr(y_pred, "shape")):
        return False
    theirs, mine = said.shape, y_pred.shape
    return len(theirs) == len(mine) and theirs[-1] == mine[-1] and (mine[-1] or 0) > 1


def _names(losses: list[Any]) -> list[str]:
    """Name the losses in `logs`; a number follows where two are the same."""
    names: list[str] = []
    for loss in losses:
        name = getattr(loss, "name", None) or type(loss).__name__
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names
