"""Small mistakes in a module's source, one at a time: each is a mutant that tests should notice.

Comparisons that include or leave out their end or turn round, one operator in place of another,
whole numbers off by one, the smallest for the largest, negated conditions. What is said to users,
annotations and assertions stay as they are.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODULE = 0  # in place of a function's line: code that runs when the module is imported

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_NAMES = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "argmin": "argmax",
    "argmax": "argmin",
}
_LEFT_ALONE = (ast.JoinedStr, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        path: the module's file.
        function: the first line of the function that has it, with its decorators; MODULE if none.
        line: where it is.
        before: the expression as it stands.
        after: the expression in its place.
        source: the whole module with it.
    """

    path: Path
    function: int
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before}  ->  {self.after}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mistake in a module that this file knows, in the order of lines."""
    source = path.read_text("utf-8")
    for function, node in _expressions(ast.parse(source), MODULE):
        for changed in _changed(node):
            yield _mutant(path, source, function, node, changed)


def _expressions(node: ast.AST, function: int) -> Iterator[tuple[int, ast.AST]]:
    """All expressions and statements that may be changed, with the function that they are in."""
    if isinstance(node, _LEFT_ALONE):
        return
    if isinstance(node, ast.FunctionDef):
        function = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    yield function, node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _expressions(child, function)


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """The node with one mistake, for each that it can have."""
    match node:
        case ast.Compare(ops=operators):
            for index, operator in enumerate(operators):
                if type(operator) in _OPERATORS:
                    other = copy.deepcopy(node)
                    other.ops[index] = _OPERATORS[type(operator)]()
                    yield other
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) | ast.BoolOp(op=operator):
            if type(operator) in _OPERATORS:
                other = copy.copy(node)
                other.op = _OPERATORS[type(operator)]()
                yield other
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield _renamed(node, "id", _NAMES[name])
        case ast.Call(func=ast.Attribute(attr=name)) if name in _NAMES:
            yield _renamed(node, "attr", _NAMES[name])


def _renamed(call: ast.Call, attribute: str, name: str) -> ast.Call:
    other = copy.deepcopy(call)
    setattr(other.func, attribute, name)
    return other


def _mutant(path: Path, source: str, function: int, node: ast.AST, changed: ast.AST) -> Mutant:
    lines = source.encode().splitlines(keepends=True)  # columns are bytes
    begin = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    whole = source.encode()
    after = f"({ast.unparse(changed)})" if isinstance(node, ast.UnaryOp) else ast.unparse(changed)
    mutated = whole[:begin] + after.encode() + whole[end:]
    return Mutant(
        path, function, node.lineno, ast.unparse(node), ast.unparse(changed), mutated.decode()
    )
