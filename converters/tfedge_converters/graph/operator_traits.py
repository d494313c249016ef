"""Traits of operators: facts that hold of an operator whatever a pass does with it.

How an operator is quantised is in `tfedge.quantization.policy`, which kernels compute it in C in
`tfedge_converters.c.registry`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass


class Folding(enum.Enum):
    """When an operator on constants may be replaced by what LiteRT's reference computes.

    NEVER: nobody has looked, or interpreters differ.
    REAL: for real numbers and plain integers; on quantised values interpreters do not always agree.
    ALWAYS: whatever the values stand for, as long as all of them are on one grid.
    """

    NEVER = "never"
    REAL = "real"
    ALWAYS = "always"


@dataclass(frozen=True)
class Traits:
    """Facts about one operator.

    Attributes:
        element_wise: how many operands it has, of which it computes every element by itself,
            broadcast; 0 if it does not.
        moves: its results are elements of its operands, as they are, and no element decides which.
        is_view: it moves nothing either: the same elements in the same order, in another shape.
        joins: it puts operands side by side.
        selects: its results are elements of two operands, of which a third says which.
        requantizes: it does no more than bring values to a grid, from one, or to another.
        reads_shape: only the shape of its operand decides on its result.
        data_operand: the position of the operand whose values, or functions of them, are its
            results; where there are several, the first.
        choosing_operand: the position of the operand that says which values to take, and is none of
            them; None if there is none.
        folding: when it is replaced by its results, if its operands are constant.
        uint8_as_int8: LiteRT's uint8 kernel gives what an int8 kernel gives, shifted by 128, where
            the latter knows `Operator.uint8_semantics`.
        pure: it computes the same from the same operands, and nothing beside: it draws no random
            numbers, holds no resources and runs no other code.
        runs_graphs: it runs other graphs of the model, as loops and branches do.
        transcendental: on real numbers it is made of functions such as exp, of which libraries
            round the last bit in one way or another.
        shape_depends_on_values: the values of its operands decide on the shape of its results.
    """

    element_wise: int = 0
    moves: bool = False
    is_view: bool = False
    joins: bool = False
    selects: bool = False
    requantizes: bool = False
    reads_shape: bool = False
    data_operand: int = 0
    choosing_operand: int | None = None
    folding: Folding = Folding.NEVER
    uint8_as_int8: bool = False
    pure: bool = True
    runs_graphs: bool = False
    transcendental: bool = False
    shape_depends_on_values: bool = False


def traits_of(code: str) -> Traits:
    """Return the traits of an operator by its name in the schema."""
    return _TRAITS.get(code, _NOTHING_KNOWN)


def operators_with(trait: Callable[[Traits], object]) -> list[str]:
    """The names of all operators of which a trait holds, sorted."""
    return sorted(code for code, traits in _TRAITS.items() if trait(traits))


_NOTHING_KNOWN = Traits()

_SELECT = Traits(
    element_wise=3, selects=True, data_operand=1, choosing_operand=0, folding=Folding.REAL
)

_TRAITS = {
    "ABS": Traits(element_wise=1, folding=Folding.REAL),
    "ADD": Traits(element_wise=2, folding=Folding.REAL, uint8_as_int8=True),
    "ARG_MAX": Traits(uint8_as_int8=True),
    "ARG_MIN": Traits(uint8_as_int8=True),
    "ASSIGN_VARIABLE": Traits(pure=False),
    "AVERAGE_POOL_2D": Traits(uint8_as_int8=True),
    "BATCH_TO_SPACE_ND": Traits(uint8_as_int8=True),
    "BROADCAST_TO": Traits(moves=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "CALL": Traits(pure=False),
    "CALL_ONCE": Traits(pure=False, runs_graphs=True),
    "CAST": Traits(element_wise=1, folding=Folding.REAL),
    "CEIL": Traits(element_wise=1, folding=Folding.REAL),
    "CONCATENATION": Traits(moves=True, joins=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "CONV_2D": Traits(uint8_as_int8=True),
    "COS": Traits(element_wise=1, transcendental=True),
    "CUSTOM": Traits(pure=False),
    "DELEGATE": Traits(pure=False),
    "DENSIFY": Traits(folding=Folding.REAL),
    "DEPTHWISE_CONV_2D": Traits(uint8_as_int8=True),
    "DEPTH_TO_SPACE": Traits(moves=True, uint8_as_int8=True),
    "DEQUANTIZE": Traits(requantizes=True, folding=Folding.REAL, uint8_as_int8=True),
    "DIV": Traits(element_wise=2, folding=Folding.REAL),
    "ELU": Traits(element_wise=1, transcendental=True),
    "EMBEDDING_LOOKUP": Traits(data_operand=1, uint8_as_int8=True),
    "EQUAL": Traits(element_wise=2, folding=Folding.REAL),
    "EXP": Traits(element_wise=1, folding=Folding.REAL, transcendental=True),
    "EXPAND_DIMS": Traits(moves=True, is_view=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "FILL": Traits(data_operand=1, folding=Folding.REAL, uint8_as_int8=True),
    "FLOOR": Traits(element_wise=1, folding=Folding.REAL),
    "FLOOR_DIV": Traits(element_wise=2, folding=Folding.REAL),
    "FLOOR_MOD": Traits(element_wise=2, folding=Folding.REAL),
    "FULLY_CONNECTED": Traits(uint8_as_int8=True),
    "GATHER": Traits(moves=True, choosing_operand=1, folding=Folding.ALWAYS, uint8_as_int8=True),
    "GATHER_ND": Traits(uint8_as_int8=True),
    "GELU": Traits(element_wise=1, transcendental=True),
    "GREATER": Traits(element_wise=2, folding=Folding.REAL),
    "GREATER_EQUAL": Traits(element_wise=2, folding=Folding.REAL),
    "HARD_SWISH": Traits(element_wise=1),
    "HASHTABLE": Traits(pure=False),
    "HASHTABLE_FIND": Traits(pure=False),
    "HASHTABLE_IMPORT": Traits(pure=False),
    "HASHTABLE_SIZE": Traits(pure=False),
    "IF": Traits(pure=False, runs_graphs=True),
    "LEAKY_RELU": Traits(element_wise=1),
    "LESS": Traits(element_wise=2, folding=Folding.REAL),
    "LESS_EQUAL": Traits(element_wise=2, folding=Folding.REAL),
    "LOG": Traits(element_wise=1, folding=Folding.REAL, transcendental=True),
    "LOGICAL_AND": Traits(element_wise=2, folding=Folding.REAL),
    "LOGICAL_NOT": Traits(element_wise=1, folding=Folding.REAL),
    "LOGICAL_OR": Traits(element_wise=2, folding=Folding.REAL),
    "LOGISTIC": Traits(element_wise=1, uint8_as_int8=True, transcendental=True),
    "LOG_SOFTMAX": Traits(transcendental=True),
    "MAXIMUM": Traits(element_wise=2, folding=Folding.REAL, uint8_as_int8=True),
    "MAX_POOL_2D": Traits(uint8_as_int8=True),
    "MEAN": Traits(folding=Folding.REAL, uint8_as_int8=True),
    "MINIMUM": Traits(element_wise=2, folding=Folding.REAL, uint8_as_int8=True),
    "MIRROR_PAD": Traits(uint8_as_int8=True),
    "MUL": Traits(element_wise=2, folding=Folding.REAL, uint8_as_int8=True),
    "MULTINOMIAL": Traits(pure=False),
    "NEG": Traits(element_wise=1, folding=Folding.REAL),
    "NON_MAX_SUPPRESSION_V4": Traits(shape_depends_on_values=True),
    "NON_MAX_SUPPRESSION_V5": Traits(shape_depends_on_values=True),
    "NOT_EQUAL": Traits(element_wise=2, folding=Folding.REAL),
    "PACK": Traits(moves=True, joins=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "PAD": Traits(folding=Folding.REAL, uint8_as_int8=True),
    "PADV2": Traits(folding=Folding.REAL, uint8_as_int8=True),
    "POW": Traits(element_wise=2, folding=Folding.REAL, transcendental=True),
    "QUANTIZE": Traits(requantizes=True, uint8_as_int8=True),
    "RANDOM_STANDARD_NORMAL": Traits(pure=False),
    "RANDOM_UNIFORM": Traits(pure=False),
    "RANGE": Traits(folding=Folding.REAL),
    "RANK": Traits(reads_shape=True),
    "READ_VARIABLE": Traits(pure=False),
    "REDUCE_MAX": Traits(folding=Folding.REAL),
    "REDUCE_MIN": Traits(folding=Folding.REAL),
    "REDUCE_PROD": Traits(folding=Folding.REAL),
    "RELU": Traits(element_wise=1, uint8_as_int8=True),
    "RELU6": Traits(element_wise=1, uint8_as_int8=True),
    "RELU_0_TO_1": Traits(element_wise=1),
    "RELU_N1_TO_1": Traits(element_wise=1),
    "RESHAPE": Traits(moves=True, is_view=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "RESIZE_BILINEAR": Traits(uint8_as_int8=True),
    "RESIZE_NEAREST_NEIGHBOR": Traits(uint8_as_int8=True),
    "REVERSE_V2": Traits(moves=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "ROUND": Traits(element_wise=1),
    "RSQRT": Traits(element_wise=1, folding=Folding.REAL),
    "SELECT": _SELECT,
    "SELECT_V2": _SELECT,
    "SHAPE": Traits(reads_shape=True, uint8_as_int8=True),
    "SIGN": Traits(element_wise=1, folding=Folding.REAL),
    "SIN": Traits(element_wise=1, transcendental=True),
    "SLICE": Traits(moves=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "SOFTMAX": Traits(uint8_as_int8=True, transcendental=True),
    "SPACE_TO_BATCH_ND": Traits(uint8_as_int8=True),
    "SPACE_TO_DEPTH": Traits(moves=True, uint8_as_int8=True),
    "SPLIT": Traits(moves=True, data_operand=1, folding=Folding.ALWAYS, uint8_as_int8=True),
    "SPLIT_V": Traits(moves=True, uint8_as_int8=True),
    "SQRT": Traits(element_wise=1, folding=Folding.REAL),
    "SQUARE": Traits(element_wise=1, folding=Folding.REAL),
    "SQUARED_DIFFERENCE": Traits(element_wise=2),
    "SQUEEZE": Traits(moves=True, is_view=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "STABLEHLO_COMPOSITE": Traits(runs_graphs=True),
    "STABLEHLO_REDUCE": Traits(runs_graphs=True),
    "STABLEHLO_RNG_BIT_GENERATOR": Traits(pure=False),
    "STABLEHLO_WHILE": Traits(runs_graphs=True),
    "STRIDED_SLICE": Traits(moves=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "SUB": Traits(element_wise=2, folding=Folding.REAL, uint8_as_int8=True),
    "SUM": Traits(folding=Folding.REAL),
    "TANH": Traits(element_wise=1, uint8_as_int8=True, transcendental=True),
    "TILE": Traits(moves=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "TRANSPOSE": Traits(moves=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "TRANSPOSE_CONV": Traits(data_operand=2),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Traits(transcendental=True),
    "UNIQUE": Traits(shape_depends_on_values=True),
    "UNPACK": Traits(moves=True, folding=Folding.ALWAYS, uint8_as_int8=True),
    "VAR_HANDLE": Traits(pure=False),
    "WHERE": Traits(shape_depends_on_values=True),
    "WHILE": Traits(pure=False, runs_graphs=True),
}
