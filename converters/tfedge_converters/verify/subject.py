"""Subject of verification: a model, and C of its own to run or C that is generated for it."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.files import read_bytes
from tfedge_converters.backends import backend_named
from tfedge_converters.execute import CProgram, build_firmware, build_host
from tfedge_converters.file_kinds import FileKind, kind_of
from tfedge_converters.graph import Model, read_model, write_model
from tfedge_converters.graph.model_file import ModelFile
from tfedge_converters.graph.passes.static_shapes import fix_shapes
from tfedge_converters.input_shapes import InputShapes
from tfedge_converters.open_inputs import fix_inputs
from tfedge_converters.useless_models import refuse_compiled
from tfedge_converters.verify.board_engine import BoardEngine
from tfedge_converters.verify.engines import Engine, Outputs, Sample, engine
from tfedge_converters.verify.written import Written, open_written

_QEMU = "qemu:"


@dataclass(frozen=True)
class Subject:
    """A model and the C to verify with it.

    Attributes:
        flatbuffer: the model's file.
        name: what messages call it.
        written: C as it will be delivered; None to generate it.
        board: that runs this C too; None if none does.
    """

    flatbuffer: bytes
    name: str
    written: Written | None = None
    board: BoardEngine | None = None

    @cached_property
    def model(self) -> Model:
        """The typed graph.

        Raises:
            ModelFileError: the file is no model.
            UnsupportedError: it was compiled for an accelerator.
        """
        typed = read_model(self.flatbuffer, source=self.name)
        refuse_compiled(typed, self.name)
        return typed

    def note(self) -> str:
        """Say what of a folder without C of the model was compared; "" of anything else."""
        if self.written is None or not self.written.is_kept or self.written.program is not None:
            return ""
        model = f"{self.written.name}.tflite"
        compared = "".join(f"{name} was compared with {model}, " for name in self.written.compared)
        return (
            f"{self.name} has no kernels in C: 'c' is C that was generated from {model} for this "
            f"run; of the folder itself {model} was run, {compared}and all files were compared "
            "with the hashes that they were written with"
        )

    def engine(self, name: str) -> Engine:
        """An engine by name, which runs the C that is there, if some is."""
        if self.board is not None and name == self.board.name:
            return self.board
        program = None if self.written is None else self.written.program
        if program is not None and name == "c":
            return _on_host(program)
        if program is not None and name.startswith(_QEMU):
            return _on_device(program, name.removeprefix(_QEMU))
        return engine(name)

    def generated_program(self) -> CProgram:
        """The C as it will be delivered.

        Raises:
            TfedgeError: there is none.
        """
        if self.written is None or self.written.program is None:
            raise TfedgeError(
                f"{self.name}: has no generated C, which boards run: give the folder that "
                "'tfedge convert' wrote for a microcontroller"
            )
        return self.written.program

    @property
    def board_difference(self) -> str:
        """Where the board parted from this computer, in words; empty if it did not."""
        return "" if self.board is None else self.board.difference

    def file_faults(self) -> list[str]:
        """Describe what of the delivered files does not belong to the model."""
        return [] if self.written is None else list(self.written.file_faults())

    def self_test_faults(self) -> list[str]:
        """Describe the faults that the self-test of delivered C finds; it has to be run."""
        return [] if self.written is None else list(self.written.self_test_faults())


@contextmanager
def subject_of(model: Any) -> Iterator[Subject]:
    """Whatever a user has to verify.

    Args:
        model: the path or the bytes of a .tflite file, a typed model, what `convert` returned, or
            the folder that it was saved to.

    Raises:
        ModelFileError: there is no model.
        TfedgeError: it is nothing that can be verified.
    """
    if isinstance(model, Model):
        yield Subject(write_model(model), "model")
    elif isinstance(model, (bytes, bytearray)):
        yield Subject(bytes(model), "model")
    elif isinstance(model, (str, Path)):
        yield _at(Path(model))
    elif hasattr(model, "flatbuffer") and hasattr(model, "emission"):
        with _artifact(model) as subject:
            yield subject
    else:
        raise TfedgeError(
            f"a {type(model).__name__} cannot be verified; give a .tflite file, the folder that "
            "'tfedge convert' wrote, or what tfedge.convert returned"
        )


@contextmanager
def _artifact(artifact: Any) -> Iterator[Subject]:
    """Match the result of `convert`; not by its class, whose module needs this one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = artifact.emission.program(folder)
        if program is None:
            yield Subject(artifact.flatbuffer, artifact.name)
            return
        backend = backend_named(artifact.target.backend)
        written = Written(
            artifact.flatbuffer, artifact.name, folder, folder, program, backend, is_kept=False
        )
        yield Subject(artifact.flatbuffer, artifact.name, written)


def with_sizes(subject: Subject, shapes: InputShapes) -> Subject:
    """A subject whose inputs have no open sizes.

    Args:
        subject: what is verified.
        shapes: see `fix_inputs`.

    Raises:
        TfedgeError: the shapes do not fit the model's inputs, or a size remains unknown.
    """
    file = ModelFile(subject.model, subject.flatbuffer)
    file.change(lambda model: fix_inputs(model, shapes) and (fix_shapes(model) or True))
    if file.flatbuffer is subject.flatbuffer:
        return subject
    return dataclasses.replace(subject, flatbuffer=file.flatbuffer)


def _at(path: Path) -> Subject:
    if path.is_dir():
        written = open_written(path)
        return Subject(written.flatbuffer, str(path), written)
    kind = kind_of(path)
    if kind is not FileKind.TFLITE:
        raise TfedgeError(
            f"{path}: {kind.value}; verify compares what was converted: give the .tflite file or "
            "the folder that 'tfedge convert' wrote"
        )
    return Subject(read_bytes(path), str(path))


def _on_host(program: CProgram) -> Engine:
    def run(flatbuffer: bytes, samples: Sequence[Sample], sequence: int) -> Outputs:
        return build_host(program).run(samples, sequence)

    return run


def _on_device(program: CProgram, core: str) -> Engine:
    def run(flatbuffer: bytes, samples: Sequence[Sample], sequence: int) -> Outputs:
        return build_firmware(program, core).run(samples, sequence=sequence).outputs

    return run
