"""Damages files of one format and takes each along one of its roads."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
from hostile.ends import check_end, temporary_files_in
from hostile.formats import FORMATS
from hostile.formats.format import Place
from hostile.roads import Journey, try_stage
from hostile.trials import Outcome, stages_of
from hostile.usage import Limited
from hostile.workers import Report, run_jobs

_SECONDS = 10.0
_SECONDS_OF_DAMAGE = 60.0
_SECONDS_OF_ALL = 10.0
_MEMORY_BYTES = 3 << 29
_FORK = multiprocessing.get_context("fork")
# What takes seconds to import; it may be there before a fork, but must not have computed.
_FOR_KERAS = ("tensorflow", "keras", "tf_keras", "tfedge.distillation", "tfedge_converters.export")


@dataclass(frozen=True)
class FormatTrials:
    """Damaged files of a format, each known by its number.

    Attributes:
        format: a name in FORMATS.
        seed: of everything.
        sound: a folder with what the format writes, see `sound_files`.
    """

    format: str
    seed: int
    sound: Path

    def damaged(self, index: int, folder: Path) -> tuple[Path, np.random.Generator]:
        """A damaged file in an empty folder, and the generator that goes on from there."""
        rng = np.random.default_rng([self.seed, index, *self.format.encode()])
        return FORMATS[self.format].damage(self.sound, folder, rng), rng

    def take(self, index: int, stage: Callable[[str], None]) -> Journey:
        """Damages a file and takes it along one road.

        Raises:
            BadEndError: something was left behind, or the refusal is no sentence.
            Exception: anything else that is not a TfedgeError, which is a bug.
        """
        with tempfile.TemporaryDirectory(prefix="tfedge-hostile-") as scratch:
            stage("damage")
            given, temporary, output = (
                Path(scratch, name) for name in ("given", "temporary", "output")
            )
            given.mkdir()
            temporary.mkdir()
            path, rng = self.damaged(index, given)
            roads = FORMATS[self.format].roads
            name = str(rng.choice(list(roads)))
            journey = Journey()
            with temporary_files_in(temporary):
                place = Place(self.sound, path, output, rng)
                try_stage(journey, stage, name, roads[name], place)
            check_end(journey.refused, temporary, output)
            return journey

    def __call__(self, index: int, stage: Callable[[str], None]) -> Outcome:
        """The same for `run_jobs`."""
        return Outcome(stages_of(self.take(index, stage)), [])

    def run(self, count: int, workers: int) -> Iterator[Report]:
        """The reports of the trials 0 to count - 1."""
        return run_jobs(
            Limited(self, _SECONDS_OF_ALL, _MEMORY_BYTES),
            count,
            workers=workers,
            timeout=lambda stage: _SECONDS_OF_DAMAGE if stage == "damage" else _SECONDS,
            memory_bytes=_MEMORY_BYTES,
            begin=partial(FORMATS[self.format].begin, self.sound),
        )

    def save(self, index: int, folder: Path) -> None:
        """Puts a damaged file into a folder, which is emptied."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.damaged(index, folder)

    def replay(self, index: int, stage: Callable[[str], None]) -> list[Journey]:
        """Takes one along its road in this process."""
        return [self.take(index, stage)]


@contextmanager
def sound_files(format: str) -> Iterator[Path]:
    """A folder with the files that a format begins with.

    A process of its own writes them, for TensorFlow must not have computed before a fork.
    """
    for module in _FOR_KERAS if FORMATS[format].needs_keras else ():
        import_module(module)
    with tempfile.TemporaryDirectory(prefix="tfedge-sound-") as folder:
        writer = _FORK.Process(target=partial(FORMATS[format].write, Path(folder)))
        writer.start()
        writer.join()
        if writer.exitcode:
            raise RuntimeError(f"the sound files of {format} could not be written")
        yield Path(folder)
