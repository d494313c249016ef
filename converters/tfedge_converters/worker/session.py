"""One model in one worker: its samples go out and its values come back through shared memory."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from tfedge_converters.worker import wire
from tfedge_converters.worker.failures import DeathError, Kind, RefusalError
from tfedge_converters.worker.limits import Limits
from tfedge_converters.worker.pool import borrowed
from tfedge_converters.worker.process import NONSENSE, WorkerProcess

# While the worker computes one batch, the caller looks at another.
_BATCH_BYTES = 1 << 20
_MOST_SAMPLES = 256


@contextmanager
def session(
    engine: str,
    options: Mapping[str, Any],
    flatbuffer: bytes,
    *,
    limits: Limits,
) -> Iterator[Session]:
    """A model, loaded by an interpreter.

    Args:
        engine: a key of `engines.LOADERS`.
        options: what that takes beside the model.
        flatbuffer: the model.
        limits: what it may cost.

    Raises:
        RefusalError: the interpreter cannot load or run it.
        DeathError: its process ended over it.
        MissingToolError: the interpreter is not installed.
    """
    opened: Session | None = None
    dropping = False
    refusal: RefusalError | None = None
    with borrowed(limits) as worker:
        try:
            try:
                head = {"do": "load", "engine": engine, "options": dict(options)}
                opened = Session(worker, worker.ask(head, flatbuffer)[0])
                yield opened
            except RefusalError as error:  # the worker is as good as before
                refusal = error
            if opened is not None and opened.in_flight:
                worker.kill()  # nobody waits for the answers
            else:
                dropping = True  # which ends a process whose memory is damaged
                worker.ask({"do": "drop"})
        except DeathError as death:
            death.may_be_anothers = death.kind is Kind.CRASH and (dropping or worker.models > 1)
            death.samples = [] if opened is None else opened.in_flight
            raise
    if refusal is not None:
        raise refusal


class Session:
    """A loaded model.

    Attributes:
        inputs: shapes and types of a sample.
        shown: shapes and types of what a run shows.
    """

    def __init__(self, worker: WorkerProcess, answer: Mapping[str, Any]):
        self._worker = worker
        self.inputs = _specs(worker, answer, "inputs")
        self.shown = _specs(worker, answer, "shown")
        self._layout: wire.Layout | None = None
        self._memory: Any = None
        self._in_flight: list[tuple[int, list[Sequence[np.ndarray]]]] = []

    @property
    def in_flight(self) -> list[Sequence[np.ndarray]]:
        """The samples that the worker had when it died."""
        return [sample for _, batch in self._in_flight for sample in batch]

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the main graph's tensors after a run on whatever the inputs hold."""
        answer, _ = self._worker.ask({"do": "shapes"})
        try:
            return [wire.Spec.from_json([shape, "int8"]).shape for shape in answer["shapes"]]
        except (KeyError, TypeError, wire.WireError):
            raise _nonsense(self._worker) from None

    def run(
        self, samples: Iterable[Sequence[np.ndarray]], sequence: int | None = 1
    ) -> Iterator[list[np.ndarray]]:
        """Run samples, a few ahead of those that are looked at.

        Args:
            samples: for each, one array an input, of its exact shape and type.
            sequence: variables are reset before every so many samples; None: never.

        Yields:
            For each sample, what the engine shows; views that are others' after the next step.
        """
        capacity = self._map()
        begun = 0
        failure: Exception | None = None
        batches = _batches(samples, capacity)
        slot = 0
        while True:
            try:
                batch = next(batches, None)
            except Exception as error:  # what was taken before it is looked at first
                failure, batch = error, None
            if batch is None:
                break
            begins = [
                sequence is not None and (begun + index) % sequence == 0
                for index in range(len(batch))
            ]
            begun += len(batch)
            self._send(slot, batch, begins)
            if len(self._in_flight) == wire.SLOTS:
                yield from self._finished()
            slot = (slot + 1) % wire.SLOTS
        while self._in_flight:
            yield from self._finished()
        if failure is not None:
            raise failure

    def _map(self) -> int:
        """Share memory with the worker, once; how many samples a slot has room for."""
        specs = [*self.inputs, *self.shown]
        size = wire.Layout(specs, 1).sample_bytes
        capacity = max(1, min(_MOST_SAMPLES, _BATCH_BYTES // max(size, 1)))
        if self._layout is None:
            self._layout = wire.Layout(specs, capacity)
            with ExitStack() as stack:
                try:
                    descriptor = _shared_file(stack, self._layout.byte_size)
                    self._memory = mmap.mmap(descriptor, self._layout.byte_size)
                except (OSError, OverflowError, ValueError):
                    raise RefusalError(f"its inputs and outputs take {size:,} bytes") from None
                self._worker.ask({"do": "map", "capacity": capacity}, descriptor=descriptor)
        return capacity

    def _send(self, slot: int, batch: list[Sequence[np.ndarray]], begins: list[bool]) -> None:
        assert self._layout is not None
        for index, sample in enumerate(batch):
            places = self._layout.values(self._memory, slot, index)[: len(self.inputs)]
            for number, (place, value) in enumerate(zip(places, sample, strict=True)):
                _refuse_another_type(number, place, np.asarray(value))
                np.copyto(place, value)
        self._in_flight.append((slot, batch))
        self._worker.send({"do": "run", "slot": slot, "begins": begins})

    def _finished(self) -> Iterator[list[np.ndarray]]:
        assert self._layout is not None
        try:
            answer, raw = self._worker.receive()
        except RefusalError as refusal:
            refusal.samples = list(self._in_flight.pop(0)[1])
            raise
        slot, batch = self._in_flight.pop(0)
        loose = _loose_values(self._worker, answer, raw, len(batch), len(self.shown))
        for index in range(len(batch)):
            values = self._layout.values(self._memory, slot, index)[len(self.inputs) :]
            yield [loose.get((index, place), value) for place, value in enumerate(values)]


def _batches(
    samples: Iterable[Sequence[np.ndarray]], size: int
) -> Iterator[list[Sequence[np.ndarray]]]:
    batch = []
    try:
        for sample in samples:
            batch.append(sample)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _refuse_another_type(number: int, place: np.ndarray, value: np.ndarray) -> None:
    if (place.shape, place.dtype) != (value.shape, value.dtype):
        raise RefusalError(
            f"its input {number} is {place.dtype} of shape {place.shape}, the sample's "
            f"{value.dtype} of shape {value.shape}"
        )


def _shared_file(stack: ExitStack, size: int) -> int:
    """A file in memory that cannot be cut shorter under the feet of who has it mapped."""
    try:
        import fcntl

        descriptor = os.memfd_create("tfedge", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        stack.callback(os.close, descriptor)
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return descriptor
    except AttributeError:  # not Linux
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
        stack.callback(os.close, descriptor)
        os.ftruncate(descriptor, size)
        return descriptor


def _specs(worker: WorkerProcess, answer: Mapping[str, Any], name: str) -> list[wire.Spec]:
    try:
        return [wire.Spec.from_json(item) for item in answer[name]]
    except (KeyError, TypeError, wire.WireError):
        raise _nonsense(worker) from None


def _loose_values(
    worker: WorkerProcess, answer: Mapping[str, Any], raw: bytes, samples: int, places: int
) -> dict[tuple[int, int], np.ndarray]:
    """Values whose shape is not the one that the model was loaded with."""
    found = {}
    begin = 0
    try:
        for index, place, described in answer["loose"]:
            spec = wire.Spec.from_json(described)
            if not (0 <= index < samples and 0 <= place < places):
                raise IndexError
            values = np.frombuffer(raw, spec.dtype, math.prod(spec.shape), begin)
            found[index, place] = values.reshape(spec.shape)
            begin += spec.byte_size
    except (IndexError, KeyError, TypeError, ValueError, wire.WireError):
        raise _nonsense(worker) from None
    return found


def _nonsense(worker: WorkerProcess) -> DeathError:
    worker.kill()
    return DeathError(NONSENSE)
