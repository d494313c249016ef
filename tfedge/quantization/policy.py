"""The quantisation policy: for every operator, where integers and their scales come from.

One table, keyed by the TFLite schema's operator names, is read by everything that has to agree
on it: the placement of ranges in training, the quantiser, and the generator of C. Importing it
costs nothing.

A *grid* is a scale and a zero point: real = scale * (integer - zero_point). Tables keyed by
element type ("int8") or by scheme ("int8": weights and activations of 8 bits) get one more key
for each further width.

Sources: the TFLite 8-bit quantisation specification, and the operator versions that TFLite's
own version resolver assigns.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

INT8 = "int8"


class OutputRange(enum.Enum):
    """Where the grid of an operator's results comes from.

    OWN: the values that the result takes decide.
    SHARED: the kernel moves or compares integers, so all real operands and results use one grid.
    FIXED: the kernel is written for one grid.
    NONE: the result is not quantised.
    """

    OWN = "own"
    SHARED = "shared"
    FIXED = "fixed"
    NONE = "none"


@dataclass(frozen=True)
class Grid:
    """real = scale * (integer - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class WeightPolicy:
    """One constant that the kernel multiplies with an operand and sums up.

    Weights are symmetric (zero point 0). The bias lives on the grid of the accumulator: its scale
    is the input's times the weights'.

    Attributes:
        operand: position of the weights among the operator's inputs.
        axis: the weights' dimension along which every channel has its own scale.
        input: position of the operand that they are multiplied with.
        bias: position of the bias that is added to the sum; it may be omitted in a graph.
        per_tensor_on_old_runtimes: whether interpreters exist that know this operator in int8
            but only with one scale for all its channels.
        may_be_computed: whether kernels take weights that are computed at run time, on a grid of
            their own like any operand.
    """

    operand: int
    axis: int
    input: int = 0
    bias: int = 2
    per_tensor_on_old_runtimes: bool = False
    may_be_computed: bool = False


@dataclass(frozen=True)
class OperatorPolicy:
    """How one operator is quantised.

    Attributes:
        output: where the grid of the results comes from.
        versions: lowest operator version that says a scheme's integers, by scheme; none where no
            kernel computes integers.
        weights: the constants with a policy of their own.
        integer_operands: positions of shapes, axes and paddings: integers in a real graph too.
        fixed: the results' grid by element type, where `output` is FIXED.
        exact_sources: the element types of integers, as operand 0, that the fixed grid holds as
            they are; empty where operand 0 is real.
        amplifying_versions: versions, by scheme, for the case that the scales of the operands
            multiply to no less than the result's; empty where that makes no difference.
        real: whether it stays in float32, between DEQUANTIZE and QUANTIZE, where it is a function
            of one activation: no int8 kernel computes it, or none does at all scales.
    """

    output: OutputRange
    versions: Mapping[str, int]
    weights: tuple[WeightPolicy, ...] = ()
    integer_operands: frozenset[int] = frozenset()
    fixed: Mapping[str, Grid] = field(default_factory=dict)
    amplifying_versions: Mapping[str, int] = field(default_factory=dict)
    exact_sources: frozenset[str] = frozenset()
    real: bool = False


def _own(version: int, **parts: object) -> OperatorPolicy:
    return OperatorPolicy(OutputRange.OWN, {INT8: version}, **parts)  # type: ignore[arg-type]


def _shared(version: int, *integer_operands: int) -> OperatorPolicy:
    return OperatorPolicy(
        OutputRange.SHARED, {INT8: version}, integer_operands=frozenset(integer_operands)
    )


def _none(version: int, *integer_operands: int) -> OperatorPolicy:
    return OperatorPolicy(
        OutputRange.NONE, {INT8: version}, integer_operands=frozenset(integer_operands)
    )


def _fixed(version: int, scale: float, zero_point: int) -> OperatorPolicy:
    return OperatorPolicy(OutputRange.FIXED, {INT8: version}, fixed={INT8: Grid(scale, zero_point)})


_REAL = OperatorPolicy(OutputRange.OWN, {}, real=True)

OPERATORS: Mapping[str, OperatorPolicy] = MappingProxyType(
    {
        "CONV_2D": _own(3, weights=(WeightPolicy(operand=1, axis=0),)),
        "DEPTHWISE_CONV_2D": _own(3, weights=(WeightPolicy(operand=1, axis=3),)),
        "FULLY_CONNECTED": _own(
            4,
            weights=(
                WeightPolicy(
                    operand=1, axis=0, per_tensor_on_old_runtimes=True, may_be_computed=True
                ),
            ),
        ),
        "TRANSPOSE_CONV": _own(
            2,
            weights=(WeightPolicy(operand=1, axis=0, input=2, bias=3),),
            integer_operands=frozenset({0}),
        ),
        "ADD": _own(2),
        "BATCH_MATMUL": _own(2),
        "SUB": _own(2),
        "MUL": _own(2, amplifying_versions={INT8: 3}),
        "MEAN": _own(2, integer_operands=frozenset({1})),
        "RELU": _own(2),
        "ABS": _own(2),
        "ELU": _own(1),
        "EXP": _own(2),
        "GELU": _own(2),
        "HARD_SWISH": _own(1),
        "LEAKY_RELU": _own(1),
        "LOG": _own(2),
        "PRELU": _own(1),
        "RELU_0_TO_1": _own(1),
        "RELU_N1_TO_1": _own(1),
        "RSQRT": _own(2),
        "SQRT": _own(2),
        "AVERAGE_POOL_2D": _shared(2),
        "MAX_POOL_2D": _shared(2),
        "PAD": _shared(2, 1),
        # TFLite Micro clamps integers here and rescales nothing.
        "RELU6": _shared(2),
        "CONCATENATION": _shared(2),
        "RESHAPE": _shared(1, 1),
        "RESIZE_BILINEAR": _shared(2, 1),
        "RESIZE_NEAREST_NEIGHBOR": _shared(2, 1),
        "SQUEEZE": _shared(1),
        "EXPAND_DIMS": _shared(1, 1),
        "BATCH_TO_SPACE_ND": _shared(2, 1, 2),
        "BROADCAST_TO": _shared(3, 1),
        "DEPTH_TO_SPACE": _shared(2),
        "EMBEDDING_LOOKUP": _shared(1, 0),
        "FILL": _shared(3, 0),
        "GATHER": _shared(2, 1),
        "GATHER_ND": _shared(1, 1),
        "MIRROR_PAD": _shared(2, 1),
        "PACK": _shared(2),
        "PADV2": _shared(2, 1),
        "REVERSE_V2": _shared(3, 1),
        "SLICE": _shared(2, 1, 2),
        "SPACE_TO_BATCH_ND": _shared(2, 1, 2),
        "SPACE_TO_DEPTH": _shared(2),
        "SPLIT": _shared(2, 0),
        "SPLIT_V": _shared(2, 1, 2),
        "STRIDED_SLICE": _shared(2, 1, 2, 3),
        "TILE": _shared(3, 1),
        "TRANSPOSE": _shared(2, 1),
        "UNPACK": _shared(2),
        "LOGISTIC": _fixed(2, 1 / 256, -128),
        "SOFTMAX": _fixed(2, 1 / 256, -128),
        "TANH": _fixed(2, 1 / 128, 0),
        "L2_NORMALIZATION": _fixed(2, 1 / 128, 0),
        "LOG_SOFTMAX": _fixed(2, 16 / 256, 127),
        "QUANTIZE": _own(1),
        "DEQUANTIZE": _none(2),
        "CAST": OperatorPolicy(
            OutputRange.FIXED,
            {INT8: 1},
            integer_operands=frozenset({0}),
            fixed={INT8: Grid(1.0, 0)},
            exact_sources=frozenset({"BOOL"}),
        ),
        "CUMSUM": _own(1, integer_operands=frozenset({1})),
        "REDUCE_PROD": _own(2, integer_operands=frozenset({1})),
        "ARG_MAX": _none(2, 1),
        "ARG_MIN": _none(2, 1),
        # Shifts of TFLite Micro's kernel are undefined at some scales.
        "DIV": _own(1, real=True),
        "EQUAL": _none(2),
        "GREATER": _none(2),
        "GREATER_EQUAL": _none(2),
        "LESS": _none(2),
        "LESS_EQUAL": _none(2),
        "MAXIMUM": _shared(2),
        "MINIMUM": _shared(2),
        "NOT_EQUAL": _none(2),
        "REDUCE_MAX": _shared(2, 1),
        "REDUCE_MIN": _shared(2, 1),
        "SELECT": _shared(1, 0),
        "SELECT_V2": _shared(1, 0),
        "SQUARED_DIFFERENCE": _own(2),
        "SUM": _own(2, integer_operands=frozenset({1})),
        "TOPK_V2": _shared(2, 1),
        "CEIL": _REAL,
        "COS": _REAL,
        "FLOOR": _REAL,
        "FLOOR_DIV": _REAL,
        "FLOOR_MOD": _REAL,
        "POW": _REAL,
        "ROUND": _REAL,
        "SIGN": _REAL,
        "SIN": _REAL,
    }
)
