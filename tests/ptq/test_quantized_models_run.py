"""Quantised files run in TFLite Micro and LiteRT and say nearly what the float models say."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from model_files import SOURCES, float_model
from seeded_models.mlperf_tiny import NAMES, inputs_for

from tfedge_converters.graph import read_model, write_model
from tfedge_converters.ptq import calibrate, quantize

micro = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
keras_models = pytest.importorskip("keras_models")

ARENA_BYTES = 1 << 20


def run_litert(data, samples):
    """Outputs of every sample, in LiteRT's optimised kernels without delegates."""
    interpreter = Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    inputs = [detail["index"] for detail in interpreter.get_input_details()]
    output = interpreter.get_output_details()[0]["index"]
    results = []
    for sample in samples:
        for index, value in zip(inputs, sample, strict=True):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        results.append(interpreter.get_tensor(output)[0])
    return np.array(results)


def run_micro(data, samples):
    interpreter = micro.Interpreter.from_bytes(data, arena_size=ARENA_BYTES)
    results = []
    for sample in samples:
        for index, value in enumerate(sample):
            interpreter.set_input(value, index)
        interpreter.invoke()
        results.append(interpreter.get_output(0)[0])
    return np.array(results)


def signal_to_noise(real, quantized):
    """In decibels."""
    return 10 * np.log10(np.square(real).sum() / np.square(real - quantized).sum())


def real_ends(model, samples):
    """Bytes of the float model and of its int8 twin that takes and returns real numbers."""
    before = write_model(model)
    calibrate(model, samples)
    quantize(model, input_type="float32", output_type="float32")
    return before, write_model(model)


LEAST_DECIBELS = {"seeded": (25, 17, 17, 35), "published": (28, 17, 17, 35)}


@pytest.mark.parametrize(
    ("source", "name", "decibels"),
    [
        (source, *row)
        for source in SOURCES
        for row in zip(NAMES, LEAST_DECIBELS[source], strict=True)
    ],
)
def test_real_networks(request, source, name, decibels):
    samples = [[sample[None]] for sample in inputs_for(name, 16)]
    before, after = real_ends(float_model(request.getfixturevalue(source), name), samples)
    real, quantized = run_litert(before, samples), run_litert(after, samples)
    assert signal_to_noise(real, quantized) > decibels
    assert signal_to_noise(real, run_micro(after, samples)) > decibels
    if name != "ad":  # its output is a spectrum, not classes
        assert (real.argmax(-1) == quantized.argmax(-1)).mean() > 0.85


@pytest.mark.parametrize("per_channel_dense", [True, False])
@pytest.mark.parametrize(
    ("build", "decibels"),
    [
        (keras_models.residual_cnn, 25),
        (keras_models.branches, 25),
        (keras_models.sequence_pair, 25),
    ],
)
def test_keras_networks(build, decibels, per_channel_dense):
    model = read_model(keras_models.to_float_tflite(build()))
    rng = np.random.default_rng(3)
    samples = [
        [rng.normal(size=tensor.shape).astype(np.float32) for tensor in model.main.inputs]
        for _ in range(16)
    ]
    before, after = real_ends(model, samples)
    real = run_litert(before, samples)
    assert signal_to_noise(real, run_litert(after, samples)) > decibels
    assert signal_to_noise(real, run_micro(after, samples)) > decibels


def test_integer_ends_compute_the_same(model_file):
    samples = [[sample[None]] for sample in inputs_for("ic", 4)]
    model = float_model(model_file, "ic")
    calibrate(model, samples)
    with_real_ends = copy.deepcopy(model)
    quantize(with_real_ends, input_type="float32", output_type="float32")
    quantize(model)
    grid = model.main.inputs[0].quantization
    integers = [
        [np.clip(np.round(x / grid.scale) + grid.zero_point, -128, 127).astype(np.int8)]
        for (x,) in samples
    ]
    output = run_micro(write_model(model), integers)
    assert output.dtype == np.int8
    real = run_micro(write_model(with_real_ends), samples)
    np.testing.assert_array_equal((output + 128.0) / 256, real)


def test_dead_channels_still_say_their_bias():
    model = read_model(keras_models.to_float_tflite(keras_models.dead_channels(largest_bias=4.0)))
    samples = [[x] for x in np.random.default_rng(2).normal(size=(8, 1, 8, 8, 3))]
    samples = [[x.astype(np.float32)] for (x,) in samples]
    before, after = real_ends(model, samples)
    real, quantized = run_litert(before, samples), run_micro(after, samples)
    step = model.main.outputs[0].range.high - model.main.outputs[0].range.low
    assert np.abs(real - quantized).max() < 2 * step / 255
