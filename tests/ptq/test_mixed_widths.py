"""Activations of 8 and of 16 bits in one model."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from graph_parts import activation, concatenation, constant, dense, model_of, plain, reshape
from keras import layers

import tfedge
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization import ActivationScheme, LayerScheme, Scheme, WeightScheme
from tfedge_converters.graph import TensorType, write_model
from tfedge_converters.ptq import quantize
from tfedge_converters.verify.engines import run_litert, run_litert_reference, run_micro

pytest.importorskip("tflite_micro")

WIDE = LayerScheme(activations=ActivationScheme(bits=16))
INT8, INT16 = TensorType.INT8, TensorType.INT16
# What an operator adds to the inputs of the tests' networks, and takes away again.
OFFSET = 50.0


def wide(name, shape, low, high):
    return dataclasses.replace(activation(name, shape, low, high), bits=16)


def steps(model):
    """Operators with their results' types; checks that no move was for nothing or made twice."""
    moves = [item for item in model.main.operators if item.code == "QUANTIZE"]
    targets = []
    for move in moves:
        (source,), (result,) = move.inputs, move.outputs
        same = source.type == result.type and source.quantization.same_as(result.quantization)
        assert not same, source.name
        grid = result.quantization
        targets.append((id(source), result.type, float(grid.scale[0]), int(grid.zero_point[0])))
    assert len(set(targets)) == len(targets)
    return [(item.code, item.outputs[0].type) for item in model.main.operators]


def runs(model):
    """Both interpreters take the model."""
    content = write_model(model)
    sample = [np.zeros(tensor.shape, tensor.type.dtype) for tensor in model.main.inputs]
    for run in (run_litert, run_micro):
        run(content, [sample])


def test_an_operator_computes_in_the_format_of_its_result():
    x, y, z = (
        activation("x", (1, 2), -1, 1),
        wide("y", (1, 3), -2, 2),
        activation("z", (1, 3), 0, 2),
    )
    kernel, bias = constant("w", np.ones((3, 2))), constant("b", np.ones(3))
    model = model_of([x], [z], [dense(x, kernel, bias, y), plain("RELU", [y], z)])
    quantize(model)
    assert steps(model) == [
        ("QUANTIZE", INT16), ("FULLY_CONNECTED", INT16), ("QUANTIZE", INT8), ("RELU", INT8),
    ]  # fmt: skip
    layer = model.main.operators[1]
    assert [t.type for t in layer.inputs] == [INT16, INT8, TensorType.INT64]
    product = layer.inputs[0].quantization.scale * layer.inputs[1].quantization.scale
    np.testing.assert_array_equal(layer.inputs[2].quantization.scale, product)
    runs(model)


def test_all_readers_share_one_move():
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2), -3, 3)
    a, b, c = (wide(name, (1, 2), -2, 2) for name in "abc")
    operators = [plain("ADD", [x, x], a), plain("MUL", [x, a], b), plain("ADD", [a, b], c)]
    model = model_of([x], [y], [*operators, plain("ADD", [c, x], y)])
    quantize(model)
    assert steps(model) == [
        ("QUANTIZE", INT16), ("ADD", INT16), ("MUL", INT16), ("ADD", INT16), ("QUANTIZE", INT8),
        ("ADD", INT8),
    ]  # fmt: skip
    runs(model)


def test_what_moves_integers_follows_its_operand():
    x, y = activation("x", (1, 4), -1, 1), activation("y", (1, 4), 0, 2)
    a, b = wide("a", (1, 4), -2, 2), activation("b", (4, 1))
    c = activation("c", (1, 4))
    operators = [plain("ADD", [x, x], a), reshape(a, b), reshape(b, c), plain("RELU", [c], y)]
    model = model_of([x], [y], operators)
    quantize(model)
    assert steps(model) == [
        ("QUANTIZE", INT16), ("ADD", INT16), ("RESHAPE", INT16), ("RESHAPE", INT16),
        ("QUANTIZE", INT8), ("RELU", INT8),
    ]  # fmt: skip
    runs(model)


