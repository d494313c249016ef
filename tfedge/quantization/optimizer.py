"""Optimizers that learn of new variables without forgetting the old ones."""

from __future__ import annotations

from typing import Any

import keras


def include_new_variables(model: Any) -> None:
    """Let a model's optimizer train variables that the model got after it was built.

    What the optimizer knows of the other variables (momenta, step, learning rate) stays.
    """
    old = getattr(model, "optimizer", None)
    if old is None or not old.built:
        return
    known = {id(variable) for variable in _inner(old)._trainable_variables}
    variables = model.trainable_variables
    if all(id(variable) in known for variable in variables):
        return
    new = type(old).from_config(old.get_config())
    new.build(variables)
    state = {variable.path: variable for variable in old.variables}
    for variable in new.variables:
        if variable.path in state:
            variable.assign(keras.ops.convert_to_numpy(state[variable.path]))
    model.optimizer = new
    if model.train_function is not None:
        model.make_train_function(force=True)


def _inner(optimizer: Any) -> Any:
    """Return the optimizer within a loss scale."""
    return getattr(optimizer, "inner_optimizer", optimizer)
