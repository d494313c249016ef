"""Steps of recurrent layers, in float."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# The hidden state after a step, of the input's contribution [batch, gates * units] and the state.
Step = Callable[[Any, Any], Any]
Function = Callable[[Any], Any]


def recurrent_product(kernel: Any, masks: list[Any] | None) -> Callable[..., Any]:
    """Return the product of hidden states, [batch, units], with the kernel, for all gates or some.

    Args:
        kernel: [units, gates * units].
        masks: of the state, one for each gate, [batch, units]; None for none.

    Returns:
        A function of the state, and of the first gate and the one behind the last.
    """
    if masks is None:
        units = kernel.shape[0]

        def plain(hidden: Any, first: int = 0, behind: int | None = None) -> Any:
            end = None if behind is None else behind * units
            return tf.matmul(hidden, kernel[:, first * units : end])

        return plain
    parts = list(zip(masks, tf.split(kernel, len(masks), axis=1), strict=True))

    def masked(hidden: Any, first: int = 0, behind: int | None = None) -> Any:
        return tf.concat([tf.matmul(hidden * m, part) for m, part in parts[first:behind]], -1)

    return masked


def gru_contribution(reset_after: bool, x: Any, kernel: Any, bias: Any, recurrent_bias: Any) -> Any:
    """Compute the input's part of gates and candidate, [batch, steps, 3 * units], see `gru_steps`.

    It has both biases, but for the candidate's recurrent one if that goes through the reset gate.
    """
    count = recurrent_bias.shape[0]
    added = tf.range(count) < (count // 3 * 2 if reset_after else count)
    return tf.matmul(x, kernel) + bias + tf.where(added, recurrent_bias, 0.0)


def gru_steps(
    reset_after: bool,
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    recurrent_bias: Any,
    contributed: Function = tf.identity,
    saturated: Function = tf.identity,
    start: Any = None,
    masks: list[Any] | None = None,
) -> Any:
    """The hidden state of a GRU after each step, [batch, steps, units].

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014, and with
    `reset_after` the variant that Keras has for CuDNN; gates in the order update, reset, candidate.

    Args:
        reset_after: whether the reset gate multiplies what the hidden state contributes.
        x: [batch, steps, depth].
        kernel, recurrent_kernel: [depth, 3 * units] and [units, 3 * units].
        bias, recurrent_bias: [3 * units] each.
        contributed: what becomes of `gru_contribution`.
        saturated: what becomes of every new hidden state.
        start: the hidden state before the first step, [batch, units]; None for zeros.
        masks: see `recurrent_product`.
    """
    units = recurrent_kernel.shape[0]
    wide = 2 * units
    product = recurrent_product(recurrent_kernel, masks)

    def step(contribution: Any, hidden: Any) -> Any:
        gates = contribution[:, :wide] + product(hidden, 0, 2)
        update, reset = tf.split(tf.sigmoid(gates), 2, axis=-1)
        seen = hidden if reset_after else reset * hidden
        inner = product(seen, 2)
        inner = reset * (inner + recurrent_bias[wide:]) if reset_after else inner
        candidate = tf.tanh(contribution[:, wide:] + inner)
        return saturated(candidate + update * (hidden - candidate))

    contribution = gru_contribution(reset_after, x, kernel, bias, recurrent_bias)
    return _hidden(step, contributed(contribution), units, start)


def simple_rnn_contribution(x: Any, kernel: Any, bias: Any, recurrent_bias: Any) -> Any:
    """Compute the input's part of the state before tanh, [batch, steps, units], with all biases."""
    return tf.matmul(x, kernel) + bias + recurrent_bias


def simple_rnn_steps(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    recurrent_bias: Any,
    contributed: Function = tf.identity,
    start: Any = None,
    masks: list[Any] | None = None,
) -> Any:
    """The hidden state of a plain recurrent layer after each step, [batch, steps, units].

    Args:
        x: [batch, steps, depth].
        kernel, recurrent_kernel: [depth, units] and [units, units].
        bias, recurrent_bias: [units] each.
        contributed: what becomes of `simple_rnn_contribution`.
        start: the hidden state before the first step, [batch, units]; None for zeros.
        masks: see `recurrent_product`.
    """
    product = recurrent_product(recurrent_kernel, masks)

    def step(contribution: Any, hidden: Any) -> Any:
        return tf.tanh(contribution + product(hidden))

    contribution = simple_rnn_contribution(x, kernel, bias, recurrent_bias)
    return _hidden(step, contributed(contribution), recurrent_kernel.shape[0], start)


def _hidden(step: Step, contribution: Any, units: int, start: Any) -> Any:
    if start is None:
        start = tf.zeros([tf.shape(contribution)[0], units])
    rows = tf.transpose(contribution, [1, 0, 2])
    hidden = tf.scan(lambda state, row: step(row, state), rows, start)
    return tf.transpose(hidden, [1, 0, 2])
