"""What a graph computes of one byte in wider types becomes one operator; nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfedge
from tfedge.errors import ModelFileError, UnsupportedError
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    write_model,
)
from tfedge_converters.graph.passes.byte_functions import BYTE_FUNCTION, as_tables
from tfedge_converters.verify.engines import run_c

GRID = Quantization.per_tensor(0.05, -3)
INT8, FLOAT32 = TensorType.INT8, TensorType.FLOAT32
SHAPE = (1, 16)


class Net:
    """A graph that is written operator by operator."""

    def __init__(self):
        self.graph = Graph([], [], [])

    def input(self, type_=INT8, shape=SHAPE):
        grid = GRID if type_ != FLOAT32 else None
        if type_ == TensorType.UINT8:
            grid = Quantization.per_tensor(0.05, 120)
        tensor = Tensor(f"x{len(self.graph.inputs)}", shape, type_, grid)
        self.graph.inputs.append(tensor)
        return tensor

    def add(self, code, *inputs, type_=FLOAT32, grid=None, options=None):
        name = f"t{len(self.graph.operators)}"
        made = Tensor(name, inputs[0].shape, type_, grid)
        self.graph.operators.append(Operator(code, list(inputs), [made], options, 1))
        return made

    def real(self, source):
        return self.add("DEQUANTIZE", source)

    def bytes(self, real, type_=INT8):
        grid = Quantization.per_tensor(0.02, 5 if type_ == INT8 else 133)
        return self.add("QUANTIZE", real, type_=type_, grid=grid)

    def codes(self, *outputs):
        self.graph.outputs = list(outputs)
        return [operator.code for operator in as_tables(self.graph).operators]

    def verified(self):
        return tfedge.verify(Model([self.graph]), samples=40, engines=("tflite-micro", "c"))


def constant(values):
    data = np.asarray(values, np.float32)
    return Tensor("c", data.shape, FLOAT32, data=data)


def test_a_chain_becomes_one_operator_and_the_graph_stays():
    net = Net()
    out = net.bytes(net.add("SIN", net.add("NEG", net.real(net.input()))))
    before = list(net.graph.operators)
    assert net.codes(out) == [BYTE_FUNCTION]
    assert net.graph.operators == before
    assert net.verified().passed


def test_branches_that_meet_again_and_single_constants_belong_to_it():
    net = Net()
    real = net.real(net.input())
    swish = net.add("MUL", real, net.add("LOGISTIC", real), options=schema.MulOptionsT())
    out = net.bytes(net.add("ADD", swish, constant([[0.25]]), options=schema.AddOptionsT()))
    assert net.codes(out) == [BYTE_FUNCTION]
    assert net.verified().passed


def test_what_two_float_fallbacks_share_is_computed_in_both():
    net = Net()
    shared = net.add("ABS", net.real(net.input()))
    ends = net.bytes(net.add("SQRT", shared)), net.bytes(net.add("COS", shared))
    assert net.codes(*ends) == [BYTE_FUNCTION] * 2
    assert net.verified().passed


def test_uint8_bytes_have_tables_too():
    net = Net()
    out = net.bytes(net.add("SIN", net.real(net.input(TensorType.UINT8))), TensorType.UINT8)
    assert net.codes(out) == [BYTE_FUNCTION]
    assert net.verified().passed


def test_what_others_read_is_still_computed():
    net = Net()
    real = net.real(net.input())
    assert net.codes(net.bytes(net.add("SIN", real)), real) == ["DEQUANTIZE", BYTE_FUNCTION]


def two_sources(net):
    return net.add(
        "ADD", net.real(net.input()), net.real(net.input()), options=schema.AddOptionsT()
    )


def many_constants(net):
    options = schema.MulOptionsT()
    return net.add("MUL", net.real(net.input()), constant(np.ones(16)), options=options)


def rows(net):
    return net.add("SOFTMAX", net.real(net.input()), options=schema.SoftmaxOptionsT())


def a_real_input(net):
    return net.add("SIN", net.input(FLOAT32))


@pytest.mark.parametrize("make", [two_sources, many_constants, rows, a_real_input])
def test_functions_of_more_than_one_byte_stay(make):
    net = Net()
    out = net.bytes(make(net))
    assert BYTE_FUNCTION not in net.codes(out)


def test_values_that_have_no_result_become_the_zero_point_or_saturate():
    net = Net()
    net.graph.outputs = [net.bytes(net.add("LOG", net.real(net.input(shape=(256,)))))]
    codes = np.arange(-128, 128).astype(np.int8)
    flatbuffer = write_model(Model([net.graph]))
    got = run_c(flatbuffer, [[codes]])[0][0]
    real = (codes.astype(int) + 3) * 0.05
    assert set(got[real < 0]) == {5}
    assert set(got[real == 0]) == {-128}
    with np.errstate(all="ignore"):
        right = np.clip(np.round(np.log(real) / 0.02) + 5, -128, 127)
    assert np.array_equal(got[real > 0], right[real > 0])


def test_integer_models_with_float_fallbacks_are_taken_as_they_are():
    net = Net()
    net.graph.outputs = [net.bytes(net.add("SIN", net.real(net.input())))]
    flatbuffer = write_model(Model([net.graph]))
    for target in ("host", "tflite-micro", "tflite"):
        artifact = tfedge.convert(flatbuffer, target=target)
        codes = [operator.code for operator in artifact.model.main.operators]
        assert codes == ["DEQUANTIZE", "SIN", "QUANTIZE"]


def test_a_step_without_results_is_refused():
    net = Net()
    net.graph.outputs = [net.bytes(net.add("POW", net.real(net.input()), constant(2)))]
    net.graph.operators[1].version = 99
    with pytest.raises(UnsupportedError, match="POW, one of its steps"):
        tfedge.convert(write_model(Model([net.graph])))


def test_a_step_with_the_options_of_another_is_refused():
    net = Net()
    real = net.add("ABS", net.real(net.input()), options=schema.SoftmaxOptionsT())
    net.graph.outputs = [net.bytes(real)]
    with pytest.raises(ModelFileError, match="belong to another operator"):
        tfedge.convert(write_model(Model([net.graph])))
