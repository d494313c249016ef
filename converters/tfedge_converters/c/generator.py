"""Generator of standalone C99 from a graph."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tfedge
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.c import arrays
from tfedge_converters.c.accesses import accesses_of
from tfedge_converters.c.block_floating_point import in_block_floating_point
from tfedge_converters.c.code_size import CodeParts, code_estimate, parts_of
from tfedge_converters.c.constant_memory import SizedConstant, constant_memories
from tfedge_converters.c.constants import constants_in
from tfedge_converters.c.ends import describe_end, end_names, vector_part
from tfedge_converters.c.fit import ShortageError, room_for_code, shortage
from tfedge_converters.c.instructions import instruction_estimate
from tfedge_converters.c.kernel_call import Constant, KernelCall
from tfedge_converters.c.layer import Layer
from tfedge_converters.c.memory_plan import MemoryPlan, PlannedConstant
from tfedge_converters.c.packed import NATURAL
from tfedge_converters.c.plan import ARENA_ALIGNMENT, Arena, Place, Plan, plan
from tfedge_converters.c.runtime_files import runtime_file, runtime_id
from tfedge_converters.c.set_id import PLACEHOLDER, tied
from tfedge_converters.c.sharing import OPTIMIZATIONS, STREAMING
from tfedge_converters.c.source import CSource, Vector
from tfedge_converters.c.streams import Stream, StreamedLayer, StreamedTurn
from tfedge_converters.c.weights.choice import PREFERENCES
from tfedge_converters.c.weights.tiles import Tiling
from tfedge_converters.execute.program import TensorSpec
from tfedge_converters.foreign_text import (
    Code,
    ExternalSymbols,
    check_model_name,
    code_templates,
)
from tfedge_converters.graph.blockwise_scales import refuse_blocks
from tfedge_converters.graph.metadata import computes_in_bfp8
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.passes.half_weights import read_halves
from tfedge_converters.graph.passes.packed_weights import unpack_weights
from tfedge_converters.graph.passes.unsigned import signed
from tfedge_converters.graph.real_operators import integers_of_library_functions, library_rounding
from tfedge_converters.graph.single_graph import single_graph
from tfedge_converters.graph.types import Graph, Model, Tensor
from tfedge_converters.graph.writer import write_model
from tfedge_converters.targets import Target
from tfedge_converters.targets.memory import FLASH, RAM

# The header of what streams of rows have beside their kernels.
_STREAMS = "row_stream"


@dataclass(frozen=True)
class Options:
    """How to generate.

    Attributes:
        name: prefix of all files and symbols.
        target: what the code will run on.
        optimize: a key of `sharing.OPTIMIZATIONS`.
        command: what to run to get the same code again, for the banner.
        memory_plan: where everything has to lie; None for where it does best.
    """

    name: str
    target: Target
    optimize: str = "balanced"
    command: str = ""
    memory_plan: MemoryPlan | None = None


def generate(
    model: Model,
    options: Options,
    *,
    flatbuffer: bytes | None = None,
    vectors: Sequence[Vector] | Callable[[], Sequence[Vector]] = (),
) -> CSource:
    """Generate the C program of a model.

    Args:
        model: one graph, of integers, real numbers or both.
        options: names and target.
        flatbuffer: the model's file if it has one, for the hash in the banner.
        vectors: inputs with reference outputs for the self-test, or what computes them: called
            once it is known that the model can be expressed, for interpreters trust files.

    Raises:
        UnsupportedError: an operator, type or shape has no kernel.
        TfedgeError: the name or an option is invalid, or the target has too little memory, even for
            kernels for any core; or the given plan of memory is of something else, or contradicts
            itself.
    """
    check_model_name(options.name)
    if options.optimize not in OPTIMIZATIONS:
        raise TfedgeError(
            f"optimize='{options.optimize}' is unknown; use {', '.join(OPTIMIZATIONS)}"
        )
    graph = as_tables(read_halves(unpack_weights(signed(_single_graph(model)))))
    if computes_in_bfp8(model.metadata):
        graph = in_block_floating_point(graph)
    _refuse_library_rounding(graph)
    digest = hashlib.sha256(flatbuffer or write_model(model)).hexdigest()
    layout = _plan(graph, _packing(options), options, digest)
    known = vectors() if callable(vectors) else vectors
    source = _Emitter(model, graph, layout, options, digest, known).emit()
    lacking = shortage(source, options.target)
    if lacking and layout.packing != NATURAL and options.memory_plan is None:
        # Scratch memory and filled up weights are what speed costs, and may be too much.
        layout = _plan(graph, NATURAL, options, digest)
        source = _Emitter(model, graph, layout, options, digest, known).emit()
        lacking = shortage(source, options.target)
    if lacking:
        raise ShortageError(lacking)
    return source


def _packing(options: Options) -> str:
    """Kernels to choose: the target's, or those that the given plan is for."""
    given, target = options.memory_plan, options.target
    if given is None or given.kernels == target.packing:
        return target.packing
    if given.kernels != NATURAL:
        raise TfedgeError(
            f"{given.source}: is for kernels for '{given.kernels}', but {target.name} has those "
            f"for '{target.packing}': convert without the plan to have a new one"
        )
    return NATURAL


