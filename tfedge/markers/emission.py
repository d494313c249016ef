"""Operators that a layer leaves in the exported graph for the converter to read.

A converter folds, fuses and reorders what it knows; it leaves alone what it does not
know. A marker is a function that stands in the exported model as one operator of its
own, so that what training knows (the range of a tensor, that these twenty operations
are one LSTM) arrives on the other side exactly where it was said.

Nothing here needs TensorFlow: whoever exports a model brings the emitter along.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

# Called as emitter(function, name, attributes, tensors); returns what the operator computes.
Emitter = Callable[[Callable[..., Any], str, Mapping[str, Any], Sequence[Any]], Any]

_emitter: ContextVar[Emitter | None] = ContextVar("tfedge_marker_emitter", default=None)


def marker(name: str, attributes: Mapping[str, Any]) -> Callable[[Function], Function]:
    """Decorate a function of tensors to be exported as one operator.

    Outside an export the function runs as it is, at no cost.

    Args:
        name: the custom operator's name, e.g. "tfedge.Range".
        attributes: scalars that the operator carries: bool, int, float or str, or anything
            with one such value when the model is exported, e.g. a scalar variable. Whatever
            has more than one element is an argument of the function instead.

    Example:
        >>> marker("tfedge.Range", {"lo": 0.0, "hi": 6.0})(lambda x: x)(activations)
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def marked(*tensors: Any) -> Any:
            emitter = _emitter.get()
            if emitter is None:
                return function(*tensors)
            return emitter(function, name, attributes, tensors)

        return marked  # type: ignore[return-value]

    return decorate


def is_exporting() -> bool:
    """Whether a model is being exported, so that marked functions become operators."""
    return _emitter.get() is not None


@contextmanager
def emitting(emitter: Emitter) -> Iterator[None]:
    """Make every marked function that is called inside go through `emitter`."""
    token = _emitter.set(emitter)
    try:
        yield
    finally:
        _emitter.reset(token)
