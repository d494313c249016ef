"""Keras' recurrent layers: LSTM as one integer operator, GRU and SimpleRNN as exact sequences.

Training goes through the steps in float, with weights and result on their grids, and an LSTM's
hidden state too. Inference computes the integers of an LSTM. What is 16 bits wide in the sequences
of GRU and SimpleRNN stays in float, so that `predict` may be an integer or two from the device.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfedge.keras_graph.computation import Call
from tfedge.keras_graph.float32 import weight_in_float32
from tfedge.keras_graph.kinds import kind_of
from tfedge.markers import mark_gru, mark_lstm, mark_simple_rnn
from tfedge.quantization import exact, exact_lstm
from tfedge.quantization.activation_quantizers import ActivationQuantizer
from tfedge.quantization.builders import times
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.operators import (
    QuantizedOperator,
    TrainingOnly,
    marked_result,
    quantized_result,
)
from tfedge.quantization.recurrent_steps import (
    gru_contribution,
    gru_steps,
    recurrent_product,
    simple_rnn_contribution,
    simple_rnn_steps,
)
from tfedge.quantization.schemes import WeightScheme
from tfedge.quantization.weight_quantizers import AbsMax

_CODE = "UNIDIRECTIONAL_SEQUENCE_LSTM"
_GATES = 4
_CELL_BITS = _INTERIOR_BITS = 16


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
        hidden, cell = lstm_steps(
            x,
            *self._weights(self.phase.quantize),
            self._rounded,
            start=states_of(self.layer),
            masks=_recurrent_dropout(self.layer, x, _GATES) if training else None,
        )
        keep_states(self.layer, hidden, cell)
        if self.phase.observes(training):
            self.cell_quantizer.observe(tf.stop_gradient(cell))
        return quantized_result(self, hidden, training)

    def _rounded(self, hidden: Any) -> Any:
        if not self.phase.quantize:
            return hidden
        known = self.quantizer.observations.value > 0
        return tf.where(known, self.quantizer.fake_quantize(hidden), hidden)

    def _infer(self, operands: list[Any]) -> Any:
        (x,) = operands
        source, grid = self._grid_of(x), self.quantizer.grid()
        steps, cell = exact_lstm.lstm(
            (source.steps(x), source),
            self._weights(True),
            self.cell_quantizer.range(),
            grid,
            states_of(self.layer),
        )
        hidden = grid.real(steps)
        keep_states(self.layer, hidden, cell)
        return hidden

    def _export(self, operands: list[Any]) -> Any:
        (x,) = operands
        with tf.init_scope():
            weights = [tf.constant(tf.convert_to_tensor(w).numpy()) for w in self._weights(True)]
            low, high = (float(bound) for bound in self.cell_quantizer.range())
        marked = mark_lstm((low, high), keeps_state=self.layer.stateful)
        hidden = marked(lambda *tensors: lstm_steps(*tensors)[0])(x, *weights)
        return marked_result(self, hidden)

    def _weights(self, rounded: bool) -> tuple[Any, Any, Any]:
        cell = self.layer.cell
        kernels = [weight_in_float32(cell.kernel), weight_in_float32(cell.recurrent_kernel)]
        if rounded:
            kernels = [self._by_gate(kernel) for kernel in kernels]
        bias = weight_in_float32(cell.bias) if cell.use_bias else tf.zeros(_GATES * cell.units)
        return kernels[0], kernels[1], bias

    def _by_gate(self, kernel: Any) -> Any:
        rows = kernel.shape[0]
        gates = tf.reshape(kernel, [rows, _GATES, -1])
        columns = tf.transpose(gates, [0, 2, 1])
        rounded = tf.transpose(self.weight_quantizer.fake_quantize(columns), [0, 2, 1])
        return tf.reshape(rounded, kernel.shape)


class _SequenceOperator(QuantizedOperator):
    """All steps of a layer that becomes a sequence of operators with 16 bits inside.

    Args:
        layer: a Keras layer of plain activations.
        make: the factory, for quantizers.
        part: of the layer that the factory makes.
        name: of the layer.
    """

    def __init__(self, layer: Any, make: OperatorFactory, part: str, *, name: str):
        super().__init__("FULLY_CONNECTED", name)
        self.layer = layer
        self.quantizer = make.quantizer(part)
        self.group = self.quantizer.group
        self.weight_bits = make.scheme.weights_of(make.layer.name).bits
        self.kernel_quantizer = make.weight_quantizer(layer.cell.kernel, f"{part}kernel")
        self.recurrent_quantizer = make.weight_quantizer(
            layer.cell.recurrent_kernel, f"{part}recurrent"
        )
        self.contributions = {
            what: ActivationQuantizer(_INTERIOR_BITS, f"{name}_{what}_range")
            for what in self._columns()
        }

    def _columns(self) -> dict[str, slice]:
        """Name the input's contributions, with the columns of the kernel that make each."""
        raise NotImplementedError

    def _steps(self) -> Callable[..., Any]:
        """The layer in float, of input, weights, and what is done to values inside."""
        raise NotImplementedError

    def _contribution(self, x: Any, kernel: Any, bias: Any, recurrent_bias: Any) -> Any:
        """Compute the input's contribution."""
        raise NotImplementedError

    def _marker(self, ranges: dict[str, tuple[float, float]]) -> Any:
        raise NotImplementedError

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        (x,) = operands
        weights = self._weights()
        if self.phase.observes(training):
            kernel, _, *biases = weights
            seen = tf.stop_gradient(self._contribution(x, kernel, *biases))
            for what, columns in self._columns().items():
                self.contributions[what].observe(seen[..., columns])
        gates = weights[1].shape[1] // self.layer.units
        masks = _recurrent_dropout(self.layer, x, gates) if training else None
        hidden = self._limited(x, weights, masks)
        keep_states(self.layer, hidden)
        return quantized_result(self, hidden, training)

    def _infer(self, operands: list[Any]) -> Any:
        (x,) = operands
        grid = self.quantizer.grid()
        hidden = self._limited(x, self._weights())
        keep_states(self.layer, hidden)
        return grid.rounded(hidden)

    def _limited(self, x: Any, weights: tuple[Any, ...], masks: list[Any] | None = None) -> Any:
        """The layer whose values inside end where those of the device do."""
        (start,) = states_of(self.layer) or [None]
        ends = self._ends() if self.phase.quantize else {}
        return self._steps()(x, *weights, **ends, start=start, masks=masks)

    def _ends(self) -> dict[str, Function]:
        return {"contributed": self._contributed}

    def _contributed(self, contribution: Any) -> Any:
        parts = [
            _within(self.contributions[what], contribution[..., columns])
            for what, columns in self._columns().items()
        ]
        return tf.concat(parts, -1)

    def _export(self, operands: list[Any]) -> Any:
        (x,) = operands
        quantizers = self.kernel_quantizer, self.recurrent_quantizer
        cell = self.layer.cell
        with tf.init_scope():
            kernels = weight_in_float32(cell.kernel), weight_in_float32(cell.recurrent_kernel)
            pairs = zip(quantizers, kernels, strict=True)
            scales = [quantizer.scale(kernel) for quantizer, kernel in pairs]
            constants = [tf.constant(tensor.numpy()) for tensor in (*self._weights(), *scales)]
            ranges = {
                what: (float(quantizer.low.value), float(quantizer.high.value))
                for what, quantizer in self.contributions.items()
            }
        steps = self._steps()
        sequence = self._marker(ranges)(lambda x, *tensors: steps(x, *tensors[:4]))
        return marked_result(self, sequence(x, *constants))

    def _weights(self) -> tuple[Any, Any, Any, Any]:
        """Both kernels, rounded if the phase says so, and both biases."""
        cell = self.layer.cell
        kernel, recurrent_kernel = (
            quantizer.fake_quantize(value) if self.phase.quantize else quantizer.connected(value)
            for quantizer, value in (
                (self.kernel_quantizer, weight_in_float32(cell.kernel)),
                (self.recurrent_quantizer, weight_in_float32(cell.recurrent_kernel)),
            )
        )
        zeros = tf.zeros(kernel.shape[1])
        bias = weight_in_float32(cell.bias) if cell.use_bias else zeros
        biases = (bias[0], bias[1]) if len(bias.shape) == 2 else (bias, zeros)
        return kernel, recurrent_kernel, *biases


