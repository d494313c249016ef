"""Readers of the files that Keras models are saved in, of whatever age."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tfedge.errors import ModelFileError, TfedgeError, UnsupportedError
from tfedge_converters.export.keras2_objects import keras2_objects
from tfedge_converters.export.saved_formats import Saved, as_keras_opens, describe
from tfedge_converters.export.saved_function import load_function
from tfedge_converters.export.tfmot_wrappers import known_wrappers
from tfedge_converters.export.trust import (
    CodeRefusedError,
    check_configs,
    check_graphs,
    check_saved_model,
    check_saved_objects,
    foreign_objects,
)
from tfedge_converters.export.trust.configs import strings_in
from tfedge_converters.export.trust.known_names import (
    KnownNames,
    names_of_keras3,
    names_of_tf_keras,
)
from tfedge_converters.export.trust.refusal import printable
from tfedge_converters.export.weight_budget import weights_within
from tfedge_converters.quiet import quiet

# Keras 2 computes max(0, min(1, 0.2 x + 0.5)), Keras 3 relu6(x + 3) / 6.
_CHANGED_MEANING = "hard_sigmoid"
# Behind it Keras has, of layers within layers, what is wrong with the innermost.
_INNERMOST = "Exception encountered: "
_LONGEST_REASON = 500
_UNKNOWN_CLASS = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown (?:layer|object):?) '?(\w+)"
)


def load_keras(path: str | Path, *, allow_code: bool = False) -> Any:
    """Open a saved Keras model for inference; it is not compiled.

    Takes .keras archives and folders with their content, HDF5 files of Keras 3 and Keras 2,
    and SavedModel folders of Keras 2, of `model.export` or of any function. Keras 3 opens what it
    can without changing what the model computes, tf_keras the rest. What the file asks for is
    looked at before either does (`trust`).

    Args:
        path: the file or folder.
        allow_code: whether code may run that the file brings, as Lambda layers do, or asks for:
            modules to import, operators that read and write files.

    Returns:
        A `keras.Model`, or a `tf_keras.Model` where only tf_keras can read the file, or a
        `SavedFunction` where there are no layers.

    Raises:
        ModelFileError: there is no such file, or it does not hold a Keras model.
        CodeRefusedError: opening it would run code, and `allow_code` is not set.
        UnsupportedError: the model has classes that are not registered, or convolutions that
            Keras 3 cannot express.
    """
    path = Path(path)
    failures: list[Exception] = []
    with quiet(), as_keras_opens(path) as opened:
        saved = describe(opened, path)
        objects = _foreign_objects(path, saved) if allow_code else {}
        with known_wrappers(strings_in(saved.configs)):
            for reader in _readers(saved):
                try:
                    if not allow_code:
                        reader.check(opened, saved)
                    return reader.read(opened, objects, not allow_code)
                except Exception as error:  # anything, from broken bytes to a layer's constructor
                    _refuse_understood(path, error)
                    failures.append(error)
    if _of_keras2(saved):
        failures.reverse()  # the Keras that wrote the file knows best what is wrong with it
    raise _explained(path, failures) from failures[0]


def _foreign_objects(path: Path, saved: Saved) -> dict[str, Any]:
    try:
        return foreign_objects(saved.configs)
    except UnsupportedError as error:
        raise UnsupportedError(f"{path}: {error}") from error


@dataclass(frozen=True)
class _Reader:
    """Opener of one form of files.

    Attributes:
        names: the classes and functions that it knows.
        read: of a path, custom objects, and whether code is refused, the model.
    """

    names: Callable[[], KnownNames]
    read: Callable[[Path, Mapping[str, Any], bool], Any]

    def check(self, path: Path, saved: Saved) -> None:
        """Refuse what it would run.

        Raises:
            CodeRefusedError: says what and where.
        """
        if not saved.graphs:
            check_configs(saved.configs, self.names())
            return
        check_graphs(path)
        if saved.configs:
            check_saved_objects(saved.configs, self.names())
        check_saved_model(path)


def _of_keras2(saved: Saved) -> bool:
    return not saved.keras_version.startswith("3")


def _readers(saved: Saved) -> list[_Reader]:
    if saved.function_only:
        return [_FUNCTION]
    if not saved.keras3 or (_of_keras2(saved) and _CHANGED_MEANING in strings_in(saved.configs)):
        return [_TF_KERAS]
    return [_KERAS, _TF_KERAS]


def _read_with_keras(path: Path, objects: Mapping[str, Any], safe: bool) -> Any:
    known = {**keras2_objects(), **objects}
    with weights_within(path, keras.layers.Layer):
        return keras.models.load_model(path, custom_objects=known, compile=False, safe_mode=safe)


def _read_with_tf_keras(path: Path, objects: Mapping[str, Any], safe: bool) -> Any:
    import tf_keras  # slow, and only old files need it

    with weights_within(path, tf_keras.layers.Layer):
        return tf_keras.models.load_model(
            path, custom_objects=objects, compile=False, safe_mode=safe
        )


def _read_function(path: Path, objects: Mapping[str, Any], safe: bool) -> Any:
    return load_function(path)


_KERAS = _Reader(names_of_keras3, _read_with_keras)
_TF_KERAS = _Reader(names_of_tf_keras, _read_with_tf_keras)
_FUNCTION = _Reader(names_of_keras3, _read_function)


def _refuse_understood(path: Path, error: BaseException) -> None:
    """Raise again what was raised on purpose; Keras wraps it in errors of its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TfedgeError) and not isinstance(cause, CodeRefusedError):
            raise type(cause)(f"{path}: {cause}") from error
        cause = cause.__cause__ or cause.__context__


def _explained(path: Path, failures: list[Exception]) -> TfedgeError:
    """One error for what the readers said, the most competent first."""
    if isinstance(failures[0], CodeRefusedError):
        return CodeRefusedError(f"{path}: {failures[0]}")
    for failure in failures:
        unknown = _UNKNOWN_CLASS.search(str(failure))
        if unknown:
            return UnsupportedError(
                f"{path}: the model uses '{printable(unknown[1])}', which is not part of Keras; "
                "import the module that registers it with "
                "keras.saving.register_keras_serializable, or open the file with custom_objects "
                "yourself and hand over the model"
            )
    # A Keras that knows less of the file's classes has nothing to say of what is wrong with it.
    able = [error for error in failures if not isinstance(error, CodeRefusedError)]
    reasons = "; ".join(f"{type(error).__name__}: {_reason(error)}" for error in able)
    return ModelFileError(f"{path}: Keras cannot open it ({reasons})")


def _reason(error: Exception) -> str:
    """Return what a reader says at heart; it may repeat what the file says, at any length."""
    reason = str(error).rpartition(_INNERMOST)[2].strip()
    return printable(next(iter(reason.splitlines()), ""), _LONGEST_REASON)
