"""The quantiser on hand-made graphs."""

import copy

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from graph_parts import (
    activation,
    concatenation,
    constant,
    conv,
    dense,
    grid,
    model_of,
    plain,
    reshape,
)

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Range,
    Tensor,
    TensorType,
    read_model,
    write_model,
)
from tfedge_converters.graph.operator_checks import options_class
from tfedge_converters.ptq import quantize
from tfedge_converters.ptq.constants import Constants
from tfedge_converters.verify.engines import run_litert_reference

RNG = np.random.default_rng(0)


def two_layers(weights, bias, high=4.0):
    """x -> dense -> y, with ranges."""
    x = activation("x", (1, weights.shape[1]), -1.0, 1.0)
    y = activation("y", (1, weights.shape[0]), -high, high)
    return model_of([x], [y], [dense(x, weights, bias, y)])


def weights_of(model, index=0):
    return model.main.operators[index].inputs[1]


def bias_of(model, index=0):
    return model.main.operators[index].inputs[2]


def loads(model):
    interpreter = Interpreter(model_content=write_model(model))
    interpreter.allocate_tensors()
    return interpreter


def test_dense_per_channel_and_per_tensor():
    values = np.float32([[1.0, -2.0], [0.5, 0.25]])
    per_channel = two_layers(constant("w", values), constant("b", [1.0, -1.0]))
    per_tensor = copy.deepcopy(per_channel)
    quantize(per_channel)
    quantize(per_tensor, "edgetpu")
    np.testing.assert_array_equal(weights_of(per_channel).data, [[64, -127], [127, 64]])
    np.testing.assert_array_equal(weights_of(per_tensor).data, [[64, -127], [32, 16]])
    assert weights_of(per_channel).quantization.scale.shape == (2,)
    assert weights_of(per_tensor).quantization.scale.shape == (1,)
    for model in (per_channel, per_tensor):
        scales = weights_of(model).quantization.scale * model.main.inputs[0].quantization.scale
        np.testing.assert_array_equal(bias_of(model).quantization.scale, scales)
        assert bias_of(model).type == TensorType.INT32
        assert model.main.operators[0].version == 4
        loads(model)


def test_a_missing_bias_stays_missing():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), None)
    quantize(model)
    assert model.main.operators[0].inputs[2] is None
    loads(model)


def test_operator_versions_only_rise():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), None)
    model.main.operators[0].version = 6
    quantize(model)
    assert model.main.operators[0].version == 6


@pytest.mark.parametrize(("high", "version"), [(1.0, 2), (0.004, 3)])
def test_mul_version_says_whether_it_amplifies(high, version):
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2), -high, high)
    model = model_of([x], [y], [plain("MUL", [x, x], y)])
    quantize(model)
    assert model.main.operators[0].version == version


def test_one_bias_for_two_layers_becomes_two():
    shared = constant("b", [0.5, 1.0, -1.0])
    x = activation("x", (1, 2), -1.0, 1.0)
    y, z = activation("y", (1, 3), -2.0, 2.0), activation("z", (1, 3), -2.0, 2.0)
    first, second = constant("w1", RNG.normal(size=(3, 2))), constant("w2", RNG.normal(size=(3, 2)))
    model = model_of([x], [y, z], [dense(x, first, shared, y), dense(x, second, shared, z)])
    quantize(model)
    assert bias_of(model, 0) is not bias_of(model, 1)
    assert {bias_of(model, 0).name, bias_of(model, 1).name} == {"b", "b_2"}
    real = bias_of(model, 1).data * bias_of(model, 1).quantization.scale
    np.testing.assert_allclose(real, shared.data, atol=1e-3)
    loads(model)


def test_shared_weights_stay_shared_where_the_need_is_the_same():
    kernel = constant("k", RNG.normal(size=(3, 1, 1, 2)))
    x, y = activation("x", (1, 4, 4, 2), -1, 1), activation("y", (1, 4, 4, 3), -2, 2)
    z = activation("z", (1, 4, 4, 3), -3, 3)
    zeros = constant("b", np.zeros(3))
    model = model_of([x], [y, z], [conv(x, kernel, zeros, y), conv(x, kernel, zeros, z)])
    quantize(model)
    assert weights_of(model, 0) is weights_of(model, 1)
    assert bias_of(model, 0) is bias_of(model, 1)


