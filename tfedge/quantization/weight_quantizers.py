"""How training finds the scales of weights, and rounds weights to them.

Weights are symmetric: integers in [-limit, limit], zero point 0. Kernels are seen here as
[..., channels], channels being what has a scale of its own.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.clustered_values import is_clustered
from tfedge.quantization import schemes
from tfedge.quantization.affine import SMALLEST_SCALE
from tfedge.quantization.affine_tensors import weight_scale
from tfedge.quantization.fixed_point import round_away
from tfedge.quantization.schemes import WeightScheme
from tfedge.quantization.straight_through import connected, round_straight_through, scale_gradient
from tfedge.quantization.traced_once import traced_once


class AbsMax(keras.layers.Layer):
    """The largest magnitude of a channel is the largest integer.

    Weights that all channels share, as clustering makes them, get the largest scale of the channels
    for all of them: with scales that differ, one value would become several integers.

    Args:
        scheme: width of the weights.
        per_channel: whether every channel has a scale of its own.
        name: of the layer.
    """

    def __init__(self, scheme: WeightScheme, per_channel: bool, name: str):
        super().__init__(name=name, dtype="float32", autocast=False)
        self.scheme = scheme
        self.per_channel = per_channel
        self.per_tensor = self.add_weight(
            shape=(), name="per_tensor", dtype="bool", trainable=False, initializer="zeros"
        )
        self.built = True

    def initialize_scales(self, kernel: np.ndarray) -> None:
        """Look at weights [..., channels] for what their scales have to keep."""
        self.per_tensor.assign(is_clustered(_rows(kernel)))

    def start_at(self, scale: np.ndarray, where: np.ndarray) -> None:
        """Begin with scales (channels,) or (1,) where that is wanted; here weights decide them."""

    def connected(self, kernel: Any) -> Any:
        """The weights in float, known to depend on the scales that the optimizer trains."""
        return connected(kernel, self.trainable_variables)

    def scale(self, kernel: Any) -> Any:
        """float32 scales of [..., channels] weights: (channels,), or (1,)."""
        kernel = kernel if self.per_channel else tf.reshape(kernel, [-1, 1])
        scale = _absmax_scale(kernel, self.per_tensor.value, float(self.scheme.limit))
        scale.set_shape([kernel.shape[-1]])
        return scale

    def fake_quantize(self, kernel: Any) -> Any:
        """The weights rounded to their grid in float; gradients pass straight through."""
        scale = tf.stop_gradient(self.scale(kernel))
        rounded = tf.round(kernel * (1.0 / scale)) * scale
        return kernel + tf.stop_gradient(rounded - kernel)

    def integers(self, kernel: Any) -> tuple[Any, Any]:
        """float32 integers of the kernel's shape, and the float32 scales."""
        scale = self.scale(kernel)
        integers = _nearest(kernel, scale, float(self.scheme.limit))
        integers.set_shape(kernel.shape)
        return integers, scale

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"bits": self.scheme.bits, "per_channel": self.per_channel, "name": self.name}


class LearnedStep(AbsMax):
    """Scales that the optimizer trains.

    Source: Esser et al., "Learned Step Size Quantization", ICLR 2020: gradient scaled by
    1 / sqrt(weights * limit). Scales start where the squared error of the weights is least, not at
    the paper's 2 * mean(|w|) / sqrt(limit): in the few epochs of a fine-tuning the start decides.
    """

    step: Any = None

    def initialize_scales(self, kernel: np.ndarray) -> None:
        """Make the scales from float32 weights [..., channels], or makes them anew."""
        super().initialize_scales(kernel)
        start = self._initial_scales(kernel)
        start = np.maximum(start, 1e-8).astype(np.float32).reshape(-1)
        if self.step is not None:
            self.step.assign(start)
            return
        self.step = self.add_weight(
            shape=start.shape,
            name="step",
            dtype="float32",
            initializer=keras.initializers.Constant(start),
        )

    def start_at(self, scale: np.ndarray, where: np.ndarray) -> None:
        """Begin with scales (channels,) or (1,) where that is wanted."""
        now = keras.ops.convert_to_numpy(self.step)
        self.step.assign(np.where(where, scale, now).astype(np.float32))

    def _initial_scales(self, kernel: np.ndarray) -> np.ndarray:
        if is_clustered(_rows(kernel)):
            # Cutting weights off would merge values.
            channels = kernel.shape[-1] if self.per_channel else 1
            return np.full(channels, np.abs(kernel).max() / self.scheme.limit)
        return _least_error(kernel, self.scheme.limit, _reduced(kernel, self.per_channel))

    def scale(self, kernel: Any) -> Any:
        """float32 scales: (channels,), or (1,)."""
        step = tf.abs(self.step.value)
        step = tf.where(self.per_tensor.value, tf.reduce_mean(step), step)
        return tf.maximum(step, 1e-12)

    def fake_quantize(self, kernel: Any) -> Any:
        """The weights rounded to their grid, with gradients to weights and scales."""
        limit = self.scheme.limit
        count = tf.cast(tf.size(kernel) // tf.size(self.step.value), tf.float32)
        scale = scale_gradient(self.scale(kernel), tf.math.rsqrt(count * limit))
        steps = tf.clip_by_value(kernel / scale, -limit, limit)
        return round_straight_through(steps) * scale


QUANTIZERS: dict[str, type[AbsMax]] = {
    schemes.ABSMAX: AbsMax,
    schemes.LEARNED_STEP: LearnedStep,
}


@traced_once(tf.float32, tf.bool, tf.float64)
def _absmax_scale(kernel: Any, per_tensor: Any, limit: Any) -> Any:
    largest = tf.reduce_max(tf.abs(tf.reshape(kernel, [-1, tf.shape(kernel)[-1]])), axis=0)
    largest = tf.where(per_tensor, tf.reduce_max(largest), largest)
    scale = weight_scale(largest, limit)
    return tf.where(scale < SMALLEST_SCALE, 1.0, scale)


@traced_once(tf.float32, tf.float32, tf.float64)
def _nearest(kernel: Any, scale: Any, limit: Any) -> Any:
    steps = round_away(tf.cast(kernel, tf.float64) / tf.cast(scale, tf.float64))
    return tf.cast(tf.clip_by_value(steps, -limit, limit), tf.float32)


def _least_error(kernel: np.ndarray, limit: int, axes: tuple[int, ...]) -> np.ndarray:
    """The scale of each channel, of those that cut off up to half, with the least squared error."""
    largest = np.abs(kernel).max(axis=axes)
    scales = [largest * part / limit for part in np.linspace(0.5, 1.0, 26)]
    errors = [_squared_error(kernel, np.maximum(scale, 1e-8), limit, axes) for scale in scales]
    return np.take_along_axis(np.array(scales), np.argmin(errors, axis=0)[np.newaxis], axis=0)[0]


def _squared_error(
    kernel: np.ndarray, scale: np.ndarray, limit: int, axes: tuple[int, ...]
) -> np.ndarray:
    rounded = np.clip(np.round(kernel / scale), -limit, limit) * scale
    return np.asarray(np.square(rounded - kernel).sum(axis=axes))


def _rows(kernel: np.ndarray) -> np.ndarray:
    return kernel.reshape(-1, kernel.shape[-1]).T


def _reduced(kernel: Any, per_channel: bool) -> tuple[int, ...]:
    return tuple(range(len(kernel.shape) - per_channel))
