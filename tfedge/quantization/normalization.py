"""Keras' LayerNormalization and RMSNormalization as integer operators.

On the device everything from operand to result has 16 bits. Training computes in float, for that
rounding is far below the one of the result, and watches the ranges of the interiors; inference
computes the integers, with the reciprocal root rounded once where the device iterates to it.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfedge.errors import UnsupportedError
from tfedge.normalization import (
    ABOVE_ZERO,
    CENTERED,
    FACTOR,
    LAYER_NORM_MARKER,
    MEAN,
    NORMALIZED,
    RMS_NORM_MARKER,
    SCALED,
    SHIFTED,
    SQUARES,
    VARIANCE,
    mark_normalization,
    trailing_axes,
)
from tfedge.quantization import exact
from tfedge.quantization.activation_quantizers import ActivationQuantizer, Extremes
from tfedge.quantization.exact import Operand
from tfedge.quantization.grids import ActivationGrid, grid_of_range
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.operators import QuantizedOperator, marked_result, quantized_result
from tfedge.quantization.policy import NORMALIZATION_BITS, ROOT_HEADROOM


class NormalizationOperator(QuantizedOperator):
    """Rows less their mean, times the reciprocal root of their variance, scaled and shifted.

    Args:
        marker: LAYER_NORM_MARKER or RMS_NORM_MARKER.
        layer: the Keras layer.
        scale, offset: its variables, or None.
        axes: how many of the last dimensions make a row.
        quantizer: of the result.
        name: of the layer.
    """

    def __init__(
        self,
        marker: str,
        layer: Any,
        scale: Any,
        offset: Any,
        axes: int,
        quantizer: ActivationQuantizer,
        *,
        name: str,
    ):
        super().__init__("RSQRT", name)
        self.marker = marker
        self.layer = layer
        self.epsilon = float(layer.epsilon)
        self.has_scale, self.has_offset = scale is not None, offset is not None
        self._given = [variable for variable in (scale, offset) if variable is not None]
        self.axes = list(range(-axes, 0))
        self.quantizer = quantizer
        self.group = quantizer.group
        self.interiors = {
            part: Extremes(NORMALIZATION_BITS, f"{name}_{part}_range") for part in self._parts()
        }

    def _parts(self) -> list[str]:
        """The interiors, in the order in which they are computed."""
        first = [MEAN, CENTERED] if self.marker == LAYER_NORM_MARKER else []
        return [*first, SQUARES, VARIANCE, ABOVE_ZERO, FACTOR, *list(self._last_steps())[:-1]]

    def _last_steps(self) -> dict[str, Any]:
        """Kernels by what they make of a centred row, the first with the reciprocal root."""
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
        return [tf.cast(variable.value, tf.float32) for variable in self._given]

    def _real(self, x: Any, *given: Any) -> tuple[dict[str, Any], Any]:
        """What is computed on the way, and the result, in float."""
        values: dict[str, Any] = {}
        if self.marker == LAYER_NORM_MARKER:
            values[MEAN] = tf.reduce_mean(x, self.axes, keepdims=True)
            x = values[CENTERED] = x - values[MEAN]
        values[SQUARES] = x * x
        values[VARIANCE] = tf.reduce_mean(values[SQUARES], self.axes, keepdims=True)
        values[ABOVE_ZERO] = values[VARIANCE] + self.epsilon
        values[FACTOR] = tf.math.rsqrt(values[ABOVE_ZERO])
        result = values[NORMALIZED] = x * values[FACTOR]
        for part, value in zip(list(self._last_steps())[1:], given, strict=True):
            result = values[part] = result * value if part == SCALED else result + value
        return values, result

    def _infer(self, operands: list[Any]) -> Any:
        (x,) = operands
        row = self._wide(x)
        axes = [axis + len(x.shape) for axis in self.axes]
        if self.marker == LAYER_NORM_MARKER:
            mean = self._mean(MEAN, row, axes)
            row = self._computed(self._grid(CENTERED), exact.subtract, row, mean)
        squares = self._computed(self._grid(SQUARES), exact.multiply, row, row)
        variance = self._mean(VARIANCE, squares, axes)
        epsilon = exact.constant(self.epsilon, NORMALIZATION_BITS)
        above = self._computed(self._grid(ABOVE_ZERO), exact.add, variance, epsilon)
        constants = [exact.constant(value, NORMALIZATION_BITS) for value in self._values()]
        given = [self._factor(above), *constants]
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
        wide = grid.in_width(NORMALIZATION_BITS)
        return wide.clamp(exact.rescale(grid.steps(x), grid, wide)), wide

    def _grid(self, part: str) -> ActivationGrid:
        """Of what is computed on the way; the last step's is the wide one of the result."""
        if part in self.interiors:
            return self.interiors[part].grid()
        return self.quantizer.grid().in_width(NORMALIZATION_BITS)

    @staticmethod
    def _computed(grid: ActivationGrid, kernel: Any, *operands: Operand) -> Operand:
        return grid.clamp(kernel(operands, grid)), grid

    def _mean(self, part: str, row: Operand, axes: list[int]) -> Operand:
        grid = self._grid(part)
        return grid.clamp(exact.mean(*row, grid, axes, True)), grid

    def _factor(self, above: Operand) -> Operand:
        """The reciprocal root, of the range that the converter gives it."""
        steps, above_grid = above
        _, largest = self.interiors[ABOVE_ZERO].range()
        _, high = self.interiors[FACTOR].range()
        # The root of the smallest operand above 0; what is smaller cannot be told from 0.
        limit = tf.sqrt(float(above_grid.type.high) / tf.cast(largest, tf.float64))
        wanted = ROOT_HEADROOM * tf.cast(high, tf.float64)
        high = tf.cast(tf.minimum(wanted, limit), tf.float32)
        grid = grid_of_range(tf.constant(0.0), high, NORMALIZATION_BITS)
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
    """LayerNormalization of the last dimensions."""
    layer = make.layer
    if layer.rms_scaling:
        raise UnsupportedError(
            f"layer '{layer.name}' scales by the variance (rms_scaling=True), which is not "
            "quantised; use RMSNormalization"
        )
    return _normalization(make, LAYER_NORM_MARKER, layer.gamma, layer.beta)


def rms_normalization(make: OperatorFactory) -> Function:
    """RMSNormalization of the last dimensions."""
    return _normalization(make, RMS_NORM_MARKER, make.layer.scale, None)


def _normalization(make: OperatorFactory, marker: str, scale: Any, offset: Any) -> Function:
    layer = make.layer
    axes = trailing_axes(layer.axis, len(make.shapes[0]))
    if axes is None:
        raise UnsupportedError(
            f"layer '{layer.name}' normalises along axes {layer.axis}; the last ones are quantised"
        )
    return make.add(
        NormalizationOperator(marker, layer, scale, offset, axes, make.quantizer(), name=make.name)
    )
