"""Models go through Vela with options, memory checks, a report, and a folder for TFLite Micro."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from mlperf_models import NAMES, float_model, inputs_for
from random_graphs import random_model

from tfedge.errors import MissingToolError, TfedgeError, UnsupportedError
from tfedge.quantization.schemes import STORAGE_SCHEMES
from tfedge_converters import targets
from tfedge_converters.cli import main
from tfedge_converters.conversion import convert
from tfedge_converters.ethosu.compiled import LeftToCpu
from tfedge_converters.ethosu.resolver import compiled_methods
from tfedge_converters.graph import write_model

pytest.importorskip("ethosu.vela", reason="Vela is not installed: pip install 'tfedge[ethosu]'")

TARGETS = [name for name in targets.names() if targets.load(name).backend == "ethos-u"]


def _converted(name, seed=1, count=2, target="ethos-u55-128", **options):
    flatbuffer = write_model(random_model(name, seed, count))
    return convert(flatbuffer, name="net", target=target, compiler_options=options)


@pytest.mark.parametrize("name", NAMES)
def test_mlperf_tiny_runs_on_the_npu_alone(name, shared):
    model = write_model(float_model(shared, name))
    artifact = convert(
        model, name=name, target="ethos-u55-128", calibration=inputs_for(name, 8)
    )  # fmt: skip
    assert artifact.left_to_cpu == artifact.compiled.left_to_cpu == []
    resolver = artifact.arrays[f"{name}_op_resolver.h"]
    assert "MicroMutableOpResolver<1>" in resolver
    assert "resolver.AddEthosU()" in resolver
    assert 0 < artifact.compiled.sram_bytes < 80_000
    assert f"{artifact.compiled.cycles:,} cycles at 500 MHz" in artifact.summary()


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_compiles(target):
    compiled = _converted("conv_2d", target=target).compiled
    assert compiled.summary["accelerator_configuration"].lower().replace("_", "-") == target
    assert b"ethos-u" in compiled.flatbuffer
    assert {layer["Target"] for layer in compiled.layers} == {"NPU"}


def test_there_are_all_configurations():
    macs = {"u55": (32, 64, 128, 256), "u65": (256, 512), "u85": (128, 256, 512, 1024, 2048)}
    assert set(TARGETS) == {f"ethos-{npu}-{n}" for npu, sizes in macs.items() for n in sizes}


def test_what_is_left_to_the_cpu_is_named_and_registered():
    artifact = _converted("mean", seed=0, count=6)
    left = artifact.compiled.left_to_cpu
    assert {type(each) for each in left} == {LeftToCpu}
    assert {each.result for each in left} == {o.outputs[0].name for o in artifact.left_to_cpu}
    assert "Batch > 1" in artifact.summary()
    resolver = artifact.arrays["net_op_resolver.h"]
    assert "resolver.AddEthosU()" in resolver
    assert "resolver.AddMean()" in resolver


def test_what_vela_compiles_is_evaluated_as_the_file_before_it():
    model = random_model("softmax", 1, 1)
    x = np.zeros((2, *model.main.inputs[0].shape[1:]), np.float32)
    artifact = convert(
        write_model(model),
        target="ethos-u55-128",
        evaluation_data=(x, np.zeros(2)),
        metric=lambda labels, outputs: float(np.mean(outputs)),
    )
    assert artifact.evaluation.engine == "tflite-micro"


def test_weights_that_tflite_micro_does_not_know_are_refused():
    stored = STORAGE_SCHEMES["weights4"]
    with pytest.raises(UnsupportedError, match="TFLite Micro has no DEQUANTIZE of int4"):
        convert(b"", target="ethos-u55-128", quantization=stored)


def test_options_reach_vela():
    plain = _converted("conv_2d").compiled
    other = _converted("conv_2d", memory_mode="Sram_Only", optimise="Size").compiled
    assert plain.summary["memory_mode"] == "Shared_Sram"
    assert other.summary["memory_mode"] == "Sram_Only"


@pytest.mark.parametrize("options", [{"no_such": 1}, {"memory_mode": "None_Such"}])
def test_wrong_options_are_refused(options):
    with pytest.raises(TfedgeError, match="Vela does not take these options"):
        _converted("conv_2d", **options)


def test_a_model_of_velas_that_is_none():
    with pytest.raises(TfedgeError, match="Vela left a model that cannot be read"):
        compiled_methods(write_model(random_model("conv_2d", 1, 1))[:200])


def test_the_arena_is_checked_against_the_device(tmp_path):
    with pytest.raises(TfedgeError, match="bytes of SRAM, and arena_cache_size is 16"):
        _converted("conv_2d", arena_cache_size=16)
    board = tmp_path / "board.json"
    board.write_text('{"extends": "ethos-u55-128", "description": "a board", "ram_bytes": 64}')
    with pytest.raises(TfedgeError, match="bytes of SRAM, and board has 64"):
        _converted("conv_2d", target=str(board))


def test_a_crash_of_vela_is_one_message():
    with pytest.raises(UnsupportedError, match="Vela does not compile the model: it crashed"):
        _converted("conv_2d_int4")


def test_options_want_a_compiler():
    with pytest.raises(TfedgeError, match="has no compiler"):
        _converted("conv_2d", target="tflite", memory_mode="Sram_Only")


def test_missing_vela_is_one_message(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"pip install 'tfedge\[ethosu\]'"):
        _converted("conv_2d")


def test_the_command_line(tmp_path, capsys):
    path = tmp_path / "net.tflite"
    path.write_bytes(write_model(random_model("conv_2d", 1, 2)))
    target = ["--target", "ethos-u55-64"]
    assert main(["check", str(path), *target]) == 0
    assert "2 of 2 operators are mapped to the Ethos-U55" in capsys.readouterr().out
    out = tmp_path / "out"
    option = ["--compiler-option", "memory-mode=Sram_Only"]
    assert main(["convert", str(path), *target, "--output", str(out), *option]) == 0
    assert "Ethos_U55_64, Ethos_U55_High_End_Embedded, Sram_Only" in capsys.readouterr().out
    written = {file.name for file in out.iterdir()}
    assert written == {
        "net.tflite", "net_vela.tflite", "net_vela_summary.csv", "net_vela_layers.csv",
        "net_model_data.c", "net_model_data.h", "net_op_resolver.h", "tfedge_convert.manifest.json",
    }  # fmt: skip
