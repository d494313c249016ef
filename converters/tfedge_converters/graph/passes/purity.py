"""Which operators compute nothing but their outputs, and the same ones from the same inputs."""

from __future__ import annotations

from tfedge_converters.graph.sequences import SEQUENCES
from tfedge_converters.graph.types import Operator

# Operators that draw random numbers, hold resources or run other graphs.
_IMPURE = frozenset(
    {
        "ASSIGN_VARIABLE", "CALL", "CALL_ONCE", "CUSTOM", "DELEGATE", "HASHTABLE",
        "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "IF", "MULTINOMIAL",
        "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "READ_VARIABLE", "STABLEHLO_RNG_BIT_GENERATOR",
        "VAR_HANDLE", "WHILE",
    }
)  # fmt: skip


def is_pure(operator: Operator) -> bool:
    """Whether an operator may be run once instead of twice, or not at all if nobody reads it."""
    if operator.code in SEQUENCES:
        return True
    return operator.code not in _IMPURE and not any(
        tensor is not None and tensor.is_variable
        for tensor in (*operator.inputs, *operator.outputs)
    )
