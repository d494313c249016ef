"""Generator of standalone C99 from a graph."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tfedge
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.c import arrays
from tfedge_converters.c.code_size import code_estimate, parts_of
from tfedge_converters.c.constants import constants_of
from tfedge_converters.c.fit import ShortageError, shortage
from tfedge_converters.c.instructions import instruction_estimate
from tfedge_converters.c.kernel_call import Constant, KernelCall
from tfedge_converters.c.packed import NATURAL
from tfedge_converters.c.plan import ARENA_ALIGNMENT, Layer, Plan, plan
from tfedge_converters.c.runtime_files import runtime_file, runtime_id
from tfedge_converters.c.set_id import PLACEHOLDER, tied
from tfedge_converters.c.sharing import OPTIMIZATIONS
from tfedge_converters.c.source import CSource, Vector
from tfedge_converters.execute.program import TensorSpec
from tfedge_converters.foreign_text import (
    Code,
    ExternalSymbols,
    check_model_name,
    code_templates,
    tensor_names,
)
from tfedge_converters.graph.blockwise_scales import refuse_blocks
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.passes.half_weights import read_halves
from tfedge_converters.graph.passes.packed_weights import unpack_weights
from tfedge_converters.graph.passes.unsigned import signed
from tfedge_converters.graph.real_operators import integers_of_library_functions, library_rounding
from tfedge_converters.graph.single_graph import single_graph
from tfedge_converters.graph.types import Graph, Model, Tensor
from tfedge_converters.graph.writer import write_model
from tfedge_converters.targets import Target


@dataclass(frozen=True)
class Options:
    """How to generate.

    Attributes:
        name: prefix of all files and symbols.
        target: what the code will run on.
        optimize: a key of `sharing.OPTIMIZATIONS`.
        command: what to run to get the same code again, for the banner.
    """

    name: str
    target: Target
    optimize: str = "balanced"
    command: str = ""


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
            kernels for any core.
    """
    check_model_name(options.name)
    if options.optimize not in OPTIMIZATIONS:
        raise TfedgeError(
            f"optimize='{options.optimize}' is unknown; use {', '.join(OPTIMIZATIONS)}"
        )
    graph = as_tables(read_halves(unpack_weights(signed(_single_graph(model)))))
    _refuse_library_rounding(graph)
    layout = plan(graph, options.target.packing)
    known = vectors() if callable(vectors) else vectors
    file = flatbuffer or write_model(model)
    source = _Emitter(model, graph, layout, options, file, known).emit()
    lacking = shortage(source, options.target)
    if lacking and layout.packing != NATURAL:
        # Scratch memory and filled up weights are what speed costs, and may be too much.
        source = _Emitter(model, graph, plan(graph), options, file, known).emit()
        lacking = shortage(source, options.target)
    if lacking:
        raise ShortageError(lacking)
    return source


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


# Of types whose integers stand for real numbers: a limit beyond those that do not saturate, the
# least and the greatest integer.
_RANGES = {
    "int8_t": Code("TFEDGE_LIMIT_8_BITS, INT8_MIN, INT8_MAX"),
    "uint8_t": Code("TFEDGE_LIMIT_8_BITS, 0, UINT8_MAX"),
    "int16_t": Code("TFEDGE_LIMIT_16_BITS, INT16_MIN, INT16_MAX"),
}


