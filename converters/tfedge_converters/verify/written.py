"""Files that `convert` wrote, or is about to write: a model's and the code that lies beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tfedge.errors import MissingToolError, ModelFileError, TfedgeError
from tfedge.file_sets import Manifest, looks_generated, manifest_name, manifests_in, read_manifest
from tfedge.files import read_bytes
from tfedge_converters.backends import Backend, all_backends
from tfedge_converters.c.set_id import without_id
from tfedge_converters.execute import CProgram, build_host

_SUFFIX = ".tflite"
_HASH = re.compile(r'^#define \w+_MODEL_HASH "([0-9a-f]+)"$', re.MULTILINE)
_COMMENT = re.compile(r"^\s*/\*.*?\*/\s*", re.DOTALL)
# What the manifest of a conversion is called by.
CONVERSION = "convert"
# What its manifest says where generated C lies below its folder, as in packages of some platforms.
CODE_FOLDER = "code_folder"
_AGAIN = "convert the model again"
_DIFFERS = "says that outputs are not those of the reference"
_NO_VECTORS = -5  # as tfedge_platform.h has it
_SELF_TEST_WORDS = {
    _NO_VECTORS: "has nothing to compare with, for no interpreter could run the model"
}


@dataclass(frozen=True)
class Written:
    """A model's file and what was generated from it.

    Attributes:
        flatbuffer: the model's file.
        name: its name without the suffix, which generated files begin with.
        folder: where it lies.
        code_folder: where what was generated lies: there, or below.
        program: the C; None if there is none.
        backend: what made the files.
        is_kept: whether the folder is one that `convert` wrote, and not made for this.
    """

    flatbuffer: bytes
    name: str
    folder: Path
    code_folder: Path
    program: CProgram | None
    backend: Backend
    is_kept: bool

    @property
    def compared(self) -> list[str]:
        """The files whose content is compared with what the model gives."""
        constants = self.backend.constants(self.name, self.flatbuffer)
        return [name for name in constants if (self.folder / name).is_file()]

    def file_faults(self) -> Iterator[str]:
        """Describe which files are not as they were written, or do not belong to the model.

        Raises:
            TfedgeError: a file cannot be read.
        """
        if self.is_kept:
            yield from _set_faults(self.folder, self.name)
        yield from self._foreign_constants()

    def self_test_faults(self) -> Iterator[str]:
        """Compile the C for this computer and run its self-test.

        Raises:
            ExecutionError: the C does not compile, or crashes.
        """
        if self.program is None:
            return
        try:
            status = build_host(self.program).self_test()
        except MissingToolError as error:
            yield f"{self.name}_self_test could not be run: {error}"
            return
        if status:
            yield f"{self.name}_self_test {_SELF_TEST_WORDS.get(status, _DIFFERS)}"

    def _foreign_constants(self) -> Iterator[str]:
        for name, orders in self.backend.constants(self.name, self.flatbuffer).items():
            if (self.code_folder / name).is_file():
                found = (self.code_folder / name).read_text("utf-8", "replace")
                line = _first_difference(found, orders)
                if line:
                    yield f"{name} is not what {self.name}{_SUFFIX} gives, from line {line} on"
        header = self.code_folder / f"{self.name}.h"
        if self.program is not None:
            made_from = _HASH.search(header.read_text("utf-8", "replace"))
            right_hash = hashlib.sha256(self.flatbuffer).hexdigest()
            if made_from is None or made_from[1] != right_hash:
                yield f"{header.name} was generated from another model than {self.name}{_SUFFIX}"


def open_written(folder: Path) -> Written:
    """The model in a folder that `convert` wrote.

    Raises:
        ModelFileError: its .tflite file is missing; without a manifest: there is none, or there
            are several.
        TfedgeError: what lies there is neither one conversion nor another, or cannot be read.
    """
    manifest = read_manifest(folder, CONVERSION)
    if manifest is None:
        path, code_folder, sources = _only_model(folder), folder, None
    else:
        path = _listed_model(folder, manifest)
        below = _code_folder(manifest)
        code_folder = folder / below
        files = [PurePosixPath(name) for name in manifest.files]
        sources = tuple(f.name for f in files if f.suffix == ".c" and f.parent == below)
    flatbuffer = read_bytes(path)
    backend = _backend_of(code_folder, path.stem)
    program = backend.open_program(code_folder, path.stem, flatbuffer, sources)
    return Written(flatbuffer, path.stem, folder, code_folder, program, backend, is_kept=True)


def _code_folder(manifest: Manifest) -> PurePosixPath:
    """Where generated C lies; one of the folders that the manifest has files in."""
    given = PurePosixPath(manifest.facts.get(CODE_FOLDER, ""))
    known = {PurePosixPath(name).parent for name in manifest.files}
    return given if given in known else PurePosixPath("")


def _backend_of(folder: Path, name: str) -> Backend:
    """The one whose marks lie there, of several the one with most; else one without files."""
    found = [
        backend
        for backend in all_backends()
        if backend.marks and all((folder / f"{name}{mark}").is_file() for mark in backend.marks)
    ]
    return max(found, key=lambda backend: len(backend.marks), default=Backend())


def _only_model(folder: Path) -> Path:
    made = tuple(ending for ending in _endings() if ending.endswith(_SUFFIX))
    found = sorted(path for path in folder.glob(f"*{_SUFFIX}") if not path.name.endswith(made))
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        held = f"several models ({names}): give one" if found else "no .tflite file"
        raise ModelFileError(
            f"{folder}: holds {held}; a folder that 'tfedge convert' wrote has one, with its "
            "generated code"
        )
    return found[0]


def _listed_model(folder: Path, manifest: Manifest) -> Path:
    if not manifest.complete:
        raise TfedgeError(f"{folder}: {next(manifest.faults(folder))}")
    path = folder / f"{manifest.facts.get('name')}{_SUFFIX}"
    if path.name not in manifest.files:
        raise TfedgeError(f"{folder / manifest.file_name}: damaged: it names no model; {_AGAIN}")
    if not path.exists():
        raise ModelFileError(
            f"{folder}: {path.name} is missing, which tfedge wrote there; {_AGAIN}"
        )
    return path


def _set_faults(folder: Path, name: str) -> Iterator[str]:
    """Describe what the manifests in a folder say of it, and of what lies between their files."""
    known: set[str] = set()
    for manifest in manifests_in(folder):
        known |= {manifest.file_name, *manifest.known}
        yield from manifest.faults(folder)
    if manifest_name(CONVERSION) not in known:
        yield f"{manifest_name(CONVERSION)} is missing, which says what belongs together; {_AGAIN}"
    folders = sorted({(folder / file).parent for file in known})
    there = [path for place in folders if place.is_dir() for path in sorted(place.iterdir())]
    names = {path: path.relative_to(folder).as_posix() for path in there}
    strange = [path for path in there if names[path] not in known]
    colliding = [names[path] for path in strange if _collides(path, name)]
    if colliding:
        yield f"not of this conversion, but called as if they were: {', '.join(colliding)}"


def _collides(path: Path, name: str) -> bool:
    """Whether a file would be taken for one of the model's, or compiled with them."""
    if path.name in {f"{name}{ending}" for ending in (_SUFFIX, *_endings())}:
        return True
    return path.suffix in (".c", ".h") and path.is_file() and looks_generated(path)


def _endings() -> list[str]:
    """List the endings of files that conversions for one target or another put beside a model's."""
    return [ending for backend in all_backends() for ending in backend.endings]


def _first_difference(found: str, rights: Iterable[str]) -> int:
    """The line, from 1, from which on a file differs from what is nearest; 0 if one is equal.

    Banners do not count.
    """
    banner, rest = _split(without_id(found))
    lines = 0
    for right in rights:
        same = _equal_lines(rest, _split(without_id(right))[1])
        if same is None:
            return 0
        lines = max(lines, banner.count("\n") + same + 1)
    return lines


def _equal_lines(found: str, right: str) -> int | None:
    """How many lines two texts begin with alike; None if they are equal."""
    if found == right:
        return None
    pairs = zip(found.split("\n"), right.split("\n"), strict=False)
    least = min(found.count("\n"), right.count("\n")) + 1
    return next((i for i, (a, b) in enumerate(pairs) if a != b), least)


def _split(text: str) -> tuple[str, str]:
    banner = _COMMENT.match(text)
    end = 0 if banner is None else banner.end()
    return text[:end], text[end:]
