"""Recurrent layers: the float file equals Keras, the C equals the truth bit for bit."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import UnsupportedError
from tfedge.markers import mark_lstm
from tfedge_converters.export import export_keras
from tfedge_converters.graph import read_model, write_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers
from tfedge_converters.verify.engines import run_c, run_litert, run_micro

layers = keras.layers

STEPS, FEATURES = 6, 3
LSTM = functools.partial(layers.LSTM, bias_initializer="normal")
GRU = functools.partial(layers.GRU, bias_initializer="normal")


def _sequential(*parts, steps=STEPS):
    return keras.Sequential([keras.Input((steps, FEATURES)), *[part() for part in parts]])


def _masked(layer):
    x = keras.Input((STEPS, FEATURES))
    return keras.Model(x, layer(layers.Masking()(x)))


def _states():
    """An encoder whose states a decoder starts from."""
    x = keras.Input((STEPS, FEATURES))
    _, hidden, cell = LSTM(4, return_state=True)(x)
    return keras.Model(x, LSTM(4)(x, initial_state=[hidden, cell]))


def _speech():
    return _sequential(
        lambda: layers.Conv1D(8, 3, strides=2, activation="relu"),
        lambda: LSTM(12),
        lambda: layers.Dense(4, activation="softmax"),
        steps=40,
    )


# Models that become LSTM operators, and how many.
FUSED = {
    "every": (lambda: _sequential(lambda: LSTM(7, return_sequences=True)), 1),
    "backwards": (lambda: _sequential(lambda: LSTM(6, go_backwards=True, use_bias=False)), 1),
    "long": (lambda: _sequential(lambda: LSTM(1, unroll=True), steps=300), 1),
    "stacked": (
        lambda: _sequential(
            lambda: LSTM(8, return_sequences=True), lambda: LSTM(5), lambda: layers.Dense(3)
        ),
        2,
    ),
    "bidirectional": (
        lambda: _sequential(
            lambda: layers.Bidirectional(LSTM(5, return_sequences=True)),
            lambda: layers.Bidirectional(LSTM(4), merge_mode="sum"),
        ),
        4,
    ),
    "speech": (_speech, 1),
}

UNROLLED = {
    "gru": lambda: _sequential(lambda: GRU(5, return_sequences=True), lambda: GRU(4), steps=5),
    "gru_reset_before": lambda: _sequential(
        lambda: layers.Bidirectional(GRU(4, reset_after=False)), steps=4
    ),
    "simple": lambda: _sequential(lambda: layers.SimpleRNN(5, return_sequences=True)),
    "relu": lambda: _sequential(lambda: LSTM(4, activation="relu"), steps=4),
    "masked": lambda: _masked(LSTM(4)),
    "masked backwards": lambda: _masked(GRU(3, go_backwards=True, return_sequences=True)),
    "masked both ways": lambda: _masked(layers.Bidirectional(LSTM(3, return_sequences=True))),
    "masked both ways, unrolled": lambda: _masked(
        layers.Bidirectional(LSTM(3, return_sequences=True, unroll=True))
    ),
    "states": _states,
}


def _samples(model, count=24):
    rng = np.random.default_rng(3)
    return rng.normal(size=(count, *model.input_shape[1:])).astype(np.float32)


def _float_file(model):
    typed = read_model(export_keras(model))
    fuse_lstm_markers(typed)
    pipeline.run(typed)
    return typed


def _snr(right, got):
    return 10 * np.log10((right**2).mean() / ((got - right) ** 2).mean())


def _lstms(model):
    return sum(op.code == "UNIDIRECTIONAL_SEQUENCE_LSTM" for op in model.main.operators)


@pytest.mark.parametrize("name", FUSED)
def test_lstm_layers(name):
    keras.utils.set_random_seed(1)
    build, count = FUSED[name]
    model = build()
    samples = _samples(model)
    right = model.predict(samples, verbose=0)

    real = _float_file(model)
    assert _lstms(real) == count
    inputs = [[sample[None]] for sample in samples]
    got = [outputs[0][0] for outputs in run_litert(write_model(real), inputs)]
    np.testing.assert_allclose(got, right, atol=2e-6)

    artifact = tfedge.convert(
        model, calibration=samples, input_type="float32", output_type="float32"
    )
    assert _lstms(artifact.model) == count
    for run in (run_micro, run_litert):
        got = np.array([outputs[0][0] for outputs in run(artifact.flatbuffer, inputs)])
        assert _snr(right, got) > 32, run
    assert tfedge.verify(artifact.model, samples=40, engines=["c"]).passed


@pytest.mark.parametrize("name", UNROLLED)
def test_other_recurrent_layers_are_unrolled(name):
    keras.utils.set_random_seed(1)
    model = UNROLLED[name]()
    samples = _samples(model)
    samples[np.random.default_rng(4).random(samples.shape[:2]) < 0.4] = 0  # what Masking leaves out
    if name.startswith("masked"):  # others are markers in the float file
        got = [each[0][0] for each in run_litert(export_keras(model), [[x[None]] for x in samples])]
        np.testing.assert_allclose(got, model.predict(samples, verbose=0), atol=2e-6)
    artifact = tfedge.convert(model, calibration=samples)
    assert _lstms(artifact.model) == 0
    assert tfedge.verify(artifact.model, samples=20, engines=["c"]).passed


class RangedLSTM(layers.Layer):
    """A layer of one unit that computes an LSTM itself, and knows the range of its cell."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(1, 4), name="recurrent_kernel")
        self.bias = self.add_weight(shape=(4,), name="bias")

    def call(self, x):
        return mark_lstm((-3.0, 3.0))(self.sequence)(
            x, self.kernel, self.recurrent_kernel, self.bias
        )

    @staticmethod
    def sequence(x, kernel, recurrent_kernel, bias):
        ops = keras.ops
        hidden = cell = ops.zeros((1, 1))
        steps = []
        for step in range(x.shape[1]):
            gates = ops.matmul(x[:, step], kernel) + ops.matmul(hidden, recurrent_kernel) + bias
            enter, forget, candidate, leave = ops.split(gates, 4, axis=-1)
            cell = ops.sigmoid(forget) * cell + ops.sigmoid(enter) * ops.tanh(candidate)
            hidden = ops.sigmoid(leave) * ops.tanh(cell)
            steps.append(hidden)
        return ops.stack(steps, axis=1)


