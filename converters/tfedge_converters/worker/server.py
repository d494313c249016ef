"""The process in which interpreters run: it loads a model, runs samples, and may die of either.

It reads HDF5 files and opens SavedModels too, so that who does it afterwards knows that they do no
harm.
"""

from __future__ import annotations

import fcntl
import importlib
import mmap
import os
import resource
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tfedge_converters.worker import wire
from tfedge_converters.worker.engines import LOADERS

_STDIN = 0
_MEMORY = Path("/proc/self/statm")
_MOST_WORDS_BYTES = 1 << 20
_PROGRESS_SECONDS = 1.0
_MESSAGE_CHARACTERS = 2000


def serve(descriptor: int, memory_bytes: int, ahead: str = "") -> None:
    """Answer requests until the other process is gone.

    Args:
        descriptor: of a socket to it.
        memory_bytes: address space beyond what this process takes now.
        ahead: a slow module that the first request will need; "" for none.
    """
    die_with_parent()
    with suppress(ImportError):  # the request that needs it says so
        if ahead:
            importlib.import_module(ahead)
    _limit_memory(memory_bytes)
    connection = socket.socket(fileno=descriptor)
    worker = _Worker(connection, memory_bytes)
    while True:
        try:
            head, raw, descriptors = wire.receive(connection)
            answer, raw = worker.answer(head, raw, descriptors)
            wire.send(connection, answer, raw)
        except wire.WireError:
            return


def die_with_parent() -> None:
    """Have the kernel end this process when nobody holds the other end of its standard input.

    Whatever it computes then, and whichever thread of the parent started it: the signal that Linux
    sends at a parent's death would come when that thread ends.
    """
    fcntl.fcntl(_STDIN, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(_STDIN, fcntl.F_GETFL)
    fcntl.fcntl(_STDIN, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
    try:
        gone = os.read(_STDIN, 1) == b""  # before the kernel was told
    except BlockingIOError:
        gone = False
    if gone:
        os._exit(0)


def _limit_memory(memory_bytes: int) -> None:
    if _MEMORY.is_file():
        taken = int(_MEMORY.read_text().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, taken + memory_bytes)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, _MOST_WORDS_BYTES)


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (limit, hard))


class _Worker:
    def __init__(self, connection: socket.socket, memory_bytes: int):
        self._connection = connection
        self._memory_bytes = memory_bytes
        self._seconds = 0.0
        self._interpreter: Any = None
        self._inputs: list[wire.Spec] = []
        self._shown: list[wire.Spec] = []
        self._layout = wire.Layout([], 0)
        self._memory: Any = None

    def answer(
        self, head: dict[str, Any], raw: bytes, descriptors: list[int]
    ) -> tuple[dict[str, Any], bytes]:
        """Answer a request; a refusal is an answer too."""
        actions = {
            "load": self._load,
            "map": self._map,
            "run": self._run,
            "shapes": self._shapes,
            "hdf5": self._read_hdf5,
            "saved_model": self._open_saved_model,
        }
        try:
            if head["do"] == "drop":
                self._grant_time()
                self._interpreter = self._memory = None
                return {}, b""
            return actions[head["do"]](head, raw, descriptors)
        except ImportError as error:
            return {"missing": str(error)}, b""
        except MemoryError:
            return {"memory": True}, b""
        except Exception as error:  # a refusal, in the words of the interpreter's bindings
            return {"refused": _words(error), "by_kernels": type(error) is RuntimeError}, b""
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _grant_time(self) -> None:
        """Begin anew to count processor time; the signal at its end ends the process."""
        signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def _load(
        self, head: dict[str, Any], raw: bytes, descriptors: list[int]
    ) -> tuple[dict[str, Any], bytes]:
        self._interpreter = self._memory = None
        loader = LOADERS[head["engine"]]
        loader.import_library()  # which is not the model's to answer for
        self._seconds = head["seconds"]
        self._grant_time()
        self._interpreter = loader(raw, **head["options"])
        self._inputs, self._shown = self._interpreter.inputs, self._interpreter.shown
        specs = {"inputs": self._inputs, "shown": self._shown}
        return {name: [spec.to_json() for spec in some] for name, some in specs.items()}, b""

    def _map(
        self, head: dict[str, Any], raw: bytes, descriptors: list[int]
    ) -> tuple[dict[str, Any], bytes]:
        self._layout = wire.Layout([*self._inputs, *self._shown], head["capacity"])
        self._memory = mmap.mmap(descriptors[0], self._layout.byte_size)
        os.close(descriptors[0])
        return {}, b""

    def _run(
        self, head: dict[str, Any], raw: bytes, descriptors: list[int]
    ) -> tuple[dict[str, Any], bytes]:
        loose: list[list[Any]] = []
        parts: list[bytes] = []
        told = time.monotonic()
        for index, begins in enumerate(head["begins"]):
            self._grant_time()
            if begins:
                self._interpreter.reset()
            for number, result in self._run_sample(head["slot"], index):
                loose.append([index, number, wire.Spec(result.shape, result.dtype).to_json()])
                parts.append(result.tobytes())
            if time.monotonic() - told > _PROGRESS_SECONDS:
                told = time.monotonic()
                wire.send(self._connection, {"progress": index})
        return {"loose": loose}, b"".join(parts)

    def _run_sample(self, slot: int, index: int) -> list[tuple[int, np.ndarray]]:
        """Leave results in the shared memory; those whose shape is another are returned.

        Results are views of the interpreter's memory, which must be gone before it runs again.
        """
        values = self._layout.values(self._memory, slot, index)
        sample, places = values[: len(self._inputs)], values[len(self._inputs) :]
        others = []
        for number, result in enumerate(self._interpreter.run(sample)):
            place = places[number]
            if (result.shape, result.dtype) == (place.shape, place.dtype):
                np.copyto(place, result)
            else:
                others.append((number, result.copy()))
        return others

    def _shapes(
        self, head: dict[str, Any], raw: bytes, descriptors: list[int]
    ) -> tuple[dict[str, Any], bytes]:
        self._grant_time()
        return {"shapes": self._interpreter.shapes()}, b""

    def _read_hdf5(
        self, head: dict[str, Any], raw: bytes, descriptors: list[int]
    ) -> tuple[dict[str, Any], bytes]:
        from tfedge_converters.worker.hdf5 import problem_in  # most models need no HDF5

        self._seconds = head["seconds"]
        self._grant_time()
        place, problem = problem_in(head["path"], head["member"])
        return {"place": place, "problem": problem}, b""

    def _open_saved_model(
        self, head: dict[str, Any], raw: bytes, descriptors: list[int]
    ) -> tuple[dict[str, Any], bytes]:
        from tfedge_converters.worker.saved_model import open_once  # takes seconds

        _limit_memory(head["memory_bytes"])  # beyond what TensorFlow takes itself
        self._seconds = head["seconds"]
        self._grant_time()
        try:
            open_once(head["path"])
        finally:
            _limit_memory(self._memory_bytes)
        return {}, b""


def _words(error: Exception) -> str:
    """The first line; bindings have no words where an allocation fails."""
    text = str(error).strip() or "it gives no reason; perhaps the model is too large for its memory"
    return text.splitlines()[0][:_MESSAGE_CHARACTERS]
