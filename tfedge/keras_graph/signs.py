"""Which tensors of a functional graph hold positive numbers alone, as code says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfedge.keras_graph import private
from tfedge.keras_graph.kinds import activation_name, kind_of

_POSITIVE = frozenset({"exp", "exponential", "sigmoid", "softmax", "softplus"})
_NOT_NEGATIVE = frozenset({"abs", "absolute", "norm", "relu", "relu6", "square", "std", "var"})
# What keeps the sign of all its operands' numbers.
_KEEPING = frozenset(
    {
        "BroadcastTo", "Cast", "Concatenate", "Dot", "Einsum", "ExpandDims", "Flatten", "GetItem",
        "Matmul", "Max", "Mean", "Min", "Minimum", "Moveaxis", "Multiply", "Prod", "Repeat",
        "Reshape", "Rsqrt", "Sqrt", "Squeeze", "Stack", "Sum", "Swapaxes", "Tile", "Transpose",
    }
)  # fmt: skip
# Lower bounds of functions, which a constant may be added to.
_LEAST = {"elu": -1.0, "selu": -1.7581, "sigmoid": 0.0, "softplus": 0.0, "tanh": -1.0}
_FARTHEST = 200


def is_positive(tensor: Any) -> bool:
    """Whether a symbolic tensor is above 0 whatever the inputs are; False if it is not known."""
    return _Signs().are_above(tensor, strictly=True)


class _Signs:
    """Known signs of tensors, each of which is looked at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], bool] = {}

    def are_above(self, item: Any, strictly: bool) -> bool:
        """Whether an operand is above 0, or not below it."""
        key = id(item), strictly
        if key not in self._known:
            self._known[key] = len(self._known) < _FARTHEST and _is_above(item, self, strictly)
        return self._known[key]


def _is_above(item: Any, signs: _Signs, strictly: bool) -> bool:
    if not isinstance(item, keras.KerasTensor):
        numbers = np.asarray(item) if isinstance(item, (int, float, np.ndarray)) else None
        return numbers is not None and bool((numbers > 0 if strictly else numbers >= 0).all())
    node = private.maker_of(item)
    kind, operands = kind_of(node.operation) or "", _operands(node)
    if not operands:
        return False
    function = _function(node.operation)
    if function in _POSITIVE or (not strictly and function in _NOT_NEGATIVE):
        return True
    if not strictly and kind == "Multiply" and all(one is operands[0] for one in operands):
        return True
    if kind in _COMBINED:
        return _COMBINED[kind](operands, signs, strictly)
    return kind in _KEEPING and all(signs.are_above(one, strictly) for one in operands)


def _function(operation: Any) -> str:
    """The function that makes a result, by its name: an operation, or a layer's activation."""
    if hasattr(operation, "activation"):
        return activation_name(operation) or ""
    return (kind_of(operation) or "").lower()


def _operands(node: Any) -> list[Any]:
    """Tensors and numbers among arguments, but for integers that are axes and sizes."""
    given = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
    combines = (kind_of(node.operation) or "") in _COMBINED
    kinds: tuple[Any, ...] = (keras.KerasTensor, float, np.ndarray, *([int] if combines else []))
    found = [item for item in given if isinstance(item, kinds) and not isinstance(item, bool)]
    return found if any(isinstance(item, keras.KerasTensor) for item in found) else []


def _sum(operands: list[Any], signs: _Signs, strictly: bool) -> bool:
    pairs = (operands, operands[::-1]) if len(operands) == 2 else ()
    if any(_is_shifted(function, constant, strictly) for function, constant in pairs):
        return True
    if not all(signs.are_above(one, strictly=False) for one in operands):
        return False
    return not strictly or any(signs.are_above(one, strictly=True) for one in operands)


def _is_shifted(function: Any, constant: Any, strictly: bool) -> bool:
    """Whether a constant lifts a function above 0, as elu(x) + 1."""
    if not isinstance(function, keras.KerasTensor) or not isinstance(constant, (int, float)):
        return False
    least = _LEAST.get(_function(private.maker_of(function).operation))
    # In float a function reaches the bound that it only nears.
    return least is not None and (least + constant > 0 or (not strictly and least + constant >= 0))


def _maximum(operands: list[Any], signs: _Signs, strictly: bool) -> bool:
    return any(signs.are_above(one, strictly) for one in operands)


def _quotient(operands: list[Any], signs: _Signs, strictly: bool) -> bool:
    return len(operands) == 2 and all(signs.are_above(one, strictly) for one in operands)


_COMBINED: dict[str, Callable[[list[Any], _Signs, bool], bool]] = {
    "Add": _sum,
    "Divide": _quotient,
    "Maximum": _maximum,
    "TrueDivide": _quotient,
}
