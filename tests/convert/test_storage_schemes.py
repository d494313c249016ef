"""Real activations with smaller weights: run, and compared with TensorFlow's own conversions."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from scheme_cases import MODELS, built, samples

import tfedge
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.policy import OPERATORS
from tfedge.quantization.schemes import STORAGE_SCHEMES, StorageScheme
from tfedge_converters.graph import TensorType, read_model
from tfedge_converters.graph.blockwise_scales import has_blocks
from tfedge_converters.graph.lstm_operands import INPUT_WEIGHTS, RECURRENT_WEIGHTS
from tfedge_converters.ptq.storage import store_weights
from tfedge_converters.verify.engines import run_litert, run_litert_reference, run_micro

# No interpreter computes with integers alone that are dynamic.
INTERPRETED = [name for name, scheme in STORAGE_SCHEMES.items() if not scheme.integer_only]

# Signal over noise, in dB, that each must reach on every model.
LEAST = {
    "float32": 130, "float16": 65, "dynamic": 38, "dynamic4": 38, "dynamic4_b32": 38,
    "dynamic4_b64": 38, "weights8": 45, "weights4": 20,
}  # fmt: skip


def noise(actual, right):
    """Signal over noise in dB; infinite where nothing differs."""
    error = np.square(actual.astype(np.float64) - right).mean()
    return np.inf if error == 0 else 10 * np.log10(np.square(right).mean() / error)


def outputs(run, flatbuffer, x):
    return np.array([result[0][0] for result in run(flatbuffer, [[value[None]] for value in x])])


@pytest.mark.parametrize("name", MODELS)
def test_every_scheme_runs_in_litert(name):
    model = built(name)
    x = samples(model)
    right = model.predict(x, verbose=0)
    sizes = {}
    for scheme in INTERPRETED:
        artifact = tfedge.convert(model, target="tflite", quantization=scheme)
        sizes[scheme] = len(artifact.flatbuffer)
        # XNNPACK alone computes with blocks.
        in_blocks = has_blocks(artifact.model.main)
        assert in_blocks == (scheme.startswith("dynamic4_") and name == "convolutions")
        for run in (run_litert,) if in_blocks else (run_litert, run_litert_reference):
            assert noise(outputs(run, artifact.flatbuffer, x), right) > LEAST[scheme], scheme
    assert sizes["float32"] > 1.6 * sizes["float16"] > 1.2 * sizes["dynamic"]


@pytest.mark.parametrize("name", ["convolutions", "LSTM"])
@pytest.mark.parametrize("scheme", ["float32", "weights8"])
def test_what_tflite_micro_has_kernels_for_runs_there(name, scheme):
    """Its DEQUANTIZE takes the first of several scales without a word: weights must have one."""
    model = built(name)
    x = samples(model)
    artifact = tfedge.convert(model, target="tflite-micro", quantization=scheme)
    actual = outputs(run_micro, artifact.flatbuffer, x)
    assert noise(actual, model.predict(x, verbose=0)) > LEAST[scheme] - 1


@pytest.mark.parametrize("scheme", ["float16", "dynamic", "dynamic4", "dynamic4_b32", "weights4"])
def test_tflite_micro_is_said_to_lack_kernels(scheme):
    with pytest.raises(UnsupportedError, match=f"'{scheme}' needs; use int8, weights8"):
        tfedge.convert(built("LSTM"), target="tflite-micro", quantization=scheme)


@pytest.mark.parametrize("scheme", ["dynamic4_b32", "dynamic4_b64", "weights4", "weights8"])
def test_generated_c_says_which_weights_it_has_kernels_for(scheme):
    with pytest.raises(UnsupportedError, match=f"as '{scheme}' stores them; use dynamic"):
        tfedge.convert(built("LSTM"), target="host", quantization=scheme)


@pytest.mark.parametrize(
    ("name", "scheme", "most"),
    [
        ("convolutions", "float32", 1.1),
        ("convolutions", "float16", 0.6),
        ("embedding", "dynamic", 0.6),
        ("LSTM", "float32", 1.1),
        ("LSTM", "float16", 0.6),
        ("LSTM", "dynamic", 0.4),
    ],
)
def test_generated_c_computes_with_real_numbers(name, scheme, most):
    """Bit for bit where no function of the C library is in it, and with less flash for weights."""
    artifact = tfedge.convert(built(name), target="cortex-m4", quantization=scheme)
    engines = ["c", "litert-reference"]
    result = tfedge.verify(artifact, samples=5, engines=engines)
    assert result.passed
    constants = artifact.source.weights_bytes
    float32 = sum(4 * w.size for w in built(name).get_weights())
    assert constants < most * float32


def by_tensorflow(model, scheme):
    """TensorFlow's file of the same model with its batch fixed, as ours is."""
    inputs = keras.Input(batch_shape=(1, *model.input_shape[1:]), dtype=model.inputs[0].dtype)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, model(inputs)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


