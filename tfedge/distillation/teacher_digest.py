"""Digests by which teachers are told apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import keras
import numpy as np

from tfedge.files import read_bytes

# Keras' mark of an object that several layers share, which is another one in every process.
_ADDRESS = "shared_object_id"
# Of an `Ensemble`, how its teachers are put together.
_SETTINGS = ("shares", "outputs_are", "by_confidence", "separate")


def digest_of(model: Any) -> str:
    """Digest everything that decides a teacher's outputs, as far as it can be known.

    That is its architecture, settings included but no names, which count up within a process, and
    its weights; of files their bytes, of functions their code.

    Args:
        model: a Keras model, a `Teacher` or an `Ensemble`.
    """
    digest = hashlib.blake2b(digest_size=16)
    _add(digest.update, model)
    return digest.hexdigest()


def _add(update: Callable[[bytes], Any], source: Any) -> None:
    update(type(source).__qualname__.encode())
    if isinstance(source, (str, Path)):
        update(read_bytes(Path(source)))
    for inner in _inside(source):
        _add(update, inner)
    update(repr([getattr(source, name, None) for name in _SETTINGS]).encode())
    if callable(getattr(source, "get_weights", None)):
        update(_described(source).encode())
        for value in source.get_weights():
            update(np.ascontiguousarray(value).tobytes())
    elif hasattr(source, "__code__"):
        update(_code(source.__code__))


def _code(code: CodeType) -> bytes:
    """Return a function's code, and that of functions defined in it, without addresses."""
    constants = [
        _code(item) if isinstance(item, CodeType) else repr(item).encode()
        for item in code.co_consts
    ]
    return b"".join([code.co_code, repr(code.co_names).encode(), *constants])


def _inside(source: Any) -> list[Any]:
    """Return the models that a `Teacher` or an `Ensemble` consists of."""
    parts = [getattr(source, name, None) for name in ("source", "preprocess")]
    return [part for part in [*parts, *getattr(source, "teachers", [])] if part is not None]


def _described(model: Any) -> str:
    """A model's configuration without its names; nothing where it has none."""
    try:
        config = keras.saving.serialize_keras_object(model.get_config())
    except Exception:  # whatever a user's get_config raises: what the teacher says is compared too
        return ""
    names: dict[str, str] = {}
    _collect_names(config, names)
    try:
        return json.dumps(_renamed(config, names), sort_keys=True)
    except TypeError:
        return ""


def _collect_names(item: Any, names: dict[str, str]) -> None:
    if isinstance(item, dict):
        if isinstance(item.get("name"), str):
            names.setdefault(item["name"], f"name_{len(names)}")
        for value in item.values():
            _collect_names(value, names)
    elif isinstance(item, (list, tuple)):
        for value in item:
            _collect_names(value, names)


def _renamed(item: Any, names: dict[str, str]) -> Any:
    if isinstance(item, dict):
        kept = {key: value for key, value in item.items() if key != _ADDRESS}
        return {key: _renamed(value, names) for key, value in kept.items()}
    if isinstance(item, (list, tuple)):
        return [_renamed(value, names) for value in item]
    return names.get(item, item) if isinstance(item, str) else item
