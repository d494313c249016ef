"""Readers of files that their libraries trust: a worker reads them first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfedge.errors import ModelFileError
from tfedge_converters.worker.failures import DeathError, Kind, RefusalError
from tfedge_converters.worker.limits import Limits, limits
from tfedge_converters.worker.pool import borrowed

AGAIN = "save the model again, with Keras' own model.save"


def read_apart(library: str, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Have a worker read a file with a library.

    Args:
        library: that reads it, for the message.
        request: what the worker is asked.
        seconds: of processor time that it may take, by the default limit; a user's own limit
            changes it in proportion.

    Returns:
        The worker's answer.

    Raises:
        RefusalError: what the library says of the file.
        ModelFileError: its process ended over it.
    """
    try:
        try:
            return _answer(request, seconds)
        except DeathError as death:
            if not death.may_be_anothers:
                raise
            return _answer(request, seconds)
    except DeathError as death:
        raise ModelFileError(f"{library} cannot read it: {death}; {AGAIN}") from death


def _answer(request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    most = limits()
    with borrowed(replace(most, seconds=seconds * most.seconds / Limits().seconds)) as worker:
        earlier = worker.models
        try:
            return worker.ask(dict(request))[0]
        except RefusalError as error:  # the worker is as good as before
            refusal = error
        except DeathError as death:
            death.may_be_anothers = death.kind is Kind.CRASH and earlier > 0
            raise
    raise refusal
