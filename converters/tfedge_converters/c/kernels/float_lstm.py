"""Lowering of UNIDIRECTIONAL_SEQUENCE_LSTM on real numbers, with real weights or int8 ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfedge_converters.c.kernel_call import Constant, Lowered, Param, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.dynamic_lstm import dynamic_lstm_call
from tfedge_converters.c.kernels.fully_connected import PRODUCTS
from tfedge_converters.c.kernels.lstm import (
    ONE_SCALE,
    VARIANT,
    LstmLayer,
    check_variant,
    lstm_call,
)
from tfedge_converters.c.kernels.requantization import BIAS, INT8_WEIGHTS, LARGEST_REAL, WEIGHTS
from tfedge_converters.c.kernels.stored_weights import FINITE, StoredWeights, stored_weights
from tfedge_converters.c.limits import SAME_GRID, TYPES
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.lstm_operands import BIASES, INPUT_WEIGHTS, RECURRENT_WEIGHTS
from tfedge_converters.graph.types import Operator, TensorType

_LIMITS = (*VARIANT, WEIGHTS, FINITE, BIAS, PRODUCTS, SAME_GRID, *INT8_WEIGHTS, ONE_SCALE)

_INTEGERS = TensorType.INT8


@kernel("UNIDIRECTIONAL_SEQUENCE_LSTM", "float32", limits=_LIMITS)
def lower_float_lstm(operator: Operator) -> Lowered:
    """[1, steps, depth] to [1, steps, units], or time first; four gates, and nothing more."""
    check_variant(operator)
    layer = LstmLayer.of(operator)
    types = _weight_types(operator)
    if len(types) > 1:
        names = " and others ".join(sorted(type_.name for type_ in types))
        TYPES.refuse(f"some of its weights are {names}; one type is needed")
    if _INTEGERS in types:
        return dynamic_lstm_call(operator, layer, _biases(operator, layer.units), _clip(operator))
    weights = _weights(operator, INPUT_WEIGHTS, (layer.units, layer.depth))
    recurrent = _weights(operator, RECURRENT_WEIGHTS, (layer.units, layer.units))
    params: dict[str, Param] = {
        **layer.sizes,
        "weights": weights.constant(weights.values),
        "bias": _biases(operator, layer.units),
        "recurrent_weights": recurrent.constant(recurrent.values, "recurrent_weights"),
        "clip": _clip(operator),
    }
    return lstm_call(operator, layer, params, f"lstm_{weights.form}", "lstm_f32")


def _weight_types(operator: Operator) -> set[TensorType]:
    positions = (*INPUT_WEIGHTS, *RECURRENT_WEIGHTS)
    return {checks.operand(operator, position).type for position in positions}


def _clip(operator: Operator) -> float:
    clip = float(operator.options.cellClip)
    return clip if clip > 0 else LARGEST_REAL


def _weights(operator: Operator, positions: Sequence[int], shape: tuple[int, int]) -> StoredWeights:
    """The weights of all gates, of one type: unit by unit, the four of a unit side by side."""
    found = []
    for position in positions:
        tensor = checks.operand(operator, position)
        checks.shape(tensor, shape)
        found.append(stored_weights(tensor))
    return StoredWeights(found[0].form, np.stack([gate.values for gate in found], 1))


def _biases(operator: Operator, units: int) -> Constant:
    found = []
    for position in BIASES:
        tensor = checks.operand(operator, position)
        checks.real(tensor)
        checks.shape(tensor, (units,))
        found.append(BIAS.values(tensor))
    values = np.stack(found, 1)
    return Constant("bias", values, shape_comment(values.shape))
