"""Techniques train on several devices and workers to what they train to on one."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from one_device import of_one_device
from techniques import TECHNIQUES, distances

HERE = Path(__file__).parent
# Sums of gradients in another order.
ROUNDING = 2e-6


def _started(name: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(HERE), *sys.path])
    return subprocess.Popen(
        [sys.executable, str(HERE / name), *arguments],
        env={**os.environ, "PYTHONPATH": path, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )


def _workers(folder: Path, since: str) -> list[subprocess.Popen[str]]:
    addresses = [f"localhost:{port}" for port in _free_ports(2)]
    tasks = [
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        for index in range(2)
    ]
    return [
        _started("workers_run.py", str(folder), since, TF_CONFIG=json.dumps(task)) for task in tasks
    ]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]


def _end(*processes: subprocess.Popen[str]) -> None:
    try:
        for process in processes:
            _, said = process.communicate(timeout=300)
            assert process.returncode == 0, said[-4000:]
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Of two devices; of two workers, all steps; and of two more, from the middle."""
    folder = tmp_path_factory.mktemp("runs")
    _end(_started("two_devices_run.py", str(folder)), *_workers(folder, "start"))
    _end(*_workers(folder, "checkpoint"))
    return folder


def _state(path: Path) -> dict[str, np.ndarray]:
    return dict(np.load(path))


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_two_devices(technique, runs):
    assert technique not in json.loads((runs / "devices.json").read_text())["disagree"]
    state = _state(runs / f"{technique}.npz")
    assert max(distances(state, of_one_device(technique))) < ROUNDING


def test_two_devices_share_as_few_values(runs):
    state = _state(runs / "clustered.npz")
    kernels = [array for path, array in state.items() if path.endswith("kernel")]
    assert [len(np.unique(kernel)) for kernel in kernels] == [8, 8]


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_two_devices_with_xla(technique, runs):
    error = json.loads((runs / "devices.json").read_text())["error_of_plain_keras_with_xla"]
    if error:
        pytest.skip(f"plain Keras {keras.__version__} cannot: {error.splitlines()[-3][:100]}")
    state = _state(runs / f"{technique}_with_xla.npz")
    assert max(distances(state, of_one_device(technique))) < 1e-4


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_two_workers(technique, runs):
    state = _state(runs / technique / "from_start.npz")
    assert max(distances(state, of_one_device(technique))) < ROUNDING


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_two_workers_resume(technique, runs):
    whole = _state(runs / technique / "from_start.npz")
    resumed = _state(runs / technique / "from_checkpoint.npz")
    assert max(distances(resumed, whole)) == 0


def test_fit_of_two_workers(runs):
    errors = json.loads((runs / "fit.json").read_text())
    if errors["plain Keras"]:
        pytest.skip(f"plain Keras {keras.__version__} cannot: {errors['plain Keras'][:60]!r}")
    assert not any(errors.values()), errors
