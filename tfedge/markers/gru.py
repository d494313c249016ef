"""How a layer says that what it computes is one GRU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tfedge.markers.protocol import Flag, Interval, Marker
from tfedge.markers.weight_bits import weight_bits

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class GruMark:
    """Content of the marker; its operands are those of the function that `mark_gru` decorates.

    Attributes:
        reset_after: whether the reset gate multiplies what the hidden state contributes.
        gates, candidate: the real values that the input contributes to them; None if they are not
            known.
        weight_bits: 2 to 8; None if training put the weights on no integers.
        keeps_state: whether a call goes on where the one before ended.
    """

    reset_after: bool
    gates: tuple[float, float] | None = None
    candidate: tuple[float, float] | None = None
    weight_bits: int | None = None
    keeps_state: bool = False


GRU = Marker(
    "tfedge.GRU",
    GruMark,
    reset_after=Flag("reset_after", required=True),
    gates=Interval("gates"),
    candidate=Interval("candidate"),
    weight_bits=weight_bits("weight_bits", required=False),
    keeps_state=Flag("keeps_state"),
)


def mark_gru(
    reset_after: bool,
    gates: tuple[float, float] | None = None,
    candidate: tuple[float, float] | None = None,
    weight_bits: int | None = None,
    keeps_state: bool = False,
) -> Callable[[Function], Function]:
    """Decorate a function that computes a GRU, to be exported as a sequence of its own.

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
    return GRU.mark(GruMark(reset_after, gates, candidate, weight_bits, keeps_state))
