"""What a quantised model is to its user: names, weights, files, refusals."""

from __future__ import annotations

import errno
import os

import keras
import numpy as np
import pytest
from bright_quarters import compiled
from device_agreement import agreement
from processor_support import needs_channels_first
from training_cases import CLASSES, SHAPE, data, small_net

import tfedge
from tfedge.callbacks import QuantizationAwareTraining
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization import ActivationScheme, Scheme, WeightScheme

layers = keras.layers


@pytest.fixture(scope="module")
def trained():
    model = compiled(tfedge.quantize(small_net()), metrics=["accuracy"])
    model.fit(*data(), epochs=2, verbose=0)
    return model


def test_layers_keep_their_names_and_weights():
    model = small_net()
    quantized = tfedge.quantize(model)
    for name in ("first", "depthwise", "sum", "mean", "scores"):
        assert quantized.get_layer(name) is not None
    assert quantized.get_layer("first").layer is model.get_layer("first")
    assert {id(v) for v in model.trainable_variables} == {
        id(v) for v in quantized.trainable_variables
    }


def test_strip_gives_the_trained_model_back(trained):
    plain = tfedge.strip(trained)
    images, labels = data()
    compiled(plain, metrics=["accuracy"])
    assert plain.evaluate(images, labels, verbose=0)[1] == pytest.approx(
        trained.evaluate(images, labels, verbose=0)[1], abs=0.05
    )
    assert not any(isinstance(layer, tfedge.layers.Quantize) for layer in plain.layers)


def test_a_file_needs_no_custom_objects(trained, tmp_path):
    trained.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images, _ = data()
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), trained.predict(images, verbose=0)
    )


def test_weights_travel_alone(trained, tmp_path):
    trained.save_weights(tmp_path / "trained.weights.h5")
    other = tfedge.quantize(small_net(seed=9))
    other.load_weights(tmp_path / "trained.weights.h5")
    images, _ = data()
    np.testing.assert_array_equal(
        other.predict(images, verbose=0), trained.predict(images, verbose=0)
    )


