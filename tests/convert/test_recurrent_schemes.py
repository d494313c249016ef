"""LSTM nets in every integer scheme: nothing stays real, and the C is bit-exact."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfedge
from tfedge.errors import UnsupportedError
from tfedge.quantization.schemes import SCHEMES, ActivationScheme, LayerScheme
from tfedge_converters.graph import Graph, Model, Operator, Tensor, TensorType, write_model
from tfedge_converters.graph.lstm_operands import (
    BIASES,
    CELL_STATE,
    HIDDEN_STATE,
    INPUT,
    INPUT_WEIGHTS,
    OPERANDS,
    RECURRENT_WEIGHTS,
)
from tfedge_converters.verify.engines import run_c

layers = keras.layers

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
STEPS, FEATURES = 6, 5


def _lstm(units, **options):
    return layers.LSTM(units, bias_initializer="normal", **options)


def _net(*parts, **options):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((STEPS, FEATURES), **options), *parts, layers.Dense(3)])


def _stateful():
    return _net(
        _lstm(6, stateful=True, return_sequences=True), _lstm(5, stateful=True), batch_size=1
    )


def _time_major():
    """A file of which the first axis is time; Keras has no such layer."""
    rng = np.random.default_rng(1)
    units = 6

    def real(name, *shape, data=None, **options):
        return Tensor(name, shape, TensorType.FLOAT32, data=data, **options)

    def weights(position, *shape):
        data = rng.normal(size=shape).astype(np.float32) / np.sqrt(shape[-1])
        return real(f"constant_{position}", *shape, data=data)

    inputs = [None] * OPERANDS
    inputs[INPUT] = source = real("x", STEPS, 1, FEATURES)
    for position in INPUT_WEIGHTS:
        inputs[position] = weights(position, units, FEATURES)
    for position in RECURRENT_WEIGHTS:
        inputs[position] = weights(position, units, units)
    for position in BIASES:
        inputs[position] = weights(position, units)
    inputs[HIDDEN_STATE] = real("hidden", 1, units, is_variable=True)
    inputs[CELL_STATE] = real("cell", 1, units, is_variable=True)
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.timeMajor = True
    output = real("y", STEPS, 1, units)
    lstm = Operator(LSTM, inputs, [output], options)
    return write_model(Model([Graph([source], [output], [lstm])]))


NETS = {
    "unidirectional": (lambda: _net(_lstm(7)), 1),
    "bidirectional": (lambda: _net(layers.Bidirectional(_lstm(4))), 2),
    "stacked": (lambda: _net(_lstm(6, return_sequences=True), _lstm(5)), 2),
    "stateful": (_stateful, 2),
    "time major": (_time_major, 1),
}


def _samples(name, count=48):
    lead = (STEPS, 1) if name == "time major" else (STEPS,)
    return np.random.default_rng(3).normal(size=(count, *lead, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("scheme", ["int8", "int16x8", "int4"])
@pytest.mark.parametrize("name", NETS)
def test_no_float_operator_is_left(name, scheme):
    build, count = NETS[name]
    artifact = tfedge.convert(build(), quantization=scheme, calibration=_samples(name))
    graph = artifact.model.main
    assert sum(operator.code == LSTM for operator in graph.operators) == count
    absent = {id(tensor) for operator in graph.operators for tensor in operator.intermediates[:4]}
    real = [t for t in graph.tensors() if t.type == TensorType.FLOAT32 and id(t) not in absent]
    assert real == []
    width = TensorType.INT16 if scheme == "int16x8" else TensorType.INT8
    assert {tensor.type for tensor in (*graph.inputs, *graph.outputs)} == {width}
    assert tfedge.verify(artifact.model, samples=30, engines=["c"], sequence=10).passed


def _decibels(right, got):
    return 10 * np.log10((right**2).mean() / ((got - right) ** 2).mean())


def _outputs(artifact, samples):
    return np.array([out[0][0] for out in run_c(artifact.flatbuffer, [[x[None]] for x in samples])])


def test_wider_activations_come_closer():
    """What is left in 16 bits is the rounding of weights."""
    model = _net(_lstm(16, return_sequences=True), _lstm(12))
    samples = _samples("stacked", 150)
    right = model.predict(samples, verbose=0)
    ends = {"input_type": "float32", "output_type": "float32"}
    found = {
        scheme: _decibels(
            right,
            _outputs(
                tfedge.convert(model, quantization=scheme, calibration=samples, **ends), samples
            ),
        )
        for scheme in ("int8", "int16x8")
    }
    assert found["int8"] > 32
    assert found["int16x8"] > found["int8"] + 3


@pytest.mark.parametrize("wide", ["first", "second"])
def test_one_layer_may_be_wider_than_the_rest(wide):
    model = _net(_lstm(6, return_sequences=True, name="first"), _lstm(5, name="second"))
    layer = LayerScheme(activations=ActivationScheme(bits=16))
    scheme = dataclasses.replace(SCHEMES["int8"], name="mixed", overrides={wide: layer})
    artifact = tfedge.convert(model, quantization=scheme, calibration=_samples("stacked"))
    types = [op.outputs[0].type.name for op in artifact.model.main.operators if op.code == LSTM]
    assert types == ["INT16" if name == wide else "INT8" for name in ("first", "second")]
    assert tfedge.verify(artifact.model, samples=30, engines=["c"]).passed


def test_litert_is_said_to_lack_the_kernel():
    model, samples = _net(_lstm(4)), _samples("unidirectional", 4)
    with pytest.raises(UnsupportedError, match="LiteRT does not compute it in INT16; quantise to"):
        tfedge.convert(model, target="tflite", quantization="int16x8", calibration=samples)
    micro = tfedge.convert(
        model, target="tflite-micro", quantization="int16x8", calibration=samples
    )
    assert tfedge.verify(micro.model, samples=10, engines=["c"]).passed
