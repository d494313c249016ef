"""Saved models of every age open, or say in one line why not."""

from __future__ import annotations

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfedge.errors import ModelFileError, UnsupportedError
from tfedge_converters.export import export_keras, load_keras
from tfedge_converters.graph import read_file, read_model

MLPERF_TINY = ["ad", "ic", "kws", "vww"]


@pytest.mark.parametrize("name", MLPERF_TINY)
def test_mlperf_tiny_models_load_and_export(name, model_file, run_litert):
    model = load_keras(model_file(f"mlperf_tiny/{name}.h5"))
    assert isinstance(model, keras.Model)
    data = export_keras(model)
    exported = read_model(data)
    published = read_file(model_file(f"mlperf_tiny/{name}_float.tflite"))
    assert [t.shape for t in exported.main.inputs] == [t.shape for t in published.main.inputs]
    assert [t.shape for t in exported.main.outputs] == [t.shape for t in published.main.outputs]
    (tensor,) = exported.main.inputs
    x = np.random.default_rng(4).uniform(0, 1, tensor.shape).astype(np.float32)
    (result,) = run_litert(data, x)
    np.testing.assert_allclose(result, model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ic", "vww"])
def test_mlperf_tiny_exports_compute_what_was_published(name, model_file, run_litert):
    """The published kws was trained anew, and the published ad has other biases than its .h5."""
    data = export_keras(load_keras(model_file(f"mlperf_tiny/{name}.h5")))
    published = model_file(f"mlperf_tiny/{name}_float.tflite").read_bytes()
    (tensor,) = read_model(data).main.inputs
    x = np.random.default_rng(4).uniform(0, 1, tensor.shape).astype(np.float32)
    ours, theirs = run_litert(data, x), run_litert(published, x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def _legacy(*layers):
    return tf_keras.Sequential([tf_keras.Input((8, 8, 3)), *layers])


def _computes_the_same(model, other):
    x = np.random.default_rng(6).normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(model(x)), np.asarray(other(x)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_files_of_keras_3(tmp_path, suffix):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    model.save(tmp_path / f"model{suffix}")
    _computes_the_same(load_keras(tmp_path / f"model{suffix}"), model)


@pytest.mark.parametrize(
    "layer",
    [
        tf_keras.layers.DepthwiseConv2D(3),
        tf_keras.layers.SeparableConv2D(4, 3),
        tf_keras.layers.Conv2DTranspose(4, 3),
        tf_keras.layers.BatchNormalization(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_hdf5_files_of_keras_2_become_keras_3(tmp_path, layer):
    model = _legacy(layer)
    model.save(tmp_path / "model.h5")
    loaded = load_keras(tmp_path / "model.h5")
    assert type(loaded.layers[0]) is getattr(keras.layers, type(layer).__name__)
    _computes_the_same(loaded, model)


def test_an_activation_that_changed_its_meaning_stays_what_it_was(tmp_path):
    model = _legacy(tf_keras.layers.Activation("hard_sigmoid"))
    model.save(tmp_path / "model.h5")
    _computes_the_same(load_keras(tmp_path / "model.h5"), model)


def test_files_that_only_tf_keras_reads(tmp_path):
    model = _legacy(tf_keras.layers.Flatten(), tf_keras.layers.ThresholdedReLU(0.5))
    for name in ("model.keras", "model.h5", "folder"):
        model.save(tmp_path / name)
        loaded = load_keras(tmp_path / name)
        assert isinstance(loaded, tf_keras.Model)
        _computes_the_same(loaded, model)
    assert read_model(export_keras(loaded)).main.outputs[0].shape == (1, 192)


def _edit(path, change):
    """Changes the config of the second layer in an HDF5 file."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"][1])
        file.attrs["model_config"] = json.dumps(config)


def test_depthwise_groups_are_refused(tmp_path):
    _legacy(tf_keras.layers.DepthwiseConv2D(3, name="odd")).save(tmp_path / "model.h5")
    _edit(tmp_path / "model.h5", lambda layer: layer["config"].update(groups=3))
    with pytest.raises(UnsupportedError, match=r"model\.h5: layer 'odd' is a DepthwiseConv2D"):
        load_keras(tmp_path / "model.h5")


def test_classes_of_keras_2_that_nobody_registered(tmp_path):
    x = tf_keras.Input((8, 8, 3))
    y = tf_keras.layers.ReLU()(x) + 1.0  # an operation, which Keras 3 does not know either
    tf_keras.Model(x, y).save(tmp_path / "model.h5")
    _edit(tmp_path / "model.h5", lambda layer: layer.update(class_name="MyLayer"))
    with pytest.raises(UnsupportedError, match=r"uses 'MyLayer'.*custom_objects"):
        load_keras(tmp_path / "model.h5")


def test_classes_of_keras_3_that_nobody_registered(tmp_path):
    class Unregistered(keras.layers.Layer):
        def call(self, x):
            return x + 1.0

    keras.Sequential([keras.Input((8, 8, 3)), Unregistered()]).save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedError, match=r"uses '[\w.]*Unregistered'.*custom_objects"):
        load_keras(tmp_path / "model.keras")


@keras.saving.register_keras_serializable("tests")
class Registered(keras.layers.Layer):
    def call(self, x):
        return x * 3.0


def test_registered_classes_need_nothing(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), Registered()])
    model.save(tmp_path / "model.keras")
    _computes_the_same(load_keras(tmp_path / "model.keras"), model)


def test_code_in_a_file_does_not_run(tmp_path):
    model = _legacy(tf_keras.layers.Lambda(lambda x: x * 2.0))
    for name in ("model.h5", "model.keras", "folder"):
        model.save(tmp_path / name)
        with pytest.raises(UnsupportedError, match=r"Lambda layer.*--allow-code"):
            load_keras(tmp_path / name)


def _weights_only(path):
    _legacy(tf_keras.layers.Conv2D(2, 3)).save_weights(path)


def _truncated_hdf5(path):
    _legacy(tf_keras.layers.Conv2D(2, 3)).save(path)
    path.write_bytes(path.read_bytes()[:3000])


def _broken_saved_model(path):
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"no protocol buffer")


def _text(path):
    path.write_text("no model")


def _archive_of_something(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no model")


def _archive_without_weights(path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist() if name.endswith("json")}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("missing.keras", lambda path: None, "there is no such file"),
        ("note.h5", _text, "a text file, not a model"),
        ("model.weights.h5", _weights_only, "holds weights but no model"),
        ("cut.h5", _truncated_hdf5, "truncated or corrupt"),
        ("broken", _broken_saved_model, "truncated or corrupt"),
        ("empty", lambda path: path.mkdir(), "a folder without a model"),
        ("other.keras", _archive_of_something, "a zip archive without a model"),
        ("half.keras", _archive_without_weights, "Keras cannot open it"),
    ],
)
def test_files_without_a_model(tmp_path, name, make, message):
    path = tmp_path / name
    make(path)
    with pytest.raises(ModelFileError, match=message) as caught:
        load_keras(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_variables_of_a_saved_model_are_loaded(tmp_path, run_litert):
    model = _legacy(tf_keras.layers.Conv2D(2, 3, bias_initializer="ones", name="out"))
    model.save(tmp_path / "folder")
    data = export_keras(load_keras(tmp_path / "folder"))
    x = np.ones((1, 8, 8, 3), np.float32)
    (result,) = run_litert(data, x)
    np.testing.assert_allclose(result, model(tf.constant(x)), rtol=1e-5)
