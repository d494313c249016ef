"""Damaged element-wise operators and reductions are refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_graphs import OPERATORS

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.graph import Quantization, TensorType


def foreign_options(operator):
    operator.options = schema.SoftmaxOptionsT()


def other_scale(operator):
    operator.inputs[0].quantization = Quantization.per_tensor(7.0, 3)


def other_output(operator):
    operator.outputs[0].shape = (1, *operator.outputs[0].shape, 977)


def other_axis(operator):
    operator.inputs[1].data = np.full(operator.inputs[1].shape, 99, np.int32)


def axis_at_run_time(operator):
    operator.inputs[1].data = None


def fused_activation(operator):
    operator.options.fusedActivationFunction = schema.ActivationFunctionType.RELU


def halves_of_integers(operator):
    operator.outputs[0].type = TensorType.INT16


def other_type(operator):
    operator.inputs[0].type = TensorType.INT64


def one_operand(operator):
    del operator.inputs[1:]


def offset(operator):
    operator.inputs[0].quantization = Quantization.per_tensor(0.01, 1)


def other_width(operator):
    operator.inputs[0].type = TensorType.INT8


def coarse(operator):
    operator.inputs[0].quantization = Quantization.per_tensor(1e9, 0)


def too_fine(operator):
    operator.inputs[0].quantization = Quantization.per_tensor(1e-20, 0)


def narrow_bias(operator):
    operator.inputs[2].type = TensorType.INT32


DAMAGES = [
    (("int16_add", "int16_relu", "int16_softmax", "int16_batch_matmul", "int16_tanh"), offset),
    (("int16_mul", "int16_deep_fully_connected", "int16_mean", "int16_logistic"), other_width),
    (("int16_softmax", "int16_tanh", "int16_deep_fully_connected"), coarse),
    (("int16_tanh", "int16_logistic"), too_fine),
    (("int16_deep_fully_connected",), narrow_bias),
    (("int16_abs", "int16_gelu", "int16_quantize", "int16_dequantize", "int16_sum"), other_output),
    (("far_add", "scattered_mul", "div", "squared_difference", "sum", "cumsum"), other_output),
    (("far_add", "scattered_mul", "div", "sum", "cumsum", "reduce_all"), foreign_options),
    (("maximum", "less", "minimum", "reduce_max", "topk_v2", "add_n"), other_scale),
    (("sum", "scattered_mean", "reduce_min", "reduce_any", "arg_max", "cumsum"), other_axis),
    (("sum", "reduce_all", "arg_min", "topk_v2", "cumsum"), axis_at_run_time),
    (("equal", "logical_and", "logical_not", "select", "arg_max", "topk_v2"), other_type),
    (("integer_extremes", "integer_comparisons", "wider_selection", "reduce_prod"), other_output),
    (("wide_integer_arithmetic",), fused_activation),
    (("integer_arithmetic", "integer_extremes", "integer_comparisons"), halves_of_integers),
    (("reduce_prod",), axis_at_run_time),
    (("reduce_prod",), other_axis),
    (("integer_arithmetic", "integer_comparisons"), one_operand),
    (("minimum", "greater", "logical_or", "select_v2", "add_n", "sum"), one_operand),
]


@pytest.mark.parametrize(
    "name, damage", [(name, damage) for names, damage in DAMAGES for name in names]
)
def test_damaged_operators_are_refused(name, damage):
    builder = Builder(np.random.default_rng(5))
    OPERATORS[name](builder)
    model = builder.model()
    generate(model, Options("model", targets.load("host")))
    damage(model.main.operators[-1])
    with pytest.raises(TfedgeError, match=r"operator \d+ \("):
        generate(model, Options("model", targets.load("host")))


def test_a_quotient_with_too_few_steps_is_refused():
    builder = Builder(np.random.default_rng(5))
    OPERATORS["div"](builder)
    model = builder.model()
    output = model.main.operators[-1].outputs[0]
    output.quantization = Quantization.per_tensor(1e6, 0)
    with pytest.raises(UnsupportedError, match="give the result a finer scale"):
        generate(model, Options("model", targets.load("host")))


def test_a_product_beyond_32_bits_is_refused():
    builder = Builder(np.random.default_rng(5))
    OPERATORS["reduce_prod"](builder)
    model = builder.model()
    model.main.operators[-1].outputs[0].quantization = Quantization.per_tensor(1e-30, 0)
    with pytest.raises(UnsupportedError, match=r"could leave 32 bits|scales ask for"):
        generate(model, Options("model", targets.load("host")))