@pytest.mark.parametrize("scheme", ["float16", "dynamic"])
@pytest.mark.parametrize("name", ["convolutions", "embedding"])
def test_against_tensorflow(name, scheme):
    """The same weights to the last bit, no larger a file, and the same outputs."""
    model = built(name)
    x = samples(model)
    theirs = by_tensorflow(model, scheme)
    ours = tfedge.convert(model, target="tflite", quantization=scheme).flatbuffer
    assert len(ours) <= len(theirs)
    constants = [
        sorted(
            (tensor.shape, tensor.type, tensor.data.tobytes(), scales(tensor))
            for tensor in read_model(file).main.tensors()
            if tensor.is_constant and tensor.type in (TensorType.FLOAT16, TensorType.INT8)
        )
        for file in (ours, theirs)
    ]
    assert constants[0] == constants[1] != []
    assert noise(outputs(run_litert, ours, x), outputs(run_litert, theirs, x)) > 100


def scales(tensor):
    return None if tensor.quantization is None else tensor.quantization.scale.tobytes()


@pytest.mark.parametrize(("scheme", "is_said"), [("weights8", True), ("float16", False)])
def test_a_scheme_that_stores_nothing_says_so(scheme, is_said):
    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    artifact = tfedge.convert(small, target="tflite", quantization=scheme)
    said = "'weights8' has stored nothing in fewer bits: weights of less than 1,024 values stay"
    assert any(said in note for note in artifact.notes) == is_said


def test_what_a_gpu_leaves_to_the_cpu_is_said():
    whole = tfedge.convert(built("convolutions"), target="litert-gpu", quantization="float16")
    assert whole.left_to_cpu == []
    assert "all of 11 operators run on the accelerator" in whole.summary()
    parts = tfedge.convert(built("LSTM"), target="litert-gpu", quantization="float16")
    assert [operator.code for operator in parts.left_to_cpu] == ["UNIDIRECTIONAL_SEQUENCE_LSTM"]
    assert "on the CPU: UNIDIRECTIONAL_SEQUENCE_LSTM (1)" in parts.summary()


def test_small_weights_stay_real_unless_asked():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(16)(inputs))
    for least, type_ in ((1024, TensorType.FLOAT32), (1, TensorType.INT8)):
        scheme = StorageScheme("own", "int8", computed=True, minimum_elements=least)
        artifact = tfedge.convert(model, target="tflite", quantization=scheme)
        (operator,) = artifact.model.main.operators
        assert operator.inputs[1].type == type_


@pytest.mark.parametrize(("depth", "type_"), [(4, "INT8"), (40, "FLOAT32")])
def test_weights_of_an_lstm_are_of_one_type(depth, type_):
    """Its kernels take no others: all are stored as integers where one is large."""
    units = 40 if depth == 4 else 12
    model = keras.Sequential([keras.Input((6, depth)), keras.layers.LSTM(units)])
    artifact = tfedge.convert(model, target="tflite", quantization="dynamic")
    operators = artifact.model.main.operators
    (operator,) = (item for item in operators if item.code.endswith("LSTM"))
    weights = [operator.inputs[index] for index in (*INPUT_WEIGHTS, *RECURRENT_WEIGHTS)]
    assert {tensor.type.name for tensor in weights} == {type_}
    x = samples(model)
    assert noise(outputs(run_litert, artifact.flatbuffer, x), model.predict(x, verbose=0)) > 35


def test_peepholes_beside_weights_leave_them_real():
    """Kernels on integers want those of 8 bits, which the policy does not make."""
    real = tfedge.convert(built("LSTM"), target="tflite", quantization="float32")
    model = read_model(real.flatbuffer)
    operator = model.main.operators[0]
    for position in (9, 10, 11):
        peephole = dataclasses.replace(operator.inputs[12], name=f"peephole_{position}")
        operator.inputs[position] = peephole
    store_weights(model, STORAGE_SCHEMES["dynamic"])
    assert operator.inputs[INPUT_WEIGHTS[0]].type == TensorType.FLOAT32


def test_inputs_are_rounded_as_asked():
    model = built("convolutions")
    for asymmetric in (True, False):
        scheme = StorageScheme("own", "int8", computed=True, asymmetric_inputs=asymmetric)
        artifact = tfedge.convert(model, target="tflite", quantization=scheme)
        last = artifact.model.main.operators[-2]
        assert (last.code, last.options.asymmetricQuantizeInputs) == ("FULLY_CONNECTED", asymmetric)


