"""Bound on the weights that a model's file asks for: no more than it holds."""

from __future__ import annotations

import collections
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral
from pathlib import Path
from typing import Any

from tfedge.errors import ModelFileError

# Weights that are saved with a filter, and zeros among them, take less room than in memory.
_SMALL_BYTES = 1 << 26
_LARGEST_RATIO = 100
_BYTES = 4  # a weight, by default


class _Budget:
    """Number of weights that the layers of one file may ask for.

    Args:
        path: of the model's file or folder.
    """

    def __init__(self, path: Path):
        self._stored = _stored_bytes(path)
        self._most = max(_SMALL_BYTES, _LARGEST_RATIO * self._stored) // _BYTES
        self._made = 0

    def spend(self, layer: Any, weights: int) -> None:
        """Count a layer's weights.

        Raises:
            ModelFileError: these are too many.
        """
        self._made += weights
        if self._made > self._most:
            raise ModelFileError(
                f"layer '{layer.name}' brings the model to {self._made:,} weights, of which the "
                f"file's {self._stored:,} bytes cannot hold the values; save the model again"
            )


# Of the file that is being opened in this thread: others make layers meanwhile, of any size.
_BUDGET: ContextVar[_Budget | None] = ContextVar("budget", default=None)

_LOCK = threading.Lock()
# How many threads open a file with a class of layers, whose own `add_weight` is kept until the last
# of them is done.
_OPENING: collections.Counter[Any] = collections.Counter()
_OWN: dict[Any, Callable[..., Any]] = {}


@contextmanager
def weights_within(path: Path, layer_class: Any) -> Iterator[None]:
    """Have layers of a class refuse weights while a file is opened that cannot be in it.

    Keras makes all weights that a configuration asks for before it looks for their values. Layers
    that other threads make are none of the file's.

    Args:
        path: of the model's file or folder.
        layer_class: Keras' or tf_keras' `Layer`.

    Raises:
        ModelFileError: weights take 64 MiB, and a hundred times of what the file takes.
    """
    token = _BUDGET.set(_Budget(path))
    _begin(layer_class)
    try:
        yield
    finally:
        _end(layer_class)
        _BUDGET.reset(token)


def _begin(layer_class: Any) -> None:
    with _LOCK:
        _OPENING[layer_class] += 1
        if _OPENING[layer_class] == 1:
            _OWN[layer_class] = layer_class.add_weight
            layer_class.add_weight = _counting(layer_class.add_weight)


def _end(layer_class: Any) -> None:
    with _LOCK:
        _OPENING[layer_class] -= 1
        if not _OPENING[layer_class]:
            layer_class.add_weight = _OWN.pop(layer_class)


def _counting(own: Callable[..., Any]) -> Callable[..., Any]:
    def add_weight(layer: Any, *arguments: Any, **options: Any) -> Any:
        budget = _BUDGET.get()
        if budget is not None:
            budget.spend(layer, _elements(arguments, options))
        return own(layer, *arguments, **options)

    return add_weight


def _stored_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _elements(arguments: tuple[Any, ...], options: dict[str, Any]) -> int:
    """Count a weight's elements; Keras 3 has the shape first, tf_keras may have a name there."""
    given = [options.get("shape"), *arguments[:2]]
    shape = next((value for value in given if isinstance(value, (tuple, list))), ())
    return math.prod(max(int(size), 0) for size in shape if isinstance(size, Integral))
