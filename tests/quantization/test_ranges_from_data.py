"""Ranges that a quantised model finds in data, before any training."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
from keras import layers

import tfedge
from tfedge.calibration import METHODS
from tfedge.errors import TfedgeError
from tfedge.quantization.phase import TRAIN

X = np.random.default_rng(0).normal(size=(96, 6, 4)).astype(np.float32)


def _model():
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 4), name="x")
    y = layers.Dense(5, activation="relu")(x)
    return keras.Model(x, layers.Multiply()([y, layers.Dense(5)(y)]))


def _ranges(quantized):
    return [operator.quantizer.known_range() for operator in quantized.quantized_operators()]


def _grids(artifact):
    tensors = [artifact.model.main.inputs[0]]
    tensors += [operator.outputs[0] for operator in artifact.model.main.operators]
    return [(float(t.quantization.scale[0]), int(t.quantization.zero_point[0])) for t in tensors]


@pytest.mark.parametrize("method", METHODS)
def test_grids_are_those_of_conversion(method):
    model = _model()
    few = X[:48]  # of 64 and more, conversion holds some back, to measure itself on
    quantized = tfedge.quantize(model, calibration=few, calibration_method=method)
    mine = _grids(tfedge.convert(quantized))
    theirs = _grids(tfedge.convert(model, calibration=few, calibration_method=method))
    assert len(mine) == len(theirs) == 4
    np.testing.assert_allclose(mine, theirs, rtol=1e-5)


class _Rows(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, place):
        return X[24 * place : 24 * place + 24], np.zeros(24)


def test_data_come_from_anywhere(tmp_path):
    import tensorflow as tf

    np.savez(tmp_path / "x.npz", x=X)
    model = _model()
    wanted = _ranges(tfedge.quantize(model, calibration=X))
    for data in (
        lambda: iter(X),
        str(tmp_path / "x.npz"),
        _Rows(),
        {"x": X},
        tf.data.Dataset.from_tensor_slices((X, X)).batch(20),
    ):
        assert _ranges(tfedge.quantize(model, calibration=data)) == wanted


def test_wrong_data_leave_ranges_as_they_are():
    quantized = tfedge.quantize(_model(), calibration=X)
    before = _ranges(quantized)
    broken = 9 * X
    broken[-1] = np.nan
    for data, message in (
        (broken, "NaN or infinite"),
        (np.full((2, 6, 4), 1e38, np.float32), "becomes NaN or infinite in the float model"),
        (X[:0], "not a single sample"),
        (X[:, 0], r"takes samples of shape \(6, 4\)"),
        ("none.npz", "cannot be read"),
        (3, "cannot be used"),
    ):
        with pytest.raises(TfedgeError, match=message):
            quantized.calibrate(data)
    with pytest.raises(TfedgeError, match="at least 10 samples, and saw 4"):
        quantized.calibrate(X[:4], "mse")
    assert _ranges(quantized) == before


def test_sizes_may_be_open_or_fixed():
    x = keras.Input((None, 4))
    dense = layers.Dense(2)
    opened = tfedge.quantize(keras.Model(x, dense(x)), calibration=[X[:8], X[8:, :3]])
    x = keras.Input(batch_shape=(5, 6, 4))
    fixed = tfedge.quantize(keras.Model(x, dense(x)), calibration=X[:90])
    assert _ranges(opened)[0] == (
        min(X[:8].min(), X[8:, :3].min()),
        max(X[:8].max(), X[8:, :3].max()),
    )
    assert _ranges(fixed)[0] == (X[:90].min(), X[:90].max())
    with pytest.raises(TfedgeError, match="takes 5 samples at a time; the data have 3"):
        fixed.calibrate(X[:3])


def test_the_callback_has_the_same_ranges():
    wanted = _ranges(tfedge.quantize(_model(), calibration=X, calibration_method="mse"))
    model = _model()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    callback = tfedge.callbacks.QuantizationAwareTraining(
        calibration=_Rows(), calibration_method="mse", freeze_ranges=0, inference="simulated"
    )
    model.fit(X, np.zeros((96, 6, 5)), verbose=0, callbacks=[callback])
    np.testing.assert_allclose(_ranges(callback.quantized_model()), wanted, rtol=1e-5)
    again = type(callback).from_config(callback.get_config())
    assert (again.calibration_method, again.inference) == ("mse", "simulated")


def test_inference_is_exact_or_simulated(tmp_path):
    model = _model()
    quantized = tfedge.quantize(model, calibration=X, inference="simulated")
    path = tmp_path / "model.keras"
    quantized.save(path)
    again = keras.models.load_model(path)
    assert again.inference == "simulated"
    simulated = again.predict(X, verbose=0)
    np.testing.assert_array_equal(simulated, quantized.predict(X, verbose=0))
    again.inference = "exact"
    exact = again.predict(X, verbose=0)
    step = float(quantized.quantized_operators()[-1].quantizer.grid().scale)
    np.testing.assert_array_equal(
        exact, tfedge.quantize(model, calibration=X).predict(X, verbose=0)
    )
    assert 0 < np.abs(exact - simulated).max() < 2.5 * step
    with pytest.raises(TfedgeError, match="'exact' or 'simulated'"):
        again.inference = "fast"


def _attending(masked):
    """Scores and what `masked` makes of them and of another input, in front of a softmax."""
    x, mask = keras.Input((6, 4), name="x"), keras.Input((1, 6), name="mask")
    scores = keras.ops.matmul(layers.Dense(4)(x), keras.ops.transpose(x, (0, 2, 1)))
    weights = keras.ops.softmax(masked(scores, mask), axis=-1)
    return keras.Model([x, mask], keras.ops.matmul(weights, layers.Dense(5)(x)))


def test_a_range_that_holds_no_numbers_besides_its_end_is_warned_of():
    keep = (np.arange(6) < 4).astype(np.float32).reshape(1, 1, 6).repeat(len(X), 0)
    added = _attending(lambda scores, mask: scores + mask)
    with pytest.warns(UserWarning, match=r"'add\w*' alone leaves .* dB .*a mask as booleans"):
        tfedge.quantize(added, calibration=[X, (1 - keep) * np.float32(-1e9)])
    chosen = _attending(lambda scores, mask: keras.ops.where(mask > 0.5, scores, -1e9))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        tfedge.quantize(chosen, calibration=[X, keep])


def test_what_loses_too_much_is_named_with_its_range():
    x = keras.Input((6, 4))
    squares = keras.ops.mean(keras.ops.square(layers.Dense(4)(x)), -1, keepdims=True)
    model = keras.Model(x, layers.Dense(2)(x / keras.ops.sqrt(squares + 1e-6)))
    uneven = X * np.logspace(-3, 2, len(X), dtype=np.float32)[:, None, None]
    with pytest.warns(UserWarning, match=r"its 8 bits span .* … .*, or give its layer 16 bits"):
        quantized = tfedge.quantize(model, calibration=uneven)
    assert all(operator.phase == TRAIN for operator in quantized.quantized_operators())
