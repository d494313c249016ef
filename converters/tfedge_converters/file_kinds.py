"""Kinds of models' files by their content, found before anything slow is imported for them."""

from __future__ import annotations

import enum
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tfedge.errors import ModelFileError
from tfedge.files import open_file, reason_of

_HEAD_BYTES = 4096
# HDF5 may begin behind a block of the user's own, whose size is a power of two from 512 on.
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HDF5_STARTS = (0, 512, 1024, 2048)


class FileKind(enum.Enum):
    """The forms of models that are opened."""

    TFLITE = "a .tflite file"
    KERAS_ARCHIVE = "a .keras archive"
    KERAS_FOLDER = "the folder of a .keras archive"
    HDF5 = "an HDF5 file"
    SAVED_MODEL = "a SavedModel folder"


@dataclass(frozen=True)
class _Content:
    """A file as far as it is looked at: its first bytes, or the names of a folder's entries."""

    head: bytes = b""
    name: str = ""
    entries: frozenset[str] | None = None
    archive: bytes | Path = b""

    @cached_property
    def members(self) -> frozenset[str]:
        """The names in a zip archive, none if it is no readable one."""
        if not self.head.startswith(b"PK"):
            return frozenset()
        try:
            source = io.BytesIO(self.archive) if isinstance(self.archive, bytes) else self.archive
            with zipfile.ZipFile(source) as archive:
                return frozenset(archive.namelist())
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
            return frozenset()

    def has(self, *endings: str) -> bool:
        """Whether a member of the archive ends with one of these."""
        return any(member.endswith(endings) for member in self.members)


def kind_of(path: Path) -> FileKind:
    """Recognise the form of a model at a path, whatever it is called.

    Raises:
        ModelFileError: nothing is there, it may not be read, or it is no model that can be opened;
            says what it is instead.
    """
    content = _content(path)
    for kind, matches in _KINDS.items():
        if matches(content):
            return kind
    raise ModelFileError(f"{path}: {_foreign(content)}")


def describe_foreign(data: bytes, name: str) -> str:
    """Say what bytes are that no model can be opened from, and what to give instead.

    Args:
        data: the whole content.
        name: what it is called, for its suffix.
    """
    content = _Content(data[:_HEAD_BYTES], name, archive=data)
    for kind, matches in _KINDS.items():
        if matches(content):
            return f"it is {kind.value}: give its path, not its bytes"
    return _foreign(content)


def _content(path: Path) -> _Content:
    try:
        if path.is_dir():
            entries = frozenset(entry.name for entry in path.iterdir())
            return _Content(name=path.name, entries=entries)
        with open_file(path) as file:
            return _Content(file.read(_HEAD_BYTES), path.name, archive=path)
    except FileNotFoundError:
        raise ModelFileError(f"{path}: there is no such file or folder") from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: cannot be read: {reason_of(error)}") from error


def _is_hdf5(content: _Content) -> bool:
    return any(content.head.startswith(_HDF5_SIGNATURE, start) for start in _HDF5_STARTS)


_KINDS: dict[FileKind, Callable[[_Content], bool]] = {
    FileKind.TFLITE: lambda content: content.head[4:8] == b"TFL3",
    FileKind.KERAS_ARCHIVE: lambda content: "config.json" in content.members,
    FileKind.KERAS_FOLDER: lambda content: "config.json" in (content.entries or ()),
    FileKind.HDF5: _is_hdf5,
    FileKind.SAVED_MODEL: lambda content: "saved_model.pb" in (content.entries or ()),
}

_WANTED = "give a .keras, .h5 or .tflite file, or a SavedModel folder"
_FROM_TORCH = "convert it to TFLite with ai-edge-torch (litert-torch) and give the .tflite file"


def _foreign(content: _Content) -> str:
    """Words for what is no model, or one of another kind."""
    for matches, words in _FOREIGN:
        if matches(content):
            return words
    if content.entries is not None:
        return f"a folder without a model{_inside(content.entries)}; {_WANTED}"
    return f"not a Keras model, nor a TFLite flatbuffer; {_WANTED}"


def _inside(entries: frozenset[str]) -> str:
    models = sorted(name for name in entries if name.endswith((".tflite", ".keras", ".h5")))
    return f" of its own, though it holds {', '.join(models[:3])}" if models else ""


def _is_onnx(content: _Content) -> bool:
    """By its name, or as a protobuf whose first fields are a version and a known producer."""
    makers = (b"pytorch", b"onnx", b"tf2onnx", b"skl2onnx")
    named = any(maker in content.head[:64].lower() for maker in makers)
    return content.name.endswith(".onnx") or (content.head[:1] == b"\x08" and named)


def _is_pickle(content: _Content) -> bool:
    return content.head[:1] == b"\x80" and content.head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _is_web_page(content: _Content) -> bool:
    return content.head.lstrip()[:16].lower().startswith((b"<!doctype", b"<html"))


def _is_text(content: _Content) -> bool:
    try:
        text = content.head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character of the head may be cut.
        if error.start < len(content.head) - 3 or not content.head:
            return False
        text = content.head[: error.start].decode("utf-8")
    return bool(text) and all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)


# What users hand over by mistake, the most certain first.
_FOREIGN: tuple[tuple[Callable[[_Content], bool], str], ...] = (
    (lambda c: c.entries is None and not c.head, f"the file is empty; {_WANTED}"),
    (lambda c: c.head.startswith(b"version https://git-lfs"),
     "a pointer of Git LFS in place of the file; fetch it with: git lfs pull"),
    (_is_web_page, "a web page, not a model: the download went wrong; download the file again"),
    (lambda c: c.has("saved_model.pb"),
     "a zipped SavedModel; unpack it and give the folder"),
    (lambda c: c.has("data.pkl", "constants.pkl") or _is_pickle(c),
     f"a PyTorch model or another pickle; {_FROM_TORCH}"),
    (lambda c: c.has(".npy"), f"arrays of numpy (.npz), not a model; {_WANTED}"),
    (lambda c: c.has(".tflite", ".keras", ".h5"),
     "an archive with models inside; unpack it and give one of them"),
    (lambda c: bool(c.members), f"a zip archive without a model; {_WANTED}"),
    (lambda c: c.head.startswith(b"PK"), "a truncated or corrupt archive; save the model again"),
    (_is_onnx, "an ONNX model; convert it to TFLite, for instance with onnx2tf, and give the "
     ".tflite file"),
    (lambda c: c.head[4:6] == b"ET", f"an ExecuTorch program; {_FROM_TORCH}"),
    (lambda c: c.head.startswith(b"\x93NUMPY"), f"an array of numpy, not a model; {_WANTED}"),
    (lambda c: c.head.startswith(b"\x1f\x8b"), "compressed with gzip; unpack it first"),
    (lambda c: c.name.endswith(".pb"),
     "a TensorFlow graph; give the SavedModel folder that it lies in"),
    (lambda c: c.head.lstrip().startswith(b"{") and b'"class_name"' in c.head,
     "a description of a model without its weights; build it with keras.models.model_from_json, "
     "load the weights and hand over the model"),
    (_is_text, f"a text file, not a model; {_WANTED}"),
)  # fmt: skip
