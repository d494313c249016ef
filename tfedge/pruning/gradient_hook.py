"""Hook for every gradient in the optimizer's compiled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfedge.pruning.masks import mask_of

# Of a weight and its gradient, what the sum gains.
Observer = Callable[[Any, Any], Any]


class Watch:
    """Statistics to sum up of a variable's gradients.

    Attributes:
        variable: a weight under a mask.
        observers: sums with what each of them gains in a step.
    """

    def __init__(self, variable: Any, observers: list[tuple[Any, Observer]]):
        self.variable = variable
        self.observers = observers


def needs_hook(optimizer: Any, watches: list[Watch]) -> bool:
    """Whether constraints alone do not do."""
    averages = getattr(inner(optimizer), "use_ema", False)
    return averages or any(watch.observers for watch in watches)


def hook(optimizer: Any, watches: list[Watch]) -> None:
    """Add gradients to sums, and mask weights before moving averages see them.

    `update_step` gets gradients that are unscaled, clipped, and summed over replicas; it runs in
    the update context of tf.distribute, where every replica updates its own copies.
    """
    optimizer = inner(optimizer)
    unhook(optimizer)
    update, key = optimizer.update_step, optimizer._var_key
    by_key = {key(watch.variable): watch for watch in watches}

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        watch = by_key.get(key(variable))
        if watch is None:
            update(gradient, variable, learning_rate)
            return
        dense = tf.convert_to_tensor(gradient)
        for total, observer in watch.observers:
            optimizer.assign_add(total, observer(tf.convert_to_tensor(variable), dense))
        update(gradient, variable, learning_rate)
        value = tf.convert_to_tensor(variable)
        mask = tf.convert_to_tensor(mask_of(watch.variable).value)
        optimizer.assign(variable, tf.where(mask, value, tf.zeros_like(value)))

    optimizer.update_step = update_step


def unhook(optimizer: Any) -> bool:
    """Give an optimizer its own step back; False if it has it."""
    return vars(inner(optimizer)).pop("update_step", None) is not None


def mask_average(optimizer: Any, variable: Any) -> None:
    """Set to 0 what the mask prunes in a weight's moving average, if the optimizer has one."""
    optimizer = inner(optimizer)
    if not (optimizer.built and optimizer.use_ema):
        return
    average = optimizer._model_variables_moving_average[optimizer._get_variable_index(variable)]
    average.assign(tf.where(mask_of(variable).value, average.value, 0.0))


def inner(optimizer: Any) -> Any:
    """Return the optimizer within a loss scale."""
    return getattr(optimizer, "inner_optimizer", optimizer)
