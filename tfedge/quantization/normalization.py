"""Keras' LayerNormalization and RMSNormalization as integer operators.

On the device everything from operand to result has 16 bits. Training computes in float, for that
rounding is far below the one of the result, and watches the ranges of the interiors; inference
computes the integers, with the reciprocal root rounded once where the device iterates to it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfedge.keras_graph.computation import Call
from tfedge.keras_graph.float32 import weight_in_float32
from tfedge.markers.normalization import (
    ABOVE_ZERO,
    CENTERED,
    DEVIATION_NORM,
    FACTOR,
    LAYER_NORM,
    MEAN,
    NORMALIZED,
    RMS_NORM,
    SCALED,
    SHIFTED,
    SQUARES,
    VARIANCE,
    NormalizationMarker,
    mark_normalization,
    trailing_axes,
)
from tfedge.quantization import exact
from tfedge.quantization.activation_quantizers import ActivationQuantizer, MinMax
from tfedge.quantization.affine_tensors import reciprocal_root_end
from tfedge.quantization.builders import axes_last, axes_of
from tfedge.quantization.exact import Operand
from tfedge.quantization.grids import QuantParams, grid_of_range
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.operators import QuantizedOperator, marked_result, quantized_result
from tfedge.quantization.policy import NORMALIZATION_BITS
from tfedge.quantization.weighted_layers import one_tap

# Far below the mean square of any row that is not zero; Keras has 1e-12 for the sum.
_LENGTH_EPSILON = 1e-12


class NormalizationOperator(QuantizedOperator):
    """Rows less their mean, times the reciprocal root of their variance, scaled and shifted.

    Args:
        marker: LAYER_NORM, RMS_NORM or DEVIATION_NORM.
        epsilon: added to the variance.
        scale, offset: its variables, as many numbers as a row has, or None.
        row: the sizes of the last dimensions, which make a row.
        quantizer: of the result.
        name: of the layer.
    """

    def __init__(
        self,
        marker: NormalizationMarker,
        epsilon: float,
        scale: Any,
        offset: Any,
        row: Sequence[int],
        quantizer: ActivationQuantizer,
        *,
        name: str,
    ):
        super().__init__("RSQRT", name)
        self.marker = marker
        self.epsilon = float(epsilon)
        self.has_scale, self.has_offset = scale is not None, offset is not None
        self._given = [variable for variable in (scale, offset) if variable is not None]
        self.row = list(row)
        self.axes = list(range(-len(row), 0))
        self.quantizer = quantizer
        self.group = quantizer.group
        self.interiors = {
            part: MinMax(NORMALIZATION_BITS, f"{name}_{part}_range") for part in self._parts()
        }

    def _parts(self) -> list[str]:
        """The interiors, in the order in which they are computed."""
        first = [MEAN, CENTERED] if self.marker != RMS_NORM else []
        return [*first, SQUARES, VARIANCE, ABOVE_ZERO, FACTOR, *list(self._last_steps())[:-1]]

    def _last_steps(self) -> dict[str, Any]:
        """Kernels by what they make of a row, the first with the reciprocal root."""
        steps = {NORMALIZED: exact.multiply}
        if self.has_scale:
            steps[SCALED] = exact.multiply
        if self.has_offset:
            steps[SHIFTED] = exact.add
        return steps

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        (x,) = operands
        values, result = self._real(x, *self._values())
        if self.phase.observes(training):
            for part, quantizer in self.interiors.items():
                quantizer.observe(tf.stop_gradient(values[part]))
        return quantized_result(self, result, training)

    def _values(self) -> list[Any]:
        """The scale and the offset, in the shape of a row."""
        return [tf.reshape(weight_in_float32(variable), self.row) for variable in self._given]

    def _real(self, x: Any, *given: Any) -> tuple[dict[str, Any], Any]:
        """Compute the intermediate values and the result in float."""
        values: dict[str, Any] = {}
        centered = x
        if self.marker != RMS_NORM:
            values[MEAN] = tf.reduce_mean(x, self.axes, keepdims=True)
            centered = values[CENTERED] = x - values[MEAN]
        values[SQUARES] = centered * centered
        values[VARIANCE] = tf.reduce_mean(values[SQUARES], self.axes, keepdims=True)
        values[ABOVE_ZERO] = values[VARIANCE] + self.epsilon
        values[FACTOR] = tf.math.rsqrt(values[ABOVE_ZERO])
        divided = x if self.marker == DEVIATION_NORM else centered
        result = values[NORMALIZED] = divided * values[FACTOR]
        for part, value in zip(list(self._last_steps())[1:], given, strict=True):
            result = values[part] = result * value if part == SCALED else result + value
        return values, result

    def _infer(self, operands: list[Any]) -> Any:
        (x,) = operands
        row = self._wide(x)
        axes = [axis + len(x.shape) for axis in self.axes]
        centered = row
        if self.marker != RMS_NORM:
            mean = self._mean(MEAN, row, axes)
            centered = self._computed(self._grid(CENTERED), exact.subtract, row, mean)
        squares = self._computed(self._grid(SQUARES), exact.multiply, centered, centered)
        variance = self._mean(VARIANCE, squares, axes)
        epsilon = exact.constant(self.epsilon, NORMALIZATION_BITS)
        above = self._computed(self._grid(ABOVE_ZERO), exact.add, variance, epsilon)
        constants = [exact.constant(value, NORMALIZATION_BITS) for value in self._values()]
        given = [self._factor(above), *constants]
        row = row if self.marker == DEVIATION_NORM else centered
        for (part, kernel), operand in zip(self._last_steps().items(), given, strict=True):
            row = self._computed(self._grid(part), kernel, row, operand)
        output = self.quantizer.grid()
        return output.real(output.clamp(exact.rescale(*row, output)))

    @property
    def width(self) -> int | None:
        """Operands of any width are moved to that of the interiors."""
        return None

    def _wide(self, x: Any) -> Operand:
        grid = self._grid_of(x)
        wide = grid.with_bits(NORMALIZATION_BITS)
        return wide.clamp(exact.rescale(grid.steps(x), grid, wide)), wide

    def _grid(self, part: str) -> QuantParams:
        """Return the grid of an intermediate value; the last step's is that of the wide result."""
        if part in self.interiors:
            return self.interiors[part].grid()
        return self.quantizer.grid().with_bits(NORMALIZATION_BITS)

    @staticmethod
    def _computed(grid: QuantParams, kernel: Any, *operands: Operand) -> Operand:
        return grid.clamp(kernel(operands, grid)), grid

    def _mean(self, part: str, row: Operand, axes: list[int]) -> Operand:
        grid = self._grid(part)
        return grid.clamp(exact.mean(*row, grid, axes, True)), grid

    def _factor(self, above: Operand) -> Operand:
        """The reciprocal root, of the range that the converter gives it."""
        steps, above_grid = above
        _, largest = self.interiors[ABOVE_ZERO].range()
        _, high = self.interiors[FACTOR].range()
        end = reciprocal_root_end(high, largest)
        grid = grid_of_range(tf.constant(0.0), end, NORMALIZATION_BITS)
        real = tf.cast(tf.maximum(steps, 0.5), tf.float64) * tf.cast(above_grid.scale, tf.float64)
        return grid.steps(tf.math.rsqrt(real)), grid

    def _export(self, operands: list[Any]) -> Any:
        with tf.init_scope():
            ranges = {part: quantizer.known_range() for part, quantizer in self.interiors.items()}
            given = [tf.constant(value.numpy()) for value in self._values()]
        mark = mark_normalization(
            self.marker, self.epsilon, len(self.axes), self.has_scale, self.has_offset, ranges
        )
        result = mark(lambda *tensors: self._real(*tensors)[1])(*operands, *given)
        return marked_result(self, result)


