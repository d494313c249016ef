"""Processor time that a conversion takes because interpreters run in a process of their own.

    python benchmarks/worker_cost.py --repeats 7

A float .tflite file is converted with 40 random samples, in a process that is started for it: as it
is, and with LiteRT and TFLite Micro loaded into that process itself, in turns. Each pair has the
seconds of user and system time of all processes, and on the clock; what is said is the median of
the differences. Of C the self-test's vectors are made by TFLite Micro too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = 40
APART, WITHIN = "apart", "within"
TARGETS = ("tflite", "host")


class Within:
    """What `worker.session.Session` is, without a worker."""

    def __init__(self, engine: Any):
        self._engine = engine
        self.inputs, self.shown = engine.inputs, engine.shown

    def shapes(self) -> list[tuple[int, ...]]:
        """As a worker's."""
        return [tuple(shape) for shape in self._engine.shapes()]

    def run(
        self, samples: Iterable[Sequence[np.ndarray]], sequence: int | None = 1
    ) -> Iterator[list[np.ndarray]]:
        """As a worker's, but that values are the caller's own."""
        for number, sample in enumerate(samples):
            if sequence is not None and number % sequence == 0:
                self._engine.reset()
            # Views of an interpreter's memory must be gone before it runs again.
            yield [np.array(value) for value in self._engine.run(sample)]


@contextmanager
def session_within(
    engine: str, options: Mapping[str, Any], flatbuffer: bytes, *, limits: Any
) -> Iterator[Within]:
    from tfedge_converters.worker.engines import LOADERS

    yield Within(LOADERS[engine](flatbuffer, **options))


def convert(where: str, model: str, target: str) -> None:
    """The process that is measured."""
    import tfedge
    from tfedge_converters.interpreters import interpreter

    if where == WITHIN:
        vars(interpreter).update(session=session_within)
    tfedge.convert(model, calibration=f"{model}.npz", target=target)


def seconds(*arguments: str) -> tuple[float, float]:
    """Of processor time, and on the clock."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, "--one", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began


def write_model(path: Path) -> None:
    """A ResNet-8 with random weights, and samples beside it."""
    import keras
    from common.networks import resnet_8

    from tfedge_converters.export import export_keras

    keras.utils.set_random_seed(0)
    path.write_bytes(export_keras(resnet_8(keras)))
    samples = np.random.default_rng(0).normal(size=(SAMPLES, 32, 32, 3)).astype(np.float32)
    np.savez(f"{path}.npz", x=samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--one", nargs=3, metavar=("WHERE", "MODEL", "TARGET"))
    arguments = parser.parse_args()
    if arguments.one:
        convert(*arguments.one)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet_8.tflite"
        write_model(path)
        for target in TARGETS:
            pairs = [
                (seconds(APART, str(path), target), seconds(WITHIN, str(path), target))
                for _ in range(arguments.repeats)
            ]
            for place, what in enumerate(("processor time", "on the clock")):
                within = statistics.median(pair[1][place] for pair in pairs)
                more = [pair[0][place] - pair[1][place] for pair in pairs]
                print(
                    f"{target}, {what}: {within:.2f} s within, {statistics.median(more):+.2f} s "
                    f"({min(more):+.2f} to {max(more):+.2f}) apart",
                    flush=True,
                )


if __name__ == "__main__":
    main()
