"""Counts how often a model climbs back up on its way from the command line to generated code.

    tools/journey.py model.tflite --target cortex-m4

runs `tfedge convert` under a profiler and follows the model. Whoever reads the code follows it the
same way, so the figures say how far one has to leaf through it.

A *room* is a module of `tfedge` or `tfedge_converters`. The model enters a room when a function
there is called with the whole of it: the typed model, its file's bytes or path, or an object that
holds these. What is called with a single graph, operator or tensor, or with a model made of some of
them, is work within a room, and so are methods and properties of what holds the model. A *stay* is
a run of such calls into one room. A *climb* is a stay in a room that the model had left, and had
entered before the room that it comes from: it is handed back up. A straight road has a stay for
every room, and no climbs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from inspect import CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any

from tfedge_converters.cli import main
from tfedge_converters.graph import Model, read_file

_PACKAGES = ("tfedge", "tfedge_converters")
# What holds the whole model; by name, so that the tool can be run on other versions of the code.
_HOLDERS = ("Prepared", "ModelFile", "Source", "Request", "Conversion", "Artifact")
# A .tflite file begins so; see its schema.
_MAGIC, _MAGIC_AT = b"TFL3", slice(4, 8)


class Journey:
    """The rooms that a model was in.

    Args:
        path: of the model's file.

    Attributes:
        rooms: every room, and the how manieth it was that was entered.
        stays: a room for every stay, in order.
        climbs: the room that was left and the one above it, for every climb.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file_bytes = path.stat().st_size
        self._outputs = _outputs(read_file(path))
        self.rooms: dict[str, int] = {}
        self.stays: list[str] = []
        self.climbs: list[tuple[str, str]] = []
        self._generators: dict[int, FrameType] = {}  # which keeps their ids

    def follow(self, options: list[str]) -> int:
        """Converts the model under this profiler, with options of `tfedge convert`.

        Returns:
            What the command ended with.
        """
        with tempfile.TemporaryDirectory() as folder:
            sys.setprofile(self.watch)
            try:
                return main(["convert", str(self._path), *options, "--output", folder])
            finally:
                sys.setprofile(None)

    def watch(self, frame: FrameType, event: str, argument: Any) -> None:
        """A profiler, for `sys.setprofile`."""
        room = frame.f_globals.get("__name__", "")
        if event != "call" or room.partition(".")[0] not in _PACKAGES or self._goes_on(frame):
            return
        if any(map(self._is_model, _arguments(frame))):
            self.enter(room)

    def _goes_on(self, frame: FrameType) -> bool:
        """Whether a generator is resumed, which looks like a call."""
        if not frame.f_code.co_flags & CO_GENERATOR:
            return False
        known = id(frame) in self._generators
        self._generators[id(frame)] = frame
        return known

    def enter(self, room: str) -> None:
        """Notes that the model is in a room."""
        left = self.stays[-1] if self.stays else None
        if room == left:
            return
        self.stays.append(room)
        place = self.rooms.setdefault(room, len(self.rooms))
        if left is not None and place < self.rooms[left]:
            self.climbs.append((left, room))

    def _is_model(self, value: Any) -> bool:
        if isinstance(value, bytes):
            return value[_MAGIC_AT] == _MAGIC and len(value) > self._file_bytes / 2
        if isinstance(value, (str, Path)):
            return str(value) == str(self._path)
        if isinstance(value, Model):
            return _outputs(value) == self._outputs
        return type(value).__name__ in _HOLDERS


def _outputs(model: Model) -> list[str]:
    return [tensor.name for tensor in model.main.outputs]


def _arguments(frame: FrameType) -> Iterator[Any]:
    """What a function was called with, but for the object that it is a method of."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    # Comprehensions and lambdas are part of their function; what dataclasses make, nobody reads.
    if code.co_name.startswith("<") or code.co_filename.startswith("<"):
        return
    yield from (frame.f_locals.get(name) for name in names if name != "self")


def _parsed() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="a .tflite file")
    return parser.parse_known_args()


def run() -> int:
    """Converts and prints the journey."""
    arguments, options = _parsed()
    journey = Journey(arguments.model)
    status = journey.follow(options)
    print(f"{len(journey.stays)} stays in {len(journey.rooms)} rooms, {len(journey.climbs)} climbs")
    for (left, above), count in Counter(journey.climbs).most_common():
        print(f"{count:>3}  {left} -> {above}")
    return status


if __name__ == "__main__":
    sys.exit(run())
