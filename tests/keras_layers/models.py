"""A configuration as a model of one layer, with weights and inputs that say something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras_layers.configurations import Configuration
from keras_layers.operations import LEAST_SIGNAL_TO_NOISE, least_signal_to_noise

SAMPLES = 32
# Where a sample has more numbers than this, two are enough.
_LARGE = 100_000


class NoModelError(Exception):
    """Keras itself refuses the configuration, or does not run it."""


@dataclass
class Example:
    """A model and what it is run on.

    Attributes:
        model: a Functional model.
        inputs: one array for each of its inputs, samples first.
        least_signal_to_noise: of its outputs in int8, in dB.
    """

    model: Any
    inputs: list[np.ndarray]
    least_signal_to_noise: float = LEAST_SIGNAL_TO_NOISE

    @property
    def data(self) -> Any:
        """The inputs as `predict` and `calibration` take them."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    def outputs(self, model: Any) -> list[np.ndarray]:
        """What a model of the same interface predicts, without compiling anything."""
        model.run_eagerly = True
        predicted = model.predict(self.data, batch_size=SAMPLES, verbose=0)
        outputs = map(np.asarray, keras.tree.flatten(predicted))
        # NumPy itself knows no bfloat16.
        return [x.astype(np.float32) if x.dtype.kind == "V" else x for x in outputs]


def example(configuration: Configuration, seed: int) -> Example:
    """The layer in a model, of random weights, and random inputs like the test's own.

    Raises:
        NoModelError: the test is of what Keras refuses, or of what it does not run here.
    """
    rng = np.random.default_rng(seed)
    try:
        layer = configuration.layer_class(**configuration.arguments)
        given, arrays = _inputs(configuration, rng)
        outputs = layer(**given) if isinstance(given, dict) else layer(given)
        model = keras.Model(keras.tree.flatten(given), outputs)
        randomize(model, rng)
        expression = configuration.arguments.get("expression", "")
        result = Example(model, arrays, least_signal_to_noise(expression))
        result.outputs(model)
    except Exception as error:
        raise NoModelError(str(error)) from error
    return result


def _inputs(configuration: Configuration, rng: np.random.Generator) -> tuple[Any, list[np.ndarray]]:
    """Symbolic inputs, nested as the layer takes them, and samples for each."""
    arrays: list[np.ndarray] = []

    def from_shape(shape: Any, dtype: Any) -> Any:
        arrays.append(_samples(tuple(shape[1:]), dtype or "float32", rng))
        return keras.Input(shape[1:], dtype=dtype or "float32")

    def from_data(data: Any) -> Any:
        data = np.asarray(keras.ops.convert_to_numpy(data) if keras.ops.is_tensor(data) else data)
        if data.dtype == np.float64:
            data = data.astype(np.float32)
        arrays.append(_like(data, rng))
        return keras.Input(
            data.shape[1:], dtype="string" if data.dtype.kind in "OU" else data.dtype.name
        )

    if configuration.input_data is not None:
        return keras.tree.map_structure(from_data, configuration.input_data), arrays
    shapes, dtypes = configuration.input_shape, configuration.input_dtype
    if isinstance(shapes, dict):
        named = {
            name.removesuffix("_shape"): from_shape(shape, dtypes[name] if dtypes else None)
            for name, shape in shapes.items()
        }
        return named, arrays
    if all(isinstance(size, int) or size is None for size in shapes):
        return from_shape(shapes, dtypes), arrays
    kinds = dtypes or [None] * len(shapes)
    return type(shapes)(map(from_shape, shapes, kinds)), arrays


def _samples(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray:
    """As Keras' tests draw them: integers from 0 to 2, so that they are indices too."""
    if "float" in dtype:
        return rng.normal(size=_many(shape)).astype(np.float32)
    return rng.integers(0, 3, _many(shape)).astype(dtype)


def _many(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (SAMPLES if np.prod(shape) < _LARGE else 2, *shape)


def _like(data: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Samples with the values' limits, or of the same values."""
    shape = _many(data.shape[1:])
    if data.dtype.kind not in "fiu" or data.size == 0:
        return rng.choice(data.reshape(-1), shape)
    low, high = data.min(), data.max()
    if (data == np.round(data)).all() and low < high:
        return rng.integers(int(low), int(high), shape, endpoint=True).astype(data.dtype)
    values = rng.uniform(low, high, shape) if low < high else rng.normal(size=shape)
    return values.astype(data.dtype)


def randomize(model: Any, rng: np.random.Generator) -> None:
    """Gives every weight a value that changes outputs; kernels keep the size of signals."""
    for variable in model.variables:
        if "float" not in variable.dtype or variable.path.startswith("seed_generator"):
            continue
        variable.assign(_weight(variable.name, tuple(variable.shape), rng))
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization) and layer.built:
            layer.finalize_state()


def _weight(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if "variance" in name:
        return rng.uniform(0.5, 2, shape)
    if "gamma" in name or name == "scale":
        return rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
    if "alpha" in name:
        return rng.uniform(0, 0.5, shape)
    if "embeddings" in name:
        return rng.normal(size=shape)
    if len(shape) > 1:
        return rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
    return rng.normal(scale=0.3, size=shape)