def _plan(graph: Graph, packing: str, options: Options, digest: str) -> Plan:
    if options.memory_plan is not None:
        options.memory_plan.check_model(digest)
    return plan(
        graph,
        packing,
        options.target.memories_of(RAM),
        options.memory_plan,
        streaming=options.optimize in STREAMING,
        weights=(options.target.core, PREFERENCES[options.optimize]),
    )


def _refuse_library_rounding(graph: Graph) -> None:
    """Refuse integers that would not be the same on all devices."""
    operator = integers_of_library_functions(graph)
    if operator is not None:
        raise UnsupportedError(
            f"{graph.place(operator)}: it makes integers of what a function such as exp gives in "
            "float32, whose last bit depends on the C library, so that devices would not agree; "
            "quantise that function to int8, for which there are tables, leave everything behind "
            "it in float32, or convert for tflite or tflite-micro"
        )


def _single_graph(model: Model) -> Graph:
    graph = single_graph(model, "generated C")
    refuse_blocks(graph, "generated C")
    if not graph.inputs or not graph.outputs:
        raise UnsupportedError("the graph has no inputs or no outputs, so there is nothing to run")
    for tensor in (*graph.inputs, *graph.outputs):
        if tensor.type not in arrays.STORED:
            raise UnsupportedError(
                f"'{tensor.name}' is {tensor.type.name}; inputs and outputs may be "
                f"{', '.join(sorted(type_.name for type_ in arrays.STORED))}"
            )
        if not tensor.elements:
            raise UnsupportedError(f"'{tensor.name}' of shape {tensor.shape} is empty")
    return graph


