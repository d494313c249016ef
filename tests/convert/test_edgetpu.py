"""Models for the Edge TPU: what the files say, and what is refused."""

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.graph import TensorType, read_file, read_model

VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4}


def _model():
    inputs = keras.Input((16, 16, 4), name="image")
    x = keras.layers.Conv2D(8, 3, padding="same")(inputs)
    x = keras.layers.LeakyReLU(negative_slope=0.1)(x)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = keras.layers.UpSampling2D(2)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x), name="leaky")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return _model()


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(2).uniform(-1, 1, (16, 16, 16, 4)).astype(np.float32)


def _check_flavour(flatbuffer):
    graph = read_model(flatbuffer).main
    assert {tensor.type for tensor in (*graph.inputs, *graph.outputs)} == {TensorType.INT8}
    assert all(tensor.shape_signature is None for tensor in graph.tensors())
    assert all(t.shape[0] == 1 for t in (*graph.inputs, *graph.outputs))
    for operator in graph.operators:
        assert operator.version <= VERSIONS.get(operator.code, 2), operator.code
        if operator.code == "FULLY_CONNECTED":
            assert not operator.inputs[1].quantization.per_channel
    return [operator.code for operator in graph.operators]


def test_a_converted_model_is_as_the_compiler_wants_it(model, samples):
    artifact = tfedge.convert(model, target="edgetpu", calibration=samples)
    codes = _check_flavour(artifact.flatbuffer)
    # The same numbers as LEAKY_RELU, and mapped.
    assert "PRELU" in codes
    assert "LEAKY_RELU" not in codes
    # UpSampling2D is exported as RESHAPE and TILE of five dimensions.
    assert "RESIZE_NEAREST_NEIGHBOR" in codes
    assert "TILE" not in codes
    assert artifact.left_to_cpu == []
    assert "all of" in artifact.summary()
    assert tfedge.check(artifact).all_mapped


def test_the_exact_changes_cost_no_bit(model, samples):
    plain = tfedge.convert(model, target="tflite", quantization="edgetpu", calibration=samples)
    fitted = tfedge.convert(model, target="edgetpu", calibration=samples)
    from tfedge_converters.verify.engines import run_litert_reference

    grid = plain.model.main.inputs[0].quantization
    data = [[np.clip(np.round(x[None] / grid.scale + grid.zero_point), -128, 127).astype(np.int8)]
            for x in samples[:4]]  # fmt: skip
    pairs = zip(
        run_litert_reference(plain.flatbuffer, data),
        run_litert_reference(fitted.flatbuffer, data),
        strict=True,
    )
    for before, after in pairs:
        np.testing.assert_array_equal(before[0], after[0])


def test_real_ends_only_where_asked(model, samples):
    artifact = tfedge.convert(
        model, target="edgetpu", calibration=samples, input_type="float32", output_type="float32"
    )
    assert [left.code for left in artifact.left_to_cpu] == ["QUANTIZE", "DEQUANTIZE"]


@pytest.mark.parametrize("quantization", ["int16x8", "int4", "float16", "dynamic"])
def test_other_integers_are_refused(model, samples, quantization):
    with pytest.raises(TfedgeError, match="edgetpu computes with edgetpu or int8"):
        tfedge.convert(model, target="edgetpu", quantization=quantization, calibration=samples)


def test_integer_files_are_fitted(model_file):
    artifact = tfedge.convert(model_file("mlperf_tiny/kws_int8.tflite"), target="edgetpu")
    _check_flavour(artifact.flatbuffer)
    assert artifact.left_to_cpu == []
    before = read_file(model_file("mlperf_tiny/kws_int8.tflite")).main
    assert any(tensor.shape_signature is not None for tensor in before.tensors())


def test_training_knows_the_flavour(samples):
    model = keras.Sequential(
        [
            keras.Input((16, 16, 4)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    qat = tfedge.quantize(model, "edgetpu")
    qat.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    qat.fit(samples, np.arange(16) % 5, epochs=1, verbose=0)
    artifact = tfedge.convert(qat, target="edgetpu")
    _check_flavour(artifact.flatbuffer)
    assert artifact.left_to_cpu == []
    assert tfedge.verify(artifact.flatbuffer, samples=10).passed