def test_one_constant_in_two_types_on_equal_grids():
    values, scale = constant("c", [[1.0, 2.0]]), np.float32([0.5])
    constants, types = Constants(), (TensorType.INT8, TensorType.INT32)
    made = [constants.symmetric(values, type_, 2 * values.data, scale, 0) for type_ in types]
    assert [tensor.type for tensor in made] == [TensorType.INT8, TensorType.INT32]


def test_one_constant_as_weights_and_as_operand():
    values = constant("c", RNG.normal(1, 1, size=(2, 2)))
    x = activation("x", (1, 2), -1, 1)
    y, z = activation("y", (1, 2), -2, 2), activation("z", (2, 2), -3, 3)
    model = model_of([x], [z], [dense(x, values, None, y), plain("ADD", [y, values], z)])
    quantize(model)
    weights, operand = weights_of(model, 0), model.main.operators[1].inputs[1]
    assert weights is not operand
    assert not weights.quantization.zero_point.any()
    assert grid(operand)[1] != 0
    loads(model)


def test_constant_operands_have_a_grid_of_their_own_values():
    x, y = activation("x", (1, 3), -1, 1), activation("y", (1, 3), -1, 1)
    factor = constant("gamma", [0.5, 1.5, 2.0])
    model = model_of([x], [y], [plain("MUL", [x, factor], y)])
    quantize(model)
    operand = model.main.operators[0].inputs[1]
    assert grid(operand) == (pytest.approx(2 / 255), -128)
    np.testing.assert_array_equal(operand.data, [-64, 63, 127])


def test_scalar_constants_are_exact():
    x, y = activation("x", (1, 3), -1, 1), activation("y", (1, 3), -1, 1)
    model = model_of([x], [y], [plain("MUL", [x, constant("c", 0.3)], y)])
    quantize(model)
    operand = model.main.operators[0].inputs[1]
    scale, zero_point = grid(operand)
    assert operand.shape == ()
    assert scale * (int(operand.data) - zero_point) == pytest.approx(0.3, rel=1e-6)
    loads(model)


def test_concatenated_constants_use_the_grid_of_the_result():
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 4))
    model = model_of([x], [y], [concatenation([x, constant("c", [[3.0, 1.0]])], y)])
    quantize(model)
    assert grid(model.main.operators[0].inputs[1]) == grid(y) == (pytest.approx(4 / 255), -64)
    loads(model)


def test_prescribed_grids_are_moved_by_quantize():
    x, soft, flat = (activation(name, (1, 4), -2, 2) for name in ("x", "soft", "flat"))
    y, z = activation("y", (1, 8), -2, 2), activation("z", (1, 8), -2, 2)
    model = model_of(
        [x],
        [y, z],
        [
            plain("SOFTMAX", [x], soft),
            reshape(soft, flat),
            concatenation([flat, x], y),
            concatenation([x, flat], z),
        ],
    )
    quantize(model)
    codes = [operator.code for operator in model.main.operators]
    assert codes == ["SOFTMAX", "RESHAPE", "QUANTIZE", "CONCATENATION", "CONCATENATION"]
    assert grid(soft) == grid(flat) == (1 / 256, -128)
    moved = model.main.operators[2].outputs[0]
    assert grid(moved) == grid(y) == grid(z) == grid(x)
    assert model.main.operators[3].inputs[0] is model.main.operators[4].inputs[1] is moved
    loads(model)


def test_real_ends_keep_names_and_signatures():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), constant("b", np.zeros(3)))
    quantize(model, input_type="float32", output_type="float32")
    assert [op.code for op in model.main.operators] == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"]
    assert [op.version for op in model.main.operators] == [1, 4, 2]
    interpreter = loads(read_model(write_model(model)))
    runner = interpreter.get_signature_runner("serving_default")
    x = np.float32([[0.5, -0.25]])
    assert runner(in_0=x)["out_0"].dtype == np.float32
    assert [t.name for t in (*model.main.inputs, *model.main.outputs)] == ["x", "y"]
    assert len({tensor.name for tensor in model.main.tensors()}) == 6


def test_an_input_that_is_an_output_as_well():
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2), -1, 1)
    model = model_of([x], [x, y], [plain("RELU", [x], y)])
    quantize(model, input_type="float32", output_type="float32")
    interpreter = loads(model)
    value = np.float32([[0.5, -0.25]])
    outputs = interpreter.get_signature_runner("serving_default")(in_0=value)
    np.testing.assert_allclose(outputs["out_0"], value, atol=0.01)
    np.testing.assert_allclose(outputs["out_1"], np.maximum(value, 0), atol=0.01)


