"""The interface of generated C, over TFLite Micro's interpreter.

A program that uses it is the same whether the network was made C or runs in the interpreter: a
header of C, with an arena, helpers for real numbers and a self-test.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tfedge
from tfedge.errors import UnsupportedError
from tfedge_converters.c import Vector, arrays
from tfedge_converters.c.ends import describe_end, end_names, vector_part
from tfedge_converters.c.runtime_files import runtime_file, runtime_id
from tfedge_converters.c.set_id import PLACEHOLDER, tied
from tfedge_converters.foreign_text import Code, code_templates
from tfedge_converters.graph import Model
from tfedge_converters.graph.metadata import metadata_in
from tfedge_converters.graph.real_operators import library_rounding
from tfedge_converters.graph.sequences import keeps_state
from tfedge_converters.graph.single_graph import single_graph
from tfedge_converters.targets import Target
from tfedge_converters.tflm.array import ALIGNMENT, generate_array
from tfedge_converters.tflm.resolver import resolver_methods

_RUNTIME = ("tfedge_platform.h", "tfedge_real_numbers.h")


@dataclass(frozen=True)
class MicroInterface:
    """The interface of one model.

    Attributes:
        files: name to text, the array and the resolver among them.
        ends: its "inputs" and "outputs", as templates write them.
        interpreter_bytes: of the arena, for the interpreter and its operators.
    """

    files: Mapping[str, str] = field(repr=False)
    ends: Mapping[str, Sequence[Mapping[str, Any]]] = field(repr=False)
    interpreter_bytes: int


def generate_interface(
    model: Model,
    flatbuffer: bytes,
    name: str,
    target: Target,
    vectors: Sequence[Vector],
) -> MicroInterface:
    """Write <name>.h, <name>.cpp and <name>_self_test.c beside the files of `generate_array`.

    Args:
        model: one graph.
        flatbuffer: its file.
        name: prefix of files and symbols.
        target: for the banner.
        vectors: inputs with the right outputs.

    Raises:
        UnsupportedError: there are several graphs, or a type of an input or output that C has not.
    """
    graph = single_graph(model, "a package for TFLite Micro")
    for tensor in (*graph.inputs, *graph.outputs):
        if tensor.type not in arrays.STORED:
            raise UnsupportedError(
                f"'{tensor.name}' is {tensor.type.name}; inputs and outputs of packages may be "
                f"{', '.join(sorted(type_.name for type_ in arrays.STORED))}"
            )
    names = end_names(model, graph)
    sides = zip(("IN", "OUT"), (graph.inputs, graph.outputs), names, strict=True)
    described = [
        [describe_end(side, i, *end) for i, end in enumerate(zip(tensors, known, strict=True))]
        for side, tensors, known in sides
    ]
    ends = dict(zip(("inputs", "outputs"), described, strict=True))
    rounding = library_rounding(graph)
    stored = [
        {
            "inputs": [vector_part(value) for value in vector.inputs],
            "outputs": [vector_part(value, rounding) for value in vector.outputs],
        }
        for vector in vectors
    ]
    arrays_of_model = generate_array(model, flatbuffer, name, entries=metadata_in(flatbuffer))
    interpreter_bytes = _interpreter_bytes(len(resolver_methods(model)))
    context = {
        "version": tfedge.__version__,
        "command": "",
        "hash": hashlib.sha256(flatbuffer).hexdigest(),
        "set_id": Code(PLACEHOLDER),
        "data_set_id": Code(_set_id(arrays_of_model[f"{name}_model_data.h"])),
        "runtime_id": runtime_id(),
        "target": target,
        "name": name,
        "NAME": name.upper(),
        "interpreter": True,
        "interpreter_bytes": interpreter_bytes,
        "arenas": [{"name": "arena", "NAME": "ARENA", "bytes": Code(_arena(name))}],
        "arena_align": ALIGNMENT,
        "arena_sections": [],
        "states": [],
        "keeps_state": keeps_state(graph),
        "state_bytes": 0,
        "weights_bytes": len(flatbuffer),
        "layers": graph.operators,
        "macs": 0,
        "has_grids": any(end["grid"] for side in described for end in side),
        "vectors": stored,
        "rounds": any(part["room"] for vector in stored for part in vector["outputs"]),
        **ends,
    }
    shared, own = code_templates("tfedge_converters.c"), code_templates("tfedge_converters.tflm")
    texts = {
        f"{name}.h": shared.get_template("model.h.j2").render(context),
        f"{name}_self_test.c": shared.get_template("self_test.c.j2").render(context),
        f"{name}.cpp": own.get_template("interface.cpp.j2").render(context),
    }
    return MicroInterface(arrays_of_model | tied(texts) | _runtime_files(), ends, interpreter_bytes)


def _set_id(header: str) -> str:
    """The id that files of a set know each other by."""
    return re.findall(r"_DATA_SET_ID (0x[0-9a-f]{8}u)", header)[0]


def _arena(name: str) -> str:
    return f"({name.upper()}_INTERPRETER_BYTES + {name.upper()}_TENSOR_ARENA_BYTES)"


def _interpreter_bytes(methods: int) -> int:
    """Room for MicroInterpreter and a resolver, with pointers of 64 bits; their C++ checks it."""
    return -(-(512 + 128 * methods) // ALIGNMENT) * ALIGNMENT


def _runtime_files() -> dict[str, str]:
    paths = [runtime_file(file) for file in _RUNTIME]
    return {path.name: path.read_text("utf-8") for path in paths if path is not None}