def test_what_a_wide_result_is_moved_from_is_wide():
    x, y = activation("x", (1, 4), -1, 1), activation("y", (1, 4), 0, 2)
    a, b = activation("a", (1, 4), -2, 2), wide("b", (4, 1), -2, 2)
    operators = [plain("ADD", [x, x], a), reshape(a, b), plain("RELU", [b], y)]
    model = model_of([x], [y], operators)
    quantize(model)
    assert [code for code, type_ in steps(model) if type_ is INT16] == [
        "QUANTIZE",
        "ADD",
        "RESHAPE",
    ]


def test_joined_operands_become_as_wide_as_the_widest():
    x, z = activation("x", (1, 2), -1, 1), activation("z", (1, 4), -2, 2)
    a, y = wide("a", (1, 2), -2, 2), activation("y", (1, 4))
    operators = [plain("ADD", [x, x], a), concatenation([x, a], y), plain("RELU", [y], z)]
    model = model_of([x], [z], operators)
    quantize(model)
    assert steps(model) == [
        ("QUANTIZE", INT16), ("ADD", INT16), ("QUANTIZE", INT16), ("CONCATENATION", INT16),
        ("QUANTIZE", INT8), ("RELU", INT8),
    ]  # fmt: skip
    runs(model)


def test_ends_have_the_usual_width_unless_asked():
    x, a, y = activation("x", (1, 4), -1, 1), wide("a", (1, 4), -2, 2), activation("y", (4, 1))
    model = model_of([x], [y], [plain("ADD", [x, x], a), reshape(a, y)])
    y.range = a.range
    quantize(model)
    assert steps(model) == [
        ("QUANTIZE", INT16), ("ADD", INT16), ("QUANTIZE", INT8), ("RESHAPE", INT8),
    ]  # fmt: skip
    x, y = wide("x", (1, 4), -1, 1), activation("y", (1, 4), -2, 2)
    with pytest.raises(TfedgeError, match="'x' is int16, as its layer asks"):
        quantize(model_of([x], [y], [plain("ADD", [x, x], y)]), input_type="int8")


@pytest.mark.parametrize("code", ["LESS", "EQUAL"])
def test_comparisons_read_real_numbers_of_any_width(code):
    x, y = activation("x", (1, 4), -1, 1), activation("y", (1, 4), type_=TensorType.BOOL)
    a = wide("a", (1, 4), -2, 2)
    zero = constant("zero", [[0.5]])
    model = model_of([x], [y], [plain("ADD", [x, x], a), plain(code, [a, zero], y)])
    quantize(model)
    assert [code for code, _ in steps(model)] == ["QUANTIZE", "ADD", "DEQUANTIZE", code]
    assert [t.type for t in model.main.operators[-1].inputs] == [TensorType.FLOAT32] * 2
    runs(model)


def test_prescribed_grids_in_both_widths():
    x, y = activation("x", (1, 4), -1, 1), activation("y", (1, 4), 0, 1)
    soft, scaled = wide("soft", (1, 4), 0, 1), activation("scaled", (1, 4), 0, 2)
    operators = [
        plain("SOFTMAX", [x], soft), plain("ADD", [soft, soft], scaled), plain("RELU", [scaled], y),
    ]  # fmt: skip
    model = model_of([x], [y], operators)
    quantize(model)
    _, softmax, move, *_ = model.main.operators
    grids = [item.outputs[0].quantization for item in (softmax, move)]
    assert [(float(g.scale[0]), int(g.zero_point[0])) for g in grids] == [
        (1 / 32768, 0),
        (1 / 256, -128),
    ]
    runs(model)


def test_a_width_without_kernels_is_left_where_it_begins():
    x, y = activation("x", (1, 2, 2, 4), -1, 1), activation("y", (1, 4, 4, 1), 0, 2)
    a, b = wide("a", (1, 2, 2, 4), -2, 2), activation("b", (1, 4, 4, 1))
    spread = plain("DEPTH_TO_SPACE", [a], b)
    model = model_of([x], [y], [plain("ADD", [x, x], a), spread, plain("RELU", [b], y)])
    b.range = a.range
    quantize(model)
    assert [code for code, _ in steps(model)] == [
        "QUANTIZE", "ADD", "QUANTIZE", "DEPTH_TO_SPACE", "RELU",
    ]  # fmt: skip


def test_asking_for_a_width_without_kernels_is_refused():
    x, y = activation("x", (1, 2), -1, 1), wide("y", (1, 2), -1, 1)
    with pytest.raises(UnsupportedError, match=r"\(ELU\).*cannot be quantised to int16"):
        quantize(model_of([x], [y], [plain("ELU", [x], y)]))


