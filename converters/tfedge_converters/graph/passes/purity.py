"""Which operators compute nothing but their outputs, and the same ones from the same inputs."""

from __future__ import annotations

from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.sequences import SEQUENCES
from tfedge_converters.graph.types import Operator


def is_pure(operator: Operator) -> bool:
    """Whether an operator may be run once instead of twice, or not at all if nobody reads it."""
    if operator.code in SEQUENCES:
        return True
    return traits_of(operator.code).pure and not any(
        tensor is not None and tensor.is_variable
        for tensor in (*operator.inputs, *operator.outputs)
    )
