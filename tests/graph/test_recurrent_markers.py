"""GRUs and plain recurrent layers become sequences of equal steps, with 16 bits inside."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import ModelFileError
from tfedge_converters.export import export_keras
from tfedge_converters.graph import TensorType, read_model
from tfedge_converters.graph.passes.recurrent_markers import write_recurrent_markers
from tfedge_converters.verify.engines import run_c, run_litert_reference, run_micro

layers = keras.layers

STEPS, FEATURES, UNITS = 24, 5, 8


def _model(layer, **options):
    keras.utils.set_random_seed(1)
    recurrent = layer(UNITS, return_sequences=True, bias_initializer="normal", **options)
    return keras.Sequential([keras.Input((STEPS, FEATURES)), recurrent])


LAYERS = {
    "gru": (layers.GRU, {}),
    "gru_reset_before": (layers.GRU, {"reset_after": False}),
    "gru_without_bias": (layers.GRU, {"use_bias": False}),
    "simple_rnn": (layers.SimpleRNN, {}),
}


@pytest.fixture(scope="module", params=LAYERS)
def case(request):
    layer, options = LAYERS[request.param]
    model = _model(layer, **options)
    samples = np.random.default_rng(3).normal(size=(24, STEPS, FEATURES)).astype(np.float32)
    right = model.predict(samples, verbose=0)
    ends = {"input_type": "float32", "output_type": "float32"}
    return samples, right, tfedge.convert(model, calibration=samples, **ends)


@pytest.mark.parametrize("run", [run_micro, run_litert_reference])
def test_integers_are_near_the_float_layer(case, run):
    samples, right, artifact = case
    inputs = [[sample[None]] for sample in samples]
    got = np.array([outputs[0][0] for outputs in run(artifact.flatbuffer, inputs)])
    # Quantised operator by operator to int8, these layers reach 34 dB.
    assert 10 * np.log10((right**2).mean() / ((got - right) ** 2).mean()) > 36.5


def test_no_byte_differs_from_tflite_micro(case):
    samples, _, artifact = case
    inputs = [[sample[None]] for sample in samples]
    np.testing.assert_array_equal(
        run_c(artifact.flatbuffer, inputs), run_micro(artifact.flatbuffer, inputs)
    )


def test_all_steps_are_alike(case):
    _, _, artifact = case
    grids, weights = defaultdict(set), set()
    for operator in artifact.model.main.operators:
        for tensor in operator.outputs:
            _, _, role = tensor.name.rpartition("/")
            if tensor.name.count("/"):
                grid = tensor.quantization
                grids[operator.code, role].add((tensor.type, float(grid.scale[0])))
        if operator.code == "FULLY_CONNECTED":
            weights.add(id(operator.inputs[1]))
    inside = {key: found for key, found in grids.items() if key[0] in ("MUL", "LOGISTIC", "TANH")}
    assert all(len(found) == 1 for found in inside.values()), inside
    assert {type_ for found in inside.values() for type_, _ in found} == {TensorType.INT16}
    assert len(weights) <= 4


@pytest.mark.parametrize("damage", ["input", "shape", "constant", "steps"])
def test_malformed_markers_are_refused(damage):
    model = read_model(export_keras(_model(layers.GRU)))
    (marker,) = [op for op in model.main.operators if op.custom_name == "tfedge.GRU"]
    if damage == "input":
        del marker.inputs[-1]
    elif damage == "shape":
        bias = marker.inputs[3]
        marker.inputs[3] = dataclasses.replace(bias, shape=(6,), data=np.zeros(6, np.float32))
    elif damage == "constant":
        marker.inputs[1] = dataclasses.replace(marker.inputs[1], data=None)
    else:
        marker.outputs[0].shape = (1, STEPS + 1, UNITS)
    with pytest.raises(ModelFileError, match=r"operator .* \(tfedge.GRU\).*export the model again"):
        write_recurrent_markers(model)
