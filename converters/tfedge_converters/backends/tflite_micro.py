"""TFLite Micro: the model as a C array, and its operator resolver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from absl import logging

from tfedge.errors import UnsupportedError
from tfedge.quantization.schemes import (
    FLOAT16_WEIGHTS,
    INT4_WEIGHTS,
    INT8_WEIGHTS,
    StorageScheme,
)
from tfedge_converters.backends.interface import Backend, Emission, PackagedCode
from tfedge_converters.graph import Graph, Model, read_model
from tfedge_converters.graph.lut_compression import is_decode
from tfedge_converters.graph.metadata import OFFLINE_PLAN, metadata_in
from tfedge_converters.graph.passes.micro_sequences import write_for_micro
from tfedge_converters.interpreters import MICRO
from tfedge_converters.targets import Target
from tfedge_converters.tflm import (
    Arena,
    arena_bytes,
    generate_array,
    generate_interface,
    plan_entry,
    planned_offsets,
    predict_arena,
    with_compressed_weights,
)
from tfedge_converters.verify.vectors import self_test_vectors

if TYPE_CHECKING:
    from tfedge_converters.conversion import Conversion

_DATA = "_model_data.c"

# TFLite Micro 2026-10: its DEQUANTIZE knows neither type, and its kernels no mixture.
_MISSING: Mapping[tuple[str, bool], str] = {
    (FLOAT16_WEIGHTS, False): "has no DEQUANTIZE of float16",
    (INT4_WEIGHTS, False): "has no DEQUANTIZE of int4",
    (INT8_WEIGHTS, True): "has no kernels that multiply int8 weights with real activations",
    (INT4_WEIGHTS, True): "has no kernels that multiply int4 weights with real activations",
}


@dataclass(frozen=True, eq=False)
class MicroEmission(Emission):
    """Files of C for TFLite Micro.

    Attributes:
        arrays: the model as an array, and its operator resolver; file name to text.
        model: the graph as the file has it, with the operators that restore compressed weights.
        flatbuffer: its file.
        entries: the metadata in it, where a plan of memory may be.
    """

    arrays: Mapping[str, str] = field(repr=False)
    model: Model = field(repr=False)
    flatbuffer: bytes = field(repr=False)
    entries: Mapping[str, bytes] = field(repr=False)

    def summary(self) -> list[str]:
        """The arena that an interpreter needs, and what the plan in the file saves of it."""
        offsets = planned_offsets(self.model.main, self.entries)
        arena = predict_arena(self.model.graphs, offsets=offsets)
        if arena is None:
            return ["the arena that TFLite Micro needs is not known"]
        text = (
            f"the arena that TFLite Micro needs: {arena.needed:,} bytes on cores of 32 bits, of "
            f"which {arena.planned:,} for tensors (with its reference kernels)"
        )
        alone = predict_arena(self.model.graphs)
        if offsets and alone is not None:
            text += f"; the plan in the file saves {alone.needed - arena.needed:,}"
        return [text, *self._compression(arena)]

    def _compression(self, arena: Arena) -> list[str]:
        """How many bytes compressed weights take, and what restoring them costs."""
        restoring = [op for graph in self.model.graphs for op in graph.operators if is_decode(op)]
        if not restoring:
            return []
        dense = sum(tensor.byte_size for op in restoring for tensor in op.outputs)
        stored = sum(tensor.byte_size for op in restoring for tensor in op.inputs if tensor)
        text = (
            f"weights of {len(restoring)} layers are indices into tables of values: {stored:,} "
            f"bytes in place of {dense:,}; TFLM_DECODE restores them before each use"
        )
        alone = predict_arena(read_model(self.flatbuffer).graphs)
        if alone is not None:
            text += f", in an arena that grows by {arena.needed - alone.needed:,} bytes"
        return [text]

    def packaged_code(self, name: str, target: Target) -> PackagedCode:
        """The interface of generated C, over the interpreter."""
        offsets = planned_offsets(self.model.main, self.entries)
        arena = arena_bytes(self.model.graphs, offsets)
        if arena is None:
            raise UnsupportedError(
                f"the arena that TFLite Micro needs for '{name}' is not known, which a package has "
                "to say: leave the package out"
            )
        self_test = self_test_vectors(self.model, self.flatbuffer)
        if self_test.missing:
            logging.warning("%s: %s", name, self_test.missing)
        made = generate_interface(self.model, self.flatbuffer, name, target, self_test.vectors)
        return PackagedCode(
            made.files,
            made.ends,
            made.interpreter_bytes + max(size for key, size in arena.items() if key != "wide"),
            0,
            len(self.flatbuffer),
            0,
            interpreter=True,
        )


class TFLiteMicro(Backend):
    """The model's file as an array of C, for TFLite Micro's interpreter."""

    name = "tflite-micro"
    rounding_slack = 0
    engines = ("tflite-micro", "litert-reference")
    interpreter = MICRO
    # Its DEQUANTIZE knows one scale for a tensor.
    per_channel_storage = False
    endings = ("_model_data.h", _DATA, "_op_resolver.h")
    marks = (_DATA,)
    has_packages = True

    def check_storage(self, scheme: StorageScheme) -> None:
        """Refuse weights that TFLite Micro has no kernels for."""
        missing = _MISSING.get((scheme.weights, scheme.computed))
        if missing:
            raise UnsupportedError(
                f"TFLite Micro {missing}, which '{scheme.name}' needs; use int8, weights8 or "
                "float32, or the target tflite"
            )

    def adapt(self, model: Model, target: Target) -> bool:
        """Write what TFLite Micro has no kernel for as exact sequences of what it has."""
        changed = write_for_micro(model)
        return super().adapt(model, target) or changed

    def stored(self, graphs: Sequence[Graph], optimize: str) -> Sequence[Graph]:
        """Compress weights of few values, where flash is what matters."""
        return with_compressed_weights(graphs) if optimize == "flash" else graphs

    def annotations(self, graphs: Sequence[Graph]) -> Mapping[str, bytes]:
        """Return a plan of memory, where TFLite Micro's own takes more."""
        entry = plan_entry(graphs)
        return {} if entry is None else {OFFLINE_PLAN: entry}

    def emit(self, conversion: Conversion) -> MicroEmission:
        """The array and the resolver."""
        model, flatbuffer = conversion.file.stored, conversion.flatbuffer
        entries = conversion.file.entries
        arrays = generate_array(model, flatbuffer, conversion.name, entries=entries)
        return MicroEmission(arrays, arrays, model, flatbuffer, entries)

    def reopen(
        self,
        name: str,
        model: Model,
        flatbuffer: bytes,
        target: Target,
        files: Mapping[str, bytes],
        facts: Mapping[str, str],
    ) -> MicroEmission:
        """The array and the resolver, as they lie there."""
        own = {name + ending for ending in self.endings}
        arrays = {file: data.decode("utf-8") for file, data in files.items() if file in own}
        stored = read_model(flatbuffer, restore=False) if model.was_compressed else model
        return MicroEmission(arrays, arrays, stored, flatbuffer, metadata_in(flatbuffer))

    def constants(self, name: str, flatbuffer: bytes) -> Mapping[str, Iterable[str]]:
        """Return the array with the model's bytes."""
        file = f"{name}{_DATA}"
        model, entries = read_model(flatbuffer, restore=False), metadata_in(flatbuffer)
        return {file: [generate_array(model, flatbuffer, name, entries=entries)[file]]}


BACKEND = TFLiteMicro()
