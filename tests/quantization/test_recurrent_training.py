"""Recurrent layers trained in other widths than int8, and with states kept between calls."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge_converters.graph import TensorType
from tfedge_converters.verify.engines import run_c, run_micro

layers = keras.layers

STEPS, FEATURES = 4, 3
SEQUENCE, INVOCATIONS = 30, 90
SCHEMES = ["int8", "int16x8"]


def _kind(kind, units, **options):
    return kind(units, bias_initializer="normal", **options)


def _net(kind, **options):
    keras.utils.set_random_seed(1)
    batch = 1 if options.get("stateful") else None
    return keras.Sequential(
        [
            keras.Input((STEPS, FEATURES), batch_size=batch),
            layers.Bidirectional(_kind(kind, 3, return_sequences=True, **options)),
            _kind(kind, 5, return_sequences=True, **options),
            _kind(kind, 4, **options),
            layers.Dense(3),
        ]
    )


def _trained(model, scheme):
    quantized = tfedge.quantize(model, scheme)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, STEPS, FEATURES)).astype(np.float32)
    y = rng.normal(size=(40, 3)).astype(np.float32)
    quantized.compile("sgd", "mse")
    quantized.fit(x, y, batch_size=model.input_shape[0] or 8, verbose=0)
    return quantized


def _inputs(graph, count=INVOCATIONS):
    (tensor,) = graph.inputs
    limits = np.iinfo(tensor.type.dtype)
    rng = np.random.default_rng(2)
    return [
        rng.integers(limits.min, limits.max + 1, tensor.shape, tensor.type.dtype)
        for _ in range(count)
    ]


def _real(integers, tensor):
    grid = tensor.quantization
    return (integers.astype(np.float32) - grid.zero_point[0]) * grid.scale[0]


def _float_tensors(graph):
    absent = {id(tensor) for operator in graph.operators for tensor in operator.intermediates[:4]}
    return [t for t in graph.tensors() if t.type == TensorType.FLOAT32 and id(t) not in absent]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_trained_net_needs_no_data_and_leaves_no_float(scheme):
    quantized = _trained(_net(layers.LSTM), scheme)
    artifact = tfedge.convert(quantized, quantization=scheme)
    graph = artifact.model.main
    assert _float_tensors(graph) == []
    codes = [operator.code for operator in graph.operators]
    assert codes.count("UNIDIRECTIONAL_SEQUENCE_LSTM") == 4
    assert "QUANTIZE" not in codes
    assert tfedge.verify(artifact.model, samples=30, engines=["c"]).passed


# Of the largest result, how far `predict` may be from the device: for what is a sequence of
# operators, sigmoid, tanh and the state stay in float there, and the device has 16 bits for them.
FARTHEST = {"int8": 0.1, "int16x8": 0.02}


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_predictions_go_on_as_the_device_does(kind, scheme):
    quantized = _trained(_net(kind, stateful=True), scheme)
    artifact = tfedge.convert(quantized, quantization=scheme)
    graph = artifact.model.main
    inputs = _inputs(graph)
    samples = [[x] for x in inputs]
    right = np.array([out[0] for out in run_micro(artifact.flatbuffer, samples, SEQUENCE)])
    got = np.array([out[0] for out in run_c(artifact.flatbuffer, samples, SEQUENCE)])
    np.testing.assert_array_equal(got, right)
    device = _real(right[:, 0], graph.outputs[0])
    predicted = []
    for position, x in enumerate(inputs):
        if position % SEQUENCE == 0:
            quantized.reset_state()
        predicted.append(quantized.predict_on_batch(_real(x, graph.inputs[0]))[0])
    difference = abs(np.array(predicted) - device).max(axis=1)
    if kind is layers.LSTM:
        assert difference.max() < graph.outputs[0].quantization.scale[0] / 100
    assert difference.max() < FARTHEST[scheme] * abs(device).max()
    # Without their states they would be far apart.
    alone = _real(
        np.array([out[0] for out in run_micro(artifact.flatbuffer, samples, 1)])[:, 0],
        graph.outputs[0],
    )
    assert abs(alone - device).max() > 0.2 * abs(device).max()


def test_a_new_sequence_forgets():
    quantized = _trained(_net(layers.LSTM, stateful=True), "int8")
    x = np.full((1, STEPS, FEATURES), 0.9, np.float32)
    quantized.reset_state()
    first = quantized.predict_on_batch(x)
    second = quantized.predict_on_batch(x)
    assert (first != second).any()
    quantized.reset_state()
    np.testing.assert_array_equal(quantized.predict_on_batch(x), first)


def test_states_go_from_batch_to_batch_in_training():
    model = _net(layers.LSTM, stateful=True)
    quantized = tfedge.quantize(model, "int8")
    x = np.ones((1, STEPS, FEATURES), np.float32)
    quantized.compile("sgd", "mse")
    quantized.train_on_batch(x, np.zeros((1, 3), np.float32))
    states = keras.tree.flatten(model.layers[1].states)
    assert all(np.abs(state.numpy()).max() > 0 for state in states)


def test_states_go_in_and_out():
    keras.utils.set_random_seed(0)
    x = keras.Input((STEPS, FEATURES))
    first = layers.Dense(3)(x[:, 0])
    y, *states = layers.LSTM(3, return_state=True)(x, initial_state=[first, first])
    model = keras.Model(x, [y, *states])
    data = np.random.default_rng(0).normal(size=(64, STEPS, FEATURES)).astype(np.float32)
    quantized = tfedge.quantize(model, calibration=data)
    for found, wanted in zip(
        quantized(data, training=False), model(data, training=False), strict=True
    ):
        error = np.mean((np.asarray(found) - np.asarray(wanted)) ** 2)
        assert error < np.mean(np.asarray(wanted) ** 2) / 100