class GruOperator(_SequenceOperator):
    """A Keras GRU."""

    def _columns(self) -> dict[str, slice]:
        units = self.layer.units
        return {"gates": slice(0, 2 * units), "candidate": slice(2 * units, 3 * units)}

    def _steps(self) -> Callable[..., Any]:
        return functools.partial(gru_steps, self.layer.cell.reset_after)

    def _contribution(self, x: Any, kernel: Any, bias: Any, recurrent_bias: Any) -> Any:
        return gru_contribution(self.layer.cell.reset_after, x, kernel, bias, recurrent_bias)

    def _ends(self) -> dict[str, Function]:
        """The state has the result's range in 16 bits; and its grid, if that has 16 bits too."""
        wide = self.quantizer.bits == _INTERIOR_BITS
        ends = self.quantizer.group if wide else self.quantizer
        return super()._ends() | {
            "saturated": lambda hidden: _cut_off(self.quantizer, ends.range(), hidden)
        }

    def _marker(self, ranges: dict[str, tuple[float, float]]) -> Any:
        return mark_gru(
            self.layer.cell.reset_after,
            **ranges,
            weight_bits=self.weight_bits,
            keeps_state=self.layer.stateful,
        )


class SimpleRnnOperator(_SequenceOperator):
    """A Keras SimpleRNN, whose state is on tanh's own grid."""

    def _columns(self) -> dict[str, slice]:
        return {"candidate": slice(0, self.layer.units)}

    def _steps(self) -> Callable[..., Any]:
        return simple_rnn_steps

    def _contribution(self, x: Any, kernel: Any, bias: Any, recurrent_bias: Any) -> Any:
        return simple_rnn_contribution(x, kernel, bias, recurrent_bias)

    def _marker(self, ranges: dict[str, tuple[float, float]]) -> Any:
        return mark_simple_rnn(
            **ranges, weight_bits=self.weight_bits, keeps_state=self.layer.stateful
        )


