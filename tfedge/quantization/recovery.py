"""Training that begins where recovery without labels ends.

Conversion's recovery (`tfedge.recovery`) chooses, layer by layer, the integers of weights next to
the real ones that give the float model's results, and shifts biases. Here it runs on the quantised
Keras model, with the ranges and scales that training has; what it finds goes into the weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

import keras
import numpy as np

from tfedge.clustered_values import is_clustered
from tfedge.errors import TfedgeError
from tfedge.keras_graph import private
from tfedge.quantization.schemes import Scheme
from tfedge.quantization.weighted import WeightedOperator

# Which part of the way from the middle of their integer to their real value weights stay, so that
# training neither starts on borders, where small updates flip integers back and forth, nor on so
# few values that they pass for pruned or shared ones.
LEEWAY = 0.25

# What float32 may have rounded the largest weight by.
_ROUNDING = 1e-5

# The steps where none are named: what wins most with four bits.
RECOVERY = ("clip_search", "adaround", "bias_correction")


def repeatable(data: Any) -> Any:
    """Data that can be gone through twice, for ranges and recovery: what is read once is kept."""
    if not isinstance(data, Iterator):
        return data
    items = list(data)
    return lambda: items


def recover(
    model: Any, scheme: Scheme | None, steps: str | Sequence[Any], data: Any, progress: bool = False
) -> None:
    """Put the weights of a quantised model where recovery wants them, in place.

    Weights that several layers share, or whose values were clustered, stay as they are.

    Args:
        model: with quantised operators whose ranges are known.
        scheme: that it computes with; None for that of its layers.
        steps: names or objects of `tfedge.recovery`, as `tfedge.convert` takes them.
        data: representative inputs, see `tfedge.calibration.RepresentativeData`.
        progress: whether to show progress bars.

    Raises:
        TfedgeError: a step is unknown or not for training, or there are no data, or they do not
            fit.
    """
    from tfedge_converters.ptq.recovery.training import recover_for_training

    operators = recoverable(model)
    with _numbered(operators):
        found = recover_for_training(model, scheme, steps, data, progress)
    for number, recovered in found.items():
        operator = operators[number]
        _start_from(operator, recovered.integers, recovered.scale)
        _shift_bias(operator, recovered.bias_shift)


def recoverable(model: Any) -> list[WeightedOperator]:
    """The operators of a model whose weights are variables of theirs alone, and not clustered."""
    every = [one for one in private.layers_in(model) if isinstance(one, WeightedOperator)]
    users = Counter(id(operator.weight_quantizer) for operator in every)
    return [
        operator
        for operator in every
        if operator.layer_weights.assign is not None
        and users[id(operator.weight_quantizer)] == 1
        and not _is_clustered(operator)
    ]


def described_steps(steps: str | Sequence[Any]) -> list[Any]:
    """Steps as plain values, for `steps_from`: names, and settings of objects.

    Raises:
        TfedgeError: an object is not of a class of `tfedge.recovery`.
    """
    return [_described(step) for step in _listed(steps)]


def steps_from(described: Sequence[Any]) -> list[Any]:
    """The steps that `described_steps` described."""
    from tfedge import recovery

    return [
        step if isinstance(step, str) else getattr(recovery, step["step"])(**step["settings"])
        for step in described
    ]


def _listed(steps: str | Sequence[Any]) -> list[Any]:
    return [steps] if isinstance(steps, str) else list(steps)


def _described(step: Any) -> Any:
    from tfedge import recovery

    name = type(step).__name__
    if isinstance(step, str):
        return step
    if not is_dataclass(step) or getattr(recovery, name, None) is not type(step):
        raise TfedgeError(
            f"{step!r} cannot be described in a configuration: it is no step of tfedge.recovery"
        )
    return {"step": name, "settings": asdict(step)}  # type: ignore[arg-type]


def _is_clustered(operator: WeightedOperator) -> bool:
    kernel = keras.ops.convert_to_numpy(operator.layer_weights.kernel())
    rows = kernel.reshape(-1, kernel.shape[-1]).T
    return is_clustered(rows) or all(is_clustered(row[np.newaxis]) for row in rows)


@contextmanager
def _numbered(operators: Sequence[WeightedOperator]) -> Iterator[None]:
    """Let operators have their numbers, by which exports tell of them, for a while."""
    for number, operator in enumerate(operators):
        operator.number = number
    try:
        yield
    finally:
        for operator in operators:
            operator.number = None


def _start_from(operator: WeightedOperator, integers: np.ndarray, scale: np.ndarray) -> None:
    """Put weights next to integers (reduction, channels), near to what they were.

    Scales follow the largest weight of a channel, or of all: where no integer is the largest one
    any more, they would be others, and the weights stay.
    """
    assign, limit = operator.layer_weights.assign, operator.weight_quantizer.scheme.limit
    assert assign is not None
    kernel = keras.ops.convert_to_numpy(operator.layer_weights.kernel())
    factor = keras.ops.convert_to_numpy(operator.factor())
    before = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    steps = (integers + LEEWAY * (before * factor / scale - integers)).clip(-limit, limit)
    with np.errstate(divide="ignore", invalid="ignore"):
        after = steps * scale / factor
    largest = np.abs(steps).max(axis=0 if scale.size > 1 else None)
    moves = (largest > limit * (1 - _ROUNDING)) & (factor != 0)
    kept = np.where(moves, after, before)
    assign(kept.astype(np.float32).reshape(kernel.shape))
    by_channel = scale.size > 1
    own = scale / np.abs(np.where(moves, factor, 1.0)) if by_channel else scale
    operator.weight_quantizer.start_at(own, moves if by_channel else np.array([moves.any()]))


def _shift_bias(operator: WeightedOperator, shift: np.ndarray) -> None:
    """Add to the bias (channels,), or take from the mean that a batch-norm subtracts.

    In a batch-norm the mean of what weights give is what rounding has shifted, and what training
    will record anew. Without either, biases stay.
    """
    norm, weights = operator.batch_norm, operator.layer_weights
    if norm is not None:
        factor = keras.ops.convert_to_numpy(operator.factor())
        moved = np.divide(shift, factor, out=np.zeros(len(factor)), where=factor != 0)
        norm.moving_mean.assign(keras.ops.convert_to_numpy(norm.moving_mean) - moved)
    elif weights.bias is not None and weights.assign_bias is not None:
        weights.assign_bias(keras.ops.convert_to_numpy(weights.bias()) + shift)