def test_integer_inputs_stay():
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2))
    shape = activation("shape", (2,), type_=TensorType.INT32)
    operator = reshape(x, y)
    operator.inputs[1] = shape
    model = model_of([x, shape], [y], [operator])
    quantize(model, input_type="float32")
    assert [tensor.type for tensor in model.main.inputs] == [TensorType.FLOAT32, TensorType.INT32]


@pytest.mark.parametrize("io", ["int8", "float32"])
def test_integer_models_are_left_alone(model_file, io):
    model = read_model(model_file("mlperf_tiny/ic_int8.tflite").read_bytes())
    before = write_model(model)
    quantize(model, input_type=io, output_type=io)
    assert write_model(model) == before


def test_integer_models_with_real_ends_are_left_alone():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), constant("b", np.zeros(3)))
    quantize(model, input_type="float32", output_type="float32")
    before = write_model(model)
    quantize(model)
    assert write_model(model) == before


def test_hybrid_models_are_refused(seeded):
    model = read_model(seeded("mlperf_tiny/kws_hybrid.tflite").read_bytes())
    with pytest.raises(UnsupportedError, match=r"operator 0 \(CONV_2D\).*hybrid.*without optim"):
        quantize(model)


def test_partly_quantised_models_are_refused():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), None)
    quantize(model, output_type="float32")
    (y,) = model.main.outputs
    z = activation("z", (1, 3), 0, 1)
    model.main.operators.append(plain("RELU", [y], z))
    model.main.outputs = [z]
    words = r"in part: RELU \(operator 2\) computes.*from the integers of 'y_int8' on"
    with pytest.raises(UnsupportedError, match=words):
        quantize(model)


def test_float16_models_are_refused():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), None)
    weights_of(model).type = TensorType.FLOAT16
    with pytest.raises(UnsupportedError, match="'w' of type FLOAT16"):
        quantize(model)


def test_several_graphs_are_refused():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), None)
    model.graphs.append(Graph([], [], [], name="body"))
    with pytest.raises(UnsupportedError, match=r"2 graphs.*called 'main', 'body'"):
        quantize(model)


def test_a_missing_range_names_the_tensor_and_the_remedy():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), None)
    model.main.outputs[0].range = None
    with pytest.raises(TfedgeError, match=r"tensor 'y' is not known.*calibrate"):
        quantize(model)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", ["w", "b"])
def test_constants_that_are_not_finite_are_named(which, value):
    parts = {"w": constant("w", RNG.normal(size=(3, 2))), "b": constant("b", np.ones(3))}
    parts[which].data.reshape(-1)[1] = value
    model = two_layers(parts["w"], parts["b"])
    with pytest.raises(TfedgeError, match=f"constant '{which}'.*1 values.*NaN"):
        quantize(model)


@pytest.mark.parametrize("join", [lambda ab, y: plain("ADD", ab, y), concatenation])
def test_operands_that_are_not_finite_are_named(join):
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2), -1, 1)
    model = model_of([x], [y], [join([x, constant("mask", [-np.inf, 0])], y)])
    with pytest.raises(TfedgeError, match="constant 'mask'"):
        quantize(model)


def test_dense_weights_computed_at_run_time_have_a_grid_of_their_own():
    x, y = (activation(name, (2, 2), -1, 1) for name in "xy")
    w = activation("w", (2, 2), -2, 6)
    model = model_of([x, w], [y], [dense(x, w, constant("b", [0.5, -0.25]), y)])
    quantize(model)
    loads(model)
    _, weights, bias = model.main.operators[0].inputs
    assert (weights.type, bias.type) == (TensorType.INT8, TensorType.INT32)
    assert grid(weights) == pytest.approx((8 / 255, -64))
    assert bias.data * bias.quantization.scale == pytest.approx([0.5, -0.25], abs=1e-3)


def test_biases_that_computed_weights_leave_no_room_for_are_refused():
    x, w, y = (activation(name, (2, 2), -1e-6, 1e-6) for name in "xwy")
    model = model_of([x, w], [y], [dense(x, w, constant("b", [1.0, 1.0]), y)])
    with pytest.raises(UnsupportedError, match="bias is too large"):
        quantize(model)


