"""How much an operator multiplies."""

from __future__ import annotations

from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Operator


def multiplications(operator: Operator) -> int:
    """Count products with weights in one inference; 0 for an operator without constant weights.

    A weight is multiplied once for every position of the result, in depthwise convolutions too.
    """
    policy = OPERATORS.get(operator.code)
    if policy is None or not policy.weights:
        return 0
    rule = policy.weights[0]
    weights, source = operator.inputs[rule.operand], operator.inputs[rule.input]
    if weights is None or source is None or not weights.is_constant:
        return 0
    transposed = operator.code == "TRANSPOSE_CONV"
    positions = source if transposed else operator.outputs[0]
    across = source.shape[-1] if transposed else weights.shape[rule.axis]
    return weights.elements * (positions.elements // max(across, 1))
