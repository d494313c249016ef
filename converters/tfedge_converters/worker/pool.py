"""The workers of this process: one that waits for the next model, more only while several are busy.

Whoever borrows a worker has it alone until it is given back, so that threads, and data generators
that convert models themselves, do not get in each other's way. A forked process starts its own.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tfedge_converters.worker.limits import Limits
from tfedge_converters.worker.process import WorkerProcess

_MOST_IDLE = 1
# A worker's memory may have been damaged by what it ran, and grows.
_MOST_MODELS = 1000

_LOCK = threading.Lock()
_IDLE: list[WorkerProcess] = []
_BUSY: set[WorkerProcess] = set()


@contextmanager
def borrowed(limits: Limits) -> Iterator[WorkerProcess]:
    """A worker to oneself. One that is left by an exception is ended.

    Args:
        limits: what it is ended at.
    """
    worker = _taken(limits)
    try:
        yield worker
    except BaseException:
        _drop(worker)
        raise
    _give_back(worker)


def start_ahead(limits: Limits, ahead: str) -> None:
    """Start a worker that imports a slow module while this process does something else.

    Args:
        limits: as for `borrowed`.
        ahead: the module. A worker that waits already imports it when it is asked.
    """
    with _LOCK:
        if not _IDLE:
            _IDLE.append(WorkerProcess(limits, ahead))


def close() -> None:
    """End the workers that wait for a model."""
    with _LOCK:
        waiting = _IDLE[:]
        _IDLE.clear()
    for worker in waiting:
        worker.kill()


def _taken(limits: Limits) -> WorkerProcess:
    with _LOCK:
        waiting = _IDLE[:]
        _IDLE.clear()
    begun = replace(limits, seconds=0)  # what a process is begun with, whatever it is given then
    fits = [w for w in waiting if w.is_alive and replace(w.limits, seconds=0) == begun]
    for worker in waiting:
        if worker not in fits[:1]:
            worker.kill()
    worker = fits[0] if fits else WorkerProcess(limits)
    worker.limits = limits
    with _LOCK:
        _BUSY.add(worker)
    return worker


def _give_back(worker: WorkerProcess) -> None:
    with _LOCK:
        _BUSY.discard(worker)
        keep = len(_IDLE) < _MOST_IDLE and worker.models < _MOST_MODELS and worker.is_alive
        if keep:
            _IDLE.append(worker)
    if not keep:
        worker.kill()


def _drop(worker: WorkerProcess) -> None:
    with _LOCK:
        _BUSY.discard(worker)
    worker.kill()


def _end_all() -> None:
    for worker in (*_IDLE, *_BUSY):
        worker.kill()


def _forget_all() -> None:
    global _LOCK
    _LOCK = threading.Lock()
    for worker in (*_IDLE, *_BUSY):
        worker.forget()
    _IDLE.clear()
    _BUSY.clear()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forget_all)
