"""Makes small mistakes in tfedge, one at a time, and prints those that no test notices.

    make sweep SWEEP=mutants SEED=1 COUNT=300 OPTIONS="--part planner"
    make sweep SWEEP=mutants OPTIONS="--module c/memory.py --test tests/c/test_memory.py"

First the tests of a part run once as they are, to learn which of them enter which functions. Then
every mutant gets a process of its own, forked from one that has imported TensorFlow. There the
changed module takes the place of the right one in memory, files stay as they are, and those tests
run that enter the changed function, the quickest first, until one fails. A survivor is a mistake
that they do not notice, or a change without an effect: a person has to look at each. The exit
status is 1 if there are survivors.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import resource
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ai_edge_litert.interpreter  # noqa: F401 - imported before processes are forked
import keras  # noqa: F401
import pytest
import tensorflow  # noqa: F401
from mutation.changes import Mutant, mutants
from mutation.reach import Reach, Recorder

KILLED, SURVIVED, UNREACHED, TIMED_OUT = "killed", "survived", "entered by no test", "out of time"
_TREE = Path(__file__).resolve().parents[2]
_SOURCE = Path("converters/tfedge_converters")
_OWN_CPU_SECONDS = 30  # a mutant may loop for ever
_FORK = get_context("fork")
_QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore")


@dataclass(frozen=True)
class Part:
    """Modules, by patterns below `_SOURCE`, and the tests that are nearest to them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


PARTS = {
    "arithmetic": Part(
        ("arithmetic/*.py",),
        ("tests/arithmetic", "tests/graph/test_byte_functions.py", "tests/c/test_requantization.py",
         "tests/c/test_quotients.py", "tests/c/test_elementwise_refusals.py",
         "tests/c/test_softmax_of_long_rows.py"),
    ),
    "quantiser": Part(("ptq/**/*.py",), ("tests/ptq",)),
    "planner": Part(
        ("c/plan.py", "c/memory*.py", "c/row_*.py"),
        ("tests/c/test_memory.py", "tests/c/test_memories.py", "tests/c/test_arena.py",
         "tests/c/test_streams.py", "tests/c/test_sharing.py"),
    ),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300, help="mutants of each part")
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--module", action="append", default=[], help="instead of a part's")
    parser.add_argument("--test", action="append", default=[], help="instead of a part's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--test-seconds", type=float, default=20.0, help="of tests, for a mutant")
    arguments = parser.parse_args()
    os.chdir(_TREE)
    parts = {name: PARTS[name] for name in arguments.part or PARTS}
    if arguments.module or arguments.test:
        own = Part(tuple(arguments.module), tuple(arguments.test))
        parts = {" ".join(own.modules): own}
    return int(sum(_take(name, part, arguments) for name, part in parts.items()) > 0)


def _take(name: str, part: Part, arguments: argparse.Namespace) -> int:
    """Take a sample of a part's mutants; how many survive."""
    paths = sorted({path for pattern in part.modules for path in _SOURCE.glob(pattern)})
    reach = _in_process(partial(_record, part.tests, paths))
    every = [mutant for path in paths for mutant in mutants(path)]
    chosen = random.Random(arguments.seed).sample(every, min(arguments.count, len(every)))
    chosen.sort(key=lambda mutant: (str(mutant.path), mutant.line))
    began = time.monotonic()
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(arguments.jobs) as threads:
        tried = threads.map(partial(_try, reach, arguments.test_seconds), chosen)
        for mutant, end in zip(chosen, tried, strict=True):
            counts[end] += 1
            if end in (SURVIVED, UNREACHED):
                print(f"{end}: {mutant}", flush=True)
    told = ", ".join(f"{counts[end]} {end}" for end in (KILLED, TIMED_OUT, SURVIVED, UNREACHED))
    seconds = time.monotonic() - began
    print(f"{name}: {counts.total()} of {len(every)} mutants in {seconds:.0f} s: {told}")
    return counts[SURVIVED] + counts[UNREACHED]


def _record(tests: tuple[str, ...], paths: list[Path]) -> Reach:
    recorder = Recorder(paths)
    if pytest.main([*_QUIET, *tests], plugins=[recorder]) != 0:
        raise SystemExit("tests fail without any mutant")
    return recorder.reach


def _try(reach: Reach, most_seconds: float, mutant: Mutant) -> str:
    tests = reach.tests_of(mutant, most_seconds)
    if not tests:
        return UNREACHED
    try:
        passed = _in_process(partial(_passes, mutant, tests))
    except EOFError:  # it died, or was ended
        return TIMED_OUT
    return SURVIVED if passed else KILLED


def _passes(mutant: Mutant, tests: list[str]) -> bool:
    resource.setrlimit(resource.RLIMIT_CPU, (_OWN_CPU_SECONDS, _OWN_CPU_SECONDS))
    sys.meta_path.insert(0, _Mutated(mutant))
    return pytest.main(["-x", *_QUIET, *tests]) == 0


class _Mutated(SourceFileLoader):
    """Finds and loads one module, with the mutant's source."""

    def __init__(self, mutant: Mutant) -> None:
        parts = mutant.path.relative_to(_SOURCE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        super().__init__(name, str(_TREE / mutant.path))
        self._source = mutant.source.encode()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def path_stats(self, path: str) -> dict[str, Any]:
        raise OSError  # so that what was compiled of the right module is not read

    def get_data(self, path: str) -> bytes:
        return self._source


def _in_process(work: Any) -> Any:
    """What `work()` returns in a forked process, which prints nothing; EOFError if it died."""
    receiver, sender = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_send, args=(work, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def _send(work: Any, sender: Any) -> None:
    with Path(os.devnull).open("w") as nothing:
        for descriptor in (1, 2):
            os.dup2(nothing.fileno(), descriptor)
    sender.send(work())


if __name__ == "__main__":
    raise SystemExit(main())
