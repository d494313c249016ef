"""The little language of target files: conditions and formulas over the facts of an operator.

It is Python's notation for comparisons, `and`, `or`, `not`, `in`, arithmetic on numbers, tuples and
their sums, subscripts, `… if … else …`, and generators, as in `all(…)` or behind `in`; names are
those of `facts.FACTS`, functions those of `FUNCTIONS`. Nothing else can be said. Python parses it,
and nothing of it runs but what is here: a target file of a stranger can do no harm, and takes no
more time and memory than `_MOST_STEPS` allow.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.near_names import near

# Of a file, and of how deep its parts lie within each other.
_LONGEST, _DEEPEST = 1000, 40

# Values looked at and made while an expression is evaluated for one operator.
_MOST_STEPS = 200_000

# Sizes and sums of models are far below.
_LARGEST = 1 << 128

# What a well-formed expression can still raise: None where a number is needed, too short a shape.
_FAILURES = (TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError, OverflowError)


def _number(value: Any) -> Any:
    """The value, if it is a number that fits."""
    if not isinstance(value, (int, float)):
        raise TypeError(f"a number is needed, not {value!r:.40}")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise OverflowError("a number is too large")
    return value


def _prod(values: Iterable[Any]) -> Any:
    product = 1
    for value in values:
        product = _number(product * _number(value))
    return product


def _round_up(value: int, multiple: int) -> int:
    """The least multiple of `multiple` that is no less than `value`."""
    return -(-_number(value) // _number(multiple)) * multiple


def _rank_above_one(shape: tuple[int, ...]) -> int:
    """How many dimensions are left when outer ones of size 1 are dropped."""
    leading = next((i for i, size in enumerate(shape) if size != 1), len(shape))
    return len(shape) - leading


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": lambda value: abs(_number(value)),
    "all": all,
    "any": any,
    "len": len,
    "max": max,
    "min": min,
    "prod": _prod,
    "rank_above_one": _rank_above_one,
    "round_up": _round_up,
    "set": frozenset,
    "sum": lambda values: sum(map(_number, values)),
}

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, values: item in values,
    ast.NotIn: lambda item, values: item not in values,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


@dataclass
class _Run:
    """One evaluation: the facts, and how many steps it has left."""

    facts: Mapping[str, Any]
    left: int = _MOST_STEPS

    def spend(self, value: Any) -> Any:
        """Count a value that is looked at, with its elements."""
        self.left -= 1 + (len(value) if isinstance(value, (tuple, str, frozenset)) else 0)
        if self.left < 0:
            raise ValueError("it takes too many steps")
        return value


# Evaluates a part: the run, and the values of the names that generators bind.
_Part = Callable[[_Run, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Expression:
    """A condition or formula of a target file.

    Attributes:
        text: as the file has it.
    """

    text: str
    _part: _Part = field(repr=False)

    @staticmethod
    def parse(text: str, names: frozenset[str], attributes: frozenset[str]) -> Expression:
        """Read an expression.

        Args:
            text: in the language above.
            names: the facts that it may speak of.
            attributes: what it may ask of these.

        Raises:
            TfedgeError: it is not of this language, or speaks of an unknown fact.
        """
        if len(text) > _LONGEST:
            raise TfedgeError(f"'{text[:80]}…' is longer than {_LONGEST} letters")
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise TfedgeError(f"'{text[:80]}' is no expression ({error})") from None
        try:
            return Expression(text, _Reader(names, attributes).part(tree.body))
        except TfedgeError as error:
            raise TfedgeError(f"'{text}': {error}") from None

    def value(self, facts: Mapping[str, Any]) -> Any:
        """Its value for one operator.

        Raises:
            ValueError: the operator has no such fact, it is of another kind, or there is too much
                of it to look at.
        """
        try:
            return self._part(_Run(facts), {})
        except _FAILURES as error:
            raise ValueError(f"'{self.text}' has no value here: {error}") from None


@dataclass(frozen=True)
class _Reader:
    """Compiler of syntax to functions that evaluate it; it refuses what is not of the language.

    Attributes:
        names: the facts that there are.
        attributes: what can be asked of them.
        bound: names that the generators around give values to.
        depth: how many parts lie around.
    """

    names: frozenset[str]
    attributes: frozenset[str]
    bound: frozenset[str] = frozenset()
    depth: int = 0

    def part(self, node: ast.AST) -> _Part:
        """Compile the evaluation of a part."""
        read = _READERS.get(type(node))
        if read is None:
            raise TfedgeError(f"{type(node).__name__} is not of the language of targets")
        if self.depth == _DEEPEST:
            raise TfedgeError(f"it has more than {_DEEPEST} parts within each other")
        evaluate = read(self.inside(), node)
        return lambda run, bound: run.spend(evaluate(run, bound))

    def inside(self, *bound: str) -> _Reader:
        """A reader for what lies within."""
        names = self.bound.union(bound)
        return _Reader(self.names, self.attributes, names, self.depth + 1)


def _constant(reader: _Reader, node: ast.Constant) -> _Part:
    value = node.value
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise TfedgeError(f"{value!r} is not of the language of targets")
    if isinstance(value, int):
        try:
            _number(value)
        except OverflowError as error:
            raise TfedgeError(str(error)) from None
    return lambda run, bound: value


def _name(reader: _Reader, node: ast.Name) -> _Part:
    name = node.id
    if name in reader.bound:
        return lambda run, bound: bound[name]
    if name not in reader.names:
        raise TfedgeError(f"there is no fact '{name}'{near(name, reader.names)}")
    return lambda run, bound: run.facts[name]


def _attribute(reader: _Reader, node: ast.Attribute) -> _Part:
    name = node.attr
    if name not in reader.attributes:
        raise TfedgeError(f"there is no '{name}'{near(name, reader.attributes)}")
    owner = reader.part(node.value)

    def evaluate(run: _Run, bound: Mapping[str, Any]) -> Any:
        value = owner(run, bound)
        if value is None or isinstance(value, (bool, int, float, str, tuple, frozenset)):
            raise TypeError(f"{value!r:.40} has no '{name}'")
        return getattr(value, name)

    return evaluate


def _tuple(reader: _Reader, node: ast.Tuple) -> _Part:
    parts = [reader.part(item) for item in node.elts]
    return lambda run, bound: tuple(part(run, bound) for part in parts)


def _subscript(reader: _Reader, node: ast.Subscript) -> _Part:
    owner, index = reader.part(node.value), reader.part(node.slice)

    def evaluate(run: _Run, bound: Mapping[str, Any]) -> Any:
        values = owner(run, bound)
        if not isinstance(values, tuple):
            raise TypeError(f"{values!r:.40} has no elements")
        return values[index(run, bound)]

    return evaluate


def _slice(reader: _Reader, node: ast.Slice) -> _Part:
    ends = [
        None if end is None else reader.part(end) for end in (node.lower, node.upper, node.step)
    ]
    return lambda run, bound: slice(*(None if end is None else end(run, bound) for end in ends))


def _unary(reader: _Reader, node: ast.UnaryOp) -> _Part:
    operand = reader.part(node.operand)
    if isinstance(node.op, ast.Not):
        return lambda run, bound: not operand(run, bound)
    if isinstance(node.op, ast.USub):
        return lambda run, bound: -_number(operand(run, bound))
    raise TfedgeError(f"{type(node.op).__name__} is not of the language of targets")


def _binary(reader: _Reader, node: ast.BinOp) -> _Part:
    compute = _ARITHMETIC.get(type(node.op))
    if compute is None:
        raise TfedgeError(f"{type(node.op).__name__} is not of the language of targets")
    joins = compute is operator.add
    for operand in (node.left, node.right):
        if isinstance(operand, ast.Constant) and not isinstance(operand.value, (int, float)):
            raise TfedgeError(f"{operand.value!r} is no number")
        if isinstance(operand, ast.Tuple) and not joins:
            raise TfedgeError("a tuple is no number")
    left, right = reader.part(node.left), reader.part(node.right)

    def evaluate(run: _Run, bound: Mapping[str, Any]) -> Any:
        a, b = left(run, bound), right(run, bound)
        if joins and isinstance(a, tuple) and isinstance(b, tuple):
            return a + b
        return _number(compute(_number(a), _number(b)))

    return evaluate


def _logical(reader: _Reader, node: ast.BoolOp) -> _Part:
    parts = [reader.part(value) for value in node.values]
    ends_with = not isinstance(node.op, ast.And)

    def evaluate(run: _Run, bound: Mapping[str, Any]) -> Any:
        value = None
        for part in parts:
            value = part(run, bound)
            if bool(value) is ends_with:
                break
        return value

    return evaluate


def _comparison(reader: _Reader, node: ast.Compare) -> _Part:
    first, others = reader.part(node.left), [reader.part(other) for other in node.comparators]
    tests = [_COMPARISONS[type(op)] for op in node.ops]

    def evaluate(run: _Run, bound: Mapping[str, Any]) -> bool:
        left = first(run, bound)
        for test, part in zip(tests, others, strict=True):
            right = part(run, bound)
            if not test(left, right):
                return False
            left = right
        return True

    return evaluate


def _conditional(reader: _Reader, node: ast.IfExp) -> _Part:
    test, then, other = (reader.part(part) for part in (node.test, node.body, node.orelse))
    return lambda run, bound: (then if test(run, bound) else other)(run, bound)


def _call(reader: _Reader, node: ast.Call) -> _Part:
    function = FUNCTIONS.get(node.func.id) if isinstance(node.func, ast.Name) else None
    if function is None or node.keywords:
        raise TfedgeError(f"the functions are {', '.join(sorted(FUNCTIONS))}")
    parts = [reader.part(argument) for argument in node.args]
    return lambda run, bound: function(*(part(run, bound) for part in parts))


def _generator(reader: _Reader, node: ast.GeneratorExp) -> _Part:
    loop = node.generators[0]
    if len(node.generators) > 1 or not isinstance(loop.target, ast.Name):
        raise TfedgeError("a generator has one 'for', with one name")
    name = loop.target.id
    source, inner = reader.part(loop.iter), reader.inside(name)
    tests, result = [inner.part(test) for test in loop.ifs], inner.part(node.elt)

    def evaluate(run: _Run, bound: Mapping[str, Any]) -> Iterator[Any]:
        values = source(run, bound)
        if not isinstance(values, (tuple, frozenset)):
            raise TypeError(f"{values!r:.40} has no elements")
        for value in values:
            known = {**bound, name: value}
            if all(test(run, known) for test in tests):
                yield result(run, known)

    return evaluate


_READERS: Mapping[type[ast.AST], Callable[[_Reader, Any], _Part]] = {
    ast.Attribute: _attribute,
    ast.BinOp: _binary,
    ast.BoolOp: _logical,
    ast.Call: _call,
    ast.Compare: _comparison,
    ast.Constant: _constant,
    ast.GeneratorExp: _generator,
    ast.IfExp: _conditional,
    ast.Name: _name,
    ast.Slice: _slice,
    ast.Subscript: _subscript,
    ast.Tuple: _tuple,
    ast.UnaryOp: _unary,
}
