"""Compiled training steps, and when they have to be compiled anew."""

from __future__ import annotations

from typing import Any


def compile_anew(model: Any) -> None:
    """Drop a model's compiled functions, and make that of training again if it is in use."""
    model.test_function = None
    model.predict_function = None
    if model.train_function is not None:
        model.make_train_function(force=True)
