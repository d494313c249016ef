"""The little language of target files: conditions and formulas over the facts of an operator.

It is Python's notation for comparisons, `and`, `or`, `not`, `in`, arithmetic, tuples, subscripts,
`… if … else …`, and generators inside `all(…)`, `any(…)`, `sum(…)`, `min(…)`, `max(…)`; names are
those of `facts.FACTS`, functions those of `FUNCTIONS`. Nothing else can be said, so a target file
of a stranger can do no harm.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from tfedge.errors import TfedgeError


def _round_up(value: int, multiple: int) -> int:
    """The least multiple of `multiple` that is no less than `value`."""
    return -(-value // multiple) * multiple


def _rank_above_one(shape: tuple[int, ...]) -> int:
    """How many dimensions are left when outer ones of size 1 are dropped."""
    leading = next((i for i, size in enumerate(shape) if size != 1), len(shape))
    return len(shape) - leading


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "len": len,
    "max": max,
    "min": min,
    "prod": math.prod,
    "rank_above_one": _rank_above_one,
    "round_up": _round_up,
    "set": set,
    "sum": sum,
}

_ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Add,
    ast.Sub, ast.Mult, ast.FloorDiv, ast.Div, ast.Mod, ast.Compare, ast.Eq, ast.NotEq, ast.Lt,
    ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.IfExp, ast.Call, ast.Name,
    ast.Load, ast.Store, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple,
    ast.GeneratorExp, ast.comprehension,
)  # fmt: skip

_LONGEST = 1000

# What a well-formed expression can still raise: None where a number is needed, too short a shape.
_FAILURES = (TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError, OverflowError)


@dataclass(frozen=True)
class Expression:
    """A condition or formula of a target file.

    Attributes:
        text: as the file has it.
    """

    text: str
    code: CodeType

    @staticmethod
    def parse(text: str, names: frozenset[str], attributes: frozenset[str]) -> Expression:
        """Reads an expression.

        Args:
            text: in the language above.
            names: the facts that it may speak of.
            attributes: what it may ask of these.

        Raises:
            TfedgeError: it is not of this language, or speaks of an unknown fact.
        """
        try:
            tree = ast.parse(text[:_LONGEST].strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise TfedgeError(f"'{text[:80]}' is no expression ({error})") from None
        if len(text) > _LONGEST:
            raise TfedgeError(f"'{text[:80]}…' is longer than {_LONGEST} letters")
        _check(tree, text, names, attributes)
        return Expression(text, compile(tree, "<target>", "eval"))

    def value(self, facts: Mapping[str, Any]) -> Any:
        """Its value for one operator.

        Raises:
            ValueError: the operator has no such fact, or it is of another kind.
        """
        try:
            # Generators see only the names that are global to them.
            names = {*self.code.co_names, *_inner_names(self.code)} & facts.keys()
            known = {name: facts[name] for name in names}
            return eval(self.code, {"__builtins__": {}, **FUNCTIONS, **known})
        except _FAILURES as error:
            raise ValueError(f"'{self.text}' has no value here: {error}") from None


def _check(
    tree: ast.Expression, text: str, names: frozenset[str], attributes: frozenset[str]
) -> None:
    bound = {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise TfedgeError(f"'{text}': {type(node).__name__} is not of the language of targets")
        if isinstance(node, ast.Attribute) and node.attr not in attributes:
            raise TfedgeError(f"'{text}': there is no '{node.attr}'")
        if isinstance(node, ast.Call) and not _is_call(node):
            raise TfedgeError(f"'{text}': the functions are {', '.join(sorted(FUNCTIONS))}")
        if isinstance(node, ast.Name) and node.id not in names | bound | FUNCTIONS.keys():
            raise TfedgeError(f"'{text}': there is no fact '{node.id}'")


def _is_call(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and not node.keywords


def _inner_names(code: CodeType) -> set[str]:
    found = {const for const in code.co_consts if isinstance(const, CodeType)}
    return {name for inner in found for name in (*inner.co_names, *_inner_names(inner))}
