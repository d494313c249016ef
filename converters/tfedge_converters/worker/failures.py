"""Failures of a model that a worker cannot run."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np


class Kind(enum.Enum):
    """Kind of failure, as far as it matters for finding the operator."""

    KERNEL = "an operator asks something of its kernel that it refuses"
    CRASH = "the process ended"
    OUT_OF_TIME = "the process was ended for the time that it took"
    OTHER = "the model or a sample as a whole"


class FailureError(Exception):
    """A model was not run; the text says why.

    Attributes:
        kind: what is wrong.
        samples: those that were not answered.
        may_be_anothers: whether a model that the worker ran before may be to blame.
    """

    def __init__(self, text: str, kind: Kind = Kind.OTHER):
        super().__init__(text)
        self.kind = kind
        self.samples: list[Sequence[np.ndarray]] = []
        self.may_be_anothers = False


class RefusalError(FailureError):
    """An interpreter says in its own words that it cannot load or run a model."""


class DeathError(FailureError):
    """A worker came to its end over a model."""
