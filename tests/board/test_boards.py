"""`tfedge run` and `tfedge verify` on boards: QEMU's, and one at a serial port."""

from __future__ import annotations

import json
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_ports import ROUGH, FaultyPort
from random_graphs import random_model
from test_session import assert_equal, relayed

import tfedge
from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters.board import BoardError, Place
from tfedge_converters.board.boards import board_names, emulated_core, find_board
from tfedge_converters.board.emulation import EmulatedBoard, HostBoard
from tfedge_converters.board.running import run_samples
from tfedge_converters.cli import main
from tfedge_converters.execute import CORES, build_host
from tfedge_converters.graph import write_model
from tfedge_converters.run_on_board import run_on_board
from tfedge_converters.verify import verify
from tfedge_converters.verify.written import open_written

EMULATED = [name for name in board_names() if find_board(name).emulated_core]


def stacked(samples):
    return [np.stack(column) for column in zip(*samples, strict=True)]


def save(path, converted):
    names = [spec.name for spec in converted.program.inputs]
    np.savez(path, **dict(zip(names, stacked(converted.samples), strict=True)))


# One of each serial port and startup code.
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an505", "mps3-an547", "virt-rv32"])
def test_boards_of_qemu_compute_what_this_computer_does(converted, board):
    try:
        report = run_on_board(
            converted.folder, Place(board=board), stacked(converted.samples), sequence=3
        )
    except MissingToolError as error:
        pytest.skip(str(error))
    assert_equal(report.run.outputs, converted.right)
    assert report.difference == report.not_compared == ""
    assert all(ticks is not None for ticks in report.layer_ticks)
    assert sum(report.layer_ticks) > 100


def test_no_wrong_answer_of_a_simulated_core_is_taken_over_a_bad_line(converted):
    try:
        with EmulatedBoard(converted.program, CORES["cortex-m4"]).opened() as clean:
            port = FaultyPort(clean, ROUGH, random.Random(2))
            run = run_samples(port, converted.program, converted.samples, 3)
    except MissingToolError as error:
        pytest.skip(str(error))
    assert sum(port.faults.values()) >= 3
    assert_equal(run.outputs, converted.right)


def test_machines_are_called_as_qemu_calls_them():
    for name in EMULATED:
        machine = emulated_core(name).machine.name
        assert name == machine or name.startswith(f"{machine}-rv")


def test_a_run_prints_layers_and_writes_outputs(converted, tmp_path, capsys):
    if shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("QEMU or the cross compiler is missing")
    save(tmp_path / "x.npz", converted)
    command = ["run", str(converted.folder), "--board", "mps2-an385"]
    command += ["--input", str(tmp_path / "x.npz"), "--output", str(tmp_path / "y.npz")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "6 samples on board:mps2-an385" in printed
    assert "every layer is what the same C makes on this computer" in printed
    assert all(name in printed for name in converted.program.layers)
    with np.load(tmp_path / "y.npz") as outputs:
        names = [spec.name for spec in converted.program.outputs]
        assert sorted(outputs) == sorted(names)
    assert main(["run", str(converted.folder), "--board", "mps2-an385", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tick_unit"] == "instructions"
    assert document["equals_this_computer"] is True
    assert [layer["name"] for layer in document["layers"]] == list(converted.program.layers)


def test_a_board_at_a_port_is_verified(converted, capsys):
    with converted.board.opened() as board, relayed(board) as path:
        command = ["verify", str(converted.folder), "--port", path, "--samples", "5"]
        assert main(command) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"port:{path} +0 of ", printed)
    assert "generated C equals the truth" in printed


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A folder with a Keras model of three layers."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(6, name="first"),
         keras.layers.Dense(5, name="second"), keras.layers.Dense(4, name="third")]
    )  # fmt: skip
    samples = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    folder = tmp_path_factory.mktemp("dense") / "net"
    tfedge.convert(model, calibration=samples, name="net").save(folder)
    return folder


