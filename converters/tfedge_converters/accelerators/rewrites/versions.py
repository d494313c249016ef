"""Lower versions of operators; every output bit stays."""

from __future__ import annotations

import copy

from tfedge.quantization.policy import INT8, OPERATORS
from tfedge_converters.graph.making import replace
from tfedge_converters.graph.types import Graph, Operator, TensorType


def lowest_version(graph: Graph, operator: Operator) -> bool:
    """Newer versions of these operators say nothing that a graph of int8 needs."""
    policy = OPERATORS.get(operator.code)
    lowest = None if policy is None else policy.versions.get(INT8)
    needed = _version_needed(operator, lowest)
    if needed is None or operator.version <= needed:
        return False
    newer = copy.copy(operator)
    newer.version = needed
    replace(graph, operator, [newer])
    return True


def _version_needed(operator: Operator, lowest: int | None) -> int | None:
    types = {t.type for t in (*operator.inputs[:2], *operator.outputs) if t is not None}
    if lowest is None or not types <= {TensorType.INT8, TensorType.INT32}:
        return None
    options = operator.options
    newer = ("keepNumDims", "asymmetricQuantizeInputs")
    if any(getattr(options, name, False) for name in newer):
        return None
    return 3 if getattr(options, "halfPixelCenters", False) else lowest
