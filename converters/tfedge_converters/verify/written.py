"""What `convert` wrote, or is about to write: a model's file and the code that lies beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfedge.errors import ModelFileError, TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import CSource, Options, generate
from tfedge_converters.execute import CProgram, build_host
from tfedge_converters.graph import Model, read_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.tflm import generate_array

_SUFFIX = ".tflite"
# Vela's file stands beside the model that it was made from.
_COMPILED = "_vela"
_HASH = re.compile(r'^#define \w+_MODEL_HASH "([0-9a-f]+)"$', re.MULTILINE)
_COMMENT = re.compile(r"^\s*/\*.*?\*/\s*", re.DOTALL)


@dataclass(frozen=True)
class Written:
    """A folder with a model and what was generated from it.

    Attributes:
        flatbuffer: the model's file.
        name: its name without the suffix, which generated files begin with.
        folder: where it lies.
        program: the C beside it; None if there is none.
    """

    flatbuffer: bytes
    name: str
    folder: Path
    program: CProgram | None

    def faults(self, *, has_compiler: bool) -> list[str]:
        """What of the generated files does not belong to the model, or fails its own test.

        Args:
            has_compiler: whether C can be compiled here, for the self-test.

        Raises:
            ExecutionError: the C does not compile, or crashes.
        """
        return [*self._changed_files(), *(self._self_test() if has_compiler else ())]

    def _changed_files(self) -> Iterator[str]:
        model = read_model(self.flatbuffer)
        for name, right in self._constants(model).items():
            if (self.folder / name).is_file():
                found = (self.folder / name).read_text("utf-8", "replace")
                line = _first_difference(found, right)
                if line:
                    yield f"{name} is not what {self.name}{_SUFFIX} gives, from line {line} on"
        header = self.folder / f"{self.name}.h"
        if self.program is not None:
            made_from = _HASH.search(header.read_text("utf-8", "replace"))
            right_hash = hashlib.sha256(self.flatbuffer).hexdigest()
            if made_from is None or made_from[1] != right_hash:
                yield f"{header.name} was generated from another model than {self.name}{_SUFFIX}"

    def _constants(self, model: Model) -> dict[str, str]:
        """The files that hold the model's numbers, as they should be; no option changes these."""
        if self.program is not None:
            source = _generated(self.name, model, self.flatbuffer)
            name = f"{self.name}_weights.c"
            return {name: source.files[name]}
        if (self.folder / f"{self.name}{_COMPILED}{_SUFFIX}").exists():
            return {}
        name = f"{self.name}_model_data.c"
        if not (self.folder / name).is_file():
            return {}
        return {name: generate_array(model, self.flatbuffer, self.name)[name]}

    def _self_test(self) -> Iterator[str]:
        if self.program is not None and build_host(self.program).self_test() != 0:
            yield f"{self.name}_self_test says that outputs are not those of the reference"


def open_written(folder: Path) -> Written:
    """The model in a folder that `convert` wrote.

    Raises:
        ModelFileError: there is no .tflite file in it, or there are several.
        TfedgeError: the folder cannot be read.
    """
    found = sorted(path for path in folder.glob(f"*{_SUFFIX}") if not path.stem.endswith(_COMPILED))
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        held = f"several models ({names}): give one" if found else "no .tflite file"
        raise ModelFileError(
            f"{folder}: holds {held}; a folder that 'tfedge convert' wrote has one, with its "
            "generated code"
        )
    flatbuffer = found[0].read_bytes()
    name = found[0].stem
    return Written(flatbuffer, name, folder, _program(folder, name, flatbuffer))


def source_of(flatbuffer: bytes, source: CSource, folder: Path) -> Written:
    """A generated program that is in memory alone, written into a folder."""
    return Written(flatbuffer, source.name, folder, source.write(folder))


def _program(folder: Path, name: str, flatbuffer: bytes) -> CProgram | None:
    header = folder / f"{name}.h"
    if not header.is_file() or not (folder / f"{name}.c").is_file():
        return None
    source = _generated(name, read_model(flatbuffer), flatbuffer)
    arena = re.search(
        rf"^#define {name.upper()}_ARENA_BYTES (\d+)$",
        header.read_text("utf-8", "replace"),
        re.MULTILINE,
    )
    if arena is None:
        raise TfedgeError(f"{header}: does not say how large the arena is; convert the model again")
    return CProgram(name, folder, source.inputs, source.outputs, int(arena[1]))


def _generated(name: str, model: Model, flatbuffer: bytes) -> CSource:
    pipeline.run(model)
    return generate(model, Options(name, targets.load("host")), flatbuffer=flatbuffer)


def _first_difference(found: str, right: str) -> int:
    """The line, from 1, from which on two files differ behind their banners; 0 if none does."""
    (found_banner, found_rest), (_, right_rest) = _split(found), _split(right)
    if found_rest == right_rest:
        return 0
    lines = np.array([found_rest.count("\n"), right_rest.count("\n")]) + 1
    pairs = zip(found_rest.split("\n"), right_rest.split("\n"), strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), int(lines.min()))
    return found_banner.count("\n") + same + 1


def _split(text: str) -> tuple[str, str]:
    banner = _COMMENT.match(text)
    end = 0 if banner is None else banner.end()
    return text[:end], text[end:]
