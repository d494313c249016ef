"""Compiled training steps, and when they have to be compiled anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_xla(model: Any) -> Iterator[None]:
    """Make functions of a model that XLA does not compile, whatever the model was compiled with."""
    before = model.jit_compile
    model.jit_compile = False
    try:
        yield
    finally:
        model.jit_compile = before


def compile_anew(model: Any) -> None:
    """Drop a model's compiled functions, and make that of training again if it is in use."""
    model.test_function = None
    model.predict_function = None
    if model.train_function is not None:
        model.make_train_function(force=True)
