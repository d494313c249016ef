"""Limits of what a model may cost the process that runs it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tfedge_converters.environment import positive_number

SECONDS_VARIABLE = "TFEDGE_WORKER_SECONDS"
MEMORY_VARIABLE = "TFEDGE_WORKER_GIB"

_SECONDS = 60
_GIB = 4
# Of processor time: what any model is granted, and how many products a second are expected from the
# slowest reference kernels on the slowest computer, a hundredth of what a laptop does.
_LEAST_SECONDS = 1.0
_PRODUCTS_A_SECOND = 1e6


@dataclass(frozen=True)
class Limits:
    """Limits at which a worker is ended.

    Attributes:
        seconds: processor time for loading a model, and again for each of its samples.
        silent_seconds: time on the clock without a word, for what waits instead of computing.
        memory_bytes: address space beyond what a worker takes before it has a model.
    """

    seconds: float = _SECONDS
    silent_seconds: float = 10.0 * _SECONDS
    memory_bytes: int = _GIB << 30


def limits(products: int | None = None) -> Limits:
    """Read the limits from the environment, or take the defaults: 60 s at most, and 4 GiB.

    Args:
        products: what a sample takes, estimated from above: a small model that computes for long
            will never be done. None where that is not known. A user's own limit is not changed.

    Raises:
        TfedgeError: a variable is no positive whole number.
    """
    most = positive_number(SECONDS_VARIABLE, _SECONDS)
    seconds = most
    if products is not None and not os.environ.get(SECONDS_VARIABLE):
        seconds = min(most, _LEAST_SECONDS + products / _PRODUCTS_A_SECOND)
    return Limits(seconds, 10.0 * most, int(positive_number(MEMORY_VARIABLE, _GIB)) << 30)
