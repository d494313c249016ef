"""One TFLite operator as training, inference and export see it.

In training an operator computes in float and its result is rounded to its grid. In inference it
computes what the integer kernel computes, unless it is asked to go on as in training. While a model
is exported it emits the float operator, and marks what the converter has to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf

from tfedge.errors import TfedgeError
from tfedge.markers import is_exporting, mark_range
from tfedge.quantization import exact, fused_activation
from tfedge.quantization.activation_quantizers import ActivationQuantizer, RangeGroup
from tfedge.quantization.activation_types import ACTIVATION_TYPES, ActivationType
from tfedge.quantization.exact_functions import ELEMENTWISE, Function
from tfedge.quantization.fused_activation import FusedActivation
from tfedge.quantization.grids import QuantParams, carry, fixed_grid, grid_of
from tfedge.quantization.phase import COMPARE, EXACT, TRAIN, Phase

# Of the operands as (steps, grid) and the result's grid: float32 steps of the result.
Kernel = Callable[[Sequence[tuple[Any, QuantParams]], QuantParams], Any]


class QuantizedOperator(keras.layers.Layer):
    """Base class of all operators.

    Attributes:
        code: the operator's name in the policy table.
        phase: what the operator does at the moment.
        inference: EXACT or SIMULATED, outside of training.
        group: the activations whose grid the result is on; None if a kernel prescribes it.
    """

    def __init__(self, code: str, name: str):
        super().__init__(name=name, dtype="float32", autocast=False)
        self.code = code
        self.phase: Phase = TRAIN
        self.inference = EXACT
        self.group: RangeGroup | None = None
        self.built = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the operator as Keras does.

        While models are compared, what Keras does around `call` would take most of the time.
        """
        if self.phase is COMPARE:
            return self.call(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The result for one tensor or a list of them; it carries its grid."""
        operands = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if is_exporting():
            return self._export(operands)
        if self.phase.quantize:
            operands = [self._requantize_operand(x) for x in operands]
        if self.phase.quantize and not training and self.inference == EXACT:
            return self._infer(operands)
        return self._simulate([_in_float32(x) for x in operands], bool(training))

    @property
    def width(self) -> int | None:
        """Bits that the kernel wants of its operands; None if it takes them as they are."""
        quantizer = getattr(self, "quantizer", None)
        return None if quantizer is None else quantizer.bits

    def _requantize_operand(self, x: Any) -> Any:
        """An operand as QUANTIZE moves it in front of a kernel of another width."""
        grid = grid_of(x)
        if grid is None or self.width in (None, grid.bits):
            return x
        other = grid.with_bits(self.width)
        moved = other.real(other.clamp(exact.rescale(grid.steps(x), grid, other)))
        return carry(x + tf.stop_gradient(moved - x), other)

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        raise NotImplementedError

    def _infer(self, operands: list[Any]) -> Any:
        raise NotImplementedError

    def _export(self, operands: list[Any]) -> Any:
        raise NotImplementedError

    def _grid_of(self, operand: Any) -> QuantParams:
        grid = grid_of(operand)
        if grid is None:
            raise TfedgeError(
                f"'{self.name}' gets real numbers that are on no grid; put "
                "tfedge.layers.QuantizeInput before the first quantised layer, and let every "
                "layer between quantised ones be quantised too"
            )
        return grid


class OwnRange(QuantizedOperator):
    """An operator whose result has a range of its own.

    Args:
        code: the operator's name in the policy table.
        real: the operator in float, of a list of operands.
        quantizer: the result's.
        kernel: the integer kernel; without it inference computes in float and rounds.
        activation: what the kernel clamps its result to.
        name: of the layer.
    """

    def __init__(
        self,
        code: str,
        real: Callable[[list[Any]], Any],
        quantizer: ActivationQuantizer,
        kernel: Kernel | None = None,
        activation: FusedActivation = fused_activation.NONE,
        *,
        name: str,
    ):
        super().__init__(code, name)
        self.real = real
        self.quantizer = quantizer
        self.kernel = kernel
        self.activation = activation
        self.group = quantizer.group

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        return quantized_result(self, self.real(operands), training)

    def _infer(self, operands: list[Any]) -> Any:
        grid = self.quantizer.grid()
        if self.kernel is None:
            return grid.rounded(_number(self.activation.function(self.real(operands))))
        inputs = [(self._grid_of(x).steps(x), self._grid_of(x)) for x in operands]
        return grid.real(self.activation.clamp(self.kernel(inputs, grid), grid))

    def _export(self, operands: list[Any]) -> Any:
        return marked_result(self, self.activation.function(self.real(operands)))


class SharedRange(QuantizedOperator):
    """An operator that moves or compares integers, so that all its operands use one grid.

    Args:
        code: the operator's name in the policy table.
        real: the operator in float, of a list of operands.
        group: the operands' common grid, where there are several.
        kernel: what inference does to integers, where that is not what it does to numbers.
        quantizer: watches the result, where an operand's own range does not count because its
            kernel prescribed it.
        name: of the layer.
    """

    def __init__(
        self,
        code: str,
        real: Callable[[list[Any]], Any],
        group: RangeGroup | None,
        kernel: Callable[[list[Any]], Any] | None = None,
        quantizer: ActivationQuantizer | None = None,
        *,
        name: str,
    ):
        super().__init__(code, name)
        self.real = real
        self.group = group
        self.kernel = kernel
        self.quantizer = quantizer

    @property
    def width(self) -> int | None:
        """Operands of any width are moved to the common grid, in one step."""
        return None

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        result = self.real(operands)
        if self.quantizer is not None:
            return quantized_result(self, result, training)
        return carry_all(result, self._grid(operands))

    def _infer(self, operands: list[Any]) -> Any:
        grid = self._grid(operands)
        if grid is None:
            return self.real(operands)
        aligned = [_on_grid(x, grid) for x in operands]
        if self.quantizer is not None:  # numbers that no operand has are put on the grid, too
            return _round_all(self.real(aligned), grid)
        if self.kernel is None:
            return carry_all(self.real(aligned), grid)
        zero_point = tf.cast(grid.zero_point, tf.float64)
        integers = [tf.cast(grid.steps(x), tf.float64) + zero_point for x in aligned]
        return grid.real(grid.clamp(tf.cast(self.kernel(integers) - zero_point, tf.float32)))

    def _export(self, operands: list[Any]) -> Any:
        if self.quantizer is not None:
            return marked_result(self, self.real(operands))
        with tf.init_scope():
            grid = self._grid(operands)
        return carry_all(self.real(operands), grid)

    def _grid(self, operands: list[Any]) -> QuantParams | None:
        if len(operands) > 1 and self.group is not None:
            return self.group.members[0].grid()
        return grid_of(operands[0])


class TrainingOnly(QuantizedOperator):
    """An operator for training alone: noise, augmentation. In inference it is the identity.

    Args:
        real: the layer, of a list of operands.
        group: the operand's.
        name: of the layer.
    """

    def __init__(self, real: Callable[[list[Any]], Any], group: RangeGroup | None, *, name: str):
        super().__init__("RESHAPE", name)
        self.real = real
        self.group = group

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Apply the layer to its first operand in training; return that operand in inference."""
        operands = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        result = operands[0]
        if training and not is_exporting():
            result = self.real([_in_float32(operands[0]), *operands[1:]])
        return carry_all(result, grid_of(operands[0]))


class FixedRange(QuantizedOperator):
    """An operator whose kernel prescribes the grid of its result.

    Args:
        code: the operator's name in the policy table.
        real: the operator in float, of a list of operands.
        bits: of the result and the operand.
        kernels: the integer kernels, by type of activations; without one for its type, or for
            every element by itself in `exact_functions`, inference computes in float and rounds.
        name: of the layer.
    """

    def __init__(
        self,
        code: str,
        real: Callable[[list[Any]], Any],
        bits: int,
        kernels: Mapping[ActivationType, Function] = MappingProxyType({}),
        *,
        name: str,
    ):
        super().__init__(code, name)
        self.real = real
        self.bits = bits
        activation_type = ACTIVATION_TYPES[bits]
        self.kernel = kernels.get(activation_type) or ELEMENTWISE.get((code, activation_type))

    @property
    def width(self) -> int | None:
        """Bits of the result and the operand."""
        return self.bits

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        result = self.real(operands)
        if not self.phase.quantize:
            return result
        grid = fixed_grid(self.code, self.bits)
        low, high = grid.real_limits()
        return carry(
            tf.quantization.fake_quant_with_min_max_vars(result, low, high, num_bits=self.bits),
            grid,
        )

    def _infer(self, operands: list[Any]) -> Any:
        grid = fixed_grid(self.code, self.bits)
        if self.kernel is None:
            return grid.rounded(self.real(operands))
        source = self._grid_of(operands[0])
        return grid.real(grid.clamp(self.kernel(source.steps(operands[0]), source)))

    def _export(self, operands: list[Any]) -> Any:
        with tf.init_scope():
            grid = fixed_grid(self.code, self.bits)
            low, high = (float(limit) for limit in grid.real_limits())
        return carry(mark_range(self.real(operands), low, high, self.bits), grid)


class QuantizedInput(QuantizedOperator):
    """Operator that puts what enters a model on a grid."""

    def __init__(self, quantizer: ActivationQuantizer, *, name: str):
        super().__init__("QUANTIZE", name)
        self.quantizer = quantizer
        self.group = quantizer.group

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        return quantized_result(self, operands[0], training)

    def _infer(self, operands: list[Any]) -> Any:
        return self.quantizer.grid().rounded(operands[0])

    def _export(self, operands: list[Any]) -> Any:
        return marked_result(self, operands[0])


def _number(x: Any) -> Any:
    """Replace NaN, as of a negative root, by the least number, as files do."""
    return tf.where(tf.math.is_nan(x), x.dtype.min, x)


def _in_float32(x: Any) -> Any:
    """Real numbers in float32; integers and masks as they are."""
    return tf.cast(x, tf.float32) if x.dtype.is_floating else x


def quantized_result(operator: Any, result: Any, training: bool) -> Any:
    """A float result, before its fused activation, observed and rounded as the phase says."""
    quantizer, phase = operator.quantizer, operator.phase
    activation = getattr(operator, "activation", fused_activation.NONE)
    if phase.observes(training):
        seen = result if activation.high is None else activation.function(result)
        quantizer.observe(tf.stop_gradient(seen), starts_at_zero=activation.low == 0.0)
    if not phase.quantize:
        return quantizer.connected(activation.function(result))
    # A range that ends where the activation does clamps as the activation does.
    if activation.low != 0.0 or quantizer.learned or len(quantizer.group.members) > 1:
        result = activation.function(result)
    return quantizer.fake_quantize(result)


def marked_result(operator: Any, result: Any) -> Any:
    """An exported result, marked with its range."""
    result = operator.quantizer.mark(result)
    with tf.init_scope():
        grid = operator.quantizer.grid()
    return carry(result, grid)


def carry_all(results: Any, grid: QuantParams | None) -> Any:
    """Let one result, or every one of several, carry the grid; positions and masks have none."""

    def carried(result: Any) -> Any:
        # An operation that returns its operand (a reshape to the same shape) would rename its grid.
        own = tf.identity(result)
        return carry(own, grid) if own.dtype.is_floating else own

    return keras.tree.map_structure(carried, results)


def _round_all(results: Any, grid: QuantParams) -> Any:
    """One result, or every one of several, on the grid, to which the converter moves constants."""

    def rounded(result: Any) -> Any:
        real = tf.as_dtype(result.dtype).is_floating
        return grid.real(exact.constant_steps(result, grid)) if real else result

    return keras.tree.map_structure(rounded, results)


def _on_grid(x: Any, grid: QuantParams) -> Any:
    own = grid_of(x)
    if own is None or own.is_of(grid):
        return x
    return grid.real(grid.clamp(exact.rescale(own.steps(x), own, grid)))
