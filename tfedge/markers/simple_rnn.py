"""How a layer says that what it computes is one plain recurrent layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tfedge.markers.protocol import Flag, Interval, Marker
from tfedge.markers.weight_bits import weight_bits

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class SimpleRnnMark:
    """Content of the marker; its operands are those of the function that is decorated.

    Attributes:
        candidate: the real values that the input contributes; None if they are not known.
        weight_bits: 2 to 8; None if training put the weights on no integers.
        keeps_state: whether a call goes on where the one before ended.
    """

    candidate: tuple[float, float] | None = None
    weight_bits: int | None = None
    keeps_state: bool = False


SIMPLE_RNN = Marker(
    "tfedge.SimpleRNN",
    SimpleRnnMark,
    candidate=Interval("candidate"),
    weight_bits=weight_bits("weight_bits", required=False),
    keeps_state=Flag("keeps_state"),
)


def mark_simple_rnn(
    candidate: tuple[float, float] | None = None,
    weight_bits: int | None = None,
    keeps_state: bool = False,
) -> Callable[[Function], Function]:
    """Decorate a function that computes hidden = tanh(x kernel + hidden recurrent_kernel + bias).

    It is exported as a sequence of its own, as that of `mark_gru` is. It takes x, kernel
    [depth, units], recurrent_kernel [units, units] and two biases [units], and, if
    `weight_bits` is given, scales [units].

    Args:
        candidate: the real values that the input, times its kernel and with its bias, contributes;
            None lets calibration find them.
        weight_bits: 2 to 8, width of the integers that training put the weights on.
        keeps_state: whether a call goes on where the one before ended, see `mark_lstm`.
    """
    return SIMPLE_RNN.mark(SimpleRnnMark(candidate, weight_bits, keeps_state))