def test_functions_that_stay_real_convert_at_their_ends():
    x, y = activation("x", (1, 4), -1, 1), wide("y", (1, 4), -1, 1)
    model = model_of([x], [y], [plain("SIN", [x], y)])
    quantize(model)
    types = [
        (item.code, item.inputs[0].type, item.outputs[0].type) for item in model.main.operators
    ]
    real = TensorType.FLOAT32
    assert types == [("DEQUANTIZE", INT8, real), ("SIN", real, real), ("QUANTIZE", real, INT16)]


def network():
    """A layer whose results differ by little beside their mean."""
    keras.utils.set_random_seed(4)
    x = keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(8, 3, activation="relu", name="seen")(x)
    y = layers.GlobalAveragePooling2D(name="means")(y)
    shifted = layers.Dense(6, name="shifted", bias_initializer=keras.initializers.Constant(OFFSET))(
        y
    )
    y = layers.Dense(6, name="logits", kernel_initializer="identity")(shifted)
    model = keras.Model(x, y)
    model.get_layer("logits").bias.assign(np.full(6, -OFFSET, np.float32))
    return model


@pytest.fixture(scope="module")
def converted():
    """The network, its data, and a function that converts and runs it."""
    model = network()
    data = np.random.default_rng(2).normal(size=(24, 8, 8, 3)).astype(np.float32)
    real = model.predict(data, verbose=0)

    def convert(overrides, run=run_micro):
        artifact = tfedge.convert(
            model,
            target="tflite-micro",
            quantization=Scheme("mixed", overrides=overrides),
            calibration=data,
            input_type="float32",
            output_type="float32",
        )
        got = np.concatenate([y[0] for y in run(artifact.flatbuffer, [[x[None]] for x in data])])
        noise = np.square(real - got).sum()
        return artifact.model, 10 * np.log10(np.square(real).sum() / noise)

    return convert


@pytest.mark.parametrize("run", [run_litert, run_litert_reference, run_micro])
def test_a_layer_that_needs_it_is_wide(converted, run):
    _, narrow = converted({}, run)
    # Both: the one for what it computes, the other for what it reads.
    model, decibels = converted({"shifted": WIDE, "logits": WIDE}, run)
    assert [item.code for item in model.main.operators] == [
        "QUANTIZE", "CONV_2D", "MEAN", "QUANTIZE", "FULLY_CONNECTED", "FULLY_CONNECTED",
        "DEQUANTIZE",
    ]  # fmt: skip
    assert decibels > narrow + 20, (decibels, narrow)


@pytest.mark.parametrize(
    ("layer", "codes"),
    [
        ("image", "QUANTIZE QUANTIZE CONV_2D MEAN FULLY_CONNECTED FULLY_CONNECTED"),
        ("seen", "QUANTIZE QUANTIZE CONV_2D QUANTIZE MEAN FULLY_CONNECTED FULLY_CONNECTED"),
        ("logits", "QUANTIZE CONV_2D MEAN FULLY_CONNECTED QUANTIZE FULLY_CONNECTED"),
    ],
)
def test_single_layers(converted, layer, codes):
    model, _ = converted({layer: WIDE})
    found = [code for code, _ in steps(model)]
    assert found == [*codes.split(), "DEQUANTIZE"]


def test_overrides_survive_a_configuration():
    scheme = Scheme(
        "mixed",
        overrides={
            "a": WIDE,
            "b": WeightScheme(bits=4),
            "c": LayerScheme(WeightScheme(bits=2), ActivationScheme(quantizer="percentile")),
        },
    )
    again = Scheme.from_config(scheme.get_config())
    assert again == scheme
    assert again.activations_of("a").bits == 16
    assert again.weights_of("a").bits == 8
    assert again.weights_of("b").bits == 4
    assert again.activations_of("b").bits == 8


def test_weights_chosen_for_a_layer_leave_its_width():
    (layer,) = network().layers[-1:]
    scheme = Scheme("mixed", overrides={"logits": WIDE})
    scheme = scheme.with_overrides([layer], lambda _: WeightScheme(bits=4))
    assert scheme.weights_of("logits").bits == 4
    assert scheme.activations_of("logits").bits == 16