def test_weights_computed_at_run_time_are_refused():
    x, y = activation("x", (1, 2, 2, 2), -1, 1), activation("y", (1, 2, 2, 2), -1, 1)
    w = activation("w", (2, 1, 1, 2), -1, 1)
    model = model_of([x, w], [y], [conv(x, w, None, y)])
    with pytest.raises(UnsupportedError, match="weights must be a float32 constant"):
        quantize(model)


def test_shapes_that_do_not_fit_are_refused():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), constant("b", np.ones(4)))
    with pytest.raises(UnsupportedError, match=r"bias of shape \(4,\) does not fit.*\(3, 2\)"):
        quantize(model)


def test_constant_outputs_are_refused():
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2), -1, 1)
    model = model_of([x], [y, constant("version", [1.0])], [plain("RELU", [x], y)])
    with pytest.raises(UnsupportedError, match="output 'version' is a constant"):
        quantize(model)


def test_unknown_end_types_are_refused():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), None)
    with pytest.raises(TfedgeError, match="int8, uint8 or float32, not 'int16'"):
        quantize(model, output_type="int16")
    with pytest.raises(TfedgeError, match="int16 or float32, not 'uint8'"):
        quantize(model, "int16x8", output_type="uint8")


def test_ends_of_uint8_are_those_of_int8_shifted():
    made = {}
    weights = RNG.normal(size=(3, 2))
    for type_ in ("int8", "uint8"):
        model = two_layers(constant("w", weights), constant("b", np.ones(3)))
        quantize(model, input_type=type_, output_type=type_)
        made[type_] = model.main
        loads(model)
    for ends in ("inputs", "outputs"):
        ((signed,), (unsigned,)) = (getattr(made[type_], ends) for type_ in ("int8", "uint8"))
        assert (unsigned.type, unsigned.name) == (TensorType.UINT8, signed.name)
        assert grid(unsigned) == (grid(signed)[0], grid(signed)[1] + 128)
    codes = [operator.code for operator in made["uint8"].operators]
    assert (codes[0], codes[-1]) == ("QUANTIZE", "QUANTIZE")


def test_biases_beyond_float32_are_refused():
    model = two_layers(constant("w", np.zeros((1, 2))), constant("b", [3e38]))
    model.main.inputs[0].range = Range(-1e-10, 1e-10)
    with pytest.raises(TfedgeError, match="'w' are too large or too small"):
        quantize(model)


def test_an_error_leaves_the_model_as_it_was():
    model = two_layers(constant("w", RNG.normal(size=(3, 2))), constant("b", np.ones(3)))
    y = model.main.outputs[0]
    z = activation("z", (1, 3))
    model.main.operators.append(plain("RELU", [y], z))
    model.main.outputs = [z]
    before = [(tensor, tensor.type, tensor.data) for tensor in model.main.tensors()]
    with pytest.raises(TfedgeError):
        quantize(model)
    assert all(
        tensor.type == type_ and tensor.data is data and tensor.quantization is None
        for tensor, type_, data in before
    )
    assert [tensor for tensor, _, _ in before] == list(model.main.tensors())


@pytest.mark.parametrize("code", ["SOFTMAX", "LOG_SOFTMAX"])
def test_a_function_of_a_constant_row_is_quantised(code):
    """It stays where an interpreter has no reference kernel to fold it with."""
    row = np.arange(8, dtype=np.float32).reshape(1, 8)
    x, made, y = (Tensor(name, (1, 8), TensorType.FLOAT32) for name in ("x", "made", "y"))
    x.range = y.range = Range(-8.0, 8.0)
    constant = Tensor("c", (1, 8), TensorType.FLOAT32, data=row)
    options = options_class(code)()
    if code == "SOFTMAX":
        options.beta = 1.0
    operators = [Operator(code, [constant], [made], options)]
    operators.append(Operator("ADD", [x, made], [y], schema.AddOptionsT()))
    model = Model([Graph([x], [y], operators)])
    quantize(model, input_type="float32", output_type="float32")
    [[result]] = run_litert_reference(write_model(model), [[np.zeros((1, 8), np.float32)]])
    wanted = row - np.log(np.exp(row).sum())
    np.testing.assert_allclose(result, np.exp(wanted) if code == "SOFTMAX" else wanted, atol=0.1)
