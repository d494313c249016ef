"""Integer models with a tail of real numbers: taken as they are where something runs them."""

from __future__ import annotations

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_graphs import random_model

import tfedge
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.graph import Graph, Model, Operator, Quantization, Tensor, TensorType
from tfedge_converters.graph import write_model as encode
from tfedge_converters.verify.engines import run_c


def _with_real_tail(code="LOG_SOFTMAX", options=None):
    """A convolution in int8, whose result is made real for a last operator."""
    model = random_model("fully_connected", 1, 1)
    graph = model.main
    (scores,) = graph.outputs
    scores.name = "scores"
    real, result = (
        Tensor(name, scores.shape, TensorType.FLOAT32) for name in ("real_scores", "log_odds")
    )
    graph.operators += [
        Operator("DEQUANTIZE", [scores], [real], schema.DequantizeOptionsT(), 2),
        Operator(code, [real], [result], options or schema.LogSoftmaxOptionsT()),
    ]
    graph.outputs = [result]
    return model


@pytest.mark.parametrize("target", ["tflite", "tflite-micro"])
def test_interpreters_get_the_model_as_it_is(target):
    model = _with_real_tail()
    artifact = tfedge.convert(encode(model), target=target)
    assert [operator.code for operator in artifact.model.main.operators] == [
        "FULLY_CONNECTED",
        "DEQUANTIZE",
        "LOG_SOFTMAX",
    ]
    result = tfedge.verify(artifact, samples=5)
    assert result.truth == "tflite-micro"
    if target == "tflite-micro":
        assert "AddLogSoftmax" in artifact.arrays["model_op_resolver.h"]


def test_c_computes_the_tail_as_it_is():
    artifact = tfedge.convert(encode(_with_real_tail()))
    result = tfedge.verify(artifact, samples=20, engines=["c", "tflite-micro"])
    assert result.passed


def test_real_operators_without_a_kernel_are_named():
    model = _with_real_tail("ATAN2")
    model.main.operators[-1].inputs *= 2
    model.main.operators[-1].options = schema.ATan2OptionsT()
    with pytest.raises(
        UnsupportedError, match=r"operator 2 \(ATAN2\) that makes 'log_odds' has no"
    ):
        tfedge.convert(encode(model))


def test_moving_real_numbers_is_no_obstacle_for_c():
    model = _with_real_tail("RESHAPE", schema.ReshapeOptionsT())
    graph = model.main
    shape = Tensor("shape", (1,), TensorType.INT32)
    shape.data = np.array([-1], np.int32)
    graph.operators[-1].inputs.append(shape)
    graph.outputs[0].shape = (graph.outputs[0].elements,)
    artifact = tfedge.convert(encode(model))
    assert tfedge.verify(artifact, samples=5, engines=["c"]).passed


def test_to_diagnose_it_the_float_model_is_needed():
    with pytest.raises(UnsupportedError, match="quantised in part"):
        tfedge.diagnose(encode(_with_real_tail()), calibration=np.zeros((1, 4), np.float32))


def test_custom_operators_come_before_types_and_states():
    """CAST of int16 is refused, too; what could be mended by no change of types comes first."""
    grid = Quantization.per_tensor(0.1, 0)
    x, y, z = (Tensor(name, (1, 8), TensorType.INT16, grid) for name in "xyz")
    state = Tensor("", (1, 8), TensorType.INT16, grid, is_variable=True)
    operators = [
        Operator("CAST", [x], [y], schema.CastOptionsT()),
        Operator("CUSTOM", [y, state], [z], custom_name="SignalWindow"),
    ]
    model = Model([Graph([x], [z], operators)])
    with pytest.raises(UnsupportedError, match=r"SignalWindow\).*is a custom operator"):
        tfedge.convert(encode(model))


def test_kernels_come_before_states_which_have_names():
    grid = Quantization.per_tensor(0.1, 0)
    x, y = (Tensor(name, (1, 8), TensorType.INT8, grid) for name in "xy")
    state = Tensor("", (1, 8), TensorType.INT8, grid, is_variable=True)
    model = Model([Graph([x], [y], [Operator("RNN", [x, state], [y], schema.RNNOptionsT())])])
    with pytest.raises(UnsupportedError, match=r"operator 0 \(RNN\) that makes 'y' has no C ker"):
        tfedge.convert(encode(model))
    model.main.operators[0] = Operator("ADD", [x, state], [y], schema.AddOptionsT())
    with pytest.raises(UnsupportedError, match=r"a variable of operator 0 \(ADD\).*keeps a state"):
        tfedge.convert(encode(model))


