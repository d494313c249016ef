"""How a layer says that what it computes is one LSTM, GRU or plain recurrent layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tfedge.markers import marker

LSTM_MARKER = "tfedge.LSTM"
CELL_LOW, CELL_HIGH = "cell_lo", "cell_hi"
KEEPS_STATE = "keeps_state"

GRU_MARKER, SIMPLE_RNN_MARKER = "tfedge.GRU", "tfedge.SimpleRNN"
RESET_AFTER, WEIGHT_BITS = "reset_after", "weight_bits"
# What the input contributes to gates and candidate, the two ends of its range.
GATES, CANDIDATE = ("gates_lo", "gates_hi"), ("candidate_lo", "candidate_hi")

Function = TypeVar("Function", bound=Callable[..., Any])


def mark_lstm(
    cell_low: Any = None, cell_high: Any = None, keeps_state: bool = False
) -> Callable[[Function], Function]:
    """Decorates a function that computes an LSTM, to be exported as one operator.

    The function takes x [batch, steps, depth], kernel [depth, 4 * units], recurrent_kernel
    [units, 4 * units] and bias [4 * units], with the gates in the order of Keras: input, forget,
    cell, output. It returns the hidden state after each step, [batch, steps, units]. Gates go
    through a sigmoid, the cell through tanh, and the state before the first step is zeros. Outside
    an export the function runs as it is.

    Args:
        cell_low, cell_high: the real values that the cell takes between steps, finite numbers or
            scalar variables; None lets calibration find them.
        keeps_state: whether a call goes on where the one before ended, on the device as in Keras
            with stateful=True.

    Example:
        >>> hidden = mark_lstm()(lstm)(x, kernel, recurrent_kernel, bias)
    """
    known = {CELL_LOW: cell_low, CELL_HIGH: cell_high, KEEPS_STATE: keeps_state or None}
    return marker(LSTM_MARKER, {name: value for name, value in known.items() if value is not None})


def mark_gru(
    reset_after: bool,
    gates: tuple[float, float] | None = None,
    candidate: tuple[float, float] | None = None,
    weight_bits: int | None = None,
    keeps_state: bool = False,
) -> Callable[[Function], Function]:
    """Decorates a function that computes a GRU, to be exported as a sequence of its own.

    The function takes x [batch, steps, depth], kernel [depth, 3 * units], recurrent_kernel
    [units, 3 * units], bias and recurrent_bias [3 * units], with the gates in the order of Keras:
    update, reset, candidate; and, if `weight_bits` is given, the scales of both kernels' columns,
    [3 * units] each. It returns the hidden state after each step, [batch, steps, units]. Gates go
    through a sigmoid, the candidate through tanh, and the state before the first step is zeros.
    Outside an export the function runs as it is.

    Args:
        reset_after: whether the reset gate multiplies what the hidden state contributes, and not
            the hidden state itself, whose bias is then added with the input's.
        gates, candidate: the real values that the input, times its kernel and with its bias,
            contributes to the two gates and to the candidate; None lets calibration find them.
        weight_bits: 2 to 8, width of the integers that training put the weights on.
        keeps_state: whether a call goes on where the one before ended, see `mark_lstm`.
    """
    known = _ends(GATES, gates) | _ends(CANDIDATE, candidate) | _asked(weight_bits, keeps_state)
    return marker(GRU_MARKER, {RESET_AFTER: reset_after, **known})


def mark_simple_rnn(
    candidate: tuple[float, float] | None = None,
    weight_bits: int | None = None,
    keeps_state: bool = False,
) -> Callable[[Function], Function]:
    """The same for hidden = tanh(x kernel + hidden recurrent_kernel + bias).

    Its function takes kernel [depth, units], recurrent_kernel [units, units] and two biases
    [units], and perhaps scales [units]; see `mark_gru`.
    """
    known = _ends(CANDIDATE, candidate) | _asked(weight_bits, keeps_state)
    return marker(SIMPLE_RNN_MARKER, known)


def _asked(weight_bits: int | None, keeps_state: bool) -> dict[str, int]:
    asked = {WEIGHT_BITS: weight_bits, KEEPS_STATE: keeps_state or None}
    return {name: value for name, value in asked.items() if value is not None}


def _ends(names: tuple[str, str], ends: tuple[float, float] | None) -> dict[str, float]:
    return {} if ends is None else dict(zip(names, ends, strict=True))
