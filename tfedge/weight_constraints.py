"""Constraints that keep a property of weights while an optimizer trains them.

Keras applies a variable's `constraint` in the compiled step, right after the optimizer's update: it
costs nothing on the host, and works wherever Keras trains. Several of them share a variable here,
in a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

# What comes first: zeros are decided before the weights that are left are made equal.
ZEROS, CLUSTERS = 0, 1

Constraint = Callable[[Any], Any]


class _InOrder(keras.constraints.Constraint):
    """The user's own constraint, then ours; Keras 3.12 takes no other callable."""

    def __init__(self, own: Constraint | None):
        self.own = own
        self.steps: dict[int, Constraint] = {}

    def __call__(self, weights: Any) -> Any:
        if self.own is not None:
            weights = self.own(weights)
        for order in sorted(self.steps):
            weights = self.steps[order](weights)
        return weights


def constrain(variable: Any, order: int, constraint: Constraint) -> None:
    """Apply a constraint to a Keras variable after every step, in place of one of its order.

    A training step that is compiled already does not know of it.
    """
    if not isinstance(variable.constraint, _InOrder):
        variable.constraint = _InOrder(variable.constraint)
    variable.constraint.steps[order] = constraint


def release(variable: Any, order: int) -> None:
    """Take a constraint away; the user's own comes back with the last one."""
    found = variable.constraint
    if isinstance(found, _InOrder):
        found.steps.pop(order, None)
        if not found.steps:
            variable.constraint = found.own


def hold(model: Any) -> None:
    """Apply what holds for the weights of a model, where something else than a step moved them.

    An optimizer's averages, or weights of an earlier epoch, take the place of weights without
    their constraints.
    """
    for variable in model.weights:
        if isinstance(variable.constraint, _InOrder):
            variable.assign(variable.constraint(variable))


def constraint_of(variable: Any, order: int) -> Constraint | None:
    """The constraint of this order that a variable has."""
    found = variable.constraint
    return found.steps.get(order) if isinstance(found, _InOrder) else None
