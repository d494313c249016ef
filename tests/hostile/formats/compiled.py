"""Files that edgetpu_compiler wrote: a custom operator whose options hold a package of programs.

The form of the package is that of google-coral/libedgetpu, `executable/executable.fbs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import flatbuffers
from flatbuffers import flexbuffers
from flatbuffers import number_types as types
from hostile.bases import float_twin
from hostile.damage import Rng, chosen, damaged_bytes
from hostile.formats.format import Format, command
from hostile.mutations import mutant
from random_graphs import random_model

import tfedge
from tfedge_converters.edgetpu.compiled_file import CUSTOM_OPERATOR, ExecutableKind, read_compiled
from tfedge_converters.graph import Graph, Model, Operator, read_model, write_model

_GRAPH_SHARE = 0.3

Field = Callable[[flatbuffers.Builder, int], None]


def _write(folder: Path) -> None:
    model = random_model("conv_2d", 1, 1)
    (folder / "integer.tflite").write_bytes(write_model(model))
    (folder / "float.tflite").write_bytes(write_model(float_twin(model)))
    (folder / "compiled.tflite").write_bytes(compiled_file(model))


def compiled_file(model: Model) -> bytes:
    """The form of what the compiler makes of a model that it maps as a whole."""
    graph = model.main
    whole = Operator("CUSTOM", list(graph.inputs), list(graph.outputs))
    whole.custom_name, whole.custom_options = CUSTOM_OPERATOR, _options(_package())
    return write_model(Model([Graph(graph.inputs, graph.outputs, [whole])]))


def _options(package: bytes) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("1")
        builder.Int(1)
        builder.Key("4")
        # A string that is no text.
        builder._WriteBlob(package, append_zero=True, type_=flexbuffers.Type.STRING)
    return bytes(builder.Finish())


def _package() -> bytes:
    kinds = (ExecutableKind.PARAMETER_CACHING, ExecutableKind.EXECUTION_ONLY)
    programs = [_executable(kind) for kind in kinds]
    b = flatbuffers.Builder(1024)
    multiple = flatbuffers.Builder(1024)
    strings = _vector(multiple, [multiple.CreateString(program) for program in programs])
    multiple.Finish(_table(multiple, {0: _reference(strings)}))
    inner = b.CreateByteVector(bytes(multiple.Output()))
    compiler = b.CreateString("16.0.384591198")
    fields = {
        0: _number(types.Int32Flags, 13), 1: _reference(inner), 4: _reference(compiler),
    }  # fmt: skip
    b.Finish(_table(b, fields), b"DWN1")
    return bytes(b.Output())


def _executable(kind: ExecutableKind) -> bytes:
    b = flatbuffers.Builder(1024)
    name, chip, layer = (b.CreateString(text) for text in ("model", "beagle", "input"))
    code = b.CreateByteVector(bytes(range(64)))
    parameters = b.CreateByteVector(bytes(200))
    stream = _table(b, {0: _reference(code)})
    shape = {field: _number(types.Int32Flags, 8) for field in (1, 2, 3, 4)}
    end = _table(b, {0: _reference(layer), **shape})
    streams, inputs, outputs = (_vector(b, [at]) for at in (stream, end, end))
    fields = {
        1: _reference(name), 3: _number(types.Int32Flags, 1), 4: _number(types.Int32Flags, 64),
        5: _reference(streams), 6: _reference(parameters), 8: _reference(inputs),
        9: _reference(outputs), 10: _reference(chip), 11: _number(types.Int32Flags, 5000),
        12: _number(types.Int32Flags, 832), 13: _number(types.Int16Flags, kind.value),
        16: _number(types.Int64Flags, 1478),
    }  # fmt: skip
    b.Finish(_table(b, fields))
    return bytes(b.Output())


def _number(flags: type, value: int) -> Field:
    return lambda b, field: b.PrependSlot(flags, field, value, 0)


def _reference(at: int) -> Field:
    return lambda b, field: b.PrependUOffsetTRelativeSlot(field, at, 0)


def _table(b: flatbuffers.Builder, fields: Mapping[int, Field]) -> int:
    b.StartObject(max(fields) + 1)
    for number, add in fields.items():
        add(b, number)
    return int(b.EndObject())


def _vector(b: flatbuffers.Builder, references: Sequence[int]) -> int:
    b.StartVector(4, len(references), 4)
    for at in reversed(references):
        b.PrependUOffsetTRelative(at)
    return int(b.EndVector())


def damaged(data: bytes, rng: Rng) -> bytes:
    """A compiled file whose graph, options or bytes are damaged."""
    how = rng.random()
    if how < _GRAPH_SHARE:
        return mutant(data, rng)[0]
    if how < 0.4:
        return damaged_bytes(data, rng)
    model = read_model(data)
    (operator,) = model.main.operators
    options = operator.custom_options
    operator.custom_options = (
        damaged_bytes(options, rng) if how < 0.7 else _options(damaged_bytes(_package(), rng))
    )
    return write_model(model)


def _damage(sound: Path, folder: Path, rng: Rng) -> Path:
    path = folder / "net_edgetpu.tflite"
    path.write_bytes(damaged((sound / "compiled.tflite").read_bytes(), rng))
    return path


_ROADS = {
    "read": lambda p: read_compiled(p.given),
    "convert": lambda p: tfedge.convert(p.given, target=str(chosen(p.rng, ("host", "edgetpu")))),
    "check": lambda p: tfedge.check(p.given),
    "verify": lambda p: tfedge.verify(p.given, samples=2),
    "tfedge check": lambda p: command("check", p.given),
    "tfedge check --compiled": lambda p: command(
        "check", p.sound / "integer.tflite", "--compiled", p.given
    ),
    "tfedge verify": lambda p: command("verify", p.given, "--samples", "2"),
}

FORMATS = {"compiled": Format(_write, _damage, _ROADS)}
