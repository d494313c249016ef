"""What asks whether a number is finite is taken out, and nothing that only looks like it."""

from __future__ import annotations

import numpy as np
import pytest

from tfedge_converters.graph import Graph, Model, Operator, Tensor, TensorType
from tfedge_converters.graph.passes.finite_checks import drop_finite_checks


def guarded(zero: float = 0.0, other: bool = False) -> Model:
    """x where x - x (or x - y) equals `zero`, else a constant; behind it an ABS."""
    x, y, difference, chosen, result = (
        Tensor(name, (1, 4), TensorType.FLOAT32) for name in ("x", "y", "d", "chosen", "result")
    )
    condition = Tensor("condition", (1, 4), TensorType.BOOL)
    constant = Tensor("zero", (), TensorType.FLOAT32, data=np.array(zero, np.float32))
    operators = [
        Operator("SUB", [x, y if other else x], [difference]),
        Operator("EQUAL", [difference, constant], [condition]),
        Operator("SELECT_V2", [condition, x, constant], [chosen]),
        Operator("ABS", [chosen], [result]),
    ]
    return Model([Graph([x, y], [result], operators)])


@pytest.mark.parametrize(
    ("model", "left"),
    [
        (guarded(), ["ABS"]),
        (guarded(zero=1.0), ["SUB", "EQUAL", "SELECT_V2", "ABS"]),
        (guarded(other=True), ["SUB", "EQUAL", "SELECT_V2", "ABS"]),
    ],
    ids=["finite", "another number", "another operand"],
)
def test_checks(model, left):
    drop_finite_checks(model)
    assert [operator.code for operator in model.main.operators] == left
    if left == ["ABS"]:
        assert model.main.operators[0].inputs == model.main.inputs[:1]
