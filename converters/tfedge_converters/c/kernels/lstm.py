"""Lowering of UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.function_tables import sigmoid_table
from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.wide_products import quantize_wide_multiplier
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.fully_connected import PRODUCTS
from tfedge_converters.c.kernels.requantization import (
    BIAS,
    INT8_WEIGHTS,
    WEIGHTS,
    bias_values,
    folded_bias,
    weight_scales,
)
from tfedge_converters.c.limits import SAME_GRID, AtMost, Limit
from tfedge_converters.c.registry import kernel
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

_PLAIN = Limit("without peephole, projection or normalisation of its layers")
_TANH = Limit("its activation TANH")
_EXACT = Limit("no clipping of projections, no diagonal recurrent weights")
_CELL_CLIP = Limit("the cell's clip finite and not negative")
_SEQUENCES = AtMost(1, "sequence at once")
_NO_STATE = Limit("its input no state")
_STATES = Limit(
    "states that are variables with a value for each unit, the cell in int16, or float32 if all is"
)
_CELL_SCALE = Limit(
    f"the cell's scale a power of two, 2^{_CELL_POWERS[0]} to 2^{_CELL_POWERS[-1]}, and its zero "
    "point 0"
)
ONE_SCALE = Limit("one scale for the weights of a gate")
_RESULT_SCALE = Limit(f"the result's scale above 2^-{2 * _ACTIVATION_FRACTION_BITS}")
VARIANT = (_PLAIN, _TANH, _EXACT, _CELL_CLIP, _SEQUENCES, _NO_STATE, _STATES)
_LIMITS = (
    *(*VARIANT, _CELL_SCALE, ONE_SCALE),
    *(_RESULT_SCALE, SAME_GRID, WEIGHTS, *INT8_WEIGHTS, BIAS, PRODUCTS),
)

# By the width of activations, where it is not int16.
_CELL_TYPES = {checks.REAL_WIDTH: TensorType.FLOAT32}

# What no int16 reaches.
_NO_CLIP = 1 << 15


@kernel(
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "int8 int16",
    limits=_LIMITS,
)
def lower_lstm(operator: Operator) -> Lowered:
    """[1, steps, depth] to [1, steps, units], or time first; four gates, and nothing more."""
    check_variant(operator)
    layer = LstmLayer.of(operator)
    kernel = f"lstm_{layer.width}"
    return lstm_call(operator, layer, _PARAMS[layer.width](operator, layer), kernel, kernel)


def check_variant(operator: Operator) -> None:
    """Refuse an LSTM that has more than kernels know of."""
    present = checks.operands(operator, least=1, most=OPERANDS)
    for index in ABSENT:
        if present[index] is not None:
            _PLAIN.refuse(
                "only the plain variant has a kernel: without peephole, projection or "
                "normalisation of its layers"
            )
    options = operator.options
    if options.fusedActivationFunction != schema.ActivationFunctionType.TANH:
        _TANH.refuse("its activation must be TANH")
    if options.projClip or options.diagonalRecurrentTensors:
        _EXACT.refuse("it clips or simplifies what the kernel does not know of")
    if not (math.isfinite(options.cellClip) and options.cellClip >= 0):
        _CELL_CLIP.refuse(f"the cell is clipped to {options.cellClip}")


def lstm_call(
    operator: Operator,
    layer: LstmLayer,
    params: Mapping[str, Param],
    kernel: str,
    header: str,
    *,
    scratch_bytes: int = 0,
) -> Lowered:
    """A kernel, which begins with zeros, or goes on where it has stopped.

    Args:
        operator, layer, params: what to call it with.
        kernel: its name, where it begins with zeros.
        header: declares it and its parameters.
        scratch_bytes: what it asks for beside the cell.
    """
    call = KernelCall(
        kernel=kernel,
        header=header,
        struct=header,
        params=params,
        operands=(layer.source,),
        output=operator.outputs[0],
        takes_scratch=True,
        scratch_bytes=layer.cell.byte_size + scratch_bytes,
        macs=layer.steps * layer.units * 4 * (layer.depth + layer.units),
    )
    if layer.cell.keeps_state:
        call = dataclasses.replace(
            call,
            kernel=f"{kernel}_continued",
            takes_scratch=scratch_bytes > 0,
            scratch_bytes=scratch_bytes,
            states={"cell": layer.cell, "hidden": layer.hidden},
        )
    return Lowered((call,), detail=f"{layer.units} units, {layer.steps} steps")


@dataclass(frozen=True, eq=False)
class LstmLayer:
    """The tensors and extents of an LSTM; its width is what kernels are called by."""

    source: Tensor
    hidden: Tensor
    cell: Tensor
    steps: int
    depth: int
    units: int
    width: str

    @staticmethod
    def of(operator: Operator) -> LstmLayer:
        """Check an operator's tensors against each other."""
        source, output = checks.operand(operator, INPUT), operator.outputs[0]
        hidden = checks.operand(operator, HIDDEN_STATE)
        cell = checks.operand(operator, CELL_STATE)
        if source.is_variable:
            _NO_STATE.refuse(f"its input '{source.name}' is a state")
        checks.rank(source, 3)
        checks.rank(output, 3)
        width = checks.numbers(source, output, hidden)
        if width != checks.REAL_WIDTH:
            checks.same_quantization(operator, output, hidden)
        batch, steps = source.shape[:2]
        if operator.options.timeMajor:
            batch, steps = steps, batch
        _SEQUENCES.refuse_above(batch, f"{batch} sequences at once; one is supported")
        units, depth = output.shape[2], source.shape[2]
        checks.shape(output, (*source.shape[:2], units))
        if width == "s8":
            PRODUCTS.refuse_above(
                max(units, depth), "products of an output could overflow its 32-bit sum"
            )
        _check_state(hidden, output.type, units)
        _check_state(cell, _CELL_TYPES.get(width, TensorType.INT16), units)
        return LstmLayer(source, hidden, cell, steps, depth, units, width)

    @property
    def sizes(self) -> dict[str, Param]:
        """The fields for extents."""
        return {"steps": self.steps, "depth": self.depth, "units": self.units}


