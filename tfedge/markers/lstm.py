"""How a layer says that what it computes is one LSTM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tfedge.markers.protocol import Flag, Interval, Marker

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class LstmMark:
    """Content of the marker; its operands are those of the function that `mark_lstm` decorates.

    Attributes:
        cell: the real values that the cell takes between steps; None if they are not known.
        keeps_state: whether a call goes on where the one before ended.
    """

    cell: tuple[float, float] | None = None
    keeps_state: bool = False


LSTM = Marker("tfedge.LSTM", LstmMark, cell=Interval("cell"), keeps_state=Flag("keeps_state"))


def mark_lstm(
    cell: tuple[Any, Any] | None = None, keeps_state: bool = False
) -> Callable[[Function], Function]:
    """Decorate a function that computes an LSTM, to be exported as one operator.

    The function takes x [batch, steps, depth], kernel [depth, 4 * units], recurrent_kernel
    [units, 4 * units] and bias [4 * units], with the gates in the order of Keras: input, forget,
    cell, output. It returns the hidden state after each step, [batch, steps, units]. Gates go
    through a sigmoid, the cell through tanh, and the state before the first step is zeros. Outside
    an export the function runs as it is.

    Args:
        cell: the real values that the cell takes between steps, from the lowest to the highest,
            finite numbers or scalar variables; None lets calibration find them.
        keeps_state: whether a call goes on where the one before ended, on the device as in Keras
            with stateful=True.

    Example:
        >>> hidden = mark_lstm()(lstm)(x, kernel, recurrent_kernel, bias)
    """
    return LSTM.mark(LstmMark(cell, keeps_state))
