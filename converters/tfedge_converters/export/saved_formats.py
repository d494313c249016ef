"""The forms in which Keras models lie on disk."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from tfedge.errors import ModelFileError
from tfedge.files import read_bytes, reason_of
from tfedge.json_form import Form, is_deeper
from tfedge_converters.export.trust import check_archive, check_arrays, check_hdf5
from tfedge_converters.export.trust.refusal import printable
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
    """Facts that a saved model states about itself.

    Attributes:
        configs: what describes its objects, parsed, by where it stands in the file. What only
            concerns compiling is left out, as models are not compiled when they are opened.
        keras_version: of the Keras that wrote it, e.g. "2.15.0".
        keras3: whether Keras 3 knows the form at all.
        graphs: whether functions were saved as graphs, so that it is a SavedModel.
    """

    configs: Mapping[str, Any]
    keras_version: str
    keras3: bool = True
    graphs: bool = False

    @property
    def function_only(self) -> bool:
        """Whether there is a function to serve and no description of layers."""
        return self.graphs and not self.configs


def describe(opened: Path, path: Path) -> Saved:
    """Recognise a saved model by its content, whatever it is called.

    Args:
        opened: what `as_keras_opens` gave.
        path: what messages call it.

    Raises:
        ModelFileError: there is no such file, or it does not hold a Keras model; or it is made so
            that reading it would read other files, or fill the memory.
    """
    kind = kind_of(opened)
    if kind not in _FORMS:
        raise ModelFileError(f"{path}: {kind.value}, not a Keras model")
    try:
        saved = _FORMS[kind](opened)
        check_arrays(saved.configs)
        return saved
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except Exception as error:  # whatever h5py, zipfile, json and protobuf make of broken bytes
        raise ModelFileError(f"{path}: truncated or corrupt ({error}); save it again") from error


@contextmanager
def as_keras_opens(path: Path) -> Iterator[Path]:
    """The model in the one form that its content has: Keras goes by names, and what else is there.

    A file gets a name that ends as its content asks; the unpacked folder of an archive is packed.
    """
    kind = kind_of(path)
    wanted = _SUFFIXES.get(kind, ())
    if not wanted or (path.suffix in wanted and path.is_file()):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        renamed = Path(folder) / f"{path.stem}{wanted[0]}"
        if kind is FileKind.KERAS_FOLDER:
            _pack(path, renamed)
        else:
            shutil.copyfile(path, renamed)
        yield renamed


def _pack(folder: Path, archive: Path) -> None:
    try:
        with zipfile.ZipFile(archive, "w") as packed:
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                packed.write(file, file.relative_to(folder).as_posix())
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{folder}: cannot be read: {reason_of(error)}") from error


def _read_archive(path: Path) -> Saved:
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        config, metadata = archive.read("config.json"), archive.read("metadata.json")
    version = _METADATA.parsed(metadata, "metadata.json")["keras_version"]
    return Saved({"config.json": _parsed(config)}, version)


def _parsed(text: str | bytes) -> dict[str, Any]:
    """The description of an object, without what nobody reads unless it is compiled."""
    if len(text) > _MOST_BYTES:
        raise ModelFileError(f"the description of its model is longer than {_MOST_BYTES:,} bytes")
    described = json.loads(text)
    if not isinstance(described, dict):
        raise ModelFileError("the description of its model is no JSON object; save it again")
    if is_deeper(described, _DEEPEST):
        raise ModelFileError(f"the description of its model is nested more than {_DEEPEST} deep")
    return {key: value for key, value in described.items() if key not in _UNREAD}


# As objects of Python it takes up to forty times as much. That of a thousand layers has a million.
_MOST_BYTES = 1 << 24
# Keras calls itself for each, a few calls a level. Ten models within each other are some 80 deep.
_DEEPEST = 200
_UNREAD = ("compile_config", "training_config", "model_config")


def _read_hdf5(path: Path) -> Saved:
    check_hdf5(path)
    with h5py.File(path) as file:
        config = _text(file, "model_config")
        version = _text(file, "keras_version")
    if config is None:
        raise ModelFileError(
            "holds weights but no model; build the model in Python, load the weights into it and "
            "hand over the model"
        )
    return Saved({"model_config": _parsed(config)}, version or "")


def _text(file: Any, attribute: str) -> str | None:
    """An attribute of a file; None if it has none of this name."""
    value = file.attrs.get(attribute)
    if not isinstance(value, (str, bytes, type(None))):
        raise ModelFileError(f"its attribute '{attribute}' is no text; save the model again")
    return value.decode() if isinstance(value, bytes) else value


def _read_saved_model(path: Path) -> Saved:
    for part in sorted(path.rglob("*")):  # TensorFlow would wait for a pipe
        if part.exists() and not (part.is_file() or part.is_dir()):
            name = printable(str(part.relative_to(path)))
            raise ModelFileError(f"its '{name}' is no file; save it again")
    metadata = path / "keras_metadata.pb"
    if not metadata.exists():
        return Saved({}, "", keras3=False, graphs=True)
    # Slow, and only old files need it.
    from tf_keras.protobuf.saved_metadata_pb2 import SavedMetadata

    nodes = SavedMetadata.FromString(read_bytes(metadata)).nodes
    configs = {
        f"node {index}, {node.node_path}": _parsed(node.metadata)
        for index, node in enumerate(nodes)  # paths may be there twice
    }
    return Saved(configs, "2", keras3=False, graphs=True)


_FORMS: dict[FileKind, Callable[[Path], Saved]] = {
    FileKind.KERAS_ARCHIVE: _read_archive,
    FileKind.HDF5: _read_hdf5,
    FileKind.SAVED_MODEL: _read_saved_model,
}

# How names of files must end for Keras to open them as what they are, the usual end first.
_SUFFIXES = {
    FileKind.KERAS_ARCHIVE: (".keras",),
    FileKind.KERAS_FOLDER: (".keras",),
    FileKind.HDF5: (".h5", ".hdf5"),
}
