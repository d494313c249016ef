"""Limits of kernels: every restriction is one object, which refuses and which docs print.

A lowering can refuse an operator by such an object alone, so that docs/operators.md, which lists
those of every kernel, leaves out none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import NoReturn

import numpy as np

from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.graph.types import Tensor


class RefusedError(Exception):
    """Why an operator cannot be lowered; becomes an UnsupportedError with its place.

    Attributes:
        limit: the restriction that it breaks.
    """

    def __init__(self, limit: Limit, message: str):
        super().__init__(message)
        self.limit = limit


class Limit:
    """A restriction of a kernel.

    Attributes:
        words: what holds of the operators that it computes, for docs: "3 or 4 dimensions".
    """

    def __init__(self, words: str):
        self.words = words

    def refuse(self, message: str) -> NoReturn:
        """Refuse an operator.

        Args:
            message: what it has, and what would do.

        Raises:
            RefusedError: always.
        """
        raise RefusedError(self, message)

    @contextmanager
    def where_undefined(self) -> Iterator[None]:
        """Refuse for whatever makes the reference's arithmetic undefined within the block."""
        try:
            yield
        except UndefinedError as error:
            raise RefusedError(self, str(error)) from None


class AtMost(Limit):
    """A number that may not be larger.

    Attributes:
        most: the largest that is possible.
    """

    def __init__(self, most: int, what: str):
        """Allow `most` of something, in words that follow a number: "products an output"."""
        super().__init__(f"at most {most:,} {what}")
        self.most = most

    def refuse_above(self, value: int, message: str) -> None:
        """Refuse a number larger than `most`.

        Raises:
            RefusedError: it is.
        """
        if value > self.most:
            self.refuse(message)


class ConstantOperand(Limit):
    """An operand whose values must be known before the graph runs.

    Attributes:
        name: of the operand, in words that begin a sentence: "the weights".
    """

    def __init__(self, name: str):
        super().__init__(f"{name.removeprefix('the ')} constant")
        self.name = name

    def values(self, tensor: Tensor) -> np.ndarray:
        """The operand's values, in its own type and shape.

        Raises:
            RefusedError: they are computed at run time.
        """
        if tensor.data is None:
            self.refuse(f"{self.name} '{tensor.name}' must be constant")
        return tensor.data


class FixedGrid(Limit):
    """The one scale and zero point that the specification gives a kernel's result.

    Attributes:
        scale, zero_point: these.
    """

    def __init__(self, scale: float, zero_point: int):
        super().__init__(f"the result's scale {Fraction(scale)}, its zero point {zero_point}")
        self.scale = scale
        self.zero_point = zero_point


# What any operator must fulfil, whatever its kernel.
OPERANDS = Limit("as many operands and results as the operator has")
SHAPES = Limit("shapes, axes and options that are possible and fit each other")
TYPES = Limit("the element types of the table; of weights int8, of biases int32, int64 for int16")
GRIDS = Limit(
    "where integers stand for real numbers: one finite scale > 0, and one zero point within the "
    "type, 0 for int32, and for int16 but in QUANTIZE between integers and in SOFTMAX of int8"
)
NOT_EMPTY = Limit("no tensors without elements")
NUMBERS = Limit("parameters that fit into 32 bits")
DEFINED = Limit("scales at which the reference's fixed-point multipliers are defined")

GENERAL = (OPERANDS, SHAPES, TYPES, GRIDS, NOT_EMPTY, NUMBERS, DEFINED)

# What many kernels have in common.
SAME_GRID = Limit("one scale and zero point for operands and results")
REDUCING = Limit("scales such that operands and sums are multiplied by less than 1")
NO_ACTIVATION = Limit("no fused activation")
