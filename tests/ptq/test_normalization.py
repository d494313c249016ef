"""Normalisations are integer from end to end, and nearly as good as in float between int8 ends."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from graph_parts import activation, model_of, plain
from keras import layers

import tfedge
from tfedge.quantization.activation_types import INT8
from tfedge_converters.graph import Range, TensorType, write_model
from tfedge_converters.ptq import calibrate, quantize
from tfedge_converters.ptq.int16_rsqrt import newton_steps
from tfedge_converters.ptq.quant_params import activation_grid
from tfedge_converters.verify.engines import run_litert, run_litert_reference, run_micro

pytest.importorskip("tflite_micro")

ROWS, DEPTH = 24, 32
STEP = ["MUL", "MUL", "SUB", "MUL"]


def _network(make):
    keras.utils.set_random_seed(3)
    x = keras.Input((ROWS, DEPTH))
    model = keras.Model(x, make()(x))
    rng = np.random.default_rng(4)
    for weight in model.weights:
        weight.assign(rng.normal(1, 0.3, weight.shape))
    return model


def _data(spread, count=24, seed=0):
    """Rows with a mean and a variance of their own, the variances `spread` apart."""
    rng = np.random.default_rng(seed)
    size = np.sqrt(spread) ** -np.linspace(0, 1, ROWS)[:, None]
    values = rng.normal(size=(count, ROWS, DEPTH)) + 0.3 * rng.normal(size=(count, ROWS, 1))
    return (size * values).astype(np.float32)


def _decibels(real, got):
    return 10 * np.log10(np.square(real).sum() / np.square(real - got).sum())


def _on_grid(values, low, high):
    grid = activation_grid(Range(low, high), "", INT8)
    scale, zero = float(grid.scale[0]), int(grid.zero_point[0])
    return (np.clip(np.round(values / scale) + zero, -128, 127) - zero) * np.float32(scale)


def _ideal(model, seen, data):
    """The float layer between int8 ends."""
    x = _on_grid(data, float(seen.min()), float(seen.max()))
    real = model.predict(seen, verbose=0)
    y = model.predict(x.astype(np.float32), verbose=0)
    return _on_grid(y, float(real.min()), float(real.max()))


LAYERS = {
    "layer": lambda: layers.LayerNormalization(epsilon=1e-5),
    "bare": lambda: layers.LayerNormalization(center=False, scale=False),
    "rows": lambda: layers.LayerNormalization(axis=(1, 2)),
    "rms": lambda: layers.RMSNormalization(),
    "deviation": lambda: layers.LayerNormalization(rms_scaling=True),
}


@pytest.mark.parametrize("spread", [1, 30, 1000])
@pytest.mark.parametrize("name", LAYERS)
def test_nearly_as_good_as_float_between_int8_ends(name, spread):
    model = _network(LAYERS[name])
    seen, data = _data(spread), _data(spread, seed=1)
    artifact = tfedge.convert(
        model, target="tflite-micro", calibration=seen, input_type="float32", output_type="float32"
    )
    inside = artifact.model.main.operators[1:-1]
    assert {t.type for item in inside for t in item.outputs} <= {TensorType.INT8, TensorType.INT16}
    real = model.predict(data, verbose=0)
    ideal = _decibels(real, _ideal(model, seen, data))
    for run in (run_litert, run_litert_reference, run_micro):
        got = np.concatenate([y[0] for y in run(artifact.flatbuffer, [[x[None]] for x in data])])
        assert _decibels(real, got) > ideal - 0.5, (run, _decibels(real, got), ideal)


def test_operators():
    model = _network(LAYERS["layer"])
    artifact = tfedge.convert(model, target="tflite-micro", calibration=_data(1))
    assert [item.code for item in artifact.model.main.operators] == [
        "QUANTIZE", "MEAN", "SUB", "MUL", "MEAN", "ADD",
        "QUANTIZE", "RSQRT", "MUL", "QUANTIZE", *STEP, *STEP,
        "MUL", "MUL", "ADD", "QUANTIZE",
    ]  # fmt: skip


def test_rows_of_less_variance_than_calibration_has_seen():
    model = _network(LAYERS["layer"])
    artifact = tfedge.convert(
        model, target="tflite-micro", calibration=_data(4), output_type="float32",
        input_type="float32",
    )  # fmt: skip
    data = _data(4, seed=1)
    data[:, -1] /= np.sqrt(3)
    got = [y[0] for y in run_micro(artifact.flatbuffer, [[x[None]] for x in data])]
    real = model.predict(data, verbose=0)
    assert _decibels(real[:, -1], np.concatenate(got)[:, -1]) > 25


def test_axes_that_are_not_the_last_ones_are_not_computed_in_16_bits():
    model = _network(lambda: layers.LayerNormalization(axis=1))
    artifact = tfedge.convert(model, target="tflite-micro", calibration=_data(1))
    types = {item.outputs[0].type for item in artifact.model.main.operators}
    assert TensorType.INT16 not in types


def test_a_model_that_computes_in_16_bits():
    model = _network(LAYERS["layer"])
    data = _data(30)
    artifact = tfedge.convert(
        model, target="tflite-micro", quantization="int16x8", calibration=data
    )
    ends = [*artifact.model.main.inputs, *artifact.model.main.outputs]
    assert {tensor.type for tensor in ends} == {TensorType.INT16}
    source, result = (tensor.quantization.scale[0] for tensor in ends)
    samples = [[np.round(x[None] / source).astype(np.int16)] for x in data]
    got = np.concatenate([y[0] for y in run_micro(artifact.flatbuffer, samples)]) * result
    assert _decibels(model.predict(data, verbose=0), got) > 50


@pytest.mark.parametrize("spread", [1.0, 10.0, 100.0, 1000.0, 10000.0])
@pytest.mark.parametrize("run", [run_litert_reference, run_micro])
def test_reciprocal_roots_over_their_whole_range(spread, run):
    values = np.geomspace(1 / spread, 1, 400).astype(np.float32).reshape(1, -1)
    x, y = activation("x", values.shape, 0, 1), activation("y", values.shape)
    model = model_of([x], [y], [plain("RSQRT", [x], y)])
    calibrate(model, [[values]], scheme="int16x8")
    quantize(model, "int16x8", input_type="float32", output_type="float32")
    ((got,),) = run(write_model(model), [[values]])
    x_step = 1 / 32767
    y_step = float(model.main.operators[-1].inputs[0].quantization.scale[0])
    real = 1 / np.sqrt(values)
    allowed = 1.5e-3 * real + 0.5 * x_step * real**3 + 2 * y_step
    # Beyond what 16 bits tell from 0 the result saturates.
    assert (np.abs(got - real) <= allowed).all(), np.abs(got - real).max()


@pytest.mark.parametrize(
    ("high", "steps"), [(1.0, 1), (4.0, 2), (8.0, 2), (16.0, 3), (32.0, 5), (181.0, 9)]
)
def test_newton_steps(high, steps):
    assert newton_steps(high, min(high, 255**0.5)) <= steps