class _Emitter:
    def __init__(
        self,
        model: Model,
        graph: Graph,
        layout: Plan,
        options: Options,
        digest: str,
        vectors: Sequence[Vector],
    ):
        self.graph = graph
        self.layout = layout
        self.options = options
        self.name = options.name
        self.hash = digest
        self.vectors = vectors
        self.rounding = library_rounding(graph)
        self.input_names, self.output_names = end_names(model, graph)
        self.constants: dict[bytes, tuple[str, Constant]] = {}
        self.constant_names: dict[int, str] = {}
        self.constant_accesses: dict[str, float] = defaultdict(float)
        self.memory_names: dict[int, str] = {}
        self.symbols = ExternalSymbols(options.name)
        self.structs: dict[tuple[str, str], str] = {}
        self.pointed: set[int] = set()
        self.total_macs = sum(layer.macs for layer in layout.layers)
        self.streamed = {one.layer.index: one for stream in layout.streams for one in stream.layers}
        whole = [
            call
            for layer in layout.layers
            if layer.index not in self.streamed
            for call in layer.lowered.calls
        ]
        self.specialised = OPTIMIZATIONS[options.optimize](whole, options.target.core)
        self.calls = [*whole, *(call for one in self.streamed.values() for call in one.calls)]

    def emit(self) -> CSource:
        layers = [
            self._banded_layer(self.streamed[layer.index])
            if layer.index in self.streamed
            else self._layer(layer)
            for layer in self.layout.layers
        ]
        streams = [self._stream(stream) for stream in self.layout.streams]
        parts = self._code_parts()
        code = code_estimate(parts, self.options.target.core)
        states = list({s["field"]: s for layer in layers for s in layer["states"]}.values())
        ends = {
            "inputs": [
                self._end("IN", i, t, n)
                for i, (t, n) in enumerate(zip(self.graph.inputs, self.input_names, strict=True))
            ],
            "outputs": [
                self._end("OUT", i, t, n)
                for i, (t, n) in enumerate(zip(self.graph.outputs, self.output_names, strict=True))
            ],
        }
        has_grids = any(end["grid"] for side in ends.values() for end in side)
        constants = self._placed_constants(code.bytes)
        vectors = [self._vector(vector) for vector in self.vectors]
        weights_bytes = sum(constant.bytes for constant in constants)
        context: dict[str, Any] = {
            "version": tfedge.__version__,
            "command": self.options.command,
            "hash": self.hash,
            "set_id": Code(PLACEHOLDER),
            "runtime_id": runtime_id(),
            "target": self.options.target,
            "name": self.name,
            "NAME": self.name.upper(),
            "arenas": [self._arena(arena) for arena in self.layout.arenas],
            "arena_align": ARENA_ALIGNMENT,
            "arena_sections": self._sections(RAM, [a.memory.name for a in self.layout.arenas]),
            "constant_sections": self._sections(FLASH, [one.memory for one in constants]),
            "section_of": {constant.name: self._section_of(constant) for constant in constants},
            "states": states,
            "keeps_state": bool(states),
            "interpreter": False,
            "state_bytes": _struct_bytes(states),
            "weights_bytes": weights_bytes,
            "macs": self.total_macs,
            "layers": layers,
            "streams": {stream["index"]: stream for stream in streams},
            "steps": sorted(
                [*(layer for layer in layers if layer["calls"]), *streams],
                key=lambda step: step["index"],
            ),
            "used_arenas": {arena for step in (*layers, *streams) for arena in step["arenas"]},
            "can_fail": any(layer["can_fail"] for layer in layers),
            "has_grids": has_grids,
            "headers": sorted(self._headers(layers)),
            "has_infinities": any(
                constant.values.dtype.kind == "f" and np.isinf(constant.values).any()
                for _, constant in self.constants.values()
            ),
            "constants": [self._constant_text(*item) for item in self.constants.values()],
            "vectors": vectors,
            "rounds": any(part["room"] for vector in vectors for part in vector["outputs"]),
            **ends,
        }
        templates = code_templates("tfedge_converters.c")
        texts = {
            f"{self.name}{suffix}": templates.get_template(template).render(context)
            for suffix, template in (
                (".h", "model.h.j2"),
                (".c", "model.c.j2"),
                ("_weights.h", "weights.h.j2"),
                ("_weights.c", "weights.c.j2"),
                ("_self_test.c", "self_test.c.j2"),
            )
        }
        files = tied(texts)
        files[f"{self.name}_plan.json"] = MemoryPlan(
            source=f"{self.name}_plan.json",
            model=self.hash,
            kernels=self.layout.packing,
            buffers=self.layout.buffers,
            constants=constants,
        ).text()
        runtime = dict(self._runtime_files(layers, context["headers"], has_grids))
        # What others are linked with comes after them.
        called = [f"tfedge_{header}.c" for header in context["headers"]]
        sources = sorted(name for name in runtime if name.endswith(".c"))
        context["kernel_sources"] = sorted(sources, key=lambda name: name not in called)
        files["CMakeLists.txt"] = templates.get_template("CMakeLists.txt.j2").render(context)
        return CSource(
            name=self.name,
            target=self.options.target,
            files=files | runtime,
            inputs=_specs(self.graph.inputs, self.input_names),
            outputs=_specs(self.graph.outputs, self.output_names),
            weights_bytes=weights_bytes,
            constants=constants,
            state_bytes=context["state_bytes"],
            code=code,
            code_parts=parts,
            instructions=instruction_estimate(
                self._computed_calls(), self.specialised, self.options.target.core
            ),
            plan=self.layout,
            ends=ends,
            optimize=self.options.optimize,
        )

    def _placed_constants(self, code_bytes: int) -> tuple[PlannedConstant, ...]:
        """Each constant with the flash that it lies in."""
        sized = [
            SizedConstant(name, constant.values.nbytes, round(self.constant_accesses[name]))
            for name, constant in self.constants.values()
        ]
        target = self.options.target
        room = room_for_code(code_bytes)
        return constant_memories(sized, target.memories_of(FLASH), room, self.options.memory_plan)

    def _is_named(self, kind: str) -> bool:
        """Whether generated code tells memories of a kind apart, or which section is the one's."""
        memories = self.options.target.memories_of(kind)
        return len(memories) > 1 or bool(memories[0].section)

    def _sections(self, kind: str, used: Iterable[str]) -> list[dict[str, str]]:
        """The macros that put something into memories of a kind."""
        names = set(used)
        return [
            {"name": memory.name, "macro": memory.name.upper(), "section": memory.section}
            for memory in self.options.target.memories_of(kind)
            if memory.name in names and self._is_named(kind)
        ]

    def _section_of(self, constant: PlannedConstant) -> Code:
        """Begin its declaration with the macro of its memory."""
        macro = f"{self.name}_{constant.memory}_SECTION ".upper()
        return Code(macro if self._is_named(FLASH) else "")

    def _arena(self, arena: Arena) -> dict[str, Any]:
        name = self._arena_name(arena)
        return {
            "name": name,
            "NAME": name.upper(),
            "memory": arena.memory.name,
            "bytes": arena.bytes,
        }

    def _arena_name(self, arena: Arena) -> str:
        """Name it in C: there is no need to tell the only one apart."""
        return "arena" if len(self.layout.arenas) == 1 else f"arena_{arena.memory.name}"

    def _place(self, place: Place, before: str = "") -> str:
        """The address of a place."""
        name = f"{before}{self._arena_name(self.layout.arenas[place.arena])}"
        return name if place.offset == 0 else f"({name} + {place.offset})"

    def _arenas_at(self, places: Iterable[Place]) -> list[str]:
        """The arenas of some places, as C calls them."""
        used = {place.arena for place in places}
        return [
            self._arena_name(arena)
            for index, arena in enumerate(self.layout.arenas)
            if index in used
        ]

    def _layer(self, layer: Layer) -> dict[str, Any]:
        prefix = self._symbol(layer)
        calls = []
        for position, call in enumerate(layer.lowered.calls):
            symbol = prefix if len(layer.lowered.calls) == 1 else f"{prefix}_{position}"
            calls.append(self._call(layer, call, symbol))
        return {
            **self._heading(layer),
            "function": f"{prefix}_{layer.operator.code.lower()}",
            "can_fail": any(call["can_fail"] for call in calls),
            "calls": calls,
            "arenas": self._arenas_at(
                place for call in layer.lowered.calls for place in self.layout.places_of(call)
            ),
            "states": [state for call in calls for state in call["states"]],
            "made": list(self._made(layer)),
        }

    def _made(self, layer: Layer) -> Iterator[dict[str, Any]]:
        """Where the layer's outputs lie, without those that nothing computes."""
        roots = (self.layout.root(call.output) for call in layer.lowered.calls)
        computed = {id(root) for root in roots if not root.is_variable and root.data is None}
        for tensor in layer.operator.outputs:
            if id(self.layout.root(tensor)) in computed:
                place = Code(self._place(self.layout.place(tensor)))
                yield {"place": place, "bytes": tensor.byte_size}

    def _code_parts(self) -> CodeParts:
        """Sort the code of all calls; bands of rows share kernels and have parameters."""
        layers = [
            self.streamed[layer.index].calls
            if layer.index in self.streamed
            else layer.lowered.calls
            for layer in self.layout.layers
        ]
        banded = {id(call) for one in self.streamed.values() for call in one.calls}
        turns = [len(stream.turns) for stream in self.layout.streams]
        return parts_of(layers, self.specialised, self.pointed | banded, turns)

    def _computed_calls(self) -> list[Sequence[KernelCall]]:
        """Each layer's calls in one inference, bands of rows one by one."""
        banded: dict[int, list[KernelCall]] = {}
        for stream in self.layout.streams:
            banded |= stream.computed()
        return [banded.get(layer.index, layer.lowered.calls) for layer in self.layout.layers]

    def _symbol(self, layer: Layer) -> str:
        return f"{self.name}_layer_{layer.index}"

    def _heading(self, layer: Layer) -> dict[str, Any]:
        """Facts of a layer that its comment tells; what it is called with comes on top."""
        operator = layer.operator
        return {
            "index": layer.index,
            "code": operator.code,
            "detail": Code(layer.lowered.detail),
            "source": _shape_text(operator.inputs[0]) if operator.inputs else "",
            "output": _shape_text(operator.outputs[0]),
            "output_name": layer.name,
            "macs": layer.macs,
            "bands": None,
            "made": [],
            "calls": [],
            "arenas": [],
            "states": [],
            "can_fail": False,
        }

    def _banded_layer(self, one: StreamedLayer) -> dict[str, Any]:
        """Parameters for each shape of a layer's bands; its stream has the calls."""
        symbol = self._symbol(one.layer)
        for call in one.calls:
            self._count_accesses(call, symbol)
        call = one.calls[0]
        return {
            **self._heading(one.layer),
            "bands": {
                "symbol": symbol,
                "header": call.header,
                "struct": f"tfedge_{call.struct}_params",
                "fields": [
                    Code(arrays.struct_fields(each.params, self.constant_names, " " * 8))
                    for each in one.calls
                ],
            },
        }

    def _stream(self, stream: Stream) -> dict[str, Any]:
        """Layers that one function computes, band by band."""
        [source] = stream.call.operands
        return {
            "index": stream.last,
            "first": stream.first,
            "function": f"{self.name}_layers_{stream.first}_to_{stream.last}",
            "arenas": self._arenas_at(self.layout.places_of(stream.call, stream)),
            "states": [],
            "can_fail": False,
            "buffers": [
                _row_buffer(self._operand(source, "", const=False), source, source.shape[1]),
                *(self._row_buffer_of(stream, one) for one in stream.layers),
            ],
            "stages": [self._stage(stream, one) for one in stream.layers],
            "turns": Code(_wrapped_turns(stream.turns)),
            "made": list(self._made(stream.layers[-1].layer)),
            "num_turns": len(stream.turns),
        }

    def _stage(self, stream: Stream, one: StreamedLayer) -> dict[str, Any]:
        """One layer of a stream: its rows, and the call of its kernel."""
        call, symbol = one.calls[0], self._symbol(one.layer)
        images = [operand for operand in call.operands if not operand.is_constant]
        names = {id(operand): f"operand_{number}" for number, operand in enumerate(images)}
        arguments = [
            names.get(id(operand)) or self._operand(operand, symbol, const=True)
            for operand in call.operands
        ]
        return {
            "index": one.layer.index,
            "kernel": f"tfedge_{call.kernel}",
            "symbol": symbol,
            # The stream's input is the first of its buffers.
            "buffers": [source + 1 for source in one.sources],
            "arguments": Code("".join(f", {argument}" for argument in arguments)),
            "stride": one.banded.rows.stride,
            "pad_top": one.banded.rows.pad_top,
            "scratch": self._scratch(stream.call) if call.takes_scratch else None,
        }

    def _scratch(self, call: KernelCall) -> Code:
        """The address of a call's scratch memory, if it has some."""
        place = self.layout.scratch_place(call)
        return Code("NULL" if place is None else self._place(place))

    def _row_buffer_of(self, stream: Stream, one: StreamedLayer) -> Code:
        """The buffer of a layer's rows: of the last layer, all of the output."""
        output = one.banded.whole.output
        if one is stream.layers[-1]:
            return _row_buffer(self._operand(output, "", const=False), output, 0)
        rows = self.layout.rows_place(stream)
        assert rows is not None
        return _row_buffer(f"(int8_t *){self._place(rows.behind(one.offset))}", output, 0)

    def _call(self, layer: Layer, call: KernelCall, symbol: str) -> dict[str, Any]:
        self._count_accesses(call, symbol)
        is_specialised = id(call) in self.specialised
        function = f"tfedge_{call.kernel}{'_inline' if is_specialised else ''}"
        struct = f"tfedge_{call.struct}_params"
        fields = arrays.struct_fields(call.params, self.constant_names)
        # The steps of a sequence share theirs.
        params = self.structs.setdefault((struct, fields), symbol)
        if params == symbol:
            self.pointed.add(id(call))
        arguments = [f"&{params}"]
        arguments += [self._operand(tensor, symbol, const=True) for tensor in call.operands]
        arguments.append(self._operand(call.output, symbol, const=False))
        if call.takes_scratch:
            arguments.append(self._scratch(call))
        states = [
            _state(f"layer_{layer.index}_{role}", tensor) for role, tensor in call.states.items()
        ]
        arguments += [f"state->{state['field']}" for state in states]
        moved = [tensor for tensor in (*call.operands, call.output) if tensor.is_variable]
        states += [_state(self._memory_name(tensor), tensor) for tensor in moved]
        return {
            "header": call.header,
            "symbol": symbol,
            "struct": struct,
            "fields": Code(fields),
            "symbol_of_params": params,
            "has_own_params": params == symbol,
            "function": function,
            "arguments": Code(",\n      ".join(arguments)),
            "kernel": call.kernel,
            "specialised": is_specialised,
            "can_fail": call.can_fail,
            "states": states,
            "keeps_state": bool(states),
            "interpreter": False,
            "tiles": None if call.tiling is None else self._tiles(call, call.tiling, symbol),
        }

    def _tiles(self, call: KernelCall, tiling: Tiling, symbol: str) -> dict[str, Any]:
        """The loop over tiles of channels, and the weights that it restores."""
        place = self.layout.scratch_place(call)
        assert place is not None
        results = place.behind(tiling.values)
        copy = results.behind(tiling.results_bytes)
        scratch = copy.behind(tiling.copy_bytes)
        reader = f"{tiling.stored.form}_weights"
        [operand] = call.operands
        source = self._operand(operand, symbol, const=True)
        output = self._operand(call.output, symbol, const=False)
        arguments = ["&part", "copy" if tiling.copy_bytes else source]
        if tiling.results_bytes:
            arguments.append("results")
        else:
            arguments.append(output if tiling.tiles == 1 else f"{output} + channel")
        if call.takes_scratch:
            arguments.append(self._place(scratch))
        return {
            "symbol": f"{symbol}_stored",
            "reader": f"tfedge_{reader}",
            "headers": [reader, *["copy_rows_s8"] * bool(tiling.results_bytes)],
            "words": Code(tiling.words),
            "fields": Code(arrays.struct_fields(tiling.stored.params, self.constant_names)),
            "field": Code(tiling.field),
            "type": "int32_t" if tiling.are_words else "int8_t",
            "weights": Code(self._place(place)),
            "restored": tiling.values,
            "number": tiling.tiles,
            "channels": tiling.channels,
            "all_channels": tiling.output_channels,
            "steps": tiling.steps,
            "bands": tiling.bands,
            "input": Code(source),
            "output": Code(output),
            "results": Code(self._place(results)) if tiling.results_bytes else None,
            "copied": Code(self._place(copy)) if tiling.copy_bytes else None,
            "arguments": Code(", ".join(arguments)),
        }

    def _count_accesses(self, call: KernelCall, symbol: str) -> None:
        """Name a call's constants, and share its reads of them out."""
        accesses = accesses_of(call)
        constants = list(constants_in(call))
        every = sum(constant.values.size for constant in constants)
        for constant in constants:
            name = self._name_constant(constant, symbol)
            share = constant.values.size / max(every, 1)
            self.constant_accesses[name] += accesses.constants * share
        for tensor in call.operands:
            root = self.layout.root(tensor)
            if root.data is not None and not root.is_variable:
                name = self._name_constant(self._operand_constant(root), symbol)
                self.constant_accesses[name] += accesses.operand

    def _operand(self, tensor: Tensor, symbol: str, *, const: bool) -> str:
        root = self.layout.root(tensor)
        if root.is_variable:
            return f"state->{self._memory_name(root)}"
        if root.data is not None:
            return self._name_constant(self._operand_constant(root), symbol)
        qualifier = "const " if const else ""
        type_ = arrays.c_type(tensor.type)
        place = self._place(self.layout.place(tensor))
        if tensor.type.bits == 8:
            return f"({qualifier}{type_} *){place}"
        # Through void: the plan aligns wider elements, which the compiler cannot see.
        return f"({qualifier}{type_} *)({qualifier}void *){place}"

    def _memory_name(self, state: Tensor) -> str:
        """The field of a state that no single layer owns."""
        return self.memory_names.setdefault(id(state), f"memory_{len(self.memory_names)}")

    def _operand_constant(self, tensor: Tensor) -> Constant:
        assert tensor.data is not None
        values = tensor.data.view(arrays.stored_dtype(tensor.type))
        return Constant("operand", values, tensor=tensor.name)

    def _name_constant(self, constant: Constant, symbol: str) -> str:
        """The symbol of a constant; equal ones share one."""
        if constant.values.dtype not in arrays.C_TYPES:
            raise UnsupportedError(f"{symbol} has a constant of type {constant.values.dtype}")
        key = str(constant.values.dtype).encode() + constant.values.tobytes()
        if key not in self.constants:
            self.constants[key] = (self.symbols.named(f"{symbol}_{constant.role}"), constant)
        self.constant_names[id(constant)] = self.constants[key][0]
        return self.constants[key][0]

    def _constant_text(self, symbol: str, constant: Constant) -> dict[str, Any]:
        return {
            "symbol": symbol,
            "type": arrays.C_TYPES[constant.values.dtype],
            "size": constant.values.size,
            "comment": Code(constant.comment) or constant.tensor,
            "text": Code(arrays.initializer(constant.values)),
        }

    def _end(self, side: str, index: int, tensor: Tensor, name: str) -> dict[str, Any]:
        root = self.layout.root(tensor)
        place = (
            self._place(self.layout.place(tensor), "context->")
            if root.data is None
            else self._name_constant(self._operand_constant(root), f"{self.name}_output")
        )
        return {**describe_end(side, index, tensor, name), "place": Code(place)}

    def _vector(self, vector: Vector) -> dict[str, Any]:
        return {
            "inputs": [vector_part(value) for value in vector.inputs],
            "outputs": [vector_part(value, self.rounding) for value in vector.outputs],
        }

    def _headers(self, layers: Sequence[Mapping[str, Any]]) -> set[str]:
        """Headers of kernels that the network's file includes."""
        called = {call["header"] for layer in layers for call in layer["calls"]}
        called |= {
            header
            for layer in layers
            for call in layer["calls"]
            if call["tiles"]
            for header in call["tiles"]["headers"]
        }
        banded = {layer["bands"]["header"] for layer in layers if layer["bands"]}
        return called | banded | ({_STREAMS} if self.layout.streams else set())

    def _runtime_files(
        self, layers: Sequence[Mapping[str, Any]], headers: Iterable[str], has_grids: bool
    ) -> Iterator[tuple[str, str]]:
        """Verbatim copies of the kernels in use, with what they include.

        Args:
            layers: of the network.
            headers: that it includes.
            has_grids: whether an input or output stands for real numbers.
        """
        pending = ["tfedge_platform.h", *(f"tfedge_{header}.h" for header in headers)]
        pending += ["tfedge_real_numbers.h"] * has_grids
        # A header whose kernels are all inlined needs no source of its own.
        inlined = {call["header"] for layer in layers for call in layer["calls"]}
        for layer in layers:
            if layer["bands"]:
                inlined.discard(layer["bands"]["header"])
            for call in layer["calls"]:
                if not call["specialised"]:
                    inlined.discard(call["header"])
        done: set[str] = set()
        while pending:
            file = pending.pop()
            if file in done:
                continue
            done.add(file)
            path = runtime_file(file)
            if path is None:
                raise TfedgeError(
                    f"no folder of kernels has {file}; add the folder that does, by "
                    "tfedge_converters.c.runtime_files.add_folder"
                )
            text = path.read_text("utf-8")
            yield file, text
            pending += re.findall(r'^#include "(.+)"', text, re.MULTILINE)
            source = file.removesuffix(".h") + ".c"
            if file.removeprefix("tfedge_").removesuffix(".h") not in inlined:
                pending += [source] if runtime_file(source) else []


