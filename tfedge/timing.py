"""When something happens in training: begin, end, frequency and unit, the same everywhere."""

from __future__ import annotations

from typing import Any

from tfedge.errors import TfedgeError

EPOCH, STEP = "epoch", "step"


class Timing:
    """Positions in training at which something is done, the first before training goes on there.

    Args:
        begin: the first position, from 0 on.
        end: the last one, at which it is done in any case; None for no end.
        frequency: positions from one to the next; None for `begin` alone.
        unit: what positions are counted in: "step" (of the optimizer, from 0) or "epoch". Both go
            on counting where an interrupted training is resumed.

    Raises:
        TfedgeError: an argument is out of its range.
    """

    def __init__(
        self, begin: int = 0, end: int | None = None, frequency: int | None = 1, unit: str = EPOCH
    ):
        if unit not in (EPOCH, STEP):
            raise TfedgeError(f"unit is '{EPOCH}' or '{STEP}', not {unit!r}")
        require_count("begin", begin, 0)
        if frequency is not None:
            require_count("frequency", frequency, 1)
        if end is not None:
            require_count("end", end, begin)
        self.begin, self.end, self.frequency, self.unit = begin, end, frequency, unit

    def last_due(self, position: int) -> int | None:
        """The last position up to this one at which it is done; None before the first."""
        if position < self.begin:
            return None
        if self.end is not None and position >= self.end:
            return self.end
        if self.frequency is None:
            return self.begin
        return self.begin + (position - self.begin) // self.frequency * self.frequency

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "begin": self.begin, "end": self.end, "frequency": self.frequency, "unit": self.unit
        }  # fmt: skip


def require_count(name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number, or below the least.

    Raises:
        TfedgeError: it is one of these.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise TfedgeError(f"{name} is a whole number from {least} on, not {value!r}")
