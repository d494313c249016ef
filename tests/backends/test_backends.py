"""Back ends: those that there are, and one that is added from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from random_graphs import random_model

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.backends import (
    Backend,
    Emission,
    all_backends,
    backend_named,
    register_backend,
    registry,
)
from tfedge_converters.cli import main
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_litert_reference


@dataclass(frozen=True, eq=False)
class Dump(Emission):
    """The model's file in hexadecimal digits."""

    def summary(self):
        return [f"{len(text.splitlines())} lines of digits" for text in self.files.values()]


class Hexadecimal(Backend):
    """For a loader that reads digits, and knows outputs by names of its own."""

    name = "hexadecimal"
    engines = ("hex-loader",)
    own_engines = {"hex-loader": run_litert_reference}
    settings = {
        "loader": {
            "type": "object",
            "properties": {
                "columns": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 64,
                    "description": "a number of digits, 1 to 64,",
                }
            },
            "required": ["columns"],
            "additionalProperties": False,
        }
    }
    endings = (".hex",)
    marks = (".hex",)

    def adapt(self, model, target):
        for tensor in model.main.outputs:
            tensor.name += "_loaded"
        return True

    def emit(self, conversion):
        columns = conversion.target.settings["loader"]["columns"]
        return Dump({f"{conversion.name}.hex": _digits(conversion.flatbuffer, columns)})

    def constants(self, name, flatbuffer):
        return {f"{name}.hex": [_digits(flatbuffer, 16)]}


def _digits(content, columns):
    text = content.hex()
    return "".join(f"{text[at : at + columns]}\n" for at in range(0, len(text), columns))


@pytest.fixture
def loader(monkeypatch, tmp_path):
    """The path of a target for the back end above, which is registered for one test."""
    monkeypatch.setattr(registry, "_registered", {})
    register_backend(Hexadecimal())
    path = tmp_path / "loader.json"
    fields = {"description": "a loader", "core": "", "flags": [], "backend": "hexadecimal"}
    path.write_text(json.dumps({**fields, "loader": {"columns": 16}}))
    return str(path)


def test_a_back_end_from_outside_is_used_by_everything(loader, tmp_path, capsys):
    flatbuffer = write_model(random_model("softmax", 1, 1))
    artifact = tfedge.convert(flatbuffer, target=loader, name="net")
    assert artifact.files == {
        "net.tflite": artifact.flatbuffer,
        "net.hex": _digits(artifact.flatbuffer, 16),
    }
    assert artifact.model.main.outputs[0].name.endswith("_loaded")
    assert "lines of digits" in artifact.summary()
    assert (artifact.source, artifact.arrays, artifact.compiled) == (None, {}, None)

    given, saved = tmp_path / "net.tflite", tmp_path / "saved"
    given.write_bytes(flatbuffer)
    assert main(["convert", str(given), "--target", loader, "--output", str(saved)]) == 0
    assert "lines of digits" in capsys.readouterr().out
    assert (saved / "net.hex").read_text() == artifact.files["net.hex"]
    whole = tfedge.verify(saved, samples=2, engines=["hex-loader"])
    assert not whole.faults and not whole.comparisons[0].mismatches
    assert "net.hex was compared with net.tflite, and all files" in whole.note
    (saved / "net.hex").write_text("00\n")
    faults = tfedge.verify(saved, samples=2, engines=["hex-loader"]).faults
    assert any("net.hex is not what net.tflite gives, from line 1 on" in text for text in faults)


def test_a_back_end_from_outside_evaluates_by_its_own_engine(loader):
    model = random_model("softmax", 1, 1)
    (given,) = model.main.inputs
    x = np.zeros((4, *given.shape[1:]), np.float32)
    artifact = tfedge.convert(
        write_model(model),
        target=loader,
        evaluation_data=(x, np.zeros(4)),
        metric=lambda labels, outputs: float(np.mean(outputs)),
    )
    assert artifact.evaluation.engine == "hex-loader"
    assert "run by hex-loader" in artifact.summary()


def test_settings_of_a_back_end_are_held_against_its_schema(loader, tmp_path):
    def load(**fields):
        path = tmp_path / "mine.json"
        path.write_text(json.dumps({"extends": "loader.json", **fields}))
        return targets.load(str(path))

    assert load(loader={"columns": 8}).settings == {"loader": {"columns": 8}}
    with pytest.raises(TfedgeError, match=r"loader\.columns: a number of digits"):
        load(loader={"columns": 0})
    with pytest.raises(TfedgeError, match="has no compiler"):
        tfedge.convert(b"", target=loader, compiler_options={"speed": 1})


def test_a_name_is_given_once(loader):
    with pytest.raises(TfedgeError, match="there is a back end 'hexadecimal' already"):
        register_backend(Hexadecimal())
    with pytest.raises(TfedgeError, match=r"there are c, .*, hexadecimal"):
        backend_named("decimal")


def test_every_target_has_a_back_end_and_every_back_end_a_target():
    named = {targets.load(name).backend for name in targets.names()}
    assert named == {backend.name for backend in all_backends()}


def test_folders_tell_back_ends_apart():
    marks = [frozenset(backend.marks) for backend in all_backends() if backend.marks]
    assert len(set(marks)) == len(marks)
    for backend in all_backends():
        assert set(backend.marks) <= set(backend.endings)
