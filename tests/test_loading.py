"""An artifact predicts and evaluates, and comes back from its folder as it was."""

from __future__ import annotations

import json

import numpy as np
import pytest
from random_graphs import random_model

import tfedge
from tfedge.errors import ModelFileError, TfedgeError
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_micro


@pytest.fixture(scope="module")
def flatbuffer():
    return write_model(random_model("softmax", 1, 1))


@pytest.fixture(scope="module")
def artifact(flatbuffer):
    return tfedge.convert(flatbuffer, target="cortex-m4", name="net", optimize="size")


@pytest.fixture(scope="module")
def x(artifact):
    shape = artifact.model.main.inputs[0].shape[1:]
    return np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)


@pytest.fixture
def saved(artifact, tmp_path):
    artifact.save(tmp_path)
    return tmp_path


def test_predictions_are_those_of_the_reference(artifact, flatbuffer, x):
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    entry, end = artifact.model.main.inputs[0], artifact.model.main.outputs[0]
    scale, zero = entry.quantization.scale[0], entry.quantization.zero_point[0]
    integers = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)
    samples = [[row[None]] for row in integers]
    right = np.concatenate([outputs[0] for outputs in run_micro(flatbuffer, samples)])
    right = (right.astype(np.float64) - end.quantization.zero_point[0]) * end.quantization.scale[0]
    for engine in (None, "c", "tflite-micro", "stepwise"):
        found = artifact.predict(x, engine=engine)
        assert found.dtype == np.float32 and len(found) == 5
        np.testing.assert_array_equal(found, right.astype(np.float32))
    with pytest.raises(TfedgeError, match=r"there is no engine 'lightrt'.*did you mean 'litert'"):
        artifact.predict(x, engine="lightrt")
    with pytest.raises(TfedgeError, match="inputs: "):
        artifact.predict(x[:, :1])
    with pytest.raises(TfedgeError, match="inputs: "):
        artifact.predict(x[:0])


def test_evaluation_is_of_what_it_predicts(artifact, x):
    labels = artifact.predict(x)
    found = artifact.evaluate(x, labels, metric="mse")
    assert (found.converted, found.real, found.samples, found.engine) == (0, None, 5, "c")
    assert artifact.evaluate(x, labels + 1, metric="mse", engine="tflite-micro").converted == 1
    with pytest.raises(TfedgeError, match="labels"):
        artifact.evaluate(x, labels[:2], metric="mse")


def test_it_comes_back_from_its_folder(artifact, saved, x, tmp_path):
    loaded = tfedge.load(saved)
    assert {name: as_bytes(data) for name, data in loaded.files.items()} == {
        name: as_bytes(data) for name, data in artifact.files.items()
    }
    assert (loaded.name, loaded.target, loaded.flatbuffer) == (
        artifact.name, artifact.target, artifact.flatbuffer,
    )  # fmt: skip
    assert loaded.source.optimize == "size" and loaded.quality is None
    assert "note: this was loaded from its folder" in str(loaded)
    assert loaded.source.code_bytes == artifact.source.code_bytes
    assert loaded.emission.footprint.arena_bytes == artifact.emission.footprint.arena_bytes
    np.testing.assert_array_equal(loaded.predict(x), artifact.predict(x))
    again = tmp_path / "again"
    loaded.save(again)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in saved.iterdir() if path.is_file()
    }


def as_bytes(data):
    return data.encode("utf-8") if isinstance(data, str) else data


@pytest.mark.parametrize("target", ["tflite-micro", "tflite"])
def test_other_back_ends_come_back_too(flatbuffer, target, x, tmp_path):
    made = tfedge.convert(flatbuffer, target=target, name="net")
    made.save(tmp_path)
    loaded = tfedge.load(tmp_path)
    assert dict(loaded.arrays) == dict(made.arrays)
    np.testing.assert_array_equal(loaded.predict(x), made.predict(x))


@pytest.mark.parametrize("package", ["arduino", "cmake", "zephyr"])
@pytest.mark.parametrize("target", ["cortex-m4", "tflite-micro"])
def test_packages_come_back(flatbuffer, target, package, x, tmp_path):
    made = tfedge.convert(flatbuffer, target=target, name="net")
    made.save(tmp_path / "first", package=package)
    loaded = tfedge.load(tmp_path / "first")
    np.testing.assert_array_equal(loaded.predict(x), made.predict(x))
    assert {name: as_bytes(data) for name, data in loaded.files.items()} == {
        name: as_bytes(data) for name, data in made.files.items()
    }
    loaded.save(tmp_path / "second", package=package)
    assert tree(tmp_path / "second") == tree(tmp_path / "first")
    if target == "cortex-m4":
        report = tfedge.profile(tmp_path / "first", target="stm32f407vg")
        assert report.ram_bytes >= made.source.arena_bytes


def tree(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_what_is_not_as_it_was_written_does_not_come_back(saved):
    (saved / "net.c").write_text("int x;\n")
    with pytest.raises(TfedgeError, match=r"changed since tfedge wrote it: net\.c"):
        tfedge.load(saved)
    (saved / "net.c").unlink()
    with pytest.raises(TfedgeError, match=r"missing: net\.c"):
        tfedge.load(saved)


def test_what_no_conversion_wrote_is_refused(tmp_path):
    with pytest.raises(TfedgeError, match="the path of a folder that convert wrote, not 3"):
        tfedge.load(3)
    with pytest.raises(ModelFileError, match="there is no such folder"):
        tfedge.load(tmp_path / "nothing")
    with pytest.raises(ModelFileError, match="no conversion wrote it"):
        tfedge.load(tmp_path)
    (tmp_path / "tfedge_convert.manifest.json").write_text("{}")
    with pytest.raises(TfedgeError, match="damaged"):
        tfedge.load(tmp_path)


def test_a_target_of_ones_own_has_to_be_given_again(flatbuffer, tmp_path):
    own = tmp_path / "mine.json"
    own.write_text(json.dumps({"extends": "cortex-m3", "description": "mine"}))
    folder = tmp_path / "net"
    tfedge.convert(flatbuffer, target=str(own), name="net").save(folder)
    with pytest.raises(TfedgeError, match="the target 'mine', which is a file of your own"):
        tfedge.load(folder)
    assert tfedge.load(folder, target=own).target.description == "mine"
    with pytest.raises(TfedgeError, match="was made for the target 'mine', not for cortex-m4"):
        tfedge.load(folder, target="cortex-m4")


def test_what_another_version_laid_out_otherwise_is_refused(saved):
    """The header and the manifest agree, and this version would make another arena."""
    import hashlib

    header = saved / "net.h"
    text = header.read_text().replace("ARENA_BYTES ", "ARENA_BYTES 9")
    header.write_text(text)
    manifest = saved / "tfedge_convert.manifest.json"
    document = json.loads(manifest.read_text())
    document["files"]["net.h"] = hashlib.sha256(text.encode()).hexdigest()
    manifest.write_text(json.dumps(document))
    with pytest.raises(TfedgeError, match="another version of tfedge"):
        tfedge.load(saved)
