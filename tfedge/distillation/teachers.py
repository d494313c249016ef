"""Whatever can teach, as a Keras model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfedge.errors import TfedgeError
from tfedge.keras_graph.requirements import require_tensorflow


class Teacher(keras.Model):
    """A Keras model around what teaches: nothing of it trains.

    Args:
        source: a Keras 3 or tf_keras model, the path of a .tflite file with float or integer
            inputs, or a function of a batch.
        preprocess: what the source wants done to the student's inputs; a function of a batch made
            of TensorFlow or keras.ops operations, or a Keras layer.
        name: of the model.

    Raises:
        TfedgeError: the source is nothing of these.
    """

    def __init__(
        self, source: Any, preprocess: Callable[[Any], Any] | None = None, name: str = "teacher"
    ):
        require_tensorflow("tfedge.distillation")
        super().__init__(name=name)
        self.source = source
        self.preprocess = preprocess
        self._forward = _forward_of(source)
        self.trainable = False

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute the source's outputs for a batch, in inference."""
        return self._forward(inputs if self.preprocess is None else self.preprocess(inputs))


def as_teacher(source: Any) -> Any:
    """A Keras model as it is, anything else as a `Teacher`."""
    require_tensorflow("tfedge.distillation")
    return source if isinstance(source, keras.Model) else Teacher(source)


def apart_from(teacher: Any, student: Any) -> Any:
    """The teacher, or where it has weights in common with the student a copy of it.

    Raises:
        TfedgeError: it cannot be copied.
    """
    trained = {id(variable) for variable in student.weights}
    if not any(id(variable) in trained for variable in teacher.weights):
        return teacher
    if isinstance(teacher, Teacher):
        return Teacher(apart_from(teacher.source, student), teacher.preprocess, teacher.name)
    try:
        copy = keras.models.clone_model(teacher)
        copy.set_weights(teacher.get_weights())
    except (ValueError, NotImplementedError, TypeError) as error:
        raise TfedgeError(
            f"the teacher '{teacher.name}' shares layers with the student '{student.name}', so "
            f"that one cannot train without the other, and it cannot be copied ({error}); give the "
            "distiller a teacher that was loaded or built by itself"
        ) from error
    return copy


def _forward_of(source: Any) -> Callable[[Any], Any]:
    if isinstance(source, keras.Model):
        return lambda x: source(x, training=False)
    if _is_tf_keras(source):
        # Hidden from Keras 3, which would not know its layers.
        return lambda x: source(x, training=False)
    if isinstance(source, (str, Path)) and Path(source).suffix in (".tflite", ".lite"):
        return _Interpreted(Path(source))
    if callable(source):
        return source
    raise TfedgeError(
        f"{type(source).__name__} cannot teach; teachers are Keras models, tf_keras models, paths "
        "of .tflite files and functions of a batch"
    )


def _is_tf_keras(source: Any) -> bool:
    module = sys.modules.get("tf_keras")
    return module is not None and isinstance(source, module.Model)


class _Interpreted:
    """A .tflite file, sample by sample in LiteRT; as numbers, whatever integers it computes with.

    Its Python runs within the step: it cannot be compiled by XLA, and a cache of its outputs is
    what training from it should use.
    """

    def __init__(self, path: Path):
        from tfedge_converters.interpreted_file import InterpretedFile

        self._file = InterpretedFile(path)

    def __call__(self, batch: Any) -> Any:
        self._file.check_samples(batch.shape[1:])
        shape = (batch.shape[0], *self._file.output_shape)
        if not tf.is_tensor(batch):
            return ops.zeros(shape)  # Keras asks for the shape of symbolic tensors
        result = tf.numpy_function(self._file, [batch], tf.float32, stateful=False)
        result.set_shape(shape)
        return result
