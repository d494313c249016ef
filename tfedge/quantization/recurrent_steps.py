"""What recurrent layers compute step by step, in float."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# The hidden state after a step, of the input's contribution [batch, gates * units] and the state.
Step = Callable[[Any, Any], Any]


def gru_steps(
    x: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any, reset_after: bool
) -> Any:
    """The hidden state of a GRU after each step, [batch, steps, units], from zeros.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014, and with
    `reset_after` the variant that Keras has for CuDNN; gates in the order update, reset, candidate.

    Args:
        x: [batch, steps, depth].
        kernel, recurrent_kernel: [depth, 3 * units] and [units, 3 * units].
        bias, recurrent_bias: [3 * units] each.
        reset_after: whether the reset gate multiplies what the hidden state contributes.
    """
    units = recurrent_kernel.shape[0]
    wide = 2 * units

    def step(projected: Any, hidden: Any) -> Any:
        recurrent = tf.matmul(hidden, recurrent_kernel[:, :wide]) + recurrent_bias[:wide]
        update, reset = tf.split(tf.sigmoid(projected[:, :wide] + recurrent), 2, axis=-1)
        seen = hidden if reset_after else reset * hidden
        inner = tf.matmul(seen, recurrent_kernel[:, wide:]) + recurrent_bias[wide:]
        inner = reset * inner if reset_after else inner
        candidate = tf.tanh(projected[:, wide:] + inner)
        return candidate + update * (hidden - candidate)

    return _hidden(step, x, kernel, bias, units)


def simple_rnn_steps(
    x: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any
) -> Any:
    """The hidden state of a plain recurrent layer after each step, [batch, steps, units].

    Args:
        x: [batch, steps, depth].
        kernel, recurrent_kernel: [depth, units] and [units, units].
        bias, recurrent_bias: [units] each.
    """

    def step(projected: Any, hidden: Any) -> Any:
        return tf.tanh(projected + tf.matmul(hidden, recurrent_kernel) + recurrent_bias)

    return _hidden(step, x, kernel, bias, recurrent_kernel.shape[0])


def _hidden(step: Step, x: Any, kernel: Any, bias: Any, units: int) -> Any:
    projected = tf.transpose(tf.matmul(x, kernel) + bias, [1, 0, 2])
    zeros = tf.zeros([tf.shape(x)[0], units])
    hidden = tf.scan(lambda state, row: step(row, state), projected, zeros)
    return tf.transpose(hidden, [1, 0, 2])
