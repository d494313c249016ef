"""Models measured before and after conversion."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.cli import main
from tfedge_converters.metrics import accuracy

layers = keras.layers


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    x = (images / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    return x, labels


@pytest.fixture(scope="module")
def classifier(digits):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*digits, epochs=4, verbose=0)
    return model


@pytest.mark.parametrize(
    ("target", "engine"),
    [("host", "c"), ("tflite-micro", "tflite-micro"), ("tflite", "litert-reference")],
)
def test_both_sides_are_measured(classifier, digits, target, engine):
    x, y = digits[0][:300], digits[1][:300]
    artifact = tfedge.convert(classifier, target=target, calibration=x, evaluation_data=(x, y))
    result = artifact.evaluation
    assert (result.engine, result.samples, result.metric) == (engine, 300, "accuracy")
    assert result.real == pytest.approx(classifier.evaluate(x, y, verbose=0)[1], abs=1e-6)
    assert result.real > 0.85
    assert abs(result.converted - result.real) <= 0.02
    assert str(result) in artifact.summary()


def test_without_a_compiler_tflite_micro_computes_the_same(
    classifier, digits, monkeypatch, tmp_path
):
    x, y = digits[0][:100], digits[1][:100]
    artifact = tfedge.convert(classifier, calibration=x, evaluation_data=(x, y))
    monkeypatch.setenv("PATH", str(tmp_path))
    again = tfedge.convert(artifact.flatbuffer, evaluation_data=(x, y)).evaluation
    assert (artifact.evaluation.engine, again.engine) == ("c", "tflite-micro")
    assert again.converted == artifact.evaluation.converted


def test_what_is_measured_is_the_artifact(classifier, digits):
    """A hopeless grid must show."""
    x, y = digits[0][:200], digits[1][:200]
    artifact = tfedge.convert(
        classifier, target="tflite", calibration=x * 1e-3, evaluation_data=(x, y)
    )
    assert artifact.evaluation.converted < artifact.evaluation.real - 0.2


def test_labels_may_be_one_hot_and_metrics_may_be_keras_or_anyones(classifier, digits):
    x, y = digits[0][:60], digits[1][:60]
    one_hot = np.eye(10)[y]

    def share_of_zeros(labels, outputs):
        assert outputs.shape == (60, 10)
        return np.mean(outputs.argmax(axis=-1) == 0)

    values = {}
    for metric in ("accuracy", "categorical_crossentropy", "mean_absolute_error", share_of_zeros):
        result = tfedge.convert(
            classifier, target="tflite", calibration=x, evaluation_data=(x, one_hot), metric=metric
        ).evaluation
        values[result.metric] = result
        assert result.converted == pytest.approx(result.real, abs=0.05)
    predicted = classifier.predict(x, verbose=0)
    assert values["mean_absolute_error"].real == pytest.approx(np.abs(predicted - one_hot).mean())
    assert values["share_of_zeros"].real == np.mean(predicted.argmax(axis=-1) == 0)


def test_integer_models_are_measured_with_real_inputs(classifier, digits):
    x, y = digits[0][:100], digits[1][:100]
    first = tfedge.convert(classifier, target="tflite", calibration=x, evaluation_data=(x, y))
    again = tfedge.convert(first.flatbuffer, target="tflite", evaluation_data=(x, y))
    assert again.evaluation.real is None
    assert again.evaluation.converted == first.evaluation.converted


def test_the_command_line(classifier, digits, tmp_path, capsys):
    classifier.save(tmp_path / "net.keras")
    np.savez(tmp_path / "data.npz", x=digits[0][:100], y=digits[1][:100])
    data = str(tmp_path / "data.npz")
    arguments = ["convert", str(tmp_path / "net.keras"), "--output", str(tmp_path / "out")]
    arguments += ["--target", "tflite", "--calibration", data]
    assert main([*arguments, "--evaluation", data]) == 0
    assert "before conversion" in capsys.readouterr().out
    assert main([*arguments, "--evaluation", data, "--metric", "beauty"]) == 2
    assert "there is no metric 'beauty'" in capsys.readouterr().err


X = np.zeros((3, 8, 8, 1), np.float32)


@pytest.mark.parametrize(
    ("data", "metric", "message"),
    [
        ((X, [0, 1]), "accuracy", "3 samples, but labels of shape"),
        ((X, [0, 1, 10]), "accuracy", "labels go from 0 to 10, .* classes 0 to 9"),
        ((X, [0, 1, 0.5]), "accuracy", "no whole numbers"),
        ((X, np.zeros((3, 4))), "accuracy", r"labels of shape \(3, 4\) do not fit"),
        ((X, ["a", "b", "c"]), "accuracy", "labels are numbers"),
        (X, "accuracy", r"give \(x, y\)"),
        ((X[:, :7], [0, 1, 2]), "accuracy", "takes samples of shape"),
        ((X, [0, 1, 2]), "beauty", "there is no metric 'beauty'"),
        ((X, [0, 1, 2]), lambda labels, outputs: outputs, "the metric fails"),
        ("none.npz", "accuracy", "none.npz: cannot be read"),
    ],
)
def test_mistakes(classifier, digits, data, metric, message):
    with pytest.raises(TfedgeError, match=message):
        tfedge.convert(
            classifier,
            target="tflite",
            calibration=digits[0][:9],
            evaluation_data=data,
            metric=metric,
        )


def test_one_output_means_two_classes():
    outputs = np.array([[0.2], [0.7], [0.5], [0.9]])
    assert accuracy(np.array([0, 1, 1, 1]), outputs) == 0.75
    assert accuracy(np.array([[0], [1], [0], [1]]), outputs) == 1.0