def test_functions_of_their_own_are_not_taken_for_loops():
    model = random_model("relu", 1, 1)
    other = random_model("relu", 2, 1)
    model.graphs.append(other.main)
    with pytest.raises(UnsupportedError, match="2 graphs, generated C takes one: they are called"):
        tfedge.convert(encode(model))
    x = model.main.inputs[0]
    model.main.operators.append(
        Operator("WHILE", [x], [Tensor("w", x.shape, x.type, x.quantization)])
    )
    with pytest.raises(UnsupportedError, match=r"WHILE\).* runs another one, a loop.*unroll=True"):
        tfedge.convert(encode(model))


def test_a_bias_may_have_the_axis_of_its_weights():
    """Some converters record it so, and TFLite Micro does not read it."""
    model = random_model("conv_2d", 1, 1)
    flatbuffer = encode(model)
    right = tfedge.convert(flatbuffer).source.files["model_weights.c"]
    changed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
    (graph,) = changed.subgraphs
    (bias,) = [t for t in graph.tensors if t.type == TensorType.INT32 and len(t.shape) == 1]
    assert len(bias.quantization.scale) > 1
    bias.quantization.quantizedDimension = 3
    builder = flatbuffers.Builder()
    builder.Finish(changed.Pack(builder), b"TFL3")
    wrong = bytes(builder.Output())
    files = tfedge.convert(wrong).source.files
    ours, theirs = (text.partition("#endif")[2] for text in (files["model_weights.c"], right))
    assert ours and ours == theirs  # behind the banner, and the id of the set that names it
    assert tfedge.verify(wrong, samples=3, engines=["c", "tflite-micro"]).passed


@pytest.mark.parametrize("target", ["host", "tflite", "tflite-micro"])
def test_uint8_at_the_ends_is_int8_shifted(target):
    model = random_model("conv_2d", 1, 1)
    ends = {"input_type": "uint8", "output_type": "uint8"}
    signed = tfedge.convert(encode(model), target=target)
    unsigned = tfedge.convert(encode(model), target=target, **ends)
    assert unsigned.model.main.inputs[0].type == TensorType.UINT8
    assert unsigned.model.main.inputs[0].name == signed.model.main.inputs[0].name
    engines = ["tflite-micro", "litert-reference", "c"]
    result = tfedge.verify(unsigned, samples=20, engines=engines)
    assert result.passed
    assert not any(item.mismatches for item in result.comparisons)
    if target == "host":
        _same_but_shifted(signed, unsigned)


def _same_but_shifted(signed, unsigned):
    shape = signed.model.main.inputs[0].shape
    x = np.random.default_rng(0).integers(-128, 128, (5, *shape)).astype(np.int8)
    right = run_c(signed.flatbuffer, [[sample] for sample in x])
    got = run_c(unsigned.flatbuffer, [[(sample.view(np.uint8) ^ 128)] for sample in x])
    for a, b in zip(right, got, strict=True):
        np.testing.assert_array_equal(a[0].view(np.uint8) ^ 128, b[0])


def test_other_types_of_ends_are_refused():
    model = random_model("int16_relu", 1, 1)
    with pytest.raises(TfedgeError, match="is int16 in the model and cannot become uint8"):
        tfedge.convert(encode(model), input_type="uint8")
    real = tfedge.convert(encode(random_model("relu", 1, 1)), input_type="float32")
    assert real.model.main.inputs[0].type == TensorType.FLOAT32
    with pytest.raises(TfedgeError, match="is float32 in the model and cannot become int8"):
        tfedge.convert(real.flatbuffer, input_type="int8")
    with pytest.raises(TfedgeError, match="can be float32, int16, int8, uint8, not 'int4'"):
        tfedge.convert(real.flatbuffer, output_type="int4")


def test_custom_operators_of_float_models_are_named_as_that():
    x, y, z = (Tensor(name, (1, 8), TensorType.FLOAT32) for name in "xyz")
    operators = [Operator("RELU", [x], [y]), Operator("CUSTOM", [y], [z], custom_name="Window")]
    with pytest.raises(UnsupportedError, match=r"\(Window\).* custom operator, which cannot be q"):
        tfedge.convert(encode(Model([Graph([x], [z], operators)])))
