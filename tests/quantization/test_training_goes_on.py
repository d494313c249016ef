"""Quantization-aware training works wherever plain Keras training does."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from bright_quarters import compiled
from device_agreement import agreement
from interrupted_training import assert_resumes_exactly
from keras import layers
from training_cases import data, small_net

import tfedge
from tfedge.callbacks import QuantizationAwareTraining, QuantizationSchedule
from tfedge.errors import TfedgeError
from tfedge.quantization import ActivationScheme, Scheme, WeightScheme, schemes
from tfedge.quantization.model import operators_of
from tfedge.quantization.phase import TRAIN
from tfedge.quantization.quantized_forward import attach

LEARNED = Scheme(
    "learned", WeightScheme(quantizer="learned_step"), ActivationScheme(quantizer="learned_range")
)


def _weights(model):
    return [variable.numpy() for variable in model.weights]


def test_a_callback_is_enough():
    model = compiled(small_net(), "adam", built=False)
    history = model.fit(
        *data(), epochs=3, verbose=0,
        callbacks=[QuantizationAwareTraining("int8", begin=1, freeze_ranges=2)],
    ).history  # fmt: skip
    assert history["quantized"] == [0, 1, 1]
    assert history["ranges_frozen"] == [0, 0, 1]
    assert agreement(model).farthest == 0
    assert [layer.name for layer in model.layers] == [layer.name for layer in small_net().layers]


def test_frozen_ranges_stay():
    model = compiled(small_net())
    model.fit(*data(), epochs=1, verbose=0, callbacks=[QuantizationAwareTraining()])
    ranges = [r.get_weights() for r in model.get_layer("first").tfedge_ranges]
    model.fit(*data(), epochs=1, verbose=0, callbacks=[QuantizationAwareTraining(freeze_ranges=0)])
    for before, now in zip(ranges, model.get_layer("first").tfedge_ranges, strict=True):
        np.testing.assert_array_equal(before, now.get_weights())


def test_frozen_batch_norms_stay():
    model = compiled(tfedge.quantize(small_net()))
    model.fit(*data(), epochs=1, verbose=0)
    norm = tfedge.strip(model).get_layer("first_norm")
    before = norm.moving_mean.numpy()
    model.fit(*data(), epochs=1, verbose=0, callbacks=[QuantizationSchedule(freeze_batch_norm=0)])
    np.testing.assert_array_equal(before, norm.moving_mean.numpy())


def test_steps_count_across_epochs():
    model = compiled(tfedge.quantize(small_net()))
    schedule = QuantizationSchedule(begin=3, freeze_ranges=5, unit="step")
    history = model.fit(*data(), batch_size=32, epochs=3, verbose=0, callbacks=[schedule]).history
    assert history["quantized"] == [0, 1, 1]
    assert history["ranges_frozen"] == [0, 0, 1]


def test_learned_scales_join_the_optimizer_and_its_slots_stay():
    model = compiled(small_net(), "adam")
    model.fit(*data(), epochs=1, verbose=0)
    slots = {v.path: v.numpy() for v in model.optimizer.variables}
    callback = QuantizationAwareTraining(LEARNED)
    callback.set_model(model)
    assert len(model.optimizer.variables) > len(slots)
    for variable in model.optimizer.variables:
        if variable.path in slots:
            np.testing.assert_array_equal(variable.numpy(), slots[variable.path])
    step = model.get_layer("scores").tfedge_ranges[-1].step
    before = step.numpy()
    model.fit(*data(), epochs=1, verbose=0, callbacks=[callback])
    assert np.any(before != step.numpy())
    assert agreement(model).farthest == 0


@pytest.mark.parametrize("scheme", ["int8", LEARNED], ids=["int8", "learned"])
@pytest.mark.parametrize(
    "options", [{"jit_compile": True}, {"steps_per_execution": 2}], ids=["xla", "several_steps"]
)
def test_compiled_steps(options, scheme):
    model = compiled(small_net(), **options)
    model.fit(*data(), epochs=2, verbose=0, callbacks=[QuantizationAwareTraining(scheme, begin=1)])
    assert agreement(model).farthest == 0


def test_xla_trains_to_the_same_weights():
    trained = []
    for jit in (False, True):
        model = compiled(tfedge.quantize(small_net()), "sgd", jit_compile=jit)
        model.fit(*data(), epochs=1, shuffle=False, verbose=0)
        trained.append(_weights(tfedge.strip(model)))
    for plain, jitted in zip(*trained, strict=True):
        np.testing.assert_allclose(plain, jitted, atol=2e-3)


class OutsideTheGraph(layers.Layer):
    """Computes in Python, which XLA cannot compile."""

    def call(self, x):
        return tf.ensure_shape(tf.numpy_function(np.copy, [x], tf.float32), x.shape)


@pytest.mark.parametrize("form", ["layers", "callback"])
def test_exact_inference_is_not_compiled_by_xla(form):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), OutsideTheGraph()])
    x = np.ones((8, 4), np.float32)
    if form == "layers":
        model = tfedge.quantize(model, unknown="float", calibration=x, check=False)
    else:
        tfedge.quantization.register(OutsideTheGraph, "ABS")
        forward = attach(model, schemes.get("int8"), check=False)
        forward.model(x, training=True)
        for operator in operators_of(forward.model):
            operator.phase = TRAIN
    model.compile("sgd", "mse", jit_compile=True)
    model.predict(x, verbose=0)
    model.evaluate(x, np.ones((8, 3), np.float32), verbose=0)
    assert model.jit_compile


def test_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = compiled(tfedge.quantize(small_net()), "adam")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.fit(*data(), epochs=2, verbose=0)
    assert agreement(model).farthest == 0


def test_the_callback_refuses_what_is_quantised():
    model = compiled(tfedge.quantize(small_net()))
    with pytest.raises(TfedgeError, match="QuantizationSchedule"):
        model.fit(*data(), verbose=0, callbacks=[QuantizationAwareTraining()])


def test_the_schedule_needs_quantised_layers():
    with pytest.raises(TfedgeError, match="no quantised layers"):
        compiled(small_net()).fit(*data(), verbose=0, callbacks=[QuantizationSchedule()])


def test_callbacks_come_back_from_their_configs():
    for callback in (
        QuantizationSchedule(1, 2, 3, unit="step"),
        QuantizationAwareTraining(LEARNED, 2, freeze_ranges=4),
    ):
        config = callback.get_config()
        assert type(callback).from_config(config).get_config() == config


def test_killed_and_resumed_training_ends_with_the_same_weights(tmp_path):
    assert_resumes_exactly(Path(__file__).with_name("resumable_quantization.py"), tmp_path)
