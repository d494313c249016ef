"""Files are what they hold, whatever they are called; what is no model is named as what it is."""

from __future__ import annotations

import shutil
import zipfile

import keras
import numpy as np
import pytest
from random_graphs import random_model

import tfedge
from tfedge.errors import ModelFileError
from tfedge_converters.file_kinds import FileKind, kind_of
from tfedge_converters.graph import write_model


def _zip(*names):
    def make(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"x")

    return make


def _bytes(content):
    return lambda path: path.write_bytes(content)


def _folder(*names):
    def make(path):
        path.mkdir()
        for name in names:
            (path / name).write_bytes(b"x")

    return make


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("net.keras", lambda path: None, "there is no such file or folder"),
        ("net.tflite", _bytes(b""), "the file is empty"),
        ("net.keras", _bytes(b""), "the file is empty"),
        ("net.onnx", _bytes(b"\x08\x07\x12\x07pytorch\x1a\x03"), "an ONNX model.*onnx2tf"),
        ("net.bin", _bytes(b"\x08\x08\x12\x06tf2onnx\x1a\x03"), "an ONNX model"),
        ("net.pt", _zip("net/data.pkl", "net/version"), "a PyTorch model.*litert-torch"),
        ("net.pth", _bytes(b"\x80\x02\x8a\x0al\xfc"), "a PyTorch model or another pickle"),
        ("net.pte", _bytes(b"\0\0\0\0ET12\xff\xff"), "an ExecuTorch program"),
        ("net.zip", _zip("net/saved_model.pb"), "a zipped SavedModel; unpack it"),
        ("net.task", _zip("a.tflite", "b.txt"), "an archive with models inside"),
        ("net.keras", _zip("readme.txt"), "a zip archive without a model"),
        ("net.keras", _bytes(b"PK\x03\x04cut"), "a truncated or corrupt archive"),
        ("net.h5", _bytes(b"<!DOCTYPE html><html>"), "a web page, not a model"),
        ("net.tflite", _bytes(b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        ("net.json", _bytes(b'{"class_name": "Functional"}'), "without its weights"),
        ("net.h5", _bytes("Überschrift\n".encode()), "a text file, not a model"),
        ("net.tflite", _bytes(b"\x1f\x8b\x08\x00"), "compressed with gzip"),
        ("net.pb", _bytes(b"\x0a\xff\x00\x01"), "a TensorFlow graph; give the SavedModel folder"),
        ("net.tflite", _bytes(bytes(range(130, 250))), "nor a TFLite flatbuffer"),
        ("net", _folder("notes.txt"), "a folder without a model; give"),
        ("net", _folder("net.tflite"), "though it holds net.tflite"),
    ],
)
def test_what_is_no_model_is_named(tmp_path, name, make, words):
    path = tmp_path / name
    make(path)
    for use in (kind_of, tfedge.convert):
        with pytest.raises(ModelFileError, match=words) as caught:
            use(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_arrays_are_no_model(tmp_path):
    np.savez(tmp_path / "x.npz", np.zeros(3))
    np.save(tmp_path / "x.npy", np.zeros(3))
    for name in ("x.npz", "x.npy"):
        with pytest.raises(ModelFileError, match="of numpy"):
            kind_of(tmp_path / name)


def test_bytes_are_named_too():
    with pytest.raises(ModelFileError, match=r"TFL3.*a truncated or corrupt archive"):
        tfedge.convert(b"PK\x03\x04cut")


def test_a_flatbuffer_under_any_name(tmp_path):
    path = tmp_path / "net.bin"
    path.write_bytes(write_model(random_model("relu", 1, 1)))
    assert kind_of(path) is FileKind.TFLITE
    assert tfedge.convert(path).name == "net"
    assert tfedge.verify(path, samples=1, engines=["c"]).passed


def test_keras_files_under_each_others_names(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save(tmp_path / "right.keras")
    model.save(tmp_path / "right.h5")
    shutil.copyfile(tmp_path / "right.keras", tmp_path / "archive.h5")
    shutil.copyfile(tmp_path / "right.h5", tmp_path / "hdf5.keras")
    right = tfedge.convert(model, target="tflite", quantization="float32").flatbuffer
    for name, kind in (("archive.h5", FileKind.KERAS_ARCHIVE), ("hdf5.keras", FileKind.HDF5)):
        assert kind_of(tmp_path / name) is kind
        artifact = tfedge.convert(tmp_path / name, target="tflite", quantization="float32")
        assert artifact.name == name.split(".")[0]
        assert len(artifact.flatbuffer) == len(right)
