"""Opens the files that Keras models are saved in, of whatever age."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from tfedge.errors import ModelFileError, TfedgeError, UnsupportedError
from tfedge_converters.export.keras2_objects import keras2_objects
from tfedge_converters.export.saved_formats import Saved, describe, under_its_suffix
from tfedge_converters.export.saved_function import load_function
from tfedge_converters.export.tfmot_wrappers import known_wrappers
from tfedge_converters.quiet import quiet

_LAMBDA = re.compile(rb'"class_name":\s*"Lambda"')
# Keras 2 computes max(0, min(1, 0.2 x + 0.5)), Keras 3 relu6(x + 3) / 6.
_CHANGED_MEANING = re.compile(rb'"hard_sigmoid"')
_UNKNOWN_CLASS = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown (?:layer|object):?) '?(\w+)"
)


def load_keras(path: str | Path) -> Any:
    """Opens a saved Keras model for inference; it is not compiled.

    Takes .keras archives and folders with their content, HDF5 files of Keras 3 and Keras 2,
    and SavedModel folders of Keras 2, of `model.export` or of any function. Keras 3 opens what it
    can without changing what the model computes, tf_keras the rest.

    Args:
        path: the file or folder.

    Returns:
        A `keras.Model`, or a `tf_keras.Model` where only tf_keras can read the file, or a
        `SavedFunction` where there are no layers.

    Raises:
        ModelFileError: there is no such file, or it does not hold a Keras model.
        UnsupportedError: the model has classes that are not registered, Lambda layers (code
            out of the file would run) or convolutions that Keras 3 cannot express.
    """
    path = Path(path)
    saved = describe(path)
    failures: list[Exception] = []
    with quiet(), under_its_suffix(path) as opened:
        for reader in _readers(saved):
            if reader is _read_with_tf_keras:
                _refuse_code(path, saved)
            try:
                with known_wrappers(saved.config):
                    return reader(opened)
            except Exception as error:  # anything, from broken bytes to a layer's constructor
                _refuse_understood(path, error)
                failures.append(error)
    if _of_keras2(saved):
        failures.reverse()  # the Keras that wrote the file knows best what is wrong with it
    raise _explained(path, failures) from failures[0]


def _of_keras2(saved: Saved) -> bool:
    return not saved.keras_version.startswith("3")


def _readers(saved: Saved) -> list[Callable[[Path], Any]]:
    if saved.function_only:
        return [load_function]
    if not saved.keras3 or (_of_keras2(saved) and _CHANGED_MEANING.search(saved.config)):
        return [_read_with_tf_keras]
    return [_read_with_keras, _read_with_tf_keras]


def _read_with_keras(path: Path) -> Any:
    return keras.models.load_model(path, custom_objects=keras2_objects(), compile=False)


def _read_with_tf_keras(path: Path) -> Any:
    import tf_keras  # slow, and only old files need it

    return tf_keras.models.load_model(path, compile=False)


def _refuse_code(path: Path, saved: Saved) -> None:
    """tf_keras runs the code of Lambda layers without asking."""
    if _LAMBDA.search(saved.config):
        raise UnsupportedError(
            f"{path}: the model has a Lambda layer, so opening it runs code out of the file; if "
            "you trust the file, open it with keras.models.load_model(path, safe_mode=False) and "
            "hand over the model"
        )


def _refuse_understood(path: Path, error: BaseException) -> None:
    """Raises again what was raised on purpose; Keras wraps it in errors of its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TfedgeError):
            raise type(cause)(f"{path}: {cause}") from error
        cause = cause.__cause__ or cause.__context__


def _explained(path: Path, failures: list[Exception]) -> TfedgeError:
    """One error for what the readers said, the most competent first."""
    for failure in failures:
        unknown = _UNKNOWN_CLASS.search(str(failure))
        if unknown:
            return UnsupportedError(
                f"{path}: the model uses '{unknown[1]}', which is not part of Keras; import the "
                "module that registers it with keras.saving.register_keras_serializable, or "
                "open the file with custom_objects yourself and hand over the model"
            )
    reasons = "; ".join(f"{type(error).__name__}: {_first_line(error)}" for error in failures)
    return ModelFileError(f"{path}: Keras cannot open it ({reasons})")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")
