"""Bound on the weights that a model's file asks for: no more than it holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

from tfedge.errors import ModelFileError
from tfedge.keras_graph import private

# Weights that are saved with a filter, and zeros among them, take less room than in memory.
_SMALL_BYTES = 1 << 26
_LARGEST_RATIO = 100
_BYTES = 4  # a weight, by default


@contextmanager
def weights_within(path: Path, layer_class: Any) -> Iterator[None]:
    """Have layers of a class refuse weights while a file is opened that cannot be in it.

    Keras makes all weights that a configuration asks for before it looks for their values.

    Args:
        path: of the model's file or folder.
        layer_class: Keras' or tf_keras' `Layer`.

    Raises:
        ModelFileError: weights take 64 MiB, and a hundred times of what the file takes.
    """
    stored = _stored_bytes(path)
    most = max(_SMALL_BYTES, _LARGEST_RATIO * stored) // _BYTES
    original = layer_class.add_weight
    made = 0

    def add_weight(layer: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal made
        made += _elements(arguments, options)
        if made > most:
            raise ModelFileError(
                f"layer '{layer.name}' brings the model to {made:,} weights, of which the file's "
                f"{stored:,} bytes cannot hold the values; save the model again"
            )
        return original(layer, *arguments, **options)

    with private.in_place_of(layer_class, "add_weight", add_weight):
        yield


def _stored_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _elements(arguments: tuple[Any, ...], options: dict[str, Any]) -> int:
    """Count a weight's elements; Keras 3 has the shape first, tf_keras may have a name there."""
    given = [options.get("shape"), *arguments[:2]]
    shape = next((value for value in given if isinstance(value, (tuple, list))), ())
    return math.prod(max(int(size), 0) for size in shape if isinstance(size, Integral))
