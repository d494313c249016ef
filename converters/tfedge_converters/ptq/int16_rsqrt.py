"""Functions of 16-bit integers that no kernel computes, as sequences of operators that kernels do.

The int16 RSQRT of LiteRT and TFLite Micro is off by thousands of steps. Their int8 RSQRT is right,
and a first guess for Newton's iteration, which int16 products and differences compute.
"""

from __future__ import annotations

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.activation_types import ACTIVATION_TYPES
from tfedge.quantization.affine import reciprocal_root_end
from tfedge.quantization.policy import INT16X8, OPERATORS
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Graph, Operator, Range, Tensor, TensorType
from tfedge_converters.ptq.groups import Groups

_BITS, _GUESS_BITS = 16, 8
# Operands of int8 tell so many values above 0 apart.
_GUESSED_STEPS = 255
# Of a result, relative, when the iteration ends; and where it ends if it does not get there.
_TOLERANCE, _MOST_STEPS = 2e-4, 10
# 1.5 - x / 2 * y * y ends at 0, so that no step changes y's sign.
_HALVES = 1.5
# x / 2 * y for the largest overestimate of y.
_LARGEST_ROOT = 0.65

_OPTIONS = {"MUL": schema.MulOptionsT, "SUB": schema.SubOptionsT}


def with_int16_rsqrt(graph: Graph, scheme: Scheme) -> list[Operator]:
    """A float graph's operators, with sequences for those that have no kernel of their width.

    The results' ranges get headroom. A function whose operand's or result's range is not known
    stays what it is: whoever needs the range will say so.

    Raises:
        UnsupportedError: an operator is not in the policy table, or not for its width.
    """
    groups = Groups(graph, scheme)
    operators: list[Operator] = []
    for operator in graph.operators:
        policy = OPERATORS.get(operator.code)
        wide = policy is not None and INT16X8 in policy.sequences
        if (
            wide
            and groups.activation_type(operator) is ACTIVATION_TYPES[_BITS]
            and _is_known(operator)
        ):
            operators += _reciprocal_root(operator)
        else:
            operators.append(operator)
    return operators


def _is_known(operator: Operator) -> bool:
    ranges = [
        tensor.range for tensor in (*operator.inputs, *operator.outputs) if tensor is not None
    ]
    return len(ranges) == 2 and all(known is not None and known.high > 0 for known in ranges)


def _reciprocal_root(operator: Operator) -> list[Operator]:
    """y = y * (1.5 - x / 2 * y * y), as often as the range of y needs."""
    (x,), (result,) = operator.inputs, operator.outputs
    assert x is not None and x.range is not None and result.range is not None
    root = math.sqrt(x.range.high)
    high = reciprocal_root_end(result.range.high, x.range.high)
    result.range = Range(0.0, high)
    guess = min(high, math.sqrt(_GUESSED_STEPS) / root)
    steps = newton_steps(high * root, guess * root)
    make = _Sequence(result)
    y = make("RSQRT", [x], "guess", guess, _GUESS_BITS)
    half = make("MUL", [x, make.number(0.5)], "half", x.range.high / 2)
    for step in range(steps):
        product = make("MUL", [half, y], f"root_{step}", _LARGEST_ROOT * root)
        square = make("MUL", [product, y], f"square_{step}", _HALVES)
        factor = make("SUB", [make.number(_HALVES), square], f"factor_{step}", _HALVES)
        y = make("MUL", [y, factor], f"y_{step}", high)
    make.operators[-1].outputs = [result]
    return make.operators


def newton_steps(high: float, guess: float) -> int:
    """Steps after which every 1 / sqrt(x) is known well enough, for x up to 1.

    Args:
        high: the largest result that is wanted.
        guess: the largest that the int8 function gives.
    """
    x = np.geomspace(max(high, 1.0) ** -2.0, 1.0, 4000)
    with np.errstate(divide="ignore"):
        y = 1 / np.sqrt(np.round(x * _GUESSED_STEPS) / _GUESSED_STEPS)
    unit = guess / _GUESSED_STEPS
    y = np.minimum(np.round(np.minimum(y, guess) / unit) * unit, guess)
    relative = y * np.sqrt(x)
    for step in range(_MOST_STEPS):
        if np.abs(relative - 1).max() < _TOLERANCE:
            return max(step, 1)
        relative = relative * (_HALVES - relative**2 / 2)
    return _MOST_STEPS


class _Sequence:
    """Sequence of operators with one result each, named after what the whole of it computes."""

    def __init__(self, result: Tensor):
        self.operators: list[Operator] = []
        self._result = result
        self._numbers: dict[float, Tensor] = {}

    def __call__(
        self, code: str, operands: list[Tensor], name: str, high: float, bits: int = _BITS
    ) -> Tensor:
        """The result of a new operator, within [0, high]."""
        made = Tensor(
            f"{self._result.name}_{name}",
            self._result.shape,
            TensorType.FLOAT32,
            range=Range(0.0, high),
            bits=bits,
        )
        options = _OPTIONS.get(code, lambda: None)()
        self.operators.append(Operator(code, [*operands], [made], options))
        return made

    def number(self, value: float) -> Tensor:
        """Make a constant of one number."""
        if value not in self._numbers:
            data = np.array(value, np.float32)
            name = f"{self._result.name}_{value:g}"
            self._numbers[value] = Tensor(name, (), TensorType.FLOAT32, data=data)
        return self._numbers[value]