class _Emitter:
    def __init__(
        self,
        model: Model,
        graph: Graph,
        layout: Plan,
        options: Options,
        flatbuffer: bytes,
        vectors: Sequence[Vector],
    ):
        self.graph = graph
        self.layout = layout
        self.options = options
        self.name = options.name
        self.hash = hashlib.sha256(flatbuffer).hexdigest()
        self.vectors = vectors
        self.rounding = library_rounding(graph)
        self.input_names, self.output_names = _end_names(model, graph)
        self.constants: dict[bytes, tuple[str, Constant]] = {}
        self.constant_names: dict[int, str] = {}
        self.memory_names: dict[int, str] = {}
        self.symbols = ExternalSymbols(options.name)
        self.structs: dict[tuple[str, str], str] = {}
        self.pointed: set[int] = set()
        self.total_macs = sum(layer.macs for layer in layout.layers)
        self.calls = [call for layer in layout.layers for call in layer.lowered.calls]
        self.specialised = OPTIMIZATIONS[options.optimize](self.calls, options.target.core)

    def emit(self) -> CSource:
        layers = [self._layer(layer) for layer in self.layout.layers]
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
        vectors = [self._vector(vector) for vector in self.vectors]
        weights_bytes = sum(constant.values.nbytes for _, constant in self.constants.values())
        context: dict[str, Any] = {
            "version": tfedge.__version__,
            "command": self.options.command,
            "hash": self.hash,
            "set_id": Code(PLACEHOLDER),
            "runtime_id": runtime_id(),
            "target": self.options.target,
            "name": self.name,
            "NAME": self.name.upper(),
            "arena_bytes": self.layout.arena_bytes,
            "arena_align": ARENA_ALIGNMENT,
            "states": states,
            "state_bytes": _struct_bytes(states),
            "weights_bytes": weights_bytes,
            "macs": self.total_macs,
            "layers": layers,
            "steps": [layer for layer in layers if layer["calls"]],
            "can_fail": any(layer["can_fail"] for layer in layers),
            "has_grids": has_grids,
            "headers": sorted({c["header"] for layer in layers for c in layer["calls"]}),
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
        runtime = dict(self._runtime_files(layers, has_grids))
        # What others are linked with comes after them.
        called = [f"tfedge_{header}.c" for header in context["headers"]]
        sources = sorted(name for name in runtime if name.endswith(".c"))
        context["kernel_sources"] = sorted(sources, key=lambda name: name not in called)
        files["CMakeLists.txt"] = templates.get_template("CMakeLists.txt.j2").render(context)
        parts = parts_of(
            [layer.lowered.calls for layer in self.layout.layers], self.specialised, self.pointed
        )
        return CSource(
            name=self.name,
            files=files | runtime,
            inputs=_specs(self.graph.inputs, self.input_names),
            outputs=_specs(self.graph.outputs, self.output_names),
            arena_bytes=self.layout.arena_bytes,
            weights_bytes=weights_bytes,
            state_bytes=context["state_bytes"],
            code=code_estimate(parts, self.options.target.core),
            code_parts=parts,
            instructions=instruction_estimate(
                [layer.lowered.calls for layer in self.layout.layers],
                self.specialised,
                self.options.target.core,
            ),
            plan=self.layout,
            ends=ends,
            optimize=self.options.optimize,
        )

    def _layer(self, layer: Layer) -> dict[str, Any]:
        operator = layer.operator
        prefix = f"{self.name}_layer_{layer.index}"
        calls = []
        for position, call in enumerate(layer.lowered.calls):
            symbol = prefix if len(layer.lowered.calls) == 1 else f"{prefix}_{position}"
            calls.append(self._call(layer, call, symbol))
        return {
            "index": layer.index,
            "code": operator.code,
            "function": f"{prefix}_{operator.code.lower()}",
            "detail": Code(layer.lowered.detail),
            "source": _shape_text(operator.inputs[0]) if operator.inputs else "",
            "output": _shape_text(operator.outputs[0]),
            "output_name": layer.name,
            "macs": layer.macs,
            "can_fail": any(call["can_fail"] for call in calls),
            "calls": calls,
            "states": [state for call in calls for state in call["states"]],
            "made": list(self._made(layer)),
        }

    def _made(self, layer: Layer) -> Iterator[dict[str, Any]]:
        """Where the layer's outputs lie in the arena, without those that nothing computes."""
        roots = (self.layout.root(call.output) for call in layer.lowered.calls)
        computed = {id(root) for root in roots if not root.is_variable and root.data is None}
        for tensor in layer.operator.outputs:
            if id(self.layout.root(tensor)) in computed:
                place = Code(_place("arena", self.layout.offset(tensor)))
                yield {"place": place, "bytes": tensor.byte_size}

    def _call(self, layer: Layer, call: KernelCall, symbol: str) -> dict[str, Any]:
        for constant in constants_of(call.params):
            self._name_constant(constant, symbol)
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
            offset = self.layout.scratch_offset(call)
            arguments.append("NULL" if offset is None else _place("arena", offset))
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
            "has_own_params": params == symbol,
            "function": function,
            "arguments": Code(",\n      ".join(arguments)),
            "kernel": call.kernel,
            "specialised": is_specialised,
            "can_fail": call.can_fail,
            "states": states,
        }

    def _operand(self, tensor: Tensor, symbol: str, *, const: bool) -> str:
        root = self.layout.root(tensor)
        if root.is_variable:
            return f"state->{self._memory_name(root)}"
        if root.data is not None:
            return self._name_constant(self._operand_constant(root), symbol)
        qualifier = "const " if const else ""
        type_ = arrays.c_type(tensor.type)
        place = _place("arena", self.layout.offset(tensor))
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
            _place("context->arena", self.layout.offset(tensor))
            if root.data is None
            else self._name_constant(self._operand_constant(root), f"{self.name}_output")
        )
        grid = tensor.quantization
        type_ = arrays.interface_type(tensor.type)
        return {
            "index": index,
            "prefix": f"{side}{index}",
            "identifier": name.upper(),
            "name": name,
            "type": type_,
            "bytes": tensor.byte_size,
            "elements": tensor.elements,
            "dimensions": tensor.shape,
            "height_width_channels": tensor.shape[1:] if len(tensor.shape) == 4 else None,
            "scale": None if grid is None else Code(arrays.literal(float(grid.scale[0]))),
            "zero_point": None if grid is None else int(grid.zero_point[0]),
            "grid": None if grid is None else _RANGES.get(type_),
            "place": Code(place),
        }

    def _vector(self, vector: Vector) -> dict[str, Any]:
        return {
            "inputs": [_vector_part(value) for value in vector.inputs],
            "outputs": [_vector_part(value, self.rounding) for value in vector.outputs],
        }

    def _runtime_files(
        self, layers: Sequence[Mapping[str, Any]], has_grids: bool
    ) -> Iterator[tuple[str, str]]:
        """Verbatim copies of the kernels in use, with what they include."""
        pending = ["tfedge_platform.h", *["tfedge_real_numbers.h"] * has_grids]
        # A header whose kernels are all inlined needs no source of its own.
        inlined = {call["header"] for layer in layers for call in layer["calls"]}
        for layer in layers:
            for call in layer["calls"]:
                pending.append(f"tfedge_{call['header']}.h")
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