def layer_normalization(make: OperatorFactory) -> Function:
    """LayerNormalization along whatever axes."""
    layer = make.layer
    marker = DEVIATION_NORM if layer.rms_scaling else LAYER_NORM
    return _rows(make, layer.axis, marker, layer.epsilon, layer.gamma, layer.beta)


def rms_normalization(make: OperatorFactory) -> Function:
    """RMSNormalization along the last axes, or along another one.

    Keras multiplies with the scale along the last axis, whichever it normalises along.
    """
    layer, shape = make.layer, make.shapes[0]
    if trailing_axes(layer.axis, len(shape)) is not None:
        return _rows(make, layer.axis, RMS_NORM, layer.epsilon, layer.scale, None)
    normalized = _rows(make, layer.axis, RMS_NORM, layer.epsilon, None, None, "normalized")

    def factor() -> Any:
        return tf.broadcast_to(weight_in_float32(layer.scale), [shape[-1]])

    return _in_a_row([normalized, make.weighted(one_tap(factor, None), "scale")])


def _rows(
    make: OperatorFactory,
    axes: Sequence[int],
    marker: NormalizationMarker,
    epsilon: float,
    scale: Any,
    offset: Any,
    part: str = "",
) -> Function:
    """A normalisation along `axes`, as one of rows."""

    def build(make: OperatorFactory) -> Function:
        row = [size or 1 for size in make.shapes[0][-len(axes) :]]
        return make.add(
            NormalizationOperator(
                marker, epsilon, scale, offset, row, make.quantizer(part),
                name=make.name_of(part),
            )
        )  # fmt: skip

    return axes_last(make, axes, build)


