"""UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.sigmoid_table import sigmoid_table
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.fully_connected import LARGEST_DEPTH
from tfedge_converters.c.kernels.requantization import folded_bias, weight_scales
from tfedge_converters.graph.lstm_operands import (
    ABSENT,
    BIASES,
    CELL_STATE,
    HIDDEN_STATE,
    INPUT,
    INPUT_WEIGHTS,
    OPERANDS,
    RECURRENT_WEIGHTS,
)
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_GATE_FRACTION_BITS = 12
_ACTIVATION_FRACTION_BITS = 15

# Scales of the cell, as powers of two, for which none of the reference's shifts overflows.
_CELL_POWERS = range(-29, 3)

# What no int16 reaches.
_NO_CLIP = 1 << 15


def lower_lstm(operator: Operator) -> Lowered:
    """[1, steps, depth] to [1, steps, units], or time first; four gates, and nothing more."""
    present = checks.operands(operator, least=1, most=OPERANDS)
    for index in ABSENT:
        if present[index] is not None:
            raise checks.RefusedError(
                "only the plain variant has a kernel: without peephole, projection or "
                "normalisation of its layers"
            )
    options = operator.options
    if options.fusedActivationFunction != schema.ActivationFunctionType.TANH:
        raise checks.RefusedError("its activation must be TANH")
    if options.projClip or options.diagonalRecurrentTensors:
        raise checks.RefusedError("it clips or simplifies what the kernel does not know of")
    if not (math.isfinite(options.cellClip) and options.cellClip >= 0):
        raise checks.RefusedError(f"the cell is clipped to {options.cellClip}")
    layer = _Layer.of(operator)
    call = KernelCall(
        kernel="lstm_s8",
        header="lstm_s8",
        struct="lstm_s8",
        params=_params(operator, layer),
        operands=(layer.source,),
        output=operator.outputs[0],
        takes_scratch=True,
        scratch_bytes=2 * layer.units,
        macs=layer.steps * layer.units * 4 * (layer.depth + layer.units),
    )
    if layer.cell.keeps_state:
        call = dataclasses.replace(
            call,
            kernel="lstm_s8_continued",
            takes_scratch=False,
            scratch_bytes=0,
            states={"cell": layer.cell, "hidden": layer.hidden},
        )
    return Lowered((call,), detail=f"{layer.units} units, {layer.steps} steps")


@dataclass(frozen=True, eq=False)
class _Layer:
    source: Tensor
    hidden: Tensor
    cell: Tensor
    steps: int
    depth: int
    units: int

    @staticmethod
    def of(operator: Operator) -> _Layer:
        source, output = checks.operand(operator, INPUT), operator.outputs[0]
        hidden = checks.operand(operator, HIDDEN_STATE)
        cell = checks.operand(operator, CELL_STATE)
        if source.is_variable:
            raise checks.RefusedError(f"its input '{source.name}' is a state")
        checks.rank(source, 3)
        checks.rank(output, 3)
        checks.int8(source, output, hidden)
        checks.same_quantization(operator, output, hidden)
        batch, steps = source.shape[:2]
        if operator.options.timeMajor:
            batch, steps = steps, batch
        if batch != 1:
            raise checks.RefusedError(f"{batch} sequences at once; one is supported")
        units, depth = output.shape[2], source.shape[2]
        checks.shape(output, (*source.shape[:2], units))
        if max(units, depth) > LARGEST_DEPTH:
            raise checks.RefusedError("products of an output could overflow its 32-bit sum")
        _check_state(hidden, TensorType.INT8, units)
        _check_state(cell, TensorType.INT16, units)
        return _Layer(source, hidden, cell, steps, depth, units)


def _check_state(state: Tensor, type_: TensorType, units: int) -> None:
    if not state.is_variable or state.type != type_ or state.elements != units:
        raise checks.RefusedError(
            f"the state '{state.name}' must be a variable of {units} values of {type_.name}"
        )


def _params(operator: Operator, layer: _Layer) -> dict[str, Param]:
    hidden_scale, hidden_zero_point = checks.scale_and_zero_point(layer.hidden)
    output_multiplier, output_shift = _right_shifting(
        4.0**-_ACTIVATION_FRACTION_BITS / float(hidden_scale), "the output's scale"
    )
    weights, bias, factors = _gates(operator, layer.source, INPUT_WEIGHTS, BIASES, layer)
    recurrent, recurrent_bias, recurrent_factors = _gates(
        operator, layer.hidden, RECURRENT_WEIGHTS, None, layer
    )
    return {
        "steps": layer.steps,
        "depth": layer.depth,
        "units": layer.units,
        "weights": Constant("weights", weights, f"[{layer.units}][4][{layer.depth}]"),
        "bias": Constant("bias", bias, "[units][4], less the input's zero point times weights"),
        "recurrent_weights": Constant(
            "recurrent_weights", recurrent, f"[{layer.units}][4][{layer.units}]"
        ),
        "recurrent_bias": Constant("recurrent_bias", recurrent_bias, "as bias"),
        "multiplier": tuple(q for q, _ in factors),
        "shift": tuple(shift for _, shift in factors),
        "recurrent_multiplier": tuple(q for q, _ in recurrent_factors),
        "recurrent_shift": tuple(shift for _, shift in recurrent_factors),
        "sigmoid": Constant("sigmoid", sigmoid_table(), "65536 * sigmoid(i / 24) - 32768"),
        **_cell_fields(layer.cell, float(operator.options.cellClip)),
        "output_multiplier": output_multiplier,
        "output_shift": output_shift,
        "output_zero_point": hidden_zero_point,
    }


def _cell_fields(cell: Tensor, clip: float) -> dict[str, Param]:
    scale, zero_point = checks.scale_and_zero_point(cell)
    fraction, exponent = math.frexp(float(scale))
    power = exponent - 1
    if fraction != 0.5 or power not in _CELL_POWERS or zero_point:
        raise checks.RefusedError(
            f"the cell's scale {scale:.3g} must be a power of two, 2^{_CELL_POWERS[0]} to "
            f"2^{_CELL_POWERS[-1]}, and its zero point 0"
        )
    tanh_shift = power + _GATE_FRACTION_BITS
    return {
        "input_shift": -2 * _ACTIVATION_FRACTION_BITS - power + 1,
        "tanh_multiplier": 3 << max(tanh_shift, 0),
        "tanh_shift": max(-tanh_shift, 0),
        "cell_clip": int(min(clip / float(scale), 32767.0)) if clip > 0 else _NO_CLIP,
    }


def _gates(
    operator: Operator,
    source: Tensor,
    positions: Sequence[int],
    biases: Sequence[int] | None,
    layer: _Layer,
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Weights and biases of all gates, unit by unit, and each gate's multiplier to Q3.12."""
    units = layer.units
    depth = source.shape[-1]
    scale, zero_point = checks.scale_and_zero_point(source)
    weights, bias, factors = [], [], []
    for gate, position in enumerate(positions):
        tensor = checks.operand(operator, position)
        checks.shape(tensor, (units, depth))
        data = checks.constant(tensor, "the weights")
        (weight_scale,) = _one_scale(tensor, units)
        given = None if biases is None else checks.operand(operator, biases[gate])
        folded = folded_bias(given, units, data.sum(axis=1, dtype=np.int64), zero_point)
        weights.append(data)
        bias.append(folded.values)
        real = float(scale) * float(weight_scale) * (1 << _GATE_FRACTION_BITS)
        factors.append(quantize_multiplier(real))
    return np.stack(weights, 1), np.stack(bias, 1), factors


def _one_scale(weights: Tensor, units: int) -> np.ndarray:
    scales = weight_scales(weights, units, axis=0)
    if scales.size != 1:
        raise checks.RefusedError(f"the weights '{weights.name}' must have one scale")
    return scales


def _right_shifting(real: float, what: str) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    if shift > 0:
        raise checks.RefusedError(f"{what} is smaller than any result of the activations")
    return multiplier, shift
