"""Pruning that is killed and resumed, in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def _command(name: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    return [sys.executable, str(HERE / name), *arguments], environment


def _run(folder: Path, kill: bool) -> None:
    command, environment = _command("resumable_pruning_run.py", str(folder))
    process = subprocess.Popen(command, env=environment)
    if not kill:
        assert process.wait(300) == 0
        return
    marker = folder / "in_the_middle"
    while not marker.exists():
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_and_resumed_pruning_ends_with_the_same_masks_and_weights(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    _run(whole, kill=False)
    _run(broken, kill=True)
    assert not (broken / "final.npz").exists()
    _run(broken, kill=False)
    wanted, got = np.load(whole / "final.npz"), np.load(broken / "final.npz")
    assert sorted(wanted.files) == sorted(got.files)
    assert any(name.startswith("mask.") for name in wanted.files)
    for name in wanted.files:
        np.testing.assert_array_equal(wanted[name], got[name], err_msg=name)
