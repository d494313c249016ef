"""Runs numbered jobs in processes that may run out of time or memory, or crash."""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Report:
    """How one job ended.

    Attributes:
        index: the job's number.
        result: what it returned; None if it failed.
        failure: "" or what went wrong: a traceback, "timeout" or a signal.
        stage: the last stage that it announced.
        seconds: how long it took.
    """

    index: int
    result: Any
    failure: str
    stage: str
    seconds: float


class Worker:
    """One process that does the jobs `first`, `first + step`, …, and is replaced if it dies."""

    def __init__(
        self,
        job: Callable,
        first: int,
        step: int,
        stop: int,
        memory_bytes: int,
        begin: Callable[[], None],
    ):
        self._job, self._step, self._stop, self._memory = job, step, stop, memory_bytes
        self._begin = begin
        self._next = first
        self._start()

    def _start(self) -> None:
        self.connection, theirs = _FORK.Pipe(duplex=False)
        numbers = range(self._next, self._stop, self._step)
        self._process = _FORK.Process(
            target=_work,
            args=(self._job, numbers, theirs, self._memory, os.getpid(), self._begin),
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self.stage, self._since, self._began = "start", self._clock(), time.monotonic()

    def _clock(self) -> float:
        """Seconds of processor time, which other programs on the machine do not change."""
        try:
            return time.clock_gettime((~(self._process.pid or 0) << 3) | 2)
        except OSError:
            return 0.0

    @property
    def seconds(self) -> float:
        """What the present job has taken."""
        return self._clock() - self._since

    def is_late(self, limit: float, patience: float) -> bool:
        """Whether the present job has computed for longer than a limit, or waits for ever."""
        return self.seconds > limit or time.monotonic() - self._began > patience * limit

    @property
    def finished(self) -> bool:
        return self._next >= self._stop

    def receive(self) -> Report | None:
        """What the process has said, if it was the end of a job."""
        try:
            kind, value = self.connection.recv()
        except EOFError:
            self._process.join()
            return self._lost(f"died with exit code {self._process.exitcode}")
        if kind == "stage":
            self.stage = value
            return None
        return self._ended(*value)

    def kill(self) -> Report:
        """Ends a job that takes too long."""
        self._process.kill()
        self._process.join()
        return self._lost("timeout")

    def _lost(self, failure: str) -> Report:
        self.connection.close()
        report = self._ended(None, failure)
        if not self.finished:
            self._start()
        return report

    def _ended(self, result: Any, failure: str) -> Report:
        report = Report(self._next, result, failure, self.stage, self.seconds)
        self._next += self._step
        self.stage, self._since, self._began = "start", self._clock(), time.monotonic()
        return report


def run_jobs(
    job: Callable[[int, Callable[[str], None]], Any],
    count: int,
    *,
    workers: int,
    timeout: Callable[[str], float],
    memory_bytes: int,
    begin: Callable[[], None] = lambda: None,
    patience: float = 60.0,
) -> Iterator[Report]:
    """The reports of the jobs 0 to count - 1, as they end.

    Args:
        job: called with the number and a function to announce its stages with.
        count: how many jobs there are.
        workers: how many processes.
        timeout: seconds of processor time that a job may take, by the stage that it is in.
        memory_bytes: address space that a job may take beyond what its process has before, which
            is more where more is imported or there are more processors.
        begin: is called in every process first.
        patience: how many times as long a job may take that waits, for a processor or for ever.
    """
    team = [
        Worker(job, first, workers, count, memory_bytes, begin)
        for first in range(min(workers, count))
    ]
    while team := [worker for worker in team if not worker.finished]:
        ready = wait([worker.connection for worker in team], timeout=0.5)
        for worker in team:
            report = None
            if worker.connection in ready:
                report = worker.receive()
            elif worker.is_late(timeout(worker.stage), patience):
                report = worker.kill()
            if report is not None:
                yield report


def _work(
    job: Callable,
    numbers: range,
    connection: Connection,
    memory_bytes: int,
    parent: int,
    begin: Callable[[], None],
) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    begin()
    gc.freeze()  # what is imported stays: no full garbage collection need look at it
    for number in numbers:
        if os.getppid() != parent:  # killed; its other children hold the pipe open
            return
        _limit(memory_bytes)
        try:
            result = job(number, lambda stage: connection.send(("stage", stage)))
            connection.send(("end", (result, "")))
        except Exception:
            connection.send(("end", (None, traceback.format_exc())))


def _limit(memory_bytes: int) -> None:
    """Of what this process takes beyond what it has now."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + memory_bytes, hard))