def test_a_layer_that_says_it_is_an_lstm():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4, 3)), RangedLSTM()])
    samples = _samples(model, 4)
    artifact = tfedge.convert(model, calibration=samples)
    (lstm,) = artifact.model.main.operators
    assert lstm.code == "UNIDIRECTIONAL_SEQUENCE_LSTM"
    assert lstm.inputs[19].quantization.scale[0] == 4 / 2**15
    right = np.array([model(sample[None])[0] for sample in samples])
    real = write_model(_float_file(model))
    got = [outputs[0][0] for outputs in run_litert(real, [[sample[None]] for sample in samples])]
    np.testing.assert_allclose(got, right, atol=2e-6)


def test_long_loops_are_refused_by_name():
    model = keras.Sequential([keras.Input((200, 3)), layers.GRU(2, name="memory")])
    with pytest.raises(UnsupportedError, match=r"layer 'memory' \(GRU\) goes through 200 steps"):
        tfedge.convert(model, calibration=_samples(model, 2))


def test_an_export_leaves_the_layers_as_they_were():
    model = _sequential(lambda: LSTM(3, name="a", return_sequences=True), lambda: GRU(2, name="b"))
    before = [dict(vars(layer)) for layer in model.layers]
    export_keras(model)
    assert [dict(vars(layer)) for layer in model.layers] == before
    assert not model.get_layer("b").unroll


def test_every_invocation_starts_from_zeros():
    keras.utils.set_random_seed(1)
    model = _sequential(lambda: LSTM(4))
    samples = _samples(model, 3)
    artifact = tfedge.convert(model, calibration=samples, input_type="float32")
    inputs = [[sample[None]] for sample in samples]
    for run in (run_c, run_micro, run_litert):
        alone = [run(artifact.flatbuffer, [sample])[0][0].tolist() for sample in inputs]
        assert [out[0].tolist() for out in run(artifact.flatbuffer, inputs)] == alone
