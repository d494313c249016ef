"""What operators are, whoever asks: facts that hold of an operator by itself, whatever a pass does.

How an operator is quantised is in `tfedge.quantization.policy`; which kernels compute it in
`c.registry`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OperatorFacts:
    """One operator.

    Attributes:
        data_operand: the position of the operand whose values, or functions of them, the results
            hold.
    """

    data_operand: int = 0


_FACTS = {
    "EMBEDDING_LOOKUP": OperatorFacts(data_operand=1),
    "FILL": OperatorFacts(data_operand=1),
    "SELECT": OperatorFacts(data_operand=1),
    "SELECT_V2": OperatorFacts(data_operand=1),
    "SPLIT": OperatorFacts(data_operand=1),
}
_NOTHING_SPECIAL = OperatorFacts()


def facts_of(code: str) -> OperatorFacts:
    """What is known of an operator by its name in the schema."""
    return _FACTS.get(code, _NOTHING_SPECIAL)
