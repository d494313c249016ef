"""How a layer says that what it computes is one LSTM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tfedge.markers import marker

LSTM_MARKER = "tfedge.LSTM"
CELL_LOW, CELL_HIGH = "cell_lo", "cell_hi"
KEEPS_STATE = "keeps_state"

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