def weight_types(model, scheme):
    artifact = tfedge.convert(model, target="tflite", quantization=scheme)
    with_weights = {row.operator for row in artifact.weights}
    return {
        operator.code: operator.inputs[OPERATORS[operator.code].weights[0].operand].type.name
        for operator in artifact.model.main.operators
        if operator.code in with_weights
    }


def test_four_bits_where_kernels_multiply_them():
    assert weight_types(built("convolutions"), "dynamic4") == {
        "CONV_2D": "INT4",
        "DEPTHWISE_CONV_2D": "INT8",
        "TRANSPOSE_CONV": "INT8",
        "FULLY_CONNECTED": "INT4",
    }
    assert weight_types(built("LSTM"), "dynamic4") == {"UNIDIRECTIONAL_SEQUENCE_LSTM": "INT8"}


def dense(kernel):
    inputs = keras.Input((len(kernel),))
    model = keras.Model(inputs, keras.layers.Dense(kernel.shape[1], use_bias=False)(inputs))
    model.set_weights([kernel])
    return model


def dense_weights(kernel, scheme="dynamic4_b32"):
    artifact = tfedge.convert(dense(kernel), target="tflite", quantization=scheme)
    return artifact.model.main.operators[-1].inputs[1]


def test_blocks_of_zeros_and_of_what_float16_cannot_hold():
    kernel = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)
    kernel[:32] = 0
    tensor = dense_weights(kernel)
    assert (tensor.blocks.scale[:, 0] == 1).all() and not tensor.data[:, :32].any()
    kernel[:32] = 1e-9
    assert not dense_weights(kernel).data[:, :32].any()
    kernel[0, 0] = 1e6
    tensor = dense_weights(kernel)
    assert tensor.blocks is None and tensor.quantization.per_channel


def test_training_keeps_its_scales():
    """What was trained on a grid of 4 bits stays on it, blocks or not."""
    inputs = keras.Input((64,))
    model = tfedge.quantize(keras.Model(inputs, keras.layers.Dense(32)(inputs)), "int4")
    model(np.ones((2, 64), np.float32), training=True)
    of_blocks, of_channels = (
        tfedge.convert(model, target="tflite", quantization=name).model.main.operators[-1].inputs[1]
        for name in ("dynamic4_b32", "dynamic4")
    )
    assert of_blocks.blocks is None
    np.testing.assert_array_equal(of_blocks.data, of_channels.data)


def test_blocks_are_evaluated_with_xnnpack_and_said_to_need_it():
    kernel = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)
    x = np.random.default_rng(1).normal(size=(200, 64)).astype(np.float32)
    artifact = tfedge.convert(
        dense(kernel),
        target="tflite",
        quantization="dynamic4_b32",
        evaluation_data=(x, (x @ kernel).argmax(axis=1)),
    )
    assert artifact.evaluation.engine == "litert"
    assert artifact.evaluation.real == 1
    assert artifact.evaluation.converted > 0.8
    summary = artifact.summary()
    assert "run it in LiteRT with XNNPACK, its default" in summary
    assert "run by LiteRT with XNNPACK" in summary


def test_what_float16_cannot_hold_stays_real():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(16)(inputs))
    model.set_weights([np.full((8, 16), 1e5, np.float32), np.ones(16, np.float32)])
    artifact = tfedge.convert(model, target="tflite", quantization="float16")
    types = [tensor.type.name for tensor in artifact.model.main.operators[-1].inputs[1:]]
    assert types == ["FLOAT32"] * 2
    x = np.ones((1, 8), np.float32)
    assert np.isfinite(outputs(run_litert, artifact.flatbuffer, x)).all()


def test_mistakes():
    model = built("LSTM")
    with pytest.raises(TfedgeError, match="inputs and outputs are float32 with the scheme 'dyn"):
        tfedge.convert(model, target="tflite", quantization="dynamic", input_type="int8")
    with pytest.raises(TfedgeError, match=r"a scheme is one of int8, .*weights4, not 'int3'"):
        tfedge.convert(model, target="tflite", quantization="int3")
    with pytest.raises(TfedgeError, match="with 'float16', activations stay real"):
        tfedge.quantize(model, "float16")
    with pytest.raises(TfedgeError, match="not of float16"):
        StorageScheme("own", "float16", computed=True)
    for size in (0, -32, 48):
        with pytest.raises(TfedgeError, match=f"a positive multiple of 32 weights, not {size}"):
            StorageScheme("own", "int4", computed=True, block_size=size)
    for weights, computed in (("int8", True), ("int4", False)):
        with pytest.raises(TfedgeError, match="where kernels compute with int4 alone"):
            StorageScheme("own", weights, computed=computed, block_size=32)