def test_a_save_that_fails_leaves_the_old_file(trained, tmp_path, monkeypatch):
    from keras.src.saving import saving_lib

    def fails(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    saves = {"model.keras": trained.save, "trained.weights.h5": trained.save_weights}
    for name in saves:
        (tmp_path / name).write_bytes(b"old")
    monkeypatch.setattr(saving_lib, "_save_state", fails)
    for name, save in saves.items():
        with pytest.raises(TfedgeError, match=f"{name}: cannot be written: No space left"):
            save(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == set(saves)
    assert all((tmp_path / name).read_bytes() == b"old" for name in saves)
    monkeypatch.undo()
    trained.save_weights(tmp_path / "trained.weights.h5")
    assert (tmp_path / "trained.weights.h5").stat().st_size > 1000


def test_checkpoints_of_the_float_model_load(tmp_path):
    model = small_net(seed=3)
    model.save_weights(tmp_path / "float.weights.h5")
    quantized = tfedge.quantize(small_net(seed=4))
    quantized.load_weights(tmp_path / "float.weights.h5")
    for mine, other in zip(tfedge.strip(quantized).weights, model.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


def test_predicting_before_ranges_are_known_is_refused():
    with pytest.raises(TfedgeError, match="calibrate"):
        tfedge.quantize(small_net()).predict(data()[0], verbose=0)


def test_converting_before_ranges_are_known_is_refused():
    with pytest.raises(TfedgeError, match="range of 'image_quantize' is not known"):
        tfedge.convert(tfedge.quantize(small_net()))


def test_calibration_alone_makes_a_model_that_converts():
    quantized = tfedge.quantize(small_net(), calibration=data()[0])
    assert agreement(quantized).farthest == 0


@pytest.mark.parametrize(
    "scheme",
    [
        Scheme("narrow", WeightScheme(bits=3)),
        Scheme("four", WeightScheme(bits=4)),
        Scheme("old", WeightScheme(per_channel_dense=False)),
        Scheme("steps", WeightScheme(quantizer="learned_step")),
        Scheme("bounds", activations=ActivationScheme(quantizer="learned_range")),
        Scheme("percentile", activations=ActivationScheme(quantizer="percentile")),
        Scheme("mixed", overrides={"scores": WeightScheme(bits=4)}),
    ],
    ids=lambda scheme: scheme.name,
)
def test_every_scheme_is_exact_on_the_device(scheme):
    quantized = compiled(tfedge.quantize(small_net(), scheme))
    quantized.fit(*data(), epochs=2, verbose=0)
    assert agreement(quantized).farthest == 0


def test_learned_scales_reach_the_file_as_they_are():
    scheme = Scheme("steps", WeightScheme(quantizer="learned_step"))
    quantized = compiled(tfedge.quantize(small_net(), scheme))
    before = quantized.get_layer("scores").operators[0].weight_quantizer.step.numpy().copy()
    quantized.fit(*data(), epochs=2, verbose=0)
    operator = quantized.get_layer("scores").operators[0]
    learned = operator.weight_quantizer.step.numpy()
    assert np.any(learned != before)
    dense = tfedge.convert(quantized).model.main.operators[-1]
    np.testing.assert_array_equal(dense.inputs[1].quantization.scale, np.abs(learned))


def test_int16_activations_stay_close():
    quantized = compiled(tfedge.quantize(small_net(), "int16x8"))
    quantized.fit(*data(), epochs=1, verbose=0)
    images, _ = data()
    plain = tfedge.strip(quantized).predict(images, verbose=0)
    wide = quantized.predict(images, verbose=0)
    assert np.abs(wide - plain).max() < 0.1 * np.abs(plain).max()


def test_single_layers_follow_a_predicate():
    quantized = tfedge.quantize(
        small_net(),
        weights=lambda layer: WeightScheme(bits=4) if layer.name == "scores" else None,
    )
    bits = {
        layer.name: layer.operators[0].weight_quantizer.scheme.bits
        for layer in quantized.layers
        if layer.name in ("first", "scores")
    }
    assert bits == {"first": 8, "scores": 4}


def test_the_report_says_what_became_of_every_layer():
    report = {name: what for name, _, what in tfedge.quantize(small_net()).report}
    assert report["first"] == "with first_norm, first_relu"
    assert set(report) == {"first", "depthwise", "sum", "mean", "dropout", "scores"}


class Twist(layers.Layer):
    """A layer that tfedge has never heard of."""

    def call(self, x):
        import tensorflow as tf

        return tf.tanh(x)

    def compute_output_shape(self, shape):
        return shape


def _twisted():
    return keras.Sequential([keras.Input(SHAPE), Twist(name="twist"), layers.Flatten()])


def test_unknown_layers_are_refused_by_name():
    with pytest.raises(UnsupportedError, match=r"layer 'twist' \(Twist\).*register"):
        tfedge.quantize(_twisted())


class RootMeanSquare(layers.Layer):
    """A norm as users write it."""

    def call(self, x):
        squares = keras.ops.mean(keras.ops.square(x), -1, keepdims=True)
        return x * keras.ops.rsqrt(squares + 1e-6)


def test_norms_of_users_are_computed_beside_zeros():
    x = np.random.default_rng(0).normal(size=(64, 6, 8)).astype(np.float32)
    inputs = keras.Input((6, 8))
    model = keras.Model(inputs, layers.Dense(4)(RootMeanSquare()(inputs)))
    quantized = tfedge.quantize(model, calibration=x)
    wanted, found = model.predict(x, verbose=0), quantized.predict(x, verbose=0)
    assert 10 * np.log10(np.mean(wanted**2) / np.mean((found - wanted) ** 2)) > 28
    assert agreement(quantized).farthest == 0


def test_slices_that_leave_nothing_are_refused_by_name():
    images = keras.Input(SHAPE)
    model = keras.Model(images, layers.Dense(2)(images[:, 0, 4:2]))
    with pytest.raises(UnsupportedError, match=r"operation 'get_item.*' \(GetItem\).*is empty"):
        tfedge.quantize(model)


def test_biases_that_keras_adds_along_another_axis_are_refused():
    needs_channels_first()
    numbers = keras.Input((5, 4))
    layer = layers.Conv1D(2, 1, strides=2, data_format="channels_first", name="strided")
    model = keras.Model(numbers, layer(numbers))
    layer.bias.assign([1.0, 2.0])
    along_channels = layer.kernel.numpy()[0].T @ np.ones((5, 2), np.float32) + [[1.0], [2.0]]
    assert not np.allclose(model(np.ones((1, 5, 4), np.float32))[0], along_channels)
    with pytest.raises(UnsupportedError, match=r"layer 'strided' \(Conv1D\).*use channels_last"):
        tfedge.quantize(model)


def test_crops_that_keras_leaves_out_in_inference_are_refused():
    images = keras.Input((9, 8, 3))
    crop = layers.RandomCrop(6, 5, name="crop")
    model = keras.Model(images, crop(images))
    assert crop(np.zeros((1, 9, 8, 3), np.float32), training=False).shape == (1, 9, 8, 3)
    with pytest.raises(UnsupportedError, match=r"'crop'.*all 9 x 8 pixels.*CenterCrop"):
        tfedge.quantize(model)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: keras.ops.conv(x, x[0, :2, :2, :, None]), "two activations"),
        (lambda x: keras.ops.cumsum(x), "not the batch's"),
        (lambda x: keras.ops.cumsum(x[:, :, :1], 0), "not the batch's"),
    ],
)
def test_operations_without_a_kernel_are_refused_with_the_reason(function, words):
    images = keras.Input((9, 8, 3))
    with pytest.raises(UnsupportedError, match=words):
        tfedge.quantize(keras.Model(images, function(images)))