def test_the_first_layer_that_a_board_computes_otherwise_is_named(dense, tmp_path, capsys):
    """A weight has lost a bit on its way into the flash; names are those of the Keras model."""
    flashed = shutil.copytree(dense, tmp_path / "flashed")
    weights = (flashed / "net_weights.c").read_text()
    place = re.search(r"const int8_t net_layer_\d+_weights\[30\] = \{\s*(-?\d+)", weights)
    other = str(int(place[1]) ^ 64)
    weights = weights[: place.start(1)] + other + weights[place.end(1) :]
    (flashed / "net_weights.c").write_text(weights)
    program = replace(open_written(dense).program, directory=flashed)
    with HostBoard(program).opened() as board, relayed(board) as path:
        assert main(["verify", str(dense), "--port", path, "--samples", "3"]) == 1
        printed = capsys.readouterr().out
        assert "THE BOARD DIFFERS from the same C on this computer" in printed
        assert re.search(r"first in layer \d+ 'second', from sample 0 on", printed)
        assert main(["run", str(dense), "--port", path]) == 1
        assert "'second', from sample 0 on" in capsys.readouterr().out


def test_one_sample_may_come_without_an_axis_for_samples(dense, tmp_path):
    program = open_written(dense).program
    sample = np.arange(-4, 4, dtype=np.int8)
    np.save(tmp_path / "x.npy", sample)
    with HostBoard(program).opened() as board, relayed(board) as terminal:
        report = run_on_board(dense, Place(port=terminal), tmp_path / "x.npy")
    assert report.difference == ""
    assert_equal(report.run.outputs, build_host(program).run([[sample[None]]]))


def test_a_board_with_another_model_is_refused(converted, tmp_path, capsys):
    other = random_model("relu", 1, 1)
    tfedge.convert(write_model(other), name="other").save(tmp_path / "other")
    tfedge.convert(write_model(random_model("lstm_continued", 1, 3)), name="net").save(
        tmp_path / "again"
    )
    with converted.board.opened() as board, relayed(board) as path:
        assert main(["run", str(tmp_path / "other"), "--port", path]) == 2
        assert "runs another model: 'net' of hash" in (said := capsys.readouterr().err)
        assert "flash this folder first" in said and said.count("\n") == 1
        with pytest.raises(BoardError, match="another conversion of model 'net'"):
            verify(tmp_path / "again", board=path, samples=1)


@pytest.mark.parametrize(
    "options, words",
    [
        (["--board", "mps2-an387"], "there is no board 'mps2-an387'.*did you mean"),
        (["--board", "pico"], "board 'pico' is hardware: flash it"),
        (["--port", "/dev/no-such-port"], "/dev/no-such-port: cannot be opened: No such file"),
        (["--port", "/dev/null"], "is no serial port"),
    ],
)
@pytest.mark.parametrize("command", ["run", "verify"])
def test_boards_that_are_not_there_are_told_in_a_line(converted, command, options, words, capsys):
    assert main([command, str(converted.folder), *options]) == 2
    said = capsys.readouterr().err
    assert re.search(words, said) and said.count("\n") == 1


def test_what_has_no_generated_c_runs_on_no_board(tmp_path):
    model = write_model(random_model("relu", 1, 1))
    tfedge.convert(model, target="tflite", name="net").save(tmp_path)
    with pytest.raises(TfedgeError, match="no generated C"):
        run_on_board(tmp_path, Place(board="mps2-an386"))
    for path, words in ((tmp_path / "net.tflite", "is no folder"), ("x", "no such folder")):
        with pytest.raises(TfedgeError, match=words):
            run_on_board(path, Place(board="mps2-an386"))
    with pytest.raises(TfedgeError, match="no generated C"):
        verify(model, board="mps2-an386")
    with pytest.raises(TfedgeError, match="a board is given by its name"):
        verify(tmp_path, board=1)


def test_cores_of_boards_are_known():
    assert {find_board(name).emulated_core for name in EMULATED} <= set(CORES)
    assert all(Path(name).name == name for name in board_names())
