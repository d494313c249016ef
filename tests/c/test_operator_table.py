"""What kernels register is what their code does, and what the docs say."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from random_graphs import OPERATORS, ORACLE_LITERT, random_model

from tfedge_converters.c import kernels, lowering
from tfedge_converters.c.kernel_call import Lowered
from tfedge_converters.c.kernels import kernels_of, supported_operators
from tfedge_converters.c.limits import GENERAL, SAME_GRID, Limit, RefusedError
from tfedge_converters.c.registry import LITERT, Kernel, kernel

ROOT = Path(__file__).resolve().parents[2]
KERNELS = [row for code in supported_operators() for row in kernels_of(code)]


def load_tool():
    spec = importlib.util.spec_from_file_location(
        "operator_table", ROOT / "tools/operator_table.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date():
    tool = load_tool()
    assert tool.PATH.read_text("utf-8") == tool.table(), "run python tools/operator_table.py"


def test_the_page_names_every_limit():
    rows = load_tool().table().splitlines()
    for row in KERNELS:
        (line,) = (line for line in rows if line.startswith(f"| {row.operator} |"))
        assert all(limit.words in line for limit in row.limits)


def test_the_truth_is_the_one_that_the_random_tests_compare_with():
    for row in KERNELS:
        for type_ in row.types:
            name = row.operator.lower() if type_ == "int8" else f"{type_}_{row.operator.lower()}"
            if name in OPERATORS:
                assert (row.oracle == LITERT) == (name in ORACLE_LITERT), name


def limits_in(thing, seen: dict[int, object]) -> Iterator[Limit]:
    """All limits that code names, or the functions that it names, and so on."""
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, Limit):
        yield thing
        return
    parts = []
    if isinstance(thing, partial):
        parts = [thing.func]
    elif isinstance(thing, (tuple, list)):
        parts = thing
    elif isinstance(thing, dict):
        parts = thing.values()
    elif inspect.isclass(thing) and _is_of_kernels(thing):
        parts = _methods(thing)
    elif isinstance(thing, FunctionType) and _is_of_kernels(thing):
        parts = _named_in(thing)
    for part in parts:
        yield from limits_in(part, seen)


def _is_of_kernels(thing) -> bool:
    return thing.__module__.startswith(f"{kernels.__name__}.")


def _methods(class_: type) -> list[object]:
    """What a class's body defines; the rest, as constructors of dataclasses, has no source."""
    return [
        getattr(member, "__func__", member)
        for name, member in vars(class_).items()
        if not name.startswith("__")
    ]


def _named_in(function: FunctionType) -> Iterator[object]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    for statement in definition.body:
        for node in ast.walk(statement):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                    module = function.__globals__.get(name)
                    if isinstance(module, ModuleType):
                        yield getattr(module, attribute)
                case ast.Name(id=name):
                    yield function.__globals__.get(name)


def test_lowerings_refuse_by_the_limits_that_they_register():
    for row in KERNELS:
        reached = set(limits_in(row.lower, {})) - set(GENERAL)
        assert {limit.words for limit in reached} == {limit.words for limit in row.limits}, row


def test_a_refusal_needs_a_limit():
    with pytest.raises(TypeError):
        RefusedError("only words")


def test_a_limit_that_is_not_registered_is_noticed(monkeypatch):
    row = Kernel("ADD", ("int8",), lambda operator: SAME_GRID.refuse("they differ"))
    monkeypatch.setattr(lowering, "kernel_for", lambda operator: row)
    graph = random_model("add", 1, 1).main
    with pytest.raises(AssertionError, match="ADD registers no limit 'one scale and zero point"):
        lowering.lower(graph, graph.operators[0])


def test_a_type_has_one_kernel():
    with pytest.raises(ValueError, match="ADD on int8 has a kernel already"):
        kernel("ADD", "int8")(lambda operator: Lowered())