def _within(quantizer: ActivationQuantizer, x: Any) -> Any:
    """`x` within what 16 bits hold of a range, once it is known."""
    return _cut_off(quantizer, quantizer.range(), x)


def _cut_off(quantizer: ActivationQuantizer, ends: tuple[Any, Any], x: Any) -> Any:
    low, high = ends
    limit = tf.where(quantizer.observations.value > 0, tf.maximum(-low, high), float("inf"))
    return tf.clip_by_value(x, -limit, limit)


def lstm_steps(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    rounded: Any = tf.identity,
    saturated: Any = tf.identity,
    start: Any = None,
    masks: list[Any] | None = None,
) -> tuple[Any, Any]:
    """Hidden state and cell after each step, [batch, steps, units].

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, with forget gates, as Keras
    has it; gates in the order input, forget, cell, output. `rounded` is what the next step sees of
    the hidden state, `saturated` of the cell; `start` are both before the first step, [batch,
    units], None for zeros; for `masks` see `recurrent_product`.
    """
    product = recurrent_product(recurrent_kernel, masks)

    def step(state: Any, projected: Any) -> Any:
        hidden, cell = state
        gates = projected + product(rounded(hidden))
        enter, forget, candidate, leave = tf.split(gates, _GATES, axis=-1)
        cell = saturated(tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(candidate))
        return tf.sigmoid(leave) * tf.tanh(cell), cell

    projected = tf.transpose(tf.matmul(x, kernel) + bias, [1, 0, 2])
    if start is None:
        start = 2 * [tf.zeros([tf.shape(x)[0], recurrent_kernel.shape[0]])]
    hidden, cell = tf.scan(step, projected, tuple(start))
    return tf.transpose(hidden, [1, 0, 2]), tf.transpose(cell, [1, 0, 2])


def states_of(layer: Any) -> list[Any] | None:
    """Return the initial states of a stateful Keras layer, [batch, units] each; None if zeros."""
    if not layer.stateful:
        return None
    return [tf.convert_to_tensor(variable.value) for variable in keras.tree.flatten(layer.states)]


def keep_states(layer: Any, *sequences: Any) -> None:
    """Let a stateful layer start from the last step of its states, [batch, steps, units] each."""
    if layer.stateful:
        for variable, sequence in zip(keras.tree.flatten(layer.states), sequences, strict=True):
            variable.assign(tf.stop_gradient(sequence[:, -1]))


def recurrent(make: OperatorFactory) -> Function:
    """An LSTM, GRU or SimpleRNN layer."""
    return _one_way(make, make.layer, "")


def bidirectional(make: OperatorFactory) -> Function:
    """Two recurrent layers, one from the end, and what merges them."""
    layer = make.layer
    forward = _one_way(make, layer.forward_layer, "forward")
    groups = [make.operators[-1].group]
    backward = _one_way(make, layer.backward_layer, "backward")
    if layer.return_sequences:
        turn = make.shared("REVERSE_V2", _turned, part="turned")
        walked = backward

        def backward(x: Any) -> Any:
            return turn(walked(x))

    groups.append(make.operators[-1].group)
    merge = _MERGES[layer.merge_mode](make, groups)
    return lambda x: merge([forward(x), backward(x)])


