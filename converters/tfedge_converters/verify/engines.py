"""Everything that can run a model: LiteRT, TFLite Micro, and the compiled C.

Samples have nothing to do with one another: variables are reset before each. Only where a model
keeps its state are consecutive samples one sequence: variables are reset before every sequence.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.near_names import near
from tfedge_converters import targets
from tfedge_converters.backends import all_backends
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_firmware, build_host
from tfedge_converters.graph import Graph, Model, Operator, Tensor, read_model, write_model
from tfedge_converters.graph.blockwise_scales import refuse_blocks
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.packed_weights import unpack_weights
from tfedge_converters.graph.passes.resource_variables import has_resources
from tfedge_converters.graph.sequences import foreign_states, keeps_state, memories
from tfedge_converters.interpreters import (
    LITERT,
    LITERT_REFERENCE,
    MICRO,
    Interpreter,
    Outputs,
    Sample,
    run_model,
)
from tfedge_converters.litert_kernels import check_blocks
from tfedge_converters.verify.bfp8 import run_bfp8
from tfedge_converters.verify.undefined import refuse_undefined

# Samples of a sequence, if nothing else is said.
SEQUENCE = 50


# Called with a model's file, samples, and how many of them are a sequence.
Engine = Callable[[bytes, Sequence[Sample], int], Outputs]


# LiteRT registers these reference kernels under old versions only, though they know the later ones.
_REFERENCE_VERSIONS = {"DEPTHWISE_CONV_2D": 6, "DEPTH_TO_SPACE": 1, "STRIDED_SLICE": 4, "TILE": 2}


def run_litert(flatbuffer: bytes, samples: Sequence[Sample], sequence: int = SEQUENCE) -> Outputs:
    """LiteRT as phones run it, with XNNPACK.

    Raises:
        UnsupportedError: it refuses the model, or would compute it wrongly.
    """
    model = read_model(flatbuffer)
    for graph in model.graphs:
        check_blocks(graph)
    return _run(LITERT, model, flatbuffer, samples, sequence)


def run_litert_reference(
    flatbuffer: bytes, samples: Sequence[Sample], sequence: int = SEQUENCE
) -> Outputs:
    """LiteRT's reference kernels.

    Raises:
        UnsupportedError: it refuses the model, or would compute it wrongly.
    """
    return _run_litert_reference(read_model(flatbuffer), flatbuffer, samples, sequence)


def _run_litert_reference(
    model: Model, flatbuffer: bytes, samples: Sequence[Sample], sequence: int
) -> Outputs:
    """The same of a graph, whose operators get versions that LiteRT registers, and its file."""
    changed = False
    for graph in model.graphs:
        refuse_blocks(graph, "LiteRT without XNNPACK")
        for operator in graph.operators:
            known = _REFERENCE_VERSIONS.get(operator.code, operator.version)
            if operator.version > known:
                operator.version, changed = known, True
    file = write_model(model) if changed else flatbuffer
    return _run(LITERT_REFERENCE, model, file, samples, sequence)


def run_micro(flatbuffer: bytes, samples: Sequence[Sample], sequence: int = SEQUENCE) -> Outputs:
    """TFLite Micro's interpreter with its reference kernels.

    Raises:
        MissingToolError: the package tflite-micro is not installed.
        UnsupportedError: TFLite Micro has no kernel for the model.
    """
    return _run_micro(read_model(flatbuffer), flatbuffer, samples, sequence)


def _run_micro(
    model: Model, flatbuffer: bytes, samples: Sequence[Sample], sequence: int
) -> Outputs:
    """The same of a graph and its file."""
    refuse_blocks(model.main, MICRO.title)
    refuse_undefined(model.main)
    return _run(MICRO, model, flatbuffer, samples, sequence)


def run_block_floating_point(
    flatbuffer: bytes, samples: Sequence[Sample], sequence: int = SEQUENCE
) -> Outputs:
    """Integers with exponents that are found at run time, in Python.

    Raises:
        UnsupportedError: the model is not one of these.
    """
    return run_bfp8(read_model(flatbuffer), samples)


def run_stepwise(flatbuffer: bytes, samples: Sequence[Sample], sequence: int = SEQUENCE) -> Outputs:
    """TFLite Micro's kernel of every operator, and LiteRT's reference kernel where it has none.

    Raises:
        MissingToolError: the package tflite-micro is not installed.
        UnsupportedError: neither has a kernel for an operator, or the model has several graphs or
            variables that operators share.
    """
    model = read_model(flatbuffer)
    graph = model.main
    if len(model.graphs) != 1 or foreign_states(graph) or memories(graph):
        raise UnsupportedError(
            "a model with several graphs, or a state of several operators, cannot be run operator "
            "by operator"
        )
    values: dict[int, list[np.ndarray]] = {
        id(tensor): [sample[index] for sample in samples]
        for index, tensor in enumerate(graph.inputs)
    }
    refused: set[bytes] = set()
    for operator in graph.operators:
        results = _run_alone(operator, values, len(samples), sequence, refused)
        for index, tensor in enumerate(operator.outputs):
            values[id(tensor)] = [outputs[index] for outputs in results]
    return [
        [_value(tensor, values, position) for tensor in graph.outputs]
        for position in range(len(samples))
    ]


def _run_alone(
    operator: Operator,
    values: dict[int, list[np.ndarray]],
    count: int,
    sequence: int,
    refused: set[bytes],
) -> Outputs:
    """Run one operator; files of those that TFLite Micro refuses are noted, and not tried again."""
    known = {id(t): t for t in operator.inputs if t is not None and id(t) in values}
    inputs = list(known.values())
    # Where TFLite Micro knows int4 weights, it unpacks them to int8 before it multiplies.
    graph = unpack_weights(Graph(inputs, operator.outputs, [operator]))
    model = Model([graph])
    flatbuffer = write_model(model)
    samples = [[values[id(tensor)][position] for tensor in inputs] for position in range(count)]
    if flatbuffer not in refused:
        try:
            return _run_micro(model, flatbuffer, samples, sequence)
        except UnsupportedError:
            refused.add(flatbuffer)
    return _run_litert_reference(model, flatbuffer, samples, sequence)


def _run(
    interpreter: Interpreter,
    model: Model,
    flatbuffer: bytes,
    samples: Sequence[Sample],
    sequence: int,
) -> Outputs:
    """Run a model in an interpreter: each sample by itself, or sequences if it keeps a state.

    Interpreters reset resource variables to zeros, whatever these began with, or not at all: every
    sequence has an interpreter of its own then.
    """
    if not has_resources(model.graphs):
        every = sequence if keeps_state(model.main) else 1
        return run_model(interpreter, model, flatbuffer, samples, every)
    parts = [samples[at : at + sequence] for at in range(0, len(samples), sequence)]
    runs = (run_model(interpreter, model, flatbuffer, part, len(part)) for part in parts)
    return [outputs for run in runs for outputs in run]


def _value(tensor: Tensor, values: dict[int, list[np.ndarray]], position: int) -> np.ndarray:
    return values[id(tensor)][position] if tensor.data is None else tensor.data


def run_c(flatbuffer: bytes, samples: Sequence[Sample], sequence: int = SEQUENCE) -> Outputs:
    """The generated C, compiled for this computer.

    Raises:
        UnsupportedError: the C generator cannot express the model.
        MissingToolError: there is no C compiler.
    """
    with tempfile.TemporaryDirectory() as folder:
        return build_host(_generate(flatbuffer, folder, "host")).run(samples, sequence)


def run_firmware(core: str) -> Engine:
    """The generated C on a Cortex-M core in QEMU.

    Args:
        core: a key of `execute.CORES`.
    """

    def run(flatbuffer: bytes, samples: Sequence[Sample], sequence: int = SEQUENCE) -> Outputs:
        with tempfile.TemporaryDirectory() as folder:
            firmware = build_firmware(_generate(flatbuffer, folder, core), core)
            return firmware.run(samples, sequence=sequence).outputs

    return run


def _generate(flatbuffer: bytes, folder: str, target: str) -> Any:
    model = read_model(flatbuffer)
    pipeline.run(model, keep_halves=True)
    return generate(model, Options("model", targets.load(target))).write(Path(folder))


ENGINES: dict[str, Engine] = {
    "tflite-micro": run_micro,
    "stepwise": run_stepwise,
    "litert-reference": run_litert_reference,
    "litert": run_litert,
    "block-floating-point": run_block_floating_point,
    "c": run_c,
}


def engine(name: str) -> Engine:
    """An engine by name; "qemu:cortex-m4" and its like run firmware.

    Raises:
        TfedgeError: there is none of that name.
    """
    if name.startswith("qemu:"):
        return run_firmware(name.removeprefix("qemu:"))
    known = dict(ENGINES)
    for backend in all_backends():
        known |= backend.own_engines
    if name not in known:
        raise TfedgeError(
            f"there is no engine '{name}'; use {', '.join(known)} or qemu:CORE, "
            f"e.g. qemu:cortex-m4{near(name, known)}"
        )
    return known[name]
