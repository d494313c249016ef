"""Every way in which Keras' own tests configure a layer, and every operation of our table.

Keras ships its tests. Nearly all tests of layers call `run_layer_test(layer class, arguments, shape
of the input, …)`: that call, recorded instead of run, is a layer as its authors think that it is
used.
"""

from __future__ import annotations

import importlib
import re
import sys
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
from keras.src import layers as keras_layers
from keras.src.testing import TestCase
from keras_layers.operations import EXPRESSIONS, Operation

_RECORDED = "run_layer_test"
_ROOT = Path(keras_layers.__file__).parent


@dataclass(frozen=True)
class Place:
    """Which test method makes a call, and which of its calls it is.

    Attributes:
        module: below keras.src.layers, such as "core.dense_test".
        case, method: the test class and its method.
        position: of the call among those of the method.
    """

    module: str
    case: str
    method: str
    position: int

    def __str__(self) -> str:
        return ":".join((self.module.split(".")[-1], self.method, str(self.position)))


@dataclass
class Configuration:
    """One call of `run_layer_test`: a layer class, its arguments and what it is called with.

    `call_kwargs` only ever say `training=…`, and are left out: what is compared is inference.
    """

    layer_class: Any
    arguments: dict[str, Any]
    input_shape: Any = None
    input_dtype: Any = None
    input_data: Any = None
    custom_objects: dict[str, Any] | None = None
    is_dense: bool = True

    @property
    def layer(self) -> str:
        """The name of its class, or of its operation."""
        if self.layer_class is Operation:
            return self.arguments["expression"].partition("(")[0]
        return str(self.layer_class.__name__)

    def __str__(self) -> str:
        shape = self.input_shape
        if shape is None:
            shape = keras.tree.map_structure(lambda x: tuple(np.shape(x)), self.input_data)
        return f"{self.layer}({_listed(self.arguments)}) on {shape}"


def places() -> list[Place]:
    """Where calls are made, in the order of files and methods; of equal calls the first.

    Sparse and ragged inputs are left out: no interpreter has them.
    """
    found: dict[str, Place] = {}
    for path in sorted(_ROOT.rglob("*_test.py")):
        if _RECORDED not in path.read_text("utf-8"):
            continue
        module = ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        for case, method in _methods(module):
            for number, call in enumerate(_recorded(module, case, method)):
                if call.is_dense:
                    found.setdefault(_signature(call), Place(module, case, method, number))
    return [*found.values(), *_operations()]


def _operations() -> Iterator[Place]:
    for group, (_, expressions) in enumerate(EXPRESSIONS):
        for number in range(len(expressions)):
            yield Place("operations", "EXPRESSIONS", str(group), number)


def configuration(place: Place) -> Configuration:
    """The call made there, with objects of its own."""
    if place.module == "operations":
        shape, expressions = EXPRESSIONS[int(place.method)]
        expression = expressions[place.position]
        takes_two = re.search(r"\by\b", expression)
        return Configuration(
            Operation, {"expression": expression}, (shape, shape) if takes_two else shape
        )
    return _recorded(place.module, place.case, place.method)[place.position]


def _signature(call: Configuration) -> str:
    return f"{call}: {call.input_dtype}, {call.input_data!r}"


def _methods(module: str) -> Iterator[tuple[str, str]]:
    """The test classes and methods of a file that may make such calls."""
    names = vars(_module(module))
    for name, value in names.items():
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            for method in unittest.defaultTestLoader.getTestCaseNames(value):
                if _mentions(getattr(value, method)):
                    yield name, method


@cache
def _module(name: str) -> Any:
    with _what_keras_does_not_ship():
        return importlib.import_module(f"keras.src.layers.{name}")


@contextmanager
def _what_keras_does_not_ship() -> Iterator[None]:
    """Lets test files import the two modules that only Keras' repository has.

    Nothing that is recorded uses grain; of the conftest they use a decorator for other backends.
    """
    conftest = ModuleType("conftest")
    conftest.skip_if_backend = lambda *_: lambda test: test  # type: ignore[attr-defined]
    missing = {"conftest": conftest, "grain": ModuleType("grain")}
    before = {name: sys.modules.get(name) for name in missing}
    sys.modules.update(missing)
    try:
        yield
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def _mentions(function: Any) -> bool:
    """Whether a function's code calls `run_layer_test`, below the decorators that wrap it."""
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, CodeType):
            if _RECORDED in item.co_names:
                return True
            waiting += [part for part in item.co_consts if isinstance(part, CodeType)]
        elif callable(item):
            waiting += [getattr(item, "__code__", None), getattr(item, "__wrapped__", None)]
            waiting += [cell.cell_contents for cell in getattr(item, "__closure__", None) or ()]
    return False


def _recorded(module: str, case: str, method: str) -> list[Configuration]:
    calls: list[Configuration] = []

    def record(self: Any, layer_cls: Any, init_kwargs: Any, **options: Any) -> None:
        del self
        calls.append(
            Configuration(
                layer_cls,
                dict(init_kwargs or {}),
                options.get("input_shape"),
                options.get("input_dtype"),
                options.get("input_data"),
                options.get("custom_objects"),
                not (options.get("input_sparse") or options.get("input_ragged")),
            )
        )

    test = getattr(_module(module), case)(method)
    with mock.patch.object(TestCase, _RECORDED, record):
        try:
            test.setUp()
            getattr(test, method)()
        except (Exception, pytest.skip.Exception):  # what else the test checks is Keras' affair
            pass
    return [call for call in calls if call.input_shape is not None or call.input_data is not None]


def _listed(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in arguments.items())


def _shown(value: Any) -> str:
    if isinstance(value, keras.layers.Layer):
        return f"{type(value).__name__}({_listed(value.get_config())})"
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return repr(value)
