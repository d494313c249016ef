"""The integer kernel of LSTM layers, which inference reproduces bit for bit.

Gates in Q3.12, their activations in Q0.15, and a cell of 16 bits whose scale is a power of two,
whatever the width of the result. Source: TFLite Micro's reference kernel of
UNIDIRECTIONAL_SEQUENCE_LSTM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfedge.quantization.activation_types import INT16
from tfedge.quantization.affine_tensors import (
    accumulator_scales,
    integer_bits,
    quantize_bias,
    quantize_symmetric,
    weight_scale,
)
from tfedge.quantization.exact_functions import sigmoid_of, tanh_of
from tfedge.quantization.exact_sums import exact_sums
from tfedge.quantization.fixed_point import (
    PREPARED,
    REQUANTIZED,
    Multiplier,
    quantize_multiplier,
    requantize_twice,
    rounding_twice,
    wide,
)
from tfedge.quantization.grids import QuantParams

_GATES = 4
_GATE_FRACTION_BITS, _ACTIVATION_FRACTION_BITS = 12, 15
_WEIGHT_LIMIT = 127
# 2**-1 and shifts by powers of two, as multipliers of Q0.31.
_HALF = 1 << 30


@dataclass(frozen=True)
class _Contribution:
    """Contribution of input or hidden state to the gates.

    Attributes:
        kernel: float32 integers [depth, 4 * units].
        by: from sums to Q3.12, for every column.
        grid: of what is multiplied with the kernel.
    """

    kernel: Any
    by: Multiplier
    grid: QuantParams

    def of(self, steps: Any) -> Any:
        """int64 [rows, 4 * units], of 16 bits, of float32 steps [rows, depth]."""
        largest = self.grid.type.largest_step, _WEIGHT_LIMIT
        sums = exact_sums(tf.matmul, steps, self.kernel, largest)
        return _clamp(REQUANTIZED[self.grid.type.sums](sums, self.by))


def lstm(
    x: tuple[Any, QuantParams],
    weights: Sequence[Any],
    cell_range: tuple[Any, Any],
    output: QuantParams,
    start: Sequence[Any] | None,
) -> tuple[Any, Any]:
    """Steps of the hidden state and the cell in real numbers, [batch, steps, units] each.

    Args:
        x: steps [batch, steps, depth], and their grid.
        weights: of input and hidden state, float32 [depth, 4 * units] and [units, 4 * units] with
            one scale for each gate, and the bias, float32 [4 * units].
        cell_range: float32 low and high of the cell.
        output: the grid of the hidden state.
        start: real hidden state and cell before the first step, [batch, units]; None for zeros.
    """
    steps, source = x
    kernel, recurrent_kernel, bias = weights
    units = recurrent_kernel.shape[0]
    from_input = _contribution(kernel, bias, source)
    from_state = _contribution(recurrent_kernel, tf.zeros_like(bias), output)
    cell_bits = integer_bits(*cell_range)
    cell_scale = tf.bitwise.left_shift(wide(1), cell_bits)
    cell_scale = tf.cast(cell_scale, tf.float32) * 2.0**-_ACTIVATION_FRACTION_BITS
    entering = rounding_twice(wide(_HALF), -14 - cell_bits)
    kept = rounding_twice(wide(_HALF), wide(-14))
    product_scale = 4.0**-_ACTIVATION_FRACTION_BITS
    leaving = rounding_twice(
        *quantize_multiplier(product_scale / tf.cast(output.scale, tf.float64))
    )
    # tanh of the cell, whose scale is 2**(cell_bits - 15); the table's is 2**-12 / 3.
    finer = tf.maximum(cell_bits - 3, wide(0))
    tanh_scaling = tf.bitwise.left_shift(wide(3), finer), tf.maximum(3 - cell_bits, wide(0))

    def step(state: tuple[Any, Any], contributed: Any) -> tuple[Any, Any]:
        hidden, cell = state
        gates = _clamp(contributed + from_state.of(hidden))
        enter, forget, candidate, leave = tf.split(gates, _GATES, axis=-1)
        enter, forget, leave = (_sigmoid(gate) for gate in (enter, forget, leave))
        added = _clamp(requantize_twice(enter * tanh_of(candidate, wide(3), wide(0)), entering))
        cell = _clamp(_clamp(requantize_twice(forget * cell, kept)) + added)
        product = requantize_twice(tanh_of(cell, *tanh_scaling) * leave, leaving)
        return output.clamp(tf.cast(product, tf.float32)), cell

    count = tf.shape(steps)[0]
    rows = tf.reshape(tf.transpose(steps, [1, 0, 2]), [-1, steps.shape[-1]])
    contributed = tf.reshape(from_input.of(rows), [-1, count, _GATES * units])
    if start is None:
        first = tf.zeros([count, units]), tf.zeros([count, units], tf.int64)
    else:
        first = output.steps(start[0]), tf.cast(tf.round(start[1] / cell_scale), tf.int64)
    hidden, cell = tf.scan(step, contributed, first)
    cell = tf.cast(cell, tf.float32) * cell_scale
    return tf.transpose(hidden, [1, 0, 2]), tf.transpose(cell, [1, 0, 2])


def _contribution(kernel: Any, bias: Any, grid: QuantParams) -> _Contribution:
    """Integers and scales of weights and bias as the converter finds them in real ones."""
    rows, columns = kernel.shape
    gates = tf.reshape(kernel, [rows, _GATES, columns // _GATES])
    bias = tf.reshape(bias, [_GATES, -1])
    scale = weight_scale(tf.reduce_max(tf.abs(gates), [0, 2]), _WEIGHT_LIMIT)
    largest_bias = tf.reduce_max(tf.abs(tf.cast(bias, tf.float64)), 1)
    scale, bias_scale = accumulator_scales(scale, grid.scale, largest_bias)
    integers = quantize_symmetric(gates, scale[:, tf.newaxis], _WEIGHT_LIMIT)
    integer_bias = quantize_bias(bias, bias_scale[:, tf.newaxis])
    real = tf.cast(grid.scale, tf.float64) * tf.cast(scale, tf.float64)
    fixed, shift = quantize_multiplier(real * float(1 << _GATE_FRACTION_BITS))
    by = PREPARED[grid.type.sums](
        _by_column(fixed, columns), _by_column(shift, columns),
        tf.reshape(integer_bias, [-1]),
    )  # fmt: skip
    kernel = tf.cast(tf.reshape(integers, [rows, columns]), tf.float32)
    return _Contribution(kernel, by, grid)


def _by_column(of_gates: Any, columns: int) -> Any:
    return tf.repeat(of_gates, columns // _GATES)


def _sigmoid(gate: Any) -> Any:
    return sigmoid_of(gate, wide(3), wide(0))


def _clamp(x: Any) -> Any:
    return tf.clip_by_value(x, wide(INT16.least), wide(INT16.high))
