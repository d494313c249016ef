"""Standalone C99, which needs no interpreter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from absl import logging

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.activation_types import INT8
from tfedge.quantization.schemes import (
    INT4_WEIGHTS,
    INT8_WEIGHTS,
    Scheme,
    StorageScheme,
)
from tfedge_converters.backends.interface import Backend, Emission, Footprint, PackagedCode
from tfedge_converters.c import CSource, Options, Vector, generate
from tfedge_converters.c.constants import constant_bytes
from tfedge_converters.c.folder import arenas_of, generated_again, open_generated
from tfedge_converters.c.packed import PACKED_KERNELS
from tfedge_converters.c.summary import summary_lines
from tfedge_converters.execute import CProgram
from tfedge_converters.graph import Model
from tfedge_converters.targets import Target
from tfedge_converters.verify.vectors import self_test_vectors

if TYPE_CHECKING:
    from tfedge_converters.conversion import Conversion

_WEIGHTS = "_weights.c"


@dataclass(frozen=True, eq=False)
class CEmission(Emission):
    """A generated program.

    Attributes:
        source: its files, and what is known of its memory.
        model: the graph that it was generated from.
    """

    source: CSource
    model: Model = field(repr=False)

    @property
    def facts(self) -> Mapping[str, str]:
        """How kernels are shared."""
        return {"optimize": self.source.optimize}

    @property
    def footprint(self) -> Footprint:
        """Memory of the constants as kernels read them."""
        plan = self.source.plan
        constants = [(layer.operator, constant_bytes(layer)) for layer in plan.layers]
        return Footprint(self.source.weights_bytes, plan.arena_bytes, constants)

    def summary(self) -> list[str]:
        """Layer by layer."""
        return summary_lines(self.source, self.model)

    def packaged_code(self, name: str, target: Target) -> PackagedCode:
        """The program itself."""
        source = self.source
        return PackagedCode(
            source.files,
            source.ends,
            source.arena_bytes,
            source.state_bytes,
            source.weights_bytes,
            sum(layer.macs for layer in source.plan.layers),
            len(source.plan.arenas),
        )

    def program(self, folder: Path) -> CProgram:
        """Write all files and describe the program in them."""
        return self.source.write(folder)


class C(Backend):
    """Code that reads like the network, with the kernels that it uses."""

    name = "c"
    rounding_slack = 0
    engines = ("c", "tflite-micro", "litert-reference")
    plans_memory = True
    endings = (".h", ".c", "_weights.h", _WEIGHTS, "_self_test.c", "_plan.json")
    other_files = ("CMakeLists.txt",)
    marks = (".h", ".c")
    has_packages = True

    def check_storage(self, scheme: StorageScheme) -> None:
        """Refuse integers that are made real before use, and scales of blocks."""
        integers = scheme.weights in (INT8_WEIGHTS, INT4_WEIGHTS)
        if integers and (not scheme.computed or scheme.block_size is not None):
            raise UnsupportedError(
                f"generated C has no kernels that read weights as '{scheme.name}' stores them; use "
                "dynamic, float16 or int8, or choose the target tflite"
            )

    def splits_functions(self, target: Target, scheme: Scheme) -> bool:
        """Where activations have 16 bits, too: there are tables for 8 bits alone."""
        asked = [scheme.layer(name).activations for name in scheme.overrides]
        widths = [item.bits for item in (scheme.activations, *asked) if item is not None]
        return super().splits_functions(target, scheme) or max(widths) > INT8.bits

    def emit(self, conversion: Conversion) -> CEmission:
        """Generate the program, with a self-test where an interpreter can say what is right."""

        def vectors() -> Sequence[Vector]:
            self_test = self_test_vectors(conversion.model, conversion.flatbuffer)
            if self_test.missing:
                logging.warning("%s: %s", conversion.name, self_test.missing)
            return self_test.vectors

        request = conversion.request
        options = Options(
            conversion.name,
            request.target,
            request.optimize,
            request.command,
            conversion.memory_plan,
        )
        source = generate(
            conversion.model, options, flatbuffer=conversion.flatbuffer, vectors=vectors
        )
        if source.plan.packing != request.target.packing and conversion.memory_plan is None:
            conversion.remarks.append(
                f"kernels for any core were chosen: with those for its core, which are faster, the "
                f"model does not fit into the memory of {request.target.name}"
            )
        return CEmission(source.files, source, conversion.model)

    def open_program(
        self, folder: Path, name: str, flatbuffer: bytes, sources: tuple[str, ...] | None
    ) -> CProgram:
        """The program, with the arena that its header asks for."""
        return open_generated(folder, name, flatbuffer, sources)

    def reopen(
        self,
        name: str,
        model: Model,
        flatbuffer: bytes,
        target: Target,
        files: Mapping[str, bytes],
        facts: Mapping[str, str],
    ) -> CEmission:
        """The program that lies there; what is known of its layers is computed again."""
        optimize = facts.get("optimize", Options.optimize)
        source = generate(model, Options(name, target, optimize), flatbuffer=flatbuffer)
        texts = {file: data.decode("utf-8") for file, data in files.items()}
        arenas = arenas_of(name, texts.get(f"{name}.h", ""))
        if sum(size for _, size in arenas) != source.arena_bytes:
            raise TfedgeError(
                f"{name}: another version of tfedge generated the C there, and this one would lay "
                f"out its memory otherwise; convert {name}.tflite again"
            )
        # A package has not all of them.
        texts = {**source.files, **texts}
        return CEmission(texts, replace(source, files=texts), model)

    def constants(self, name: str, flatbuffer: bytes) -> Mapping[str, Iterable[str]]:
        """The weights, in the order of any kind of core."""
        file = f"{name}{_WEIGHTS}"
        sources = (generated_again(name, flatbuffer, packing) for packing in PACKED_KERNELS)
        return {file: (source.files[file] for source in sources)}


BACKEND = C()
