"""A random Keras model, as the lines of Python that make it.

Every line is run when it is written, so that shapes are known; a line that Keras itself refuses is
left out. The text of a program is its own reproduction: it needs nothing but the preamble.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import keras
import numpy as np

PREAMBLE = "import keras\nfrom keras import layers as L, ops\n"


class Program:
    """Lines that make tensors, and in the end `model`.

    Args:
        rng: of all choices.
        prefix: of the names of variables, for programs that are parts of others.

    Attributes:
        rng: as given.
        lines: so far.
        tensors: every tensor by the name of its variable.
        layers: every layer in a variable, by name.
    """

    def __init__(self, rng: np.random.Generator, prefix: str = ""):
        self.rng = rng
        self.lines: list[str] = []
        self.tensors: dict[str, Any] = {}
        self.layers: dict[str, Any] = {}
        self._prefix = prefix
        self._names: set[str] = set()
        self._count = 0
        self.namespace: dict[str, Any] = {}
        exec(PREAMBLE, self.namespace)

    def add(self, expression: str, kind: str = "x") -> str | None:
        """A variable with the expression's value; None if Keras refuses it.

        Results that are lists become one variable for each tensor.
        """
        name = f"{self._prefix}{kind}{self._count}"
        line = f"{name} = {expression}"
        try:
            exec(line, self.namespace)
        except Exception:  # Keras says in many ways that arguments do not go together
            return None
        value = self.namespace[name]
        self._count += 1
        self.lines.append(line)
        if isinstance(value, keras.layers.Layer):
            self.layers[name] = value
        elif isinstance(value, keras.KerasTensor):
            self.tensors[name] = value
        elif isinstance(value, (list, tuple)):
            for index, part in enumerate(value):
                if isinstance(part, keras.KerasTensor):
                    self.add(f"{name}[{index}]")
        return name

    def add_model(self, expression: str) -> None:
        """The last line, of the model that all others were for."""
        self.lines.append(f"model = {expression}")
        with suppress(ValueError):  # a name may be that which Keras gives another layer
            exec(self.lines[-1], self.namespace)

    @property
    def model(self) -> Any:
        """What the last line made; None if Keras refuses it."""
        return self.namespace.get("model")

    def choice(self, items: Any) -> Any:
        """One of the items, whatever their types."""
        items = list(items)
        return items[int(self.rng.integers(len(items)))]

    def chance(self, probability: float) -> bool:
        """True that often."""
        return bool(self.rng.random() < probability)

    def unused_name(self, names: list[str]) -> str:
        """One of the names that no layer of this model has got; empty if there is none left."""
        unused = [name for name in names if name not in self._names]
        if not unused:
            return ""
        self._names.add(name := self.choice(unused))
        return name

    def pick(self, *ranks: int, real: bool = True) -> str | None:
        """A variable of one of these ranks (any by default), late ones rather than early ones."""
        names = [
            name
            for name, tensor in self.tensors.items()
            if (len(tensor.shape) in ranks if ranks else len(tensor.shape) > 1)
            and ("float" in tensor.dtype) == real
        ]
        if not names:
            return None
        weights = np.arange(1, len(names) + 1, dtype=float) ** 2
        return names[int(self.rng.choice(len(names), p=weights / weights.sum()))]

    def like(self, name: str) -> list[str]:
        """All variables of the same shape and type, the named one among them."""
        wanted = self.tensors[name]
        return [
            other
            for other, tensor in self.tensors.items()
            if tuple(tensor.shape) == tuple(wanted.shape) and tensor.dtype == wanted.dtype
        ]

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a variable, without the batch."""
        return tuple(self.tensors[name].shape[1:])

    @property
    def inputs(self) -> list[str]:
        """Variables of the model's inputs."""
        names = [line.split(" = ")[0] for line in self.lines if " = keras.Input(" in line]
        return [name for name in names if name in self.tensors]

    def unread(self) -> list[str]:
        """Tensors of real numbers that no later line reads."""
        return [
            name
            for position, line in enumerate(self.lines)
            if (name := line.split(" = ")[0]) in self.tensors
            and "float" in self.tensors[name].dtype
            and not any(re.search(rf"\b{name}\b", later) for later in self.lines[position + 1 :])
        ]


def needed_lines(lines: list[str], wanted: str) -> list[str]:
    """The lines that a variable depends on, itself included."""
    names = {wanted}
    kept = []
    for line in reversed(lines):
        name, _, expression = line.partition(" = ")
        if name in names:
            kept.append(line)
            names |= set(re.findall(r"\w+", expression))
    return kept[::-1]
