"""How training finds the ranges of activations."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.calibration import Method, Observer, observers
from tfedge.errors import TfedgeError
from tfedge.keras_graph.float32 import weight_in_float32
from tfedge.markers import mark_range
from tfedge.quantization import schemes
from tfedge.quantization.activation_types import ACTIVATION_TYPES
from tfedge.quantization.grids import QuantParams, carry, grid_of_range
from tfedge.quantization.straight_through import connected, round_straight_through, scale_gradient

# Of the moving average, once it has run for long; until then every batch counts the same.
_DECAY = 0.99
# Of each batch, in percent, what the percentile quantizer leaves outside of the range in total.
_OUTSIDE_PERCENT = 0.02


class RangeGroup:
    """Activations that some kernel wants on one grid: the union of their ranges.

    A plain object, so that Keras does not take the members for layers of whoever holds it. A group
    that became part of another stands for that one, for whoever holds it still.
    """

    def __init__(self, member: ActivationQuantizer):
        self.members = [member]

    @property
    def bits(self) -> int:
        """Bits of the members' integers."""
        return self.members[0].bits

    def merge(self, other: RangeGroup) -> None:
        """Let the members of both groups use one grid."""
        whole, part = self._whole, other._whole
        if whole is part:
            return
        whole.members += part.members
        for member in part.members:
            member.group = whole

    @property
    def _whole(self) -> RangeGroup:
        """The group that this one is, or became a part of."""
        return self.members[0].group

    def range(self) -> tuple[Any, Any]:
        """float32 scalars: the union of the members' ranges."""
        ranges = [member.range() for member in self._whole.members]
        low, high = ranges[0]
        for other_low, other_high in ranges[1:]:
            low, high = tf.minimum(low, other_low), tf.maximum(high, other_high)
        return low, high


