"""Lowering of UNIDIRECTIONAL_SEQUENCE_LSTM on real numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfedge_converters.c.kernel_call import Constant, Lowered, Param, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.fully_connected import PRODUCTS
from tfedge_converters.c.kernels.lstm import VARIANT, LstmLayer, check_variant, lstm_call
from tfedge_converters.c.kernels.requantization import BIAS, LARGEST_REAL, WEIGHTS
from tfedge_converters.c.kernels.stored_weights import FINITE, StoredWeights, stored_weights
from tfedge_converters.c.limits import SAME_GRID, TYPES
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.lstm_operands import BIASES, INPUT_WEIGHTS, RECURRENT_WEIGHTS
from tfedge_converters.graph.types import Operator

_LIMITS = (*VARIANT, WEIGHTS, FINITE, BIAS, PRODUCTS, SAME_GRID)


@kernel("UNIDIRECTIONAL_SEQUENCE_LSTM", "float32", limits=_LIMITS)
def lower_float_lstm(operator: Operator) -> Lowered:
    """[1, steps, depth] to [1, steps, units], or time first; four gates, and nothing more."""
    check_variant(operator)
    layer = LstmLayer.of(operator)
    weights = _weights(operator, INPUT_WEIGHTS, (layer.units, layer.depth))
    recurrent = _weights(operator, RECURRENT_WEIGHTS, (layer.units, layer.units))
    if weights.form != recurrent.form:
        TYPES.refuse("some of its weights are FLOAT16 and others FLOAT32; one type is needed")
    clip = float(operator.options.cellClip)
    params: dict[str, Param] = {
        "steps": layer.steps,
        "depth": layer.depth,
        "units": layer.units,
        "weights": weights.constant(weights.values),
        "bias": _biases(operator, layer.units),
        "recurrent_weights": recurrent.constant(recurrent.values, "recurrent_weights"),
        "clip": clip if clip > 0 else LARGEST_REAL,
    }
    return lstm_call(operator, layer, params, weights.form)


def _weights(operator: Operator, positions: Sequence[int], shape: tuple[int, int]) -> StoredWeights:
    """The weights of all gates, unit by unit, the four of a unit side by side."""
    found = []
    for position in positions:
        tensor = checks.operand(operator, position)
        checks.shape(tensor, shape)
        found.append(stored_weights(tensor))
    forms = {gate.form for gate in found}
    if len(forms) > 1:
        TYPES.refuse("some of its weights are FLOAT16 and others FLOAT32; one type is needed")
    return StoredWeights(forms.pop(), np.stack([gate.values for gate in found], 1))


def _biases(operator: Operator, units: int) -> Constant:
    found = []
    for position in BIASES:
        tensor = checks.operand(operator, position)
        checks.real(tensor)
        checks.shape(tensor, (units,))
        found.append(BIAS.values(tensor))
    values = np.stack(found, 1)
    return Constant("bias", values, shape_comment(values.shape))
