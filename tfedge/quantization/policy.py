"""The quantisation policy: for every operator, where integers and their scales come from.

One table, keyed by the TFLite schema's operator names, is read by everything that has to agree
on it: the placement of ranges in training, the quantiser, and the generator of C. Importing it
costs nothing.

A *grid* is a scale and a zero point: real = scale * (integer - zero_point). Tables are keyed by
the element type of activations ("int8", "int16") or by scheme ("int8": weights and activations of
8 bits; "int4": weights of 4 bits, two to a byte, and activations of 8; "int16x8": weights of 8 bits
and activations of 16), and get one more key for each further width.

Sources: the TFLite 8-bit quantisation specification, and the operator versions that TFLite's
own version resolver assigns.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

INT8, INT4, INT16X8, INT16 = "int8", "int4", "int16x8", "int16"


class OutputRange(enum.Enum):
    """Where the grid of an operator's results comes from.

    OWN: the values that the result takes decide.
    SHARED: the kernel moves or compares integers, so all float operands and results use one grid.
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
        bias: position of the bias that is added to the sum; it may be omitted in a graph. None if
            the sum has none.
        per_channel: False where every kernel knows but one scale for all channels.
        per_tensor_on_old_runtimes: whether interpreters exist that know this operator in int8
            but only with one scale for all its channels.
        may_be_computed: whether kernels take weights that are computed at run time, on a grid of
            their own like any operand.
    """

    operand: int
    axis: int
    input: int = 0
    bias: int | None = 2
    per_channel: bool = True
    per_tensor_on_old_runtimes: bool = False
    may_be_computed: bool = False


class StateGrid(enum.Enum):
    """Where the grid of a state comes from.

    RESULT: it is the result of the step before.
    POWER_OF_TWO: symmetric, with the least power of two as the scale that holds all its values.
    """

    RESULT = "result"
    POWER_OF_TWO = "power of two"


@dataclass(frozen=True)
class StatePolicy:
    """A variable operand: what an operator carries from step to step.

    Attributes:
        operand: its position among the operator's inputs.
        bits: of its integers; None for those of the result.
        grid: where its grid comes from.
    """

    operand: int
    bits: int | None
    grid: StateGrid


@dataclass(frozen=True)
class OperatorPolicy:
    """How one operator is quantised.

    Attributes:
        output: where the grid of the results comes from.
        versions: lowest operator version that says a scheme's integers, by scheme. For a scheme
            without a version there is no kernel, or none that computes what the operator means:
            the int16 PRELU, LOG, SQRT and RSQRT are off by thousands of steps.
        weights: the constants with a policy of their own.
        integer_operands: positions of shapes, axes and paddings: integers in a float graph too.
        fixed: the results' grid by element type ("int8", "int16"), where `output` is FIXED.
        exact_sources: the element types of integers, as operand 0, that the fixed grid holds as
            they are; empty where operand 0 is real.
        amplifying_versions: versions, by scheme, for the case that the scales of the operands
            multiply to no less than the result's; empty where that makes no difference.
        real: whether it stays in float32, between DEQUANTIZE and QUANTIZE, where it is a function
            of one activation: no int8 kernel computes it, or none does at all scales.
        reads_real: whether its operands are made real by DEQUANTIZE, as its integer kernels
            compute something else: comparisons of int8 tell no numbers apart that differ by less
            than 1/256, and are undefined from scales of 1 on; those of int16 ignore scales.
        states: the variable operands.
        absent: positions of operands that no integer kernel takes.
        sequences: schemes without a kernel for which the quantiser writes a sequence of other
            operators (`ptq/int16_rsqrt.py`).
        intermediates: how many interior tensors interpreters expect; the last has the result's
            grid, and the others have none.
    """

    output: OutputRange
    versions: Mapping[str, int]
    weights: tuple[WeightPolicy, ...] = ()
    integer_operands: frozenset[int] = frozenset()
    fixed: Mapping[str, Grid] = field(default_factory=dict)
    amplifying_versions: Mapping[str, int] = field(default_factory=dict)
    exact_sources: frozenset[str] = frozenset()
    real: bool = False
    reads_real: bool = False
    states: tuple[StatePolicy, ...] = ()
    absent: frozenset[int] = frozenset()
    sequences: frozenset[str] = frozenset()
    intermediates: int = 0


def _versions(int8: int, int4: int | None, int16x8: int | None) -> Mapping[str, int]:
    given = {INT8: int8, INT4: int4, INT16X8: int16x8}
    return {scheme: version for scheme, version in given.items() if version is not None}


def _own(
    int8: int, int16x8: int | None = None, *, int4: int | None = None, **parts: object
) -> OperatorPolicy:
    versions = _versions(int8, int4, int16x8)
    return OperatorPolicy(OutputRange.OWN, versions, **parts)  # type: ignore[arg-type]


def _shared(int8: int, int16x8: int | None, *integer_operands: int) -> OperatorPolicy:
    return OperatorPolicy(
        OutputRange.SHARED,
        _versions(int8, None, int16x8),
        integer_operands=frozenset(integer_operands),
    )


def _none(int8: int, int16x8: int | None, *integer_operands: int) -> OperatorPolicy:
    return OperatorPolicy(
        OutputRange.NONE,
        _versions(int8, None, int16x8),
        integer_operands=frozenset(integer_operands),
    )


def _fixed(int8: int, scale: float, zero_point: int, int16x8: int | None = None) -> OperatorPolicy:
    grids = {INT8: Grid(scale, zero_point)}
    if int16x8 is not None:
        grids[INT16] = Grid(1 / 32768, 0)
    return OperatorPolicy(OutputRange.FIXED, _versions(int8, None, int16x8), fixed=grids)


def _lstm() -> OperatorPolicy:
    """Four gates; of each the weights of the input with a bias, and those of the hidden state."""
    hidden = StatePolicy(operand=18, bits=None, grid=StateGrid.RESULT)
    cell = StatePolicy(operand=19, bits=16, grid=StateGrid.POWER_OF_TWO)
    input_weights = tuple(
        WeightPolicy(operand=1 + gate, axis=0, bias=12 + gate, per_channel=False)
        for gate in range(4)
    )
    recurrent_weights = tuple(
        WeightPolicy(operand=5 + gate, axis=0, input=hidden.operand, bias=None, per_channel=False)
        for gate in range(4)
    )
    # Peephole, projection, and layer normalisation.
    absent = frozenset({9, 10, 11, 16, 17, 20, 21, 22, 23})
    return _own(
        1,
        1,
        weights=input_weights + recurrent_weights,
        states=(hidden, cell),
        absent=absent,
        intermediates=5,
    )


# Bits of the activations inside of recurrent layers that are sequences of operators: a state of 8
# bits, rounded at every step, forgets.
INTERIOR_BITS: Mapping[str, int] = MappingProxyType({"GRU": 16, "SIMPLE_RNN": 16})
# Normalisations of rows compute in this width from operand to result: 8 bits hold neither the
# squares nor the reciprocal roots of rows whose variances differ.
NORMALIZATION_BITS = 16
# Reciprocal roots have room for rows whose variance is a quarter of the least that was seen.
ROOT_HEADROOM = 2.0

# The operator that stands for a function of one activation, of however many operators, which is
# computed in real numbers. No file has it.
REAL_FUNCTION = "REAL_FUNCTION"

_REAL = OperatorPolicy(OutputRange.OWN, {}, real=True)

_COMPARISON = OperatorPolicy(OutputRange.NONE, {}, reads_real=True)

OPERATORS: Mapping[str, OperatorPolicy] = MappingProxyType(
    {
        "CONV_2D": _own(3, 1, int4=7, weights=(WeightPolicy(operand=1, axis=0),)),
        "DEPTHWISE_CONV_2D": _own(3, 1, int4=7, weights=(WeightPolicy(operand=1, axis=3),)),
        "FULLY_CONNECTED": _own(
            4,
            1,
            int4=10,
            weights=(
                WeightPolicy(
                    operand=1, axis=0, per_tensor_on_old_runtimes=True, may_be_computed=True
                ),
            ),
        ),
        "TRANSPOSE_CONV": _own(
            2,
            1,
            weights=(WeightPolicy(operand=1, axis=0, input=2, bias=3),),
            integer_operands=frozenset({0}),
        ),
        "ADD": _own(2, 3),
        "BATCH_MATMUL": _own(2, 3),
        "SUB": _own(2, 5),
        "MUL": _own(2, 4, amplifying_versions={INT8: 3}),
        "MEAN": _own(2, 3, integer_operands=frozenset({1})),
        "RELU": _own(2, 3),
        "ABS": _own(2, 3),
        "ELU": _own(1),
        "EXP": _own(2, 2),
        "GELU": _own(2, 1),
        "HARD_SWISH": _own(1),
        "LEAKY_RELU": _own(1, 2),
        "LOG": _own(2),
        "PRELU": _own(1),
        "RELU_0_TO_1": _own(1),
        "RELU_N1_TO_1": _own(1),
        "RSQRT": _own(2, sequences=frozenset({INT16X8})),
        "SQRT": _own(2),
        "AVERAGE_POOL_2D": _shared(2, 3),
        "MAX_POOL_2D": _shared(2, 3),
        "PAD": _shared(2, 3, 1),
        # TFLite Micro clamps integers here and rescales nothing.
        "RELU6": _shared(2, 3),
        "CONCATENATION": _shared(2, 3),
        "RESHAPE": _shared(1, 1, 1),
        "RESIZE_BILINEAR": _shared(2, 4, 1),
        "RESIZE_NEAREST_NEIGHBOR": _shared(2, 4, 1),
        "SQUEEZE": _shared(1, 1),
        "EXPAND_DIMS": _shared(1, 1, 1),
        "BATCH_TO_SPACE_ND": _shared(2, 4, 1, 2),
        "BROADCAST_TO": _shared(3, 3, 1),
        "DEPTH_TO_SPACE": _shared(2, None),
        "EMBEDDING_LOOKUP": _shared(1, 1, 0),
        "FILL": _shared(3, 3, 0),
        "GATHER": _shared(2, 4, 1),
        "GATHER_ND": _shared(1, 3, 1),
        "MIRROR_PAD": _shared(2, 3, 1),
        "PACK": _shared(2, 3),
        "PADV2": _shared(2, 3, 1),
        "REVERSE_V2": _shared(3, 1, 1),
        "SLICE": _shared(2, 4, 1, 2),
        "SPACE_TO_BATCH_ND": _shared(2, 4, 1, 2),
        "SPACE_TO_DEPTH": _shared(2, None),
        "SPLIT": _shared(2, 4, 0),
        "SPLIT_V": _shared(2, 1, 1, 2),
        "STRIDED_SLICE": _shared(2, 1, 1, 2, 3),
        "TILE": _shared(3, 1, 1),
        "TRANSPOSE": _shared(2, 5, 1),
        "UNPACK": _shared(2, 4),
        "LOGISTIC": _fixed(2, 1 / 256, -128, 3),
        "SOFTMAX": _fixed(2, 1 / 256, -128, 3),
        "TANH": _fixed(2, 1 / 128, 0, 3),
        "L2_NORMALIZATION": _fixed(2, 1 / 128, 0),
        "LOG_SOFTMAX": _fixed(2, 16 / 256, 127),
        "QUANTIZE": _own(1, 2),
        "DEQUANTIZE": _none(2, 3),
        "CAST": OperatorPolicy(
            OutputRange.FIXED,
            {INT8: 1},
            integer_operands=frozenset({0}),
            fixed={INT8: Grid(1.0, 0)},
            exact_sources=frozenset({"BOOL"}),
        ),
        "CUMSUM": _own(1, integer_operands=frozenset({1})),
        "REDUCE_PROD": _own(2, integer_operands=frozenset({1})),
        "ARG_MAX": _none(2, None, 1),
        "ARG_MIN": _none(2, None, 1),
        # Shifts of TFLite Micro's int8 kernel are undefined at some scales.
        "DIV": _own(1, 1, real=True),
        "EQUAL": _COMPARISON,
        "GREATER": _COMPARISON,
        "GREATER_EQUAL": _COMPARISON,
        "LESS": _COMPARISON,
        "LESS_EQUAL": _COMPARISON,
        "MAXIMUM": _shared(2, 4),
        "MINIMUM": _shared(2, 4),
        "NOT_EQUAL": _COMPARISON,
        "REDUCE_MAX": _shared(2, 3, 1),
        "REDUCE_MIN": _shared(2, 3, 1),
        "SELECT": _shared(1, 1, 0),
        "SELECT_V2": _shared(1, 1, 0),
        "SQUARED_DIFFERENCE": _own(2, 1),
        "SUM": _own(2, 1, integer_operands=frozenset({1})),
        "TOPK_V2": _shared(2, 3, 1),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm(),
        "CEIL": _REAL,
        "COS": _REAL,
        "FLOOR": _REAL,
        "FLOOR_DIV": _REAL,
        "FLOOR_MOD": _REAL,
        "POW": _REAL,
        REAL_FUNCTION: _REAL,
        "ROUND": _REAL,
        "SIGN": _REAL,
        "SIN": _REAL,
    }
)
