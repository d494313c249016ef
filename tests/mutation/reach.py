"""Which tests enter which functions, and how long each test takes: a plugin of pytest.

What a fixture of a module enters is reached by every test of that file.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from mutation.changes import MODULE, Mutant

Function = tuple[str, int]


@dataclass
class Reach:
    """What was reached, as far as a run of tests came.

    Attributes:
        tests: by a function, as file and first line: the tests that enter it themselves.
        files: by a function: the files of tests whose shared fixtures enter it.
        seconds: by a test.
    """

    tests: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))
    files: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[str, float] = field(default_factory=dict)

    def tests_of(self, mutant: Mutant, most_seconds: float) -> list[str]:
        """Tests that enter the mutant's function, the quickest first, within a time.

        Where the function has none, or the mistake is outside of functions, those of its module.
        """
        found = self._entering((str(mutant.path), mutant.function))
        if mutant.function == MODULE:
            functions = {key for key in (*self.tests, *self.files) if key[0] == str(mutant.path)}
            found = set().union(*map(self._entering, functions))
        chosen, left = [], most_seconds
        for test in sorted(found, key=lambda each: (self.seconds[each], each)):
            left -= self.seconds[test]
            if chosen and left < 0:
                break
            chosen.append(test)
        return chosen

    def _entering(self, function: Function) -> set[str]:
        files = self.files.get(function, set())
        shared = {test for test in self.seconds if test.partition("::")[0] in files}
        return self.tests.get(function, set()) | shared


class Recorder:
    """Fills a `Reach` with what a run of pytest enters of some files."""

    def __init__(self, paths: list[Path]) -> None:
        self.reach = Reach()
        self._names = {str(path.resolve()): str(path) for path in paths}
        self._entered: set[Function] = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        outer, self._entered = self._entered, set()
        yield
        if fixturedef.scope != "function":
            for function in self._entered:
                self.reach.files[function].add(request.node.nodeid.partition("::")[0])
        self._entered |= outer

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._entered = set()
        began = time.process_time()
        sys.setprofile(self._profile)
        yield
        sys.setprofile(None)
        self.reach.seconds[item.nodeid] = time.process_time() - began
        for function in self._entered:
            self.reach.tests[function].add(item.nodeid)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            code = frame.f_code
            if code.co_filename in self._names:
                self._entered.add((self._names[code.co_filename], code.co_firstlineno))