class ActivationQuantizer(keras.layers.Layer):
    """The range of one activation, and what puts the activation on the grid of that range.

    Attributes:
        group: the activations that share the grid.
        bits: 8 or 16.
        type: of the integers.
        low, high: float32 variables; the range is [low, high], which holds 0.
        observer: what sees the values instead while the model is calibrated, or None.
        observations: int32 variable: how many batches the range was made of; 0 says that it is
            not known yet.
        narrowed: the grid on which the device computes the activation, where all that reads it
            needs no more; None if that is its group's.
    """

    learned = False

    def __init__(self, bits: int, name: str):
        super().__init__(name=name, dtype="float32", autocast=False)
        self.bits = bits
        self.type = ACTIVATION_TYPES[bits]
        self.group = RangeGroup(self)
        self.observer: Observer | None = None
        self.narrowed: RangeGroup | None = None
        self.low = self._scalar("low", self.learned)
        self.high = self._scalar("high", self.learned)
        self.observations = self._scalar("observations", trainable=False, dtype="int32")
        self.built = True

    def _scalar(self, name: str, trainable: bool, dtype: str = "float32") -> Any:
        return self.add_weight(
            shape=(), name=name, dtype=dtype, initializer="zeros", trainable=trainable,
            aggregation="only_first_replica",
        )  # fmt: skip

    def range(self) -> tuple[Any, Any]:
        """float32 scalar tensors low <= 0 <= high."""
        return self.low.value, self.high.value

    def grid(self) -> QuantParams:
        """The grid that the range asks for."""
        if self.narrowed is not None:
            return self.narrowed.members[0].grid()
        bounds = self.group.range()
        grid = grid_of_range(*bounds, self.bits)
        return dataclasses.replace(
            grid, owner=self.group, other=lambda bits: grid_of_range(*bounds, bits)
        )

    def observe(self, x: Any, starts_at_zero: bool = False) -> None:
        """Let the range follow the values of `x`, or shows them to the observer.

        Args:
            x: float32 tensor, an eager one where there is an observer.
            starts_at_zero: whether values below zero will be cut off.

        Raises:
            TfedgeError: there is an observer, and a value is NaN or infinite.
        """
        if self.observer is None:
            self._follow(x, starts_at_zero)
        else:
            self._show(self.observer, tf.nn.relu(x) if starts_at_zero else x)

    def watch(self, make: Method) -> None:
        """Let an observer see the values from now on."""
        self.observer = make()

    def settle(self, batches: int) -> None:
        """Take the range that the observer found in so many batches, if it saw any value."""
        if self.observer is not None and self.observer.low <= self.observer.high:
            found = self.observer.range(self.type)
            self.low.assign(min(found.low, 0.0))
            self.high.assign(max(found.high, 0.0))
            self.observations.assign(batches)

    def _show(self, observer: Observer, x: Any) -> None:
        for values in keras.ops.convert_to_numpy(x):
            low, high = (float(end) for end in (values.min(), values.max()))
            if not np.isfinite([low, high]).all():
                raise TfedgeError(
                    f"'{self.name.removesuffix('_range')}' becomes NaN or infinite in the float "
                    "model; check the calibration data (scaling?) and the model's weights"
                )
            observer.update(values, low, high)

    def _follow(self, x: Any, starts_at_zero: bool) -> None:
        low = tf.constant(0.0) if starts_at_zero else tf.minimum(self._low(x), 0.0)
        low, high = _of_all_replicas(low, tf.maximum(self._high(x), 0.0))
        count = self.observations.value
        # A plain mean of the first batches, then a moving average: no start value to forget.
        weight = tf.maximum(1.0 / (tf.cast(count, tf.float32) + 1.0), 1.0 - _DECAY)
        self.low.assign(self.low.value + weight * (low - self.low.value))
        self.high.assign(self.high.value + weight * (high - self.high.value))
        self.observations.assign(count + 1)

    def _low(self, x: Any) -> Any:
        return tf.reduce_min(x)

    def _high(self, x: Any) -> Any:
        return tf.reduce_max(x)

    def fake_quantize(self, x: Any) -> Any:
        """`x` rounded to the grid in float, with straight-through gradients within the range."""
        low, high = self.group.range()
        if self.type.symmetric:
            high = tf.maximum(tf.abs(low), tf.abs(high))
            low = -high
        # An empty range would divide by zero inside.
        high = tf.maximum(high, low + 1e-12)
        y = tf.quantization.fake_quant_with_min_max_vars(
            x, low, high, num_bits=self.bits, narrow_range=self.type.symmetric
        )
        return carry(y, self.grid())

    def connected(self, x: Any) -> Any:
        """`x` in float, known to depend on the bounds that the optimizer trains."""
        return connected(x, self.trainable_variables)

    def mark(self, x: Any) -> Any:
        """`x` with its own range and width marked, for the converter.

        Raises:
            TfedgeError: no data have been seen.
        """
        return mark_range(x, *self.known_range(), self.bits)

    def known_range(self) -> tuple[float, float]:
        """The range now.

        Raises:
            TfedgeError: no data have been seen.
        """
        with tf.init_scope():
            low, high = (float(keras.ops.convert_to_numpy(bound)) for bound in self.range())
            seen = int(keras.ops.convert_to_numpy(self.observations.value))
        if not seen:
            raise TfedgeError(
                f"the range of '{self.name.removesuffix('_range')}' is not known: train the "
                "model, or show it data with calibrate(data) or calibration=data, before it is "
                "converted"
            )
        return low, high

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"bits": self.bits, "name": self.name}


class MinMax(ActivationQuantizer):
    """Range of everything that was ever seen: for 16 bits, which need not be sparing."""

    def watch(self, make: Method) -> None:
        """Let what sees the extremes see the values, whatever the method for others is."""
        self.observer = observers.MinMax()

    def _follow(self, x: Any, starts_at_zero: bool) -> None:
        low, high = _of_all_replicas(tf.reduce_min(x), tf.reduce_max(x))
        self.low.assign(tf.minimum(self.low.value, low))
        self.high.assign(tf.maximum(self.high.value, high))
        self.observations.assign(self.observations.value + 1)