def _concatenated(make: OperatorFactory, groups: list[Any]) -> Function:
    return make.unifies_ranges("CONCATENATION", lambda pair: tf.concat(pair, -1), groups, "both")


def _sum(make: OperatorFactory, groups: list[Any]) -> Function:
    return make.own("ADD", lambda pair: pair[0] + pair[1], exact.add, "both")


def _product(make: OperatorFactory, groups: list[Any]) -> Function:
    return make.own("MUL", lambda pair: pair[0] * pair[1], exact.multiply, "both")


def _mean(make: OperatorFactory, groups: list[Any]) -> Function:
    total = _sum(make, groups)
    half = times(make, 0.5, "half")
    return lambda pair: half(total(pair))


def _separate(make: OperatorFactory, groups: list[Any]) -> Function:
    return lambda pair: pair


_MERGES: dict[str | None, Callable[[OperatorFactory, list[Any]], Function]] = {
    "concat": _concatenated,
    "sum": _sum,
    "mul": _product,
    "ave": _mean,
    None: _separate,
}


def _one_way(make: OperatorFactory, layer: Any, part: str) -> Function:
    steps: list[Function] = []
    if layer.go_backwards:
        steps.append(make.shares_input_range("REVERSE_V2", _turned, f"{part}turned"))
    if layer.dropout:
        steps.append(make.add(_input_dropout(make, layer, part)))
    steps.append(make.add(_OPERATORS[kind_of(layer)](make, layer, part)))
    if not layer.return_sequences:
        steps.append(make.shared("STRIDED_SLICE", lambda operands: operands[0][:, -1], part="last"))

    def call(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return call


def _input_dropout(make: OperatorFactory, layer: Any, part: str) -> TrainingOnly:
    """Leave features out of all steps of a sequence alike, in training.

    One mask does for all gates, as Keras has it with `implementation=2`.
    """
    cell = layer.cell

    def dropped(operands: list[Any]) -> Any:
        kept = (None, 1, None)
        return keras.random.dropout(operands[0], cell.dropout, kept, cell.seed_generator)

    return TrainingOnly(dropped, make.groups[0], name=f"{make.name_of(part)}_dropout")


def _recurrent_dropout(layer: Any, x: Any, gates: int) -> list[Any] | None:
    """Return the hidden-state masks of each gate at all steps of a sequence, in training."""
    cell = layer.cell
    if not cell.recurrent_dropout:
        return None
    ones = tf.ones([tf.shape(x)[0], cell.units], x.dtype)
    return [
        keras.random.dropout(ones, cell.recurrent_dropout, seed=cell.seed_generator)
        for _ in range(gates)
    ]


def _lstm(make: OperatorFactory, layer: Any, part: str) -> QuantizedOperator:
    return LstmOperator(layer, make.quantizer(part), name=make.name_of(part))


def _gru(make: OperatorFactory, layer: Any, part: str) -> QuantizedOperator:
    return GruOperator(layer, make, part, name=make.name_of(part))


def _simple_rnn(make: OperatorFactory, layer: Any, part: str) -> QuantizedOperator:
    return SimpleRnnOperator(layer, make, part, name=make.name_of(part))


_OPERATORS: dict[str | None, Callable[[OperatorFactory, Any, str], QuantizedOperator]] = {
    "LSTM": _lstm,
    "GRU": _gru,
    "SimpleRNN": _simple_rnn,
}


def _turned(operands: list[Any]) -> Any:
    return tf.reverse(operands[0], [1])


def recurrent_problem(call: Call) -> str:
    """Say why a recurrent layer cannot be one operator or sequence, as `Row.problem` does."""
    return _call_problem(call) or _layer_problem(call.operation)


def bidirectional_problem(call: Call) -> str:
    """The same of a Bidirectional and its two layers."""
    layer = call.operation
    problems = [_layer_problem(each) for each in (layer.forward_layer, layer.backward_layer)]
    return _call_problem(call) or next((problem for problem in problems if problem), "")


def _call_problem(call: Call) -> str:
    if len(call.inputs) > 1 or call.arguments.get("initial_state") is not None:
        return "is given its first state"
    return "is given a mask" if call.arguments.get("mask") is not None else ""


def _layer_problem(layer: Any) -> str:
    if kind_of(layer) not in _OPERATORS:
        return f"has a {type(layer).__name__} inside"
    cell = layer.cell
    if cell.activation is not keras.activations.tanh:
        return "has another activation than tanh"
    if getattr(cell, "recurrent_activation", None) not in (None, keras.activations.sigmoid):
        return "has another recurrent activation than sigmoid"
    return "returns its states" if layer.return_state else ""