def _state(name: str, tensor: Tensor) -> dict[str, Any]:
    """A field of the state; all bytes of a real zero are alike."""
    quantization = tensor.quantization
    assert tensor.type.dtype is not None
    zero = 0 if quantization is None else int(quantization.zero_point[0]) & 0xFF
    return {
        "field": name,
        "type": arrays.c_type(tensor.type),
        "elements": tensor.elements,
        "width": tensor.type.dtype.itemsize,
        "zero": zero,
    }


def _struct_bytes(fields: Sequence[Mapping[str, Any]]) -> int:
    """Compute the size of a struct with these fields, as compilers lay it out."""
    size, widest = 0, 1
    for item in fields:
        width = item["width"]
        size = -(-size // width) * width + width * item["elements"]
        widest = max(widest, width)
    return -(-size // widest) * widest


def _specs(tensors: Sequence[Tensor], end_names: Sequence[str]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, tensor.shape, np.dtype(tensor.type.dtype))
        for tensor, name in zip(tensors, end_names, strict=True)
    )


def _row_buffer(place: str, tensor: Tensor, rows: int) -> Code:
    """The initialiser of a buffer that has so many rows of a tensor."""
    return Code(f"{{{place}, {tensor.byte_size // tensor.shape[1]}, 0, {rows}}}")


def _wrapped_turns(turns: Sequence[StreamedTurn]) -> str:
    """Initialisers of turns, six a line."""
    texts = [f"{{{t.stage}, {t.kind}, {t.rows}, {t.dropped}}}" for t in turns]
    lines = (", ".join(texts[at : at + 6]) for at in range(0, len(texts), 6))
    return "    " + ",\n    ".join(lines)


def _shape_text(tensor: Tensor | None) -> str:
    if tensor is None:
        return ""
    shape = tensor.shape[1:] if len(tensor.shape) > 1 and tensor.shape[0] == 1 else tensor.shape
    return "x".join(map(str, shape)) or "scalar"
