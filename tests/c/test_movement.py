"""Operators that move values: errors at run time, refusals, and what costs nothing."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_graphs import random_model
from random_movement import OPERATORS as MOVEMENT

from tfedge.errors import UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.lowering import lower
from tfedge_converters.execute import build_host
from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.graph import Quantization, Tensor, TensorType


def options(optimize="speed"):
    return Options("model", targets.load("host"), optimize)


def one(code, source_shape, constants, out_shape, operator_options=None):
    """An int8 operator of one input and int32 constants."""
    b = Builder(np.random.default_rng(0))
    q = Quantization.per_tensor(0.5, -7)
    operands = [b.input(source_shape, q), *(b.constant(np.array(c, np.int32)) for c in constants)]
    b.output(code, operands, out_shape, q, operator_options)
    return b.model()


@pytest.mark.parametrize("optimize", ["speed", "shared"])
@pytest.mark.parametrize("index", [-1, 5, -(1 << 31), (1 << 31) - 1])
def test_an_index_from_outside_fails_the_invocation(index, optimize, tmp_path):
    b = Builder(np.random.default_rng(0))
    q = Quantization.per_tensor(0.5, 0)
    source, indices = b.input((5, 3), q), b.input((2,), type_=TensorType.INT32)
    indices.quantization = None
    b.output("GATHER", [source, indices], (2, 3), q, schema.GatherOptionsT())
    source_code = generate(b.model(), options(optimize))
    program = build_host(source_code.write(tmp_path), sanitize=True)
    values = np.arange(15, dtype=np.int8).reshape(5, 3)
    good = [values, np.array([4, 0], np.int32)]
    np.testing.assert_array_equal(program.run([good])[0][0], values[[4, 0]])
    with pytest.raises(ExecutionError, match="invoke returned -6"):
        program.run([good, [values, np.array([1, index], np.int32)]])


@pytest.mark.parametrize(
    "model",
    [
        one("TRANSPOSE", (4, 1, 6), [[1, 0, 2]], (1, 4, 6)),
        one("SLICE", (4, 6), [[0, 0], [2, -1]], (2, 6)),
        one("TILE", (4, 6), [[1, 1]], (4, 6)),
        one("REVERSE_V2", (4, 1), [[1]], (4, 1)),
    ],
    ids=lambda model: model.main.operators[0].code,
)
def test_what_lies_right_already_is_not_copied(model):
    assert generate(model, options()).plan.layers[0].lowered.calls == ()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (one("TRANSPOSE", (2, 3), [[0, 0]], (2, 2)), "no order"),
        (one("TRANSPOSE", (2, 3), [[0, 5]], (2, 3)), "axis 5 does not exist"),
        (one("TRANSPOSE", (2, 3), [[1, 0]], (2, 3)), "has shape"),
        (one("SLICE", (4,), [[3], [2]], (2,)), "leave axis 0"),
        (one("SLICE", (4,), [[-1], [1]], (1,)), "leave axis 0"),
        (one("TILE", (4,), [[0]], (0,)), "is empty"),
        (one("TILE", (2,) * 7, [[3] * 7], (6,) * 7), "kernels know at most 6"),
        (one("BROADCAST_TO", (3,), [[4]], (4,)), "does not broadcast"),
        (one("PAD", (4,), [[[-1, 1]]], (4,)), "negative"),
        (one("GATHER_ND", (4,), [[[4]]], (1,)), "out of range"),
        (one("REVERSE_V2", (4,), [[-2]], (4,)), "axis -2 does not exist"),
    ],
)
def test_refusals_say_why(model, message):
    with pytest.raises(UnsupportedError, match=message):
        generate(model, options())


def test_a_mirror_has_to_lie_within_the_input():
    mode = schema.MirrorPadOptionsT()
    mode.mode = schema.MirrorPadMode.REFLECT
    with pytest.raises(UnsupportedError, match="cannot be mirrored"):
        generate(one("MIRROR_PAD", (3,), [[[3, 0]]], (6,), mode), options())


@pytest.mark.parametrize("name", MOVEMENT)
def test_no_file_makes_the_kernels_leave_their_buffers(name):
    """Damaged operators are refused, or what they copy lies within their operands."""
    rng = np.random.default_rng(3)
    accepted = 0
    for seed in range(60):
        graph = random_model(name, seed, 1).main
        operator = graph.operators[0]
        for _ in range(int(rng.integers(1, 3))):
            damage(operator, rng)
        try:
            lowered = lower(graph, operator)
        except UnsupportedError:
            continue
        accepted += 1
        for call in lowered.calls:
            check_bounds(call)
        if lowered.alias_of is not None:
            assert lowered.alias_of.byte_size >= operator.outputs[0].byte_size
    assert accepted < 60


def damage(operator, rng) -> None:
    """Changes a shape, a constant, an option, a type or the number of operands."""
    tensors = [t for t in (*operator.inputs, *operator.outputs) if t is not None]
    tensor = tensors[rng.integers(len(tensors))]
    kind = rng.integers(5)
    if kind == 0 and tensor.data is None and tensor.shape:
        shape = list(tensor.shape)
        shape[rng.integers(len(shape))] = int(rng.integers(0, 9))
        tensor.shape = tuple(shape)
    elif kind == 1 and tensor.data is not None and tensor.type == TensorType.INT32:
        flat = tensor.data.reshape(-1)
        flat[rng.integers(flat.size)] += rng.integers(-3, 4)
    elif kind == 2 and operator.options is not None:
        names = [n for n, v in vars(operator.options).items() if isinstance(v, int)]
        if names:
            field = names[rng.integers(len(names))]
            setattr(operator.options, field, int(rng.integers(-4, 9)))
    elif kind == 3:
        operator.outputs.append(copy.copy(operator.outputs[0]))
        operator.inputs = operator.inputs[: rng.integers(1, 4)]
    elif kind == 4:
        tensor.type = TensorType(int(rng.integers(0, 19)))
        tensor.data = None


def check_bounds(call) -> None:
    params = call.params
    if call.kernel == "fill_bytes":
        assert params["bytes"] == call.output.byte_size
    elif call.kernel == "gather_bytes":
        check_gather(call)
    else:
        for tensor, steps, offset in (
            (call.operands[0], params["input_step"], params["input_offset"]),
            (call.output, params["output_step"], params["output_offset"]),
        ):
            ends = [(n - 1) * s for n, s in zip(params["extent"], steps, strict=True)]
            assert offset + sum(min(end, 0) for end in ends) >= 0
            last = offset + sum(max(end, 0) for end in ends) + params["block_bytes"]
            assert last <= tensor.byte_size


def check_gather(call) -> None:
    params = call.params
    source, indices = call.operands
    volumes, tuples = params["batches"] * params["outer"], params["tuples"]
    ends = [(n - 1) * s for n, s in zip(params["extent"], params["step"], strict=True)]
    assert sum(ends[: params["depth"]]) + params["slice_bytes"] <= params["volume_bytes"]
    assert volumes * params["volume_bytes"] == source.byte_size
    assert params["batches"] * tuples * params["depth"] == indices.elements
    assert volumes * tuples * params["slice_bytes"] == call.output.byte_size


def test_a_constant_may_be_moved_to_several_outputs(tmp_path):
    b = Builder(np.random.default_rng(0))
    q = Quantization.per_tensor(0.5, 0)
    table = b.constant(b.int8((4, 3)), q)
    unpack = schema.UnpackOptionsT()
    unpack.num, unpack.axis = 3, 1
    b.output("UNPACK", [table], (4,), q, unpack)
    for index in (1, 2):
        b.outputs.append(Tensor(f"more_{index}", (4,), TensorType.INT8, q))
        b.operators[0].outputs.append(b.outputs[-1])
    b.input((1,), q)
    program = build_host(generate(b.model(), options()).write(tmp_path))
    columns = program.run([[np.zeros(1, np.int8)]])[0]
    np.testing.assert_array_equal(np.stack(columns, axis=1), table.data)
