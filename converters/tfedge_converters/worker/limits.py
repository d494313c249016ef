"""Limits of what a model may cost the process that runs it."""

from __future__ import annotations

from dataclasses import dataclass

from tfedge_converters.environment import positive_number

SECONDS_VARIABLE = "TFEDGE_WORKER_SECONDS"
MEMORY_VARIABLE = "TFEDGE_WORKER_GIB"

_SECONDS = 60
_GIB = 4


@dataclass(frozen=True)
class Limits:
    """Limits at which a worker is ended.

    Attributes:
        seconds: processor time for loading a model, and again for each of its samples.
        silent_seconds: time on the clock for the same, for what waits instead of computing.
        memory_bytes: address space beyond what a worker takes before it has a model.
    """

    seconds: int = _SECONDS
    silent_seconds: float = 10.0 * _SECONDS
    memory_bytes: int = _GIB << 30


def limits() -> Limits:
    """Read the limits from the environment, or take the defaults: 60 s and 4 GiB.

    Raises:
        TfedgeError: a variable is no positive whole number.
    """
    seconds = int(positive_number(SECONDS_VARIABLE, _SECONDS))
    return Limits(seconds, 10.0 * seconds, int(positive_number(MEMORY_VARIABLE, _GIB)) << 30)