def normalization_problem(call: Call) -> str:
    """Say why a normalisation cannot be one of rows, as `Row.problem` does."""
    return _axes_problem(axes_of(call.operation, len(call.shape)), call.shape)


def rms_problem(call: Call) -> str:
    """Say the same of RMSNormalization, whose scale has to fit the last axes too."""
    shape = call.shape
    axes = axes_of(call.operation, len(shape))
    if trailing_axes(axes, len(shape)) is not None:
        return _axes_problem(axes, shape)
    if len(axes) > 1 or shape[axes[0]] not in (1, shape[-1]):
        return f"normalises along axes {axes}, and Keras puts its scale along the last ones"
    return _axes_problem([*axes, -1], shape)


def _axes_problem(axes: Sequence[int], shape: tuple[int | None, ...]) -> str:
    if any(axis % len(shape) == 0 for axis in axes):
        return "normalises along the batch, of which a device has one"
    return "has open sizes" if None in [shape[axis] for axis in axes] else ""


def group_normalization(make: OperatorFactory) -> Function:
    """Every group of channels as one row, then a factor and an offset for every channel.

    Source: Wu and He, "Group Normalization", ECCV 2018.
    """
    layer, shape = make.layer, make.shapes[0]
    rank = len(shape)
    axis = layer.axis % rank
    channels = shape[axis]
    groups = channels if layer.groups == -1 else layer.groups
    others = [other for other in range(1, rank) if other != axis]
    last = [0, *others, axis]
    size = channels // groups
    places = [shape[other] for other in others]
    count = math.prod(size or 1 for size in places)

    def into_rows(operands: list[Any]) -> Any:
        x = tf.reshape(tf.transpose(operands[0], last), [-1, count, groups, size])
        return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [-1, groups, count * size])

    def out_of_rows(operands: list[Any]) -> Any:
        x = tf.transpose(tf.reshape(operands[0], [-1, groups, count, size]), [0, 2, 1, 3])
        return tf.reshape(x, [-1, *places, channels])

    def back(operands: list[Any]) -> Any:
        return tf.transpose(operands[0], [last.index(number) for number in range(rank)])

    steps = [make.shares_input_range("TRANSPOSE", into_rows, "rows")]
    rows = NormalizationOperator(
        LAYER_NORM, layer.epsilon, None, None, [count * size], make.quantizer("normalized"),
        name=make.name_of("normalized"),
    )  # fmt: skip
    steps += [make.add(rows), make.shared("TRANSPOSE", out_of_rows, part="channels")]
    if layer.scale or layer.center:
        factor = (lambda: weight_in_float32(layer.gamma)) if layer.scale else _ones(channels)
        offset = (lambda: weight_in_float32(layer.beta)) if layer.center else None
        steps.append(make.weighted(one_tap(factor, offset), "scale"))
    if axis != rank - 1:
        steps.append(make.shared("TRANSPOSE", back, part="back"))
    return _in_a_row(steps)


def group_problem(call: Call) -> str:
    """Say why GroupNormalization cannot be one of rows, as `Row.problem` does."""
    shape = call.shape
    return "has open sizes" if None in shape[1:] else ""


def unit_normalization(make: OperatorFactory) -> Function:
    """Rows divided by their length: RMS normalisation over the root of their size."""
    shape = make.shapes[0]
    axes = axes_of(make.layer, len(shape))
    size = math.prod(shape[axis] or 1 for axis in axes)
    scale = tf.fill([size], np.float32(1 / math.sqrt(size)))
    return _rows(make, axes, RMS_NORM, _LENGTH_EPSILON, scale, None)


def unit_problem(call: Call) -> str:
    """Say why rows cannot be divided by their length, as `Row.problem` does."""
    operation, shape = call.operation, call.shape
    order, least = getattr(operation, "order", 2), getattr(operation, "epsilon", None)
    if order != 2:
        return f"divides by a length of order {order}, and quantised is the Euclidean"
    if least is not None and least**2 > _LENGTH_EPSILON:
        return f"divides by no length below {least}, and quantised is that by any"
    return _axes_problem(axes_of(operation, len(shape)), shape)


def _ones(count: int) -> Any:
    return lambda: tf.ones([count])


def _in_a_row(steps: list[Function]) -> Function:
    return lambda x: functools.reduce(lambda value, step: step(value), steps, x)
