"""Inputs of bytes become signed ones where functions make real numbers of them."""

from __future__ import annotations

import pytest
from graph_parts import activation, plain

from tfedge.quantization.policy import REAL_FUNCTION
from tfedge_converters.graph import Graph, Operator, Quantization, TensorType
from tfedge_converters.ptq.byte_inputs import with_signed_inputs

SHAPE = (1, 4)
BYTES = Quantization.per_tensor(1.0, -128)
OTHER = Quantization.per_tensor(0.5, -128)


def _input(type_=TensorType.UINT8):
    return activation("x", SHAPE, type_=type_)


def _function(source, name, grid, type_=TensorType.INT8, real=True, deep=True):
    """CAST and, if it is deep, TANH, as one function; `real`: the CAST makes real numbers."""
    cast, tanh = activation("cast", SHAPE), activation("tanh", SHAPE)
    steps = [Operator("CAST" if real else "NEG", [source], [cast])]
    steps += [plain("TANH", [cast], tanh)] if deep else []
    result = activation(name, SHAPE, type_=type_)
    result.quantization = grid
    return Operator(REAL_FUNCTION, [source], [result], steps=tuple(steps))


def test_a_function_reads_the_signed_bytes():
    x = _input()
    functions = [_function(x, "a", OTHER), _function(x, "b", OTHER)]
    other = plain("RELU", [functions[0].outputs[0]], activation("y", SHAPE))
    made = with_signed_inputs(Graph([x], [other.outputs[0]], [*functions, other]))
    move, first, second, last = made.operators
    assert (move.code, move.inputs, last) == ("QUANTIZE", [x], other)
    (signed,) = move.outputs
    assert (signed.name, signed.type) == ("x_int8", TensorType.INT8)
    assert signed.quantization.same_as(BYTES)
    assert x.quantization.same_as(Quantization.per_tensor(1.0, 0))
    for before, now in zip(functions, (first, second), strict=True):
        assert now.inputs == [signed] and now.outputs == before.outputs
        (step,) = now.steps
        assert step.code == "TANH" and step.inputs == [signed]


def test_the_bytes_themselves_need_no_function():
    x = _input()
    function = _function(x, "a", BYTES, deep=False)
    (move,) = with_signed_inputs(Graph([x], function.outputs, [function])).operators
    assert (move.code, move.inputs, move.outputs) == ("QUANTIZE", [x], function.outputs)


@pytest.mark.parametrize(
    ("grid", "type_"),
    [(OTHER, TensorType.INT8), (BYTES, TensorType.INT16), (None, TensorType.INT8)],
)
def test_bytes_on_another_grid_stay_a_function(grid, type_):
    x = _input()
    function = _function(x, "a", grid, type_, deep=False)
    move, now = with_signed_inputs(Graph([x], function.outputs, [function])).operators
    assert (move.code, now.code, now.steps) == ("QUANTIZE", REAL_FUNCTION, ())
    assert now.inputs == move.outputs and now.outputs == function.outputs


@pytest.mark.parametrize("deep", [True, False])
def test_a_function_on_the_grid_of_bytes_is_computed(deep):
    """Both in one graph: what reads the signed bytes, and what is them."""
    x = _input()
    functions = [_function(x, "a", BYTES, deep=False), _function(x, "b", BYTES, deep=deep)]
    made = with_signed_inputs(Graph([x], [item.outputs[0] for item in functions], functions))
    codes = [item.code for item in made.operators]
    assert codes == (["QUANTIZE", "QUANTIZE", REAL_FUNCTION] if deep else ["QUANTIZE"] * 2)


@pytest.mark.parametrize(("type_", "real"), [(TensorType.INT16, True), (TensorType.UINT8, False)])
def test_other_inputs_and_what_reads_them_stay(type_, real):
    x = _input(type_)
    function = _function(x, "a", OTHER, real=real)
    graph = Graph([x], function.outputs, [function])
    assert with_signed_inputs(graph).operators == graph.operators
    assert x.quantization is None


def test_casts_of_one_input_all_go():
    x, sum_ = _input(), activation("sum", SHAPE)
    function = _function(x, "a", OTHER, deep=False)
    casts = [Operator("CAST", [x], [activation(name, SHAPE)]) for name in ("one", "two")]
    add = plain("ADD", [cast.outputs[0] for cast in casts], sum_)
    function.steps = (*casts, add)
    move, now = with_signed_inputs(Graph([x], function.outputs, [function])).operators
    (step,) = now.steps
    assert step.code == "ADD" and step.inputs == move.outputs * 2


def test_a_step_that_reads_bytes_beside_real_numbers_keeps_them():
    x = _input()
    function = _function(x, "a", OTHER, deep=False)
    (cast,) = function.steps
    mixed = plain("ADD", [cast.outputs[0], x], activation("mixed", SHAPE))
    function.steps = (cast, mixed)
    graph = Graph([x], function.outputs, [function])
    assert with_signed_inputs(graph).operators == graph.operators


def test_operators_that_are_no_functions_go_on_reading_the_bytes():
    x, y = _input(), activation("y", SHAPE, type_=TensorType.UINT8)
    reader, function = plain("RESHAPE", [x], y), _function(x, "a", OTHER)
    other = _function(activation("z", SHAPE, type_=TensorType.UINT8), "b", OTHER)
    made = with_signed_inputs(Graph([x], [y], [reader, function, other]))
    assert [made.operators[1], made.operators[3]] == [reader, other]


def test_one_reader_that_needs_the_bytes_keeps_them_for_all():
    x = _input()
    functions = [_function(x, "a", OTHER), _function(x, "b", OTHER, real=False)]
    graph = Graph([x], [item.outputs[0] for item in functions], functions)
    assert with_signed_inputs(graph).operators == graph.operators


def test_an_input_that_nothing_reads_stays():
    x, other = _input(), activation("other", SHAPE)
    graph = Graph([x, other], [activation("y", SHAPE)], [])
    graph.operators.append(plain("RELU", [other], graph.outputs[0]))
    assert with_signed_inputs(graph).operators == graph.operators
    assert x.quantization is None
