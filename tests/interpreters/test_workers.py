"""Interpreters die in a process of their own, and the user's goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from interpreters.dying_models import aborting, endless, voracious
from random_graphs import random_model

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.graph import Graph, Model, Operator, Tensor, TensorType
from tfedge_converters.interpreters import (
    LITERT_PLAIN,
    LITERT_REFERENCE,
    MICRO,
    InterpreterDiedError,
    opened,
    run_model,
)
from tfedge_converters.verify.samples import random_samples
from tfedge_converters.worker import wire

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

TESTS = Path(__file__).parents[1]


def zeros(model: Model) -> list[np.ndarray]:
    return [np.zeros(tensor.shape, tensor.type.dtype) for tensor in model.main.inputs]


def right(seed: int = 1) -> np.ndarray:
    """What a sound model computes, always the same."""
    model = random_model("add", seed, 1)
    return run_model(LITERT_REFERENCE, model, None, random_samples(model.main, 2, 0))[1][0]


@pytest.mark.parametrize("interpreter", [LITERT_REFERENCE, MICRO])
def test_a_death_names_the_operator_and_the_next_model_runs(interpreter):
    before = right()
    words = rf"{interpreter.title} cannot run .*operator 1 \(LESS\) that makes 'y'.*SIGABRT"
    with pytest.raises(InterpreterDiedError, match=words):
        run_model(interpreter, aborting(), None, [zeros(aborting())])
    assert (right() == before).all()


def test_what_takes_too_long_or_too_much_is_ended(monkeypatch):
    began = os.times()
    words = r"operator 1 \(WHILE\).*after 1.\d+ s of processor time"  # so little has it to do
    with pytest.raises(InterpreterDiedError, match=words):
        run_model(LITERT_PLAIN, endless(), None, [zeros(endless())])
    assert os.times().children_user - began.children_user < 5
    monkeypatch.setenv("TFEDGE_WORKER_SECONDS", "2")
    with pytest.raises(InterpreterDiedError, match=r"after 2 s of .*_SECONDS gives it more"):
        run_model(LITERT_PLAIN, endless(), None, [zeros(endless())])
    monkeypatch.setenv("TFEDGE_WORKER_GIB", "1")
    large = voracious(1 << 29)
    with pytest.raises(UnsupportedError, match=r"BROADCAST_TO.*more than 1 GiB of memory"):
        run_model(MICRO, large, None, [zeros(large)])
    assert right().size
    monkeypatch.setenv("TFEDGE_WORKER_GIB", "much")
    with pytest.raises(TfedgeError, match="TFEDGE_WORKER_GIB is 'much'"):
        right()


def test_a_sample_of_another_shape_is_refused_and_the_worker_stays():
    model = random_model("relu", 1, 1)
    with pytest.raises(UnsupportedError, match=r"its input 0 is int8 .*sample's float32"):
        run_model(MICRO, model, None, [[np.zeros(model.main.inputs[0].shape, np.float32)]])
    assert right().size


def test_more_samples_than_are_sent_at_once_stay_in_order():
    model = random_model("relu", 1, 1)
    samples = random_samples(model.main, 1000, 0)
    together = run_model(LITERT_REFERENCE, model, None, samples)
    for index in (0, 255, 256, 513, 999):
        [[alone]] = run_model(LITERT_REFERENCE, model, None, [samples[index]])
        assert (together[index][0] == alone).all()


def test_what_was_taken_from_the_data_is_seen_before_their_failure():
    model = random_model("relu", 1, 1)

    def data():
        yield from random_samples(model.main, 3, 0)
        raise ValueError("the disk is gone")

    seen = 0
    with opened(LITERT_REFERENCE, model) as running, pytest.raises(ValueError, match="disk"):
        for _ in running.run(data()):
            seen += 1
    assert seen == 3


def test_results_whose_size_depends_on_values():
    condition = Tensor("x", (1, 4), TensorType.BOOL)
    places = Tensor("y", (4, 2), TensorType.INT64)
    places.shape_signature = (-1, 2)
    model = Model([Graph([condition], [places], [Operator("WHERE", [condition], [places])])])
    samples = [[np.array([[False, True, True, False]])], [np.array([[True] * 4])]]
    [few], [all_of_them] = run_model(LITERT_REFERENCE, model, None, samples)
    assert few.tolist() == [[0, 1], [0, 2]]
    assert all_of_them.shape == (4, 2)


def test_models_within_models_and_in_many_threads():
    wanted = [right(seed) for seed in range(4)]
    found: dict[int, np.ndarray] = {}

    def data():
        for sample in random_samples(outer.main, 3, 0):
            assert (right(0) == wanted[0]).all()
            yield sample

    outer = random_model("relu", 1, 1)
    assert len(run_model(LITERT_REFERENCE, outer, None, data())) == 3
    threads = [
        threading.Thread(target=lambda seed=seed: found.update({seed: right(seed)}))
        for seed in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((found[seed] == wanted[seed]).all() for seed in range(4))
    assert (right(2) == wanted[2]).all()  # when the threads that started workers are gone


_FORK = """
import os
from interpreters.test_workers import right
before = right()
child = os.fork()
if child == 0:
    os._exit(0 if (right() == before).all() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert (right() == before).all()
"""

_BUSY = """
import os, sys, time, threading
from interpreters.dying_models import endless
from interpreters.test_workers import right, zeros
from tfedge_converters.interpreters import LITERT_PLAIN, run_model
from tfedge_converters.worker import pool
before = right()
print(pool._IDLE[0]._process.pid, flush=True)
try:
    run_model(LITERT_PLAIN, endless(), None, [zeros(endless())])
except KeyboardInterrupt:
    assert (right() == before).all()
    print("interrupted and well", flush=True)
"""

_IMPORTS = """
import sys
import tfedge_converters.worker.server
assert not {name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "tfedge"}
"""


def started(script: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TFEDGE_WORKER_SECONDS": "60",
        "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]),
    }
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_listen_to_interrupts,
    )


def _listen_to_interrupts() -> None:
    """What runs in the background of a shell ignores them, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("script", [_FORK, _IMPORTS], ids=["fork", "imports"])
def test_processes(script):
    process = started(script)
    words = process.communicate(timeout=120)
    assert process.returncode == 0, words


def begun() -> tuple[subprocess.Popen[str], int]:
    """A process that waits for an endless loop of its worker, and the worker."""
    process = started(_BUSY)
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    deadline = time.monotonic() + 60
    while processor_ticks(worker) < 50:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, worker


def processor_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11])


def is_gone(pid: int) -> bool:
    """Also a zombie that nobody has waited for is."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_busy_worker_ends_when_its_parent_is_killed():
    process, worker = begun()
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while not is_gone(worker):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_interrupt_ends_the_wait_and_not_the_session():
    process, worker = begun()
    os.killpg(process.pid, signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert printed == "interrupted and well\n", errors
    assert is_gone(worker)


def test_nothing_but_sound_messages_is_believed():
    ours, theirs = socket.socketpair()
    for sent in (
        b"\xff" * 16,  # lengths that nobody could mean
        (7).to_bytes(8, "little") + bytes(8) + b"[1, 2}\n",
        (6).to_bytes(8, "little") + bytes(8) + b"[1, 2]",
    ):
        theirs.sendall(sent)
        with pytest.raises(wire.WireError):
            wire.receive(ours)
    for described in (
        [[2, -1], "int8"],
        [[2], "object"],
        [[2.5], "int8"],
        "int8",
        [[True], "int8"],
    ):
        with pytest.raises(wire.WireError):
            wire.Spec.from_json(described)
    theirs.close()
    with pytest.raises(wire.WireError):
        wire.receive(ours)
    ours.close()
