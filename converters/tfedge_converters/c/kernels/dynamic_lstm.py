"""UNIDIRECTIONAL_SEQUENCE_LSTM on real numbers that become integers at run time.

`float_lstm.py` leaves to this file what has integers for weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfedge_converters.c.kernel_call import Constant, Lowered, Param
from tfedge_converters.c.kernels.fully_connected import PRODUCTS
from tfedge_converters.c.kernels.lstm import (
    GateWeights,
    LstmLayer,
    gate_weights,
    lstm_call,
    weights_constant,
)
from tfedge_converters.graph.lstm_operands import INPUT_WEIGHTS, RECURRENT_WEIGHTS
from tfedge_converters.graph.types import Operator


def dynamic_lstm_call(
    operator: Operator, layer: LstmLayer, biases: Constant, clip: float
) -> Lowered:
    """Multiply int8 weights with inputs and hidden states, which become int8 at each step.

    Args:
        operator, layer: the LSTM, of real activations.
        biases: float32 [units, 4].
        clip: of the cell.
    """
    longest = max(layer.depth, layer.units)
    PRODUCTS.refuse_above(2 * longest, f"{longest} products a gate could overflow its 32-bit sum")
    weights = gate_weights(operator, INPUT_WEIGHTS, layer.depth, layer.units)
    recurrent = gate_weights(operator, RECURRENT_WEIGHTS, layer.units, layer.units)
    params: dict[str, Param] = {
        **layer.sizes,
        "asymmetric": int(bool(operator.options.asymmetricQuantizeInputs)),
        "weights": weights_constant("weights", weights),
        "weight_sums": _sums("weight_sums", weights),
        "weight_scales": _scales(weights),
        "bias": biases,
        "recurrent_weights": weights_constant("recurrent_weights", recurrent),
        "recurrent_sums": _sums("recurrent_sums", recurrent),
        "recurrent_scales": _scales(recurrent),
        "clip": clip,
    }
    kernel = "lstm_dynamic"
    integers = layer.depth + layer.units
    return lstm_call(operator, layer, params, kernel, kernel, scratch_bytes=integers)


def _sums(role: str, weights: Sequence[GateWeights]) -> Constant:
    values = np.stack([gate.values.sum(axis=1, dtype=np.int32) for gate in weights], 1)
    return Constant(role, values, "[units][4]")


def _scales(weights: Sequence[GateWeights]) -> tuple[float, ...]:
    return tuple(gate.scale for gate in weights)