@dataclass(frozen=True, eq=False)
class GateWeights:
    """int8 [units, depth] with one scale."""

    values: np.ndarray
    scale: float


def _check_state(state: Tensor, type_: TensorType, units: int) -> None:
    if not state.is_variable or state.type != type_ or state.elements != units:
        _STATES.refuse(
            f"the state '{state.name}' must be a variable of {units} values of {type_.name}"
        )


def _params(operator: Operator, layer: LstmLayer) -> dict[str, Param]:
    """Return the parameters of the kernel on int8."""
    weights = gate_weights(operator, INPUT_WEIGHTS, layer.depth, layer.units)
    recurrent = gate_weights(operator, RECURRENT_WEIGHTS, layer.units, layer.units)
    factors = _factors(layer.source, weights, quantize_multiplier)
    recurrent_factors = _factors(layer.hidden, recurrent, quantize_multiplier)
    bias = _folded(weights, layer.source, _biases(operator))
    recurrent_bias = _folded(recurrent, layer.hidden, [None] * len(recurrent))
    return {
        **layer.sizes,
        "weights": weights_constant("weights", weights),
        "bias": Constant("bias", bias, "[units][4], less the input's zero point times weights"),
        "recurrent_weights": weights_constant("recurrent_weights", recurrent),
        "recurrent_bias": Constant("recurrent_bias", recurrent_bias, "as bias"),
        **_multipliers(factors, recurrent_factors),
        "cell": _cell_fields(operator, layer),
        "output_zero_point": checks.scale_and_zero_point(layer.hidden)[1],
    }


def _int16_params(operator: Operator, layer: LstmLayer) -> dict[str, Param]:
    """Return the parameters of the kernel on int16."""
    weights = gate_weights(operator, INPUT_WEIGHTS, layer.depth, layer.units)
    recurrent = gate_weights(operator, RECURRENT_WEIGHTS, layer.units, layer.units)
    factors = _factors(layer.source, weights, quantize_wide_multiplier)
    recurrent_factors = _factors(layer.hidden, recurrent, quantize_wide_multiplier)
    biases = [bias_values(bias, layer.units, TensorType.INT64) for bias in _biases(operator)]
    return {
        **layer.sizes,
        "weights": weights_constant("weights", weights),
        "bias": Constant("bias", np.stack(biases, 1), "[units][4]"),
        "recurrent_weights": weights_constant("recurrent_weights", recurrent),
        **_multipliers(factors, recurrent_factors),
        "cell": _cell_fields(operator, layer),
    }


