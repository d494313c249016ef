"""Which model learns: callbacks of a distillation mean the student, not its teacher."""

from __future__ import annotations

import contextlib
from typing import Any

import keras


def trainable_model(model: Any) -> Any:
    """The model whose weights `fit` changes: the student of a Distiller, else the model itself."""
    return model.student if isinstance(model, keras.distillation.Distiller) else model


def compares_layers(model: Any) -> bool:
    """Whether a Distiller runs its student's layers past the student's own `call`."""
    return getattr(model, "_student_feature_extractor", None) is not None


def scope_of(model: Any) -> Any:
    """The scope in which a model's variables are made: that of its tf.distribute strategy."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy.scope() if strategy is not None else contextlib.nullcontext()
