"""The forms in which Keras models lie on disk."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from tfedge.errors import ModelFileError


@dataclass(frozen=True)
class Saved:
    """What a saved model says about itself.

    Attributes:
        config: the bytes that name the classes of its layers.
        keras_version: of the Keras that wrote it, e.g. "2.15.0".
        keras3: whether Keras 3 knows the form at all.
        function_only: whether there is a function to serve and no description of layers.
    """

    config: bytes
    keras_version: str
    keras3: bool = True
    function_only: bool = False


def describe(path: Path) -> Saved:
    """Recognises a saved model by its content.

    Raises:
        ModelFileError: there is no such file, or it does not hold a Keras model.
    """
    if not path.exists():
        raise ModelFileError(f"{path}: there is no such file or folder")
    try:
        for matches, read in _FORMS:
            if matches(path):
                return read(path)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path}: truncated or corrupt ({error}); save it again") from error
    raise ModelFileError(
        f"{path}: not a Keras model; give a .keras archive, an HDF5 file (.h5) or a SavedModel "
        "folder"
    )


def _is_archive(path: Path) -> bool:
    return path.suffix == ".keras" and zipfile.is_zipfile(path)


def _read_archive(path: Path) -> Saved:
    with zipfile.ZipFile(path) as archive:
        return _from_json(archive.read("config.json"), archive.read("metadata.json"))


def _is_unpacked_archive(path: Path) -> bool:
    return (path / "config.json").is_file()


def _read_unpacked_archive(path: Path) -> Saved:
    return _from_json((path / "config.json").read_bytes(), (path / "metadata.json").read_bytes())


def _from_json(config: bytes, metadata: bytes) -> Saved:
    return Saved(config, str(json.loads(metadata)["keras_version"]))


def _is_hdf5(path: Path) -> bool:
    return path.is_file() and bool(h5py.is_hdf5(path))


def _read_hdf5(path: Path) -> Saved:
    with h5py.File(path) as file:
        config = _bytes(file.attrs.get("model_config"))
        version = _bytes(file.attrs.get("keras_version", ""))
    if config is None:
        raise ModelFileError(
            f"{path}: holds weights but no model; build the model in Python, load the weights "
            "into it and hand over the model"
        )
    return Saved(config, (version or b"").decode())


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _is_saved_model(path: Path) -> bool:
    return (path / "saved_model.pb").is_file()


def _read_saved_model(path: Path) -> Saved:
    metadata = path / "keras_metadata.pb"
    if not metadata.exists():
        return Saved(b"", "", keras3=False, function_only=True)
    return Saved(metadata.read_bytes(), "2", keras3=False)


_FORMS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Saved]], ...] = (
    (_is_archive, _read_archive),
    (_is_unpacked_archive, _read_unpacked_archive),
    (_is_hdf5, _read_hdf5),
    (_is_saved_model, _read_saved_model),
)
