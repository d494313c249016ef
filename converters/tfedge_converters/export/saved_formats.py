"""The forms in which Keras models lie on disk."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from tfedge.errors import ModelFileError, TfedgeError
from tfedge.json_form import Form
from tfedge_converters.file_kinds import FileKind, kind_of

_METADATA = Form(
    {
        "type": "object",
        "description": "an object",
        "properties": {"keras_version": {"type": "string", "description": "a version"}},
        "required": ["keras_version"],
    }
)


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
    """Recognises a saved model by its content, whatever it is called.

    Raises:
        ModelFileError: there is no such file, or it does not hold a Keras model.
    """
    kind = kind_of(path)
    if kind not in _FORMS:
        raise ModelFileError(f"{path}: {kind.value}, not a Keras model")
    try:
        return _FORMS[kind](path)
    except ModelFileError:
        raise
    except (OSError, KeyError, ValueError, TfedgeError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path}: truncated or corrupt ({error}); save it again") from error


@contextmanager
def under_its_suffix(path: Path) -> Iterator[Path]:
    """The file under a name that ends as its content asks: Keras goes by names, not by content."""
    wanted = _SUFFIXES.get(kind_of(path), ())
    if not wanted or path.suffix in wanted:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        renamed = Path(folder) / f"{path.stem}{wanted[0]}"
        shutil.copyfile(path, renamed)
        yield renamed


def _read_archive(path: Path) -> Saved:
    with zipfile.ZipFile(path) as archive:
        return _from_json(archive.read("config.json"), archive.read("metadata.json"))


def _read_unpacked_archive(path: Path) -> Saved:
    return _from_json((path / "config.json").read_bytes(), (path / "metadata.json").read_bytes())


def _from_json(config: bytes, metadata: bytes) -> Saved:
    return Saved(config, _METADATA.parsed(metadata, "metadata.json")["keras_version"])


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


def _read_saved_model(path: Path) -> Saved:
    metadata = path / "keras_metadata.pb"
    if not metadata.exists():
        return Saved(b"", "", keras3=False, function_only=True)
    return Saved(metadata.read_bytes(), "2", keras3=False)


_FORMS: dict[FileKind, Callable[[Path], Saved]] = {
    FileKind.KERAS_ARCHIVE: _read_archive,
    FileKind.KERAS_FOLDER: _read_unpacked_archive,
    FileKind.HDF5: _read_hdf5,
    FileKind.SAVED_MODEL: _read_saved_model,
}

# How names of files must end for Keras to open them as what they are, the usual end first.
_SUFFIXES = {FileKind.KERAS_ARCHIVE: (".keras",), FileKind.HDF5: (".h5", ".hdf5")}
