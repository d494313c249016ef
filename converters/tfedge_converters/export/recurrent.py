"""Exported form of Keras 3's recurrent layers, in place of loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfedge.errors import UnsupportedError
from tfedge.keras_graph import private
from tfedge.markers import mark_gru, mark_lstm, mark_simple_rnn
from tfedge.quantization.recurrent_steps import gru_steps, simple_rnn_steps

# Every step of an unrolled layer becomes operators of its own, a dozen or so.
MOST_UNROLLED_STEPS = 128


@contextmanager
def without_loops(model: Any) -> Iterator[None]:
    """Make LSTM, GRU and SimpleRNN layers one marker each, and unroll what else is recurrent.

    No kernel for microcontrollers runs loops. A layer becomes a marker if it has the plain
    activations, tanh and sigmoid, starts from zeros, and is neither masked nor asked for its
    states. It may keep its state between calls.
    """
    layers = [layer for layer in private.layers_in(model) if isinstance(layer, keras.layers.RNN)]
    try:
        for layer in layers:
            # Past Keras' own attribute tracking, which would remember it.
            vars(layer)["call"] = _Exported(layer)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


class _Exported:
    """A layer's `call`, with the signature that Keras expects of it."""

    def __init__(self, layer: Any):
        self._layer = layer
        self._call = layer.call
        self._calls = 0

    def __call__(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        layer = self._layer
        marked = initial_state is None and mask is None and _is_plain(layer)
        if layer.stateful and not marked:
            return self._call(sequences, initial_state, mask, training)
        if type(layer) is not keras.layers.LSTM or not marked:
            _refuse_long(layer, sequences.shape[1])
        if marked:
            self._refuse_second_sequence()
            return _marked(layer, sequences)
        turned = layer.go_backwards and mask is not None and not layer.unroll
        if turned:
            # Keras' unrolled steps turn the sequence round, and the mask only for the states.
            sequences, mask = ops.flip(sequences, axis=1), ops.flip(mask, axis=1)
        before = layer.unroll, layer.go_backwards
        layer.unroll, layer.go_backwards = True, layer.go_backwards and not turned
        try:
            return self._call(sequences, initial_state, mask, training)
        finally:
            layer.unroll, layer.go_backwards = before

    def _refuse_second_sequence(self) -> None:
        """A call is an operator, and an operator a state of its own."""
        self._calls += 1
        if self._layer.stateful and self._calls > 1:
            raise UnsupportedError(
                f"layer '{self._layer.name}' ({type(self._layer).__name__}) is stateful and called "
                "several times, which one state cannot follow on the device; use a layer for each"
            )


def _is_plain(layer: Any) -> bool:
    """Whether a layer is one of those below, with the activations that Keras gives it."""
    cell = layer.cell
    return (
        type(cell) in _PLAIN
        and type(layer).call is _PLAIN[type(cell)].call
        and cell.activation is keras.activations.tanh
        and getattr(cell, "recurrent_activation", None) in (None, keras.activations.sigmoid)
        and not layer.return_state
    )


def _marked(layer: Any, sequences: Any) -> Any:
    """A plain layer as one marker."""
    cell = layer.cell
    if layer.go_backwards:
        sequences = ops.flip(sequences, axis=1)
    weights = [cell.kernel, cell.recurrent_kernel, *_biases(cell)]
    tensors = [ops.convert_to_tensor(tensor) for tensor in (sequences, *weights)]
    hidden = _MARKED[type(cell)](layer)(*tensors)
    return hidden if layer.return_sequences else hidden[:, -1]


def _biases(cell: Any) -> list[Any]:
    """Return the biases of the input's product and, but for an LSTM, of the hidden state's."""
    zeros = ops.zeros(cell.kernel.shape[-1])
    bias = cell.bias if cell.use_bias else zeros
    if type(cell) is keras.layers.LSTMCell:
        return [bias]
    return list(ops.unstack(bias)) if len(bias.shape) == 2 else [bias, zeros]


def _gru(layer: Any) -> Any:
    reset_after = layer.cell.reset_after
    marked = mark_gru(reset_after, keeps_state=layer.stateful)
    return marked(lambda *tensors: gru_steps(reset_after, *tensors))


def _simple_rnn(*tensors: Any) -> Any:
    return simple_rnn_steps(*tensors)


_PLAIN = {
    keras.layers.LSTMCell: keras.layers.LSTM,
    keras.layers.GRUCell: keras.layers.GRU,
    keras.layers.SimpleRNNCell: keras.layers.SimpleRNN,
}
_MARKED: dict[Any, Callable[[Any], Any]] = {
    keras.layers.LSTMCell: lambda layer: mark_lstm(keeps_state=layer.stateful)(_lstm),
    keras.layers.GRUCell: _gru,
    keras.layers.SimpleRNNCell: lambda layer: mark_simple_rnn(keeps_state=layer.stateful)(
        _simple_rnn
    ),
}


def _lstm(x: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
    """The hidden state after each step, as Keras computes it."""

    def step(state: Any, x_now: Any) -> Any:
        hidden, cell = state
        gates = tf.matmul(x_now, kernel) + tf.matmul(hidden, recurrent_kernel) + bias
        enter, forget, candidate, leave = tf.split(gates, 4, axis=-1)
        cell = tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(candidate)
        return tf.sigmoid(leave) * tf.tanh(cell), cell

    zeros = tf.zeros((x.shape[0], recurrent_kernel.shape[0]))
    hidden, _ = tf.scan(step, tf.transpose(x, (1, 0, 2)), (zeros, zeros))
    return tf.transpose(hidden, (1, 0, 2))


def _refuse_long(layer: Any, steps: int) -> None:
    if steps > MOST_UNROLLED_STEPS:
        raise UnsupportedError(
            f"layer '{layer.name}' ({type(layer).__name__}) goes through {steps} steps in a loop, "
            "which no kernel for microcontrollers runs, and which is unrolled up to "
            f"{MOST_UNROLLED_STEPS} steps. Use LSTM with its default activations, without masking, "
            "initial_state and return_state, which becomes one operator; or shorten the sequence"
        )
