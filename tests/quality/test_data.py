"""Data that are not what the model wants are told of."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_digits

import tfedge
from tfedge.errors import QualityError, TfedgeError
from tfedge_converters.evaluation import Evaluation
from tfedge_converters.export import export_keras, input_scales
from tfedge_converters.quality import Limits


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    return (images / 16).astype(np.float32).reshape(-1, 8, 8, 1), labels


@pytest.fixture(scope="module")
def trained(digits):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*digits, epochs=4, verbose=0)
    return model


@pytest.fixture(scope="module")
def classifier(trained):
    return export_keras(trained)


def _converted(model, data, **options):
    return tfedge.convert(model, target="tflite", calibration=data, **options)


def _as_bytes(images):
    return np.round(images * 255).astype(np.uint8)


def test_good_data_are_passed_in_silence(classifier, digits):
    x, y = digits[0][:100], digits[1][:100]
    artifact = _converted(classifier, x, evaluation_data=(x, y), strict=True)
    assert artifact.warnings == artifact.notes == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x: x * 0, "'image' is 0 everywhere, in every sample"),
        (lambda x: x[:1], "ranges come from a single sample"),
        (lambda x: x[:5], "ranges come from 5 samples"),
        (lambda x: x[[3] * 20], "all 20 samples of 'image' are the same"),
    ],
)
def test_poor_data_are_told_of(classifier, digits, change, told):
    data = change(digits[0][:100])
    assert any(told in text for text in _converted(classifier, data).warnings)
    with pytest.raises(QualityError, match=told):
        _converted(classifier, data, strict=True)


def test_images_of_bytes_for_a_model_of_small_numbers(classifier, digits):
    """With other data to compare with it is an error of a kind; without, it may be right."""
    x, y = digits[0][:200], digits[1][:200]
    alone = _converted(classifier, _as_bytes(x), strict=True)
    assert "whole numbers of 0 … 255, as images of 8 bits" in alone.notes[0]
    assert alone.notes[0] in alone.summary()
    compared = _converted(classifier, _as_bytes(x), evaluation_data=(x, y))
    assert compared.evaluation.converted < 0.5 < compared.evaluation.real
    ranges, _, accuracy = compared.warnings
    assert "goes from 0 to 255, but in the evaluation data from 0 to 1" in ranges
    assert accuracy.startswith("accuracy falls from 0.9") and not compared.notes


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_indices_are_no_images(dtype):
    words = keras.Input((6,), dtype=dtype, name="words")
    x = layers.Flatten()(layers.Embedding(250, 4)(words))
    model = keras.Model(words, layers.Dense(3)(x))
    data = np.random.default_rng(0).integers(0, 250, (20, 6))
    assert _converted(model, data).notes == ()


def test_calibrations_are_looked_at_too(classifier, digits, caplog):
    with caplog.at_level("WARNING", logger="absl"):
        tfedge.calibrate(classifier, _as_bytes(digits[0][:20]))
    assert "whole numbers of 0 … 255, as images of 8 bits" in caplog.text
    caplog.clear()
    with caplog.at_level("WARNING", logger="absl"):
        seen = tfedge.calibrate(classifier, digits[0][:20])
        tfedge.calibrate(classifier, digits[0][20:21], resume=seen)
    assert not caplog.records


@pytest.mark.parametrize(
    "first",
    [
        lambda x: layers.Rescaling(1 / 255)(x),
        lambda x: layers.Rescaling(1 / 127.5, offset=-1)(x),
        lambda x: x / 255.0,
        lambda x: keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 255)])(x),
        lambda x: layers.Normalization(mean=127.0, variance=70.0**2)(x),
    ],
)
def test_what_a_model_scales_itself_must_not_be_scaled_before(trained, digits, first):
    image = keras.Input((8, 8, 1), name="raw")
    model = keras.Model(image, trained(first(image)))
    (scale,) = input_scales(model).values()
    assert 1 / 256 <= scale <= 1 / 69
    warning = _converted(model, digits[0][:20]).warnings[0]
    assert "'raw' goes from 0 to 1, and the model multiplies it by 0.0" in warning
    good = _converted(model, _as_bytes(digits[0][:20]))
    assert good.warnings == good.notes == ()


def test_bytes_for_a_model_that_normalises_small_numbers(trained, digits):
    image = keras.Input((8, 8, 1), name="raw")
    model = keras.Model(image, trained(layers.Normalization(mean=0.3, variance=0.09)(image)))
    assert (
        "the model multiplies it by 3.33"
        in _converted(model, _as_bytes(digits[0][:20])).warnings[0]
    )
    assert _converted(model, digits[0][:20]).warnings == ()
    two = keras.Input((8, 8, 1))
    assert input_scales(keras.Model(two, two[:, ::2] + 0 * two[:, ::2])) == {}


def test_samples_and_labels_to_calibrate_with(classifier, digits):
    x, y = digits[0][:400], digits[1][:400]
    artifact = _converted(classifier, (x, y))
    result = artifact.evaluation
    assert result.samples == artifact.quality.samples == 32
    held = slice(7, 256, 8)
    expected = _converted(classifier, x[:70], evaluation_data=(x[held], y[held])).evaluation
    assert result.real == pytest.approx(expected.real, abs=1e-6)
    assert str(result) in artifact.summary()
    # Labels that are none of the metric's are left alone, and this is told.
    unfit = _converted(classifier, (x, y + 0.5))
    assert unfit.evaluation is None
    assert "the labels y of (x, y) were not used" in unfit.notes[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda x: (x, np.zeros(len(x) - 1)), r"20 samples in x, but y of shape \(19,\)"),
        (lambda x: (x, x), r"may be \(x, y\) or two batches: give x alone, or a list"),
        (lambda x: x[:0], "not a single sample"),
        (lambda x: x * np.nan, "'image' has values that are NaN or infinite"),
        (lambda x: x[..., 0, 0], r"takes samples of shape \(8, 8, 1\).*; got \(20, 8\)"),
        (lambda x: [], "not a single sample"),
    ],
)
def test_mistakes(classifier, digits, data, message):
    with pytest.raises(TfedgeError, match=f"^representative data: .*{message}"):
        _converted(classifier, data(digits[0][:20]))


def test_labels_with_several_inputs():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    end = layers.Dense(3, activation="softmax")(layers.Concatenate()([left, right]))
    model = export_keras(keras.Model([left, right], end))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 20, 4)).astype(np.float32), rng.integers(0, 3, 20)
    for given in (([*x], y), ({"left": x[0], "right": x[1]}, y)):
        assert _converted(model, given).evaluation.samples == 20
    for plain in ([*x], tuple(x)):
        assert _converted(model, plain).evaluation is None
    with pytest.raises(TfedgeError, match=r"'right' takes samples of shape \(4,\)"):
        _converted(model, (x[0], y))


def test_evaluation_needs_no_compiler(classifier, digits, monkeypatch):
    x, y = digits[0][:100], digits[1][:100]
    options = {"target": "cortex-m4", "calibration": x, "evaluation_data": (x, y)}
    compiled = tfedge.convert(classifier, **options).evaluation
    monkeypatch.setenv("PATH", "")
    without = tfedge.convert(classifier, **options).evaluation
    assert (compiled.engine, without.engine) == ("c", "tflite-micro")
    assert compiled.converted == without.converted


@pytest.mark.parametrize(
    ("limits", "metric", "values", "complains"),
    [
        (Limits(), "accuracy", (0.9, 0.895), False),
        (Limits(), "accuracy", (0.9, 0.88), True),
        (Limits(), "accuracy", (0.9, 0.95), False),
        (Limits(loss=0.05), "accuracy", (0.9, 0.88), False),
        (Limits(loss=0), "accuracy", (0.9, 0.898), True),
        (Limits(), "mean_absolute_error", (2.0, 2.1), False),
        (Limits(), "mean_absolute_error", (2.0, 2.3), True),
        (Limits(loss=0.2), "mean_absolute_error", (2.0, 2.3), False),
        (Limits(), "accuracy", (None, 0.1), False),
    ],
)
def test_what_a_metric_may_lose(limits, metric, values, complains):
    assert bool(limits.complaint(Evaluation(metric, *values, 1000, "c"))) == complains


def test_one_sample_is_no_loss():
    assert not Limits().complaint(Evaluation("accuracy", 0.9, 0.8, 10, "c"))
    for loss in (-1, "0.1"):
        with pytest.raises(TfedgeError, match="max_loss is 0 or more"):
            Limits(loss=loss)
    with pytest.raises(TfedgeError, match="min_snr is a number of dB, not 'high'"):
        Limits(snr="high")