def test_unknown_layers_stay_in_float_where_asked():
    quantized = tfedge.quantize(_twisted(), unknown="float")
    assert ("twist", "Twist", "in float: not a kind that can be quantised") in quantized.report
    quantized.calibrate(data()[0])
    assert quantized.predict(data()[0], verbose=0).shape == (64, 128)


def test_registered_layers_convert():
    class Shrink(Twist):
        """A layer of the user's own."""

    tfedge.quantization.register(Shrink, "TANH", result="fixed")
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3), Shrink()])
    result = agreement(tfedge.quantize(model, calibration=np.eye(6, dtype=np.float32)))
    assert result.codes == ["FULLY_CONNECTED", "TANH"]
    assert result.farthest <= 1


def test_models_quantised_by_keras_are_refused():
    model = small_net()
    model.quantize("int8")
    with pytest.raises(TfedgeError, match="quantised by Keras"):
        tfedge.quantize(model)


def _dense_net():
    return keras.Sequential([keras.Input((6,)), layers.Dense(4, name="dense")])


def test_models_quantised_by_keras_are_not_converted():
    model = _dense_net()
    model.quantize("int8")
    with pytest.raises(TfedgeError, match="quantised by Keras"):
        tfedge.convert(model, calibration=np.ones((4, 6), np.float32))


def test_low_rank_adapters_are_added_to_their_weights():
    model = _dense_net()
    layer = model.get_layer("dense")
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
    x = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    quantized = tfedge.quantize(model, calibration=x)
    found, wanted = (np.asarray(one(x, training=False)) for one in (quantized, model))
    assert np.mean(wanted**2) > 1000 * np.mean((found - wanted) ** 2)


class AsksForValues(keras.Model):
    """Decides in Python what it computes."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x) if keras.ops.sum(x) > 0 else self.dense(-x)


def test_a_call_that_asks_for_values_is_refused_for_that():
    model = AsksForValues()
    model(np.ones((2, 6), np.float32))
    with pytest.raises(UnsupportedError, match=r"`if tensor:`.*keras\.ops\.cond"):
        tfedge.quantize(model)


class NeverAsksWhetherItTrains(keras.Model):
    """Has a call without `training`."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x)


def test_a_call_without_training_trains_for_integers():
    model = NeverAsksWhetherItTrains()
    x = np.random.default_rng(0).normal(size=(16, 6)).astype("f")
    model(x)
    model.compile("sgd", "mse")
    model.fit(x, x[:, :4], verbose=0, callbacks=[QuantizationAwareTraining()])
    predicted = model.predict(x, verbose=0)
    assert len(np.unique(predicted)) < predicted.size
    plain = tfedge.strip(model)
    assert not plain._call_has_training_arg
    assert np.any(plain.predict(x, verbose=0) != predicted)


def test_legacy_files_are_refused_before_they_are_written(tmp_path):
    with pytest.raises(TfedgeError, match=r"\.keras"):
        tfedge.quantize(_dense_net()).save(tmp_path / "m.h5")
    assert not (tmp_path / "m.h5").exists()


def test_quantising_twice_is_refused():
    with pytest.raises(TfedgeError, match="quantised already"):
        tfedge.quantize(tfedge.quantize(small_net()))


def test_wrappers_by_hand_make_the_same_model():
    quantize = tfedge.layers.Quantize
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            tfedge.layers.QuantizeInput(),
            quantize(
                layers.Conv2D(4, 3, use_bias=False),
                batch_norm=layers.BatchNormalization(),
                activation="relu",
            ),
            quantize(layers.Flatten()),
            quantize(layers.Dense(CLASSES), "int4"),
        ]
    )
    compiled(model).fit(*data(), epochs=1, verbose=0)
    result = agreement(model)
    assert result.codes == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]
    assert result.farthest == 0


def test_a_wrapper_without_quantised_input_says_so():
    model = keras.Sequential([keras.Input((3,)), tfedge.layers.Quantize(layers.Dense(2))])
    with pytest.raises(TfedgeError, match="QuantizeInput"):
        model.predict(np.zeros((2, 3), np.float32), verbose=0)
