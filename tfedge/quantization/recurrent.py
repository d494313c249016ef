"""Keras' LSTM as one integer operator.

Training and inference go through the steps in float, with weights, hidden state and result on
their grids; the cell, 16 bits wide on the device, stays in float. The kernel's own sigmoid and tanh
are not reproduced, so `predict` may be an integer or two from the device.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from tfedge.errors import UnsupportedError
from tfedge.quantization.activation_quantizers import ActivationQuantizer
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.operators import QuantizedOperator, marked_result, quantized_result
from tfedge.quantization.schemes import WeightScheme
from tfedge.quantization.weight_quantizers import AbsMax
from tfedge.recurrent import mark_lstm

_CODE = "UNIDIRECTIONAL_SEQUENCE_LSTM"
_GATES = 4
_CELL_BITS = 16
# Integer bits of the widest cell that the converter writes.
_MOST_CELL_BITS = 6


class LstmOperator(QuantizedOperator):
    """All steps of an LSTM.

    Args:
        layer: a Keras LSTM of plain activations.
        quantizer: of the hidden state, which is the result.
        name: of the layer.
    """

    def __init__(self, layer: Any, quantizer: ActivationQuantizer, *, name: str):
        super().__init__(_CODE, name)
        self.layer = layer
        self.quantizer = quantizer
        self.cell_quantizer = ActivationQuantizer(_CELL_BITS, f"{name}_cell_range")
        # Kernels know one scale for the weights of a gate.
        self.weight_quantizer = AbsMax(WeightScheme(), True, f"{name}_weights")
        self.group = quantizer.group

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        (x,) = operands
        hidden, cell = lstm_steps(x, *self._weights(self.phase.quantize), self._rounded)
        if self.phase.observes(training):
            self.cell_quantizer.observe(tf.stop_gradient(cell))
        return quantized_result(self, hidden, training)

    def _rounded(self, hidden: Any) -> Any:
        if not self.phase.quantize:
            return hidden
        known = self.quantizer.observations.value > 0
        return tf.where(known, self.quantizer.simulate(hidden), hidden)

    def _infer(self, operands: list[Any]) -> Any:
        (x,) = operands
        grid = self.quantizer.grid()
        hidden, _ = lstm_steps(
            x,
            *self._weights(True),
            lambda state: grid.real(grid.integers(state)),
            self._saturated,
        )
        return grid.real(grid.integers(hidden))

    def _saturated(self, cell: Any) -> Any:
        """The cell within its power of two, as the converter chooses it from the range."""
        low, high = self.cell_quantizer.range()
        largest = tf.clip_by_value(tf.maximum(-low, high), 1.0, 2.0**_MOST_CELL_BITS)
        limit = 2.0 ** tf.math.ceil(tf.math.log(largest) / math.log(2.0))
        return tf.clip_by_value(cell, -limit, limit)

    def _export(self, operands: list[Any]) -> Any:
        (x,) = operands
        with tf.init_scope():
            weights = [tf.constant(tf.convert_to_tensor(w).numpy()) for w in self._weights(True)]
            low, high = (float(bound) for bound in self.cell_quantizer.range())
        hidden = mark_lstm(low, high)(lambda *tensors: lstm_steps(*tensors)[0])(x, *weights)
        return marked_result(self, hidden)

    def _weights(self, rounded: bool) -> tuple[Any, Any, Any]:
        cell = self.layer.cell
        kernels = [cell.kernel.value, cell.recurrent_kernel.value]
        if rounded:
            kernels = [self._by_gate(kernel) for kernel in kernels]
        bias = cell.bias.value if cell.use_bias else tf.zeros(_GATES * cell.units)
        return kernels[0], kernels[1], bias

    def _by_gate(self, kernel: Any) -> Any:
        rows = kernel.shape[0]
        gates = tf.reshape(kernel, [rows, _GATES, -1])
        columns = tf.transpose(gates, [0, 2, 1])
        rounded = tf.transpose(self.weight_quantizer.simulate(columns), [0, 2, 1])
        return tf.reshape(rounded, kernel.shape)


def lstm_steps(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    rounded: Any = tf.identity,
    saturated: Any = tf.identity,
) -> tuple[Any, Any]:
    """Hidden state and cell after each step, [batch, steps, units].

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, with forget gates, as Keras
    has it; gates in the order input, forget, cell, output. `rounded` is what the next step sees of
    the hidden state, `saturated` of the cell.
    """

    def step(state: Any, projected: Any) -> Any:
        hidden, cell = state
        gates = projected + tf.matmul(rounded(hidden), recurrent_kernel)
        enter, forget, candidate, leave = tf.split(gates, _GATES, axis=-1)
        cell = saturated(tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(candidate))
        return tf.sigmoid(leave) * tf.tanh(cell), cell

    projected = tf.transpose(tf.matmul(x, kernel) + bias, [1, 0, 2])
    zeros = tf.zeros([tf.shape(x)[0], recurrent_kernel.shape[0]])
    hidden, cell = tf.scan(step, projected, (zeros, zeros))
    return tf.transpose(hidden, [1, 0, 2]), tf.transpose(cell, [1, 0, 2])


def lstm(make: OperatorFactory) -> Function:
    """An LSTM layer."""
    return _lstm_of(make, make.layer, "")


def bidirectional(make: OperatorFactory) -> Function:
    """Two LSTMs, one from the end, side by side."""
    layer = make.layer
    if layer.merge_mode != "concat":
        raise UnsupportedError(
            f"layer '{layer.name}' merges its directions by {layer.merge_mode!r}; 'concat' is "
            "quantised"
        )
    forward = _lstm_of(make, layer.forward_layer, "forward")
    groups = [make.operators[-1].group]
    backward = _lstm_of(make, layer.backward_layer, "backward")
    if layer.return_sequences:
        turn = make.shared("REVERSE_V2", _turned, part="turned")
        walked = backward

        def backward(x: Any) -> Any:
            return turn(walked(x))

    groups.append(make.operators[-1].group)
    join = make.joined("CONCATENATION", lambda pair: tf.concat(pair, -1), groups, "both")
    return lambda x: join([forward(x), backward(x)])


def _lstm_of(make: OperatorFactory, layer: Any, part: str) -> Function:
    _require_plain(layer)
    name = f"{make.name}_{part}" if part else make.name
    steps: list[Function] = []
    if layer.go_backwards:
        steps.append(make.entering("REVERSE_V2", _turned, f"{part}turned"))
    steps.append(make.add(LstmOperator(layer, make.quantizer(part), name=name)))
    if not layer.return_sequences:
        steps.append(make.shared("STRIDED_SLICE", lambda operands: operands[0][:, -1], part="last"))

    def call(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return call


def _turned(operands: list[Any]) -> Any:
    return tf.reverse(operands[0], [1])


def _require_plain(layer: Any) -> None:
    cell: Any = getattr(layer, "cell", None)
    if not isinstance(layer, keras.layers.LSTM) or not (
        cell.activation is keras.activations.tanh
        and cell.recurrent_activation is keras.activations.sigmoid
        and not (layer.stateful or layer.return_state)
    ):
        raise UnsupportedError(
            f"layer '{layer.name}' ({type(layer).__name__}) cannot be quantised: of recurrent "
            "layers, LSTM with its default activations, without stateful and return_state, is"
        )
