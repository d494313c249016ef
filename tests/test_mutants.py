"""Mutants are what they say, and tests that enter them are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutation.changes import MODULE, Mutant, mutants
from mutation.reach import Reach

SOURCE = '''"""A module, 1 + 1."""
LEAST: int = 4


@cache
def f(a: "x < y", é=0):
    """Nothing less than 3."""
    assert a < 9
    if not (a or é):
        raise ValueError(f"{a + 1} is more than {2}")
    a <<= é
    return é < a <= 3, min(-a, é)
'''
CHANGES = [
    (MODULE, 2, "4", "5"),
    (5, 6, "0", "1"),
    (5, 9, "not (a or é)", "a or é"),
    (5, 9, "a or é", "a and é"),
    (5, 11, "a <<= é", "a >>= é"),
    (5, 12, "é < a <= 3", "é <= a <= 3"),
    (5, 12, "é < a <= 3", "é < a < 3"),
    (5, 12, "3", "4"),
    (5, 12, "min(-a, é)", "max(-a, é)"),
    (5, 12, "-a", "a"),
]


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(SOURCE, "utf-8")
    return path


def test_mistakes_are_in_code_that_runs(module):
    found = [(one.function, one.line, one.before, one.after) for one in mutants(module)]
    assert sorted(found) == sorted(CHANGES)


def test_each_is_one_change_of_the_source(module):
    for mutant in mutants(module):
        compile(mutant.source, "module", "exec")
        lines = zip(SOURCE.splitlines(), mutant.source.splitlines(), strict=True)
        assert [number for number, (a, b) in enumerate(lines, 1) if a != b] == [mutant.line]


def _reach():
    reach = Reach(seconds={"a.py::one": 2.0, "a.py::two": 1.0, "b.py::three": 0.5})
    reach.tests["m.py", 5].add("a.py::one")
    reach.files["m.py", 9].add("a.py")
    reach.tests["n.py", 1].add("b.py::three")
    return reach


@pytest.mark.parametrize(
    ("function", "seconds", "tests"),
    [
        (5, 9.0, ["a.py::one"]),
        (9, 9.0, ["a.py::two", "a.py::one"]),  # by a fixture of theirs
        (9, 2.5, ["a.py::two"]),
        (9, 0.1, ["a.py::two"]),
        (MODULE, 9.0, ["a.py::two", "a.py::one"]),
        (7, 9.0, []),
    ],
)
def test_tests_that_enter_a_function_are_run_the_quickest_first(function, seconds, tests):
    mutant = Mutant(Path("m.py"), function, 1, "", "", "")
    assert _reach().tests_of(mutant, seconds) == tests
