"""Clusters on several devices, and after an interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

_ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def _script(name: str) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name(name))]


def test_two_devices_train_what_one_does():
    run = subprocess.run(
        _script("two_devices_clustering.py"),
        env=_ENVIRONMENT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    farthest, *values = run.stdout.split()
    assert float(farthest) < 1e-5
    assert values == ["8", "8"]


def _run(folder: Path, kill: bool) -> None:
    process = subprocess.Popen([*_script("resumable_clustering.py"), str(folder)], env=_ENVIRONMENT)
    if not kill:
        assert process.wait(300) == 0
        return
    while not (folder / "in_the_middle").exists():
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_and_resumed_training_ends_with_the_same_weights_and_clusters(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    _run(whole, kill=False)
    _run(broken, kill=True)
    assert not (broken / "final.npz").exists()
    _run(broken, kill=False)
    wanted, got = np.load(whole / "final.npz"), np.load(broken / "final.npz")
    assert sorted(wanted.files) == sorted(got.files)
    assert any(name.endswith("assignments") for name in wanted.files)
    for name in wanted.files:
        np.testing.assert_array_equal(wanted[name], got[name], err_msg=name)
