"""Resource variables become memories that hold the same values in every invocation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_graphs import random_sample

from tfedge.errors import ModelFileError, UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_host
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    read_model,
    write_model,
)
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.resource_variables import (
    has_resources,
    write_resources_as_memories,
)
from tfedge_converters.graph.sequences import memories
from tfedge_converters.verify.engines import run_c, run_litert_reference, run_micro

INT8, FLOAT32, RESOURCE = TensorType.INT8, TensorType.FLOAT32, TensorType.RESOURCE
GRID = Quantization.per_tensor(0.05, -7)
SEQUENCE = 5


class Builder:
    """A model whose first graph uses variables, and whose second says what they begin with."""

    def __init__(self):
        self.main = Graph([], [], [])
        self.first = Graph([], [], [], "first")
        options = schema.CallOnceOptionsT()
        options.initSubgraphIndex = 1
        self.main.operators.append(Operator("CALL_ONCE", [], [], options))

    def model(self) -> Model:
        return Model([self.main, self.first])

    def handle(self, name: str, graph: Graph | None = None) -> Tensor:
        graph = self.main if graph is None else graph
        options = schema.VarHandleOptionsT()
        options.container, options.sharedName = b"", name.encode()
        handle = Tensor(f"{name}_handle", (), RESOURCE)
        graph.operators.append(Operator("VAR_HANDLE", [], [handle], options))
        return handle

    def begin(self, name: str, like: Tensor, value: np.ndarray) -> None:
        value = np.asarray(value, like.type.dtype).reshape(like.shape)
        constant = dataclasses.replace(like, name=f"{name}_begin", data=value)
        self.assign(self.handle(name, self.first), constant, self.first)

    def input(self, shape, type_=FLOAT32) -> Tensor:
        tensor = self.tensor(f"input_{len(self.main.inputs)}", shape, type_)
        self.main.inputs.append(tensor)
        return tensor

    def tensor(self, name, shape, type_) -> Tensor:
        return Tensor(name, tuple(shape), type_, GRID if type_ == INT8 else None)

    def read(self, handle: Tensor, like: Tensor, name: str) -> Tensor:
        result = self.tensor(name, like.shape, like.type)
        options = schema.ReadVariableOptionsT()
        self.main.operators.append(Operator("READ_VARIABLE", [handle], [result], options))
        return result

    def assign(self, handle: Tensor, value: Tensor, graph: Graph | None = None) -> None:
        options = schema.AssignVariableOptionsT()
        operator = Operator("ASSIGN_VARIABLE", [handle, value], [], options)
        (self.main if graph is None else graph).operators.append(operator)

    def combined(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        """The sum of real numbers, the larger one of integers."""
        result = self.tensor(name, x.shape, x.type)
        if x.type == FLOAT32:
            operator = Operator("ADD", [x, y], [result], schema.AddOptionsT())
        else:
            operator = Operator("MAXIMUM", [x, y], [result], schema.MaximumMinimumOptionsT(), 2)
        self.main.operators.append(operator)
        return result

    def variable(self, rng: np.random.Generator, name: str) -> None:
        """One that is read and assigned to now and then, and read again."""
        type_ = [FLOAT32, INT8][rng.integers(2)]
        shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 6)))
        source = self.input(shape, type_)
        handle = self.handle(name)
        zeros = np.full(shape, GRID.zero_point[0] if type_ == INT8 else 0)
        kind = rng.integers(3)
        self.begin(name, source, zeros if kind == 0 else rng.integers(-100, 100, shape))
        before = self.read(handle, source, f"{name}_before")
        now = self.combined(before, source, f"{name}_now")
        if rng.random() < 0.8:
            self.assign(handle, now)
        after = self.read(self.handle(name), source, f"{name}_after")
        if rng.random() < 0.3:
            self.main.outputs.append(after)
        if rng.random() < 0.3:
            again = self.combined(after, before, f"{name}_again")
            self.assign(handle, again)
            self.main.outputs.append(again)
        self.main.outputs.append([before, now][rng.integers(2)])


def _bytes(outputs) -> list[list[bytes]]:
    return [[value.tobytes() for value in sample] for sample in outputs]


@pytest.mark.parametrize("seed", range(6))
def test_every_engine_gives_the_same(seed, tmp_path):
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    rng = np.random.default_rng(seed)
    builder = Builder()
    for index in range(6):
        builder.variable(rng, f"variable_{index}")
    original = write_model(builder.model())
    samples = [random_sample(builder.model(), rng) for _ in range(2 * SEQUENCE)]
    right = _bytes(run_micro(original, samples, SEQUENCE))
    assert _bytes(run_litert_reference(original, samples, SEQUENCE)) == right
    assert right[0] != right[1]
    model = read_model(original)
    assert pipeline.run(model)
    assert not has_resources(model.graphs)
    assert len(model.graphs) == 1
    written = write_model(model)
    for run in (run_micro, run_litert_reference, run_c):
        assert _bytes(run(written, samples, SEQUENCE)) == right
    program = generate(model, Options("model", targets.load("host"), "size"))
    built = build_host(program.write(tmp_path), sanitize=True, flags=["-O1"])
    assert _bytes(built.run(samples, SEQUENCE)) == right


def _counting() -> Builder:
    """Adds its input to a variable of float32 that begins with 2."""
    builder = Builder()
    source = builder.input((1, 3))
    handle = builder.handle("sum")
    builder.begin("sum", source, [2, 2, 2])
    now = builder.combined(builder.read(handle, source, "before"), source, "now")
    builder.assign(handle, now)
    builder.main.outputs.append(now)
    return builder


def test_a_reset_begins_with_the_first_values_again():
    model = _counting().model()
    write_resources_as_memories(model)
    ones = [[np.ones((1, 3), np.float32)]] * 4
    sums = [value[0, 0] for (value,) in run_c(write_model(model), ones, 2)]
    assert sums == [3, 4, 3, 4]
    assert len(memories(model.main)) == 2


def test_what_begins_with_zeros_needs_no_second_memory():
    builder = _counting()
    builder.first.operators[1].inputs[1].data[:] = 0
    model = builder.model()
    write_resources_as_memories(model)
    assert [memory.state.name for memory in memories(model.main)] == ["sum"]
    assert {operator.code for operator in model.main.operators} == {"SLICE", "ADD"}


def test_what_nothing_assigns_is_a_constant():
    builder = Builder()
    source = builder.input((1, 3))
    builder.begin("offset", source, [1, 2, 3])
    read = builder.read(builder.handle("offset"), source, "offset_now")
    builder.main.outputs.append(builder.combined(read, source, "shifted"))
    model = builder.model()
    write_resources_as_memories(model)
    assert read.data.tolist() == [[1, 2, 3]]
    assert [operator.code for operator in model.main.operators] == ["ADD"]


def _computed_beginning(builder: Builder) -> None:
    value = builder.first.operators[1].inputs[1]
    builder.first.inputs.append(value)
    value.data = None


def _another_grid(builder: Builder) -> None:
    builder.main.operators[2].outputs[0].quantization = GRID


def _assigned_constant(builder: Builder) -> None:
    value = Tensor("zeros", (1, 3), FLOAT32, data=np.zeros((1, 3), np.float32))
    builder.assign(builder.main.operators[1].outputs[0], value)


def _shared_with_others(builder: Builder) -> None:
    handle = builder.main.operators[1].outputs[0]
    builder.main.operators.append(Operator("HASHTABLE_SIZE", [handle], [Tensor("n", (), INT8)]))


def _no_such_graph(builder: Builder) -> None:
    builder.main.operators[0].options.initSubgraphIndex = 7


LEFT_ALONE = [
    _computed_beginning,
    _another_grid,
    _assigned_constant,
    _shared_with_others,
    _no_such_graph,
]


@pytest.mark.parametrize("change", LEFT_ALONE)
def test_what_no_memory_does_is_left_alone_and_refused_in_words(change):
    builder = _counting()
    change(builder)
    model = builder.model()
    before = [operator.code for graph in model.graphs for operator in graph.operators]
    assert not write_resources_as_memories(model)
    assert [op.code for graph in model.graphs for op in graph.operators] == before
    with pytest.raises(UnsupportedError, match="begin with constants"):
        generate(model, Options("model", targets.load("host")))


def test_options_of_another_operator_are_refused():
    model = _counting().model()
    model.main.operators[0].options = schema.AddOptionsT()
    with pytest.raises(ModelFileError, match="belong to another operator"):
        pipeline.run(model)