# By the width of activations.
_PARAMS: Mapping[str, Callable[[Operator, LstmLayer], dict[str, Param]]] = {
    "s8": _params,
    "s16": _int16_params,
}


def gate_weights(
    operator: Operator, positions: Sequence[int], depth: int, units: int
) -> list[GateWeights]:
    """Return the weights of all gates."""
    found = []
    for position in positions:
        tensor = checks.operand(operator, position)
        checks.shape(tensor, (units, depth))
        (scale,) = _one_scale(tensor, units)
        found.append(GateWeights(WEIGHTS.values(tensor), float(scale)))
    return found


def weights_constant(role: str, weights: Sequence[GateWeights]) -> Constant:
    """Unit by unit, the four gates of a unit side by side."""
    values = np.stack([gate.values for gate in weights], 1)
    return Constant(role, values, shape_comment(values.shape))


def _biases(operator: Operator) -> list[Tensor]:
    return [checks.operand(operator, position) for position in BIASES]


def _folded(
    weights: Sequence[GateWeights], source: Tensor, biases: Sequence[Tensor | None]
) -> np.ndarray:
    """int32 [units, 4]: biases, if any, less what the zero point of `source` adds."""
    zero_point = checks.scale_and_zero_point(source)[1]
    folded = [
        folded_bias(bias, len(gate.values), gate.values.sum(axis=1, dtype=np.int64), zero_point)
        for gate, bias in zip(weights, biases, strict=True)
    ]
    return np.stack([bias.values for bias in folded], 1)


def _factors(
    source: Tensor,
    weights: Sequence[GateWeights],
    quantized: Callable[[float], tuple[int, int]],
) -> list[tuple[int, int]]:
    """Each gate's multiplier and shift from sums to Q3.12."""
    scale = float(checks.scale_and_zero_point(source)[0])
    return [quantized(scale * gate.scale * (1 << _GATE_FRACTION_BITS)) for gate in weights]


def _multipliers(
    factors: Sequence[tuple[int, int]], recurrent_factors: Sequence[tuple[int, int]]
) -> dict[str, Param]:
    return {
        "multiplier": tuple(q for q, _ in factors),
        "shift": tuple(shift for _, shift in factors),
        "recurrent_multiplier": tuple(q for q, _ in recurrent_factors),
        "recurrent_shift": tuple(shift for _, shift in recurrent_factors),
    }


def _cell_fields(operator: Operator, layer: LstmLayer) -> dict[str, Param]:
    """Return the fields that both kernels have in common, from the gates to the output."""
    scale, zero_point = checks.scale_and_zero_point(layer.cell)
    fraction, exponent = math.frexp(float(scale))
    power = exponent - 1
    if fraction != 0.5 or power not in _CELL_POWERS or zero_point:
        _CELL_SCALE.refuse(
            f"the cell's scale {scale:.3g} must be a power of two, 2^{_CELL_POWERS[0]} to "
            f"2^{_CELL_POWERS[-1]}, and its zero point 0"
        )
    tanh_shift = power + _GATE_FRACTION_BITS
    clip = float(operator.options.cellClip)
    hidden_scale = float(checks.scale_and_zero_point(layer.hidden)[0])
    output_multiplier, output_shift = _right_shifting(
        4.0**-_ACTIVATION_FRACTION_BITS / hidden_scale, "the output's scale"
    )
    return {
        "sigmoid": Constant("sigmoid", sigmoid_table(), "65536 * sigmoid(i / 24) - 32768"),
        "input_shift": -2 * _ACTIVATION_FRACTION_BITS - power + 1,
        "tanh_multiplier": 3 << max(tanh_shift, 0),
        "tanh_shift": max(-tanh_shift, 0),
        "clip": int(min(clip / float(scale), 32767.0)) if clip > 0 else _NO_CLIP,
        "output_multiplier": output_multiplier,
        "output_shift": output_shift,
    }


def _one_scale(weights: Tensor, units: int) -> np.ndarray:
    scales = weight_scales(weights, units, axis=0)
    if scales.size != 1:
        ONE_SCALE.refuse(f"the weights '{weights.name}' must have one scale")
    return scales


def _right_shifting(real: float, what: str) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    if shift > 0:
        _RESULT_SCALE.refuse(f"{what} is smaller than any result of the activations")
    return multiplier, shift