class Percentile(ActivationQuantizer):
    """Range without the most extreme values of each batch."""

    def _low(self, x: Any) -> Any:
        return _quantile(x, _OUTSIDE_PERCENT / 200)

    def _high(self, x: Any) -> Any:
        return _quantile(x, 1 - _OUTSIDE_PERCENT / 200)


class LearnedRange(ActivationQuantizer):
    """A range that the optimizer trains, from where the first batch puts it.

    The bounds get gradients from the values that they cut off and from the rounding of the
    others. Source: Esser et al., "Learned Step Size Quantization", ICLR 2020, and for asymmetric
    ranges Bhalgat et al., "LSQ+", CVPR Workshops 2020.
    """

    learned = True

    def range(self) -> tuple[Any, Any]:
        """float32 scalar tensors low <= 0 <= high, whatever the optimizer does."""
        return tf.minimum(self.low.value, 0.0), tf.maximum(self.high.value, 0.0)

    def _follow(self, x: Any, starts_at_zero: bool) -> None:
        """Set the bounds from the first batch; then they are the optimizer's."""
        count = self.observations.value
        low, high = _of_all_replicas(
            tf.constant(0.0) if starts_at_zero else tf.minimum(tf.reduce_min(x), 0.0),
            tf.maximum(tf.reduce_max(x), 0.0),
        )
        first = tf.equal(count, 0)
        self.low.assign(tf.where(first, low, self.low.value))
        self.high.assign(tf.where(first, high, self.high.value))
        self.observations.assign(count + 1)

    def fake_quantize(self, x: Any) -> Any:
        """`x` rounded to the grid, with gradients to `x` and to the bounds."""
        low, high = self.group.range()
        steps = self.type.steps
        if self.type.symmetric:
            high = tf.maximum(tf.abs(low), tf.abs(high))
            low = -high
        # Gradients of replicas are added up, so they count the values of the whole batch.
        count = tf.size(x) * tf.distribute.get_strategy().num_replicas_in_sync
        rate = tf.math.rsqrt(tf.cast(count, tf.float32) * steps)
        low, high = scale_gradient(low, rate), scale_gradient(high, rate)
        scale = tf.maximum((high - low) / steps, 1e-12)
        offset = round_straight_through(low / scale)
        integers = tf.clip_by_value(round_straight_through(x / scale), offset, offset + steps)
        return carry(integers * scale, self.grid())


class RangeOfTable(ActivationQuantizer):
    """The range of an embedding: that of its table, which holds everything it can return."""

    def __init__(self, bits: int, table: Any, name: str):
        super().__init__(bits, name)
        self.table = table

    def range(self) -> tuple[Any, Any]:
        """float32 scalar tensors: the table's extremes, and 0."""
        table = tf.stop_gradient(weight_in_float32(self.table))
        return tf.minimum(tf.reduce_min(table), 0.0), tf.maximum(tf.reduce_max(table), 0.0)

    def watch(self, make: Method) -> None:
        """Need no observer: the table is at hand."""

    def settle(self, batches: int) -> None:
        """Count the batches."""
        self.observations.assign_add(batches)

    def _follow(self, x: Any, starts_at_zero: bool) -> None:
        self.observations.assign(self.observations.value + 1)


QUANTIZERS: dict[str, type[ActivationQuantizer]] = {
    schemes.MOVING_AVERAGE: ActivationQuantizer,
    schemes.PERCENTILE: Percentile,
    schemes.LEARNED_RANGE: LearnedRange,
}


def _quantile(x: Any, fraction: float) -> Any:
    values = tf.sort(tf.reshape(x, [-1]))
    last = tf.cast(tf.size(values) - 1, tf.float32)
    return tf.gather(values, tf.cast(tf.round(fraction * last), tf.int32))


def _of_all_replicas(low: Any, high: Any) -> tuple[Any, Any]:
    """The extremes over the replicas of a distributed step."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return low, high
    bounds = context.all_gather(tf.stack([low, -high])[tf.newaxis], axis=0)
    extremes = tf.reduce_min(bounds, axis=0)
    return extremes[0], -extremes[1]