def _place(arena: str, offset: int) -> str:
    return arena if offset == 0 else f"({arena} + {offset})"


def _end_names(model: Model, graph: Graph) -> tuple[list[str], list[str]]:
    """Names of inputs and outputs: the signature's (the Keras model's), or the tensors' own."""
    by_tensor: dict[int, str] = {}
    for signature in model.signatures[:1]:
        for name, tensor in (*signature.inputs.items(), *signature.outputs.items()):
            by_tensor.setdefault(id(tensor), name)
    ends = [
        [by_tensor.get(id(tensor), tensor.name) for tensor in tensors]
        for tensors in (graph.inputs, graph.outputs)
    ]
    return tensor_names(ends[0]), tensor_names(ends[1])


def _specs(tensors: Sequence[Tensor], end_names: Sequence[str]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, tensor.shape, np.dtype(tensor.type.dtype))
        for tensor, name in zip(tensors, end_names, strict=True)
    )


def _shape_text(tensor: Tensor | None) -> str:
    if tensor is None:
        return ""
    shape = tensor.shape[1:] if len(tensor.shape) > 1 and tensor.shape[0] == 1 else tensor.shape
    return "x".join(map(str, shape)) or "scalar"


def _vector_part(values: np.ndarray, rounding: float = 0.0) -> dict[str, Any]:
    """One array of a vector; `room` is how far results may be from it, empty for not at all."""
    type_, text = arrays.bits_initializer(values)
    room = rounding * float(np.abs(values).max()) if values.dtype == np.float32 else 0.0
    return {
        "type": Code(type_),
        "size": values.size,
        "text": Code(text),
        "room": Code(arrays.literal(room) if room else ""),
    }
