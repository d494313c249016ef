"""Lowering of SVDF."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier, wrap_int32
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.fully_connected import PRODUCTS
from tfedge_converters.c.kernels.requantization import (
    BIAS,
    FUSED,
    WEIGHTS,
    bias_values,
    folded_bias,
    output_limits,
    real_limits,
)
from tfedge_converters.c.kernels.stored_weights import FINITE, real_bias, stored_weights
from tfedge_converters.c.limits import SHAPES, TYPES, Limit
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph import svdf_operands as at
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_STATE = Limit("a state that is a variable with a value for each filter's memory")
_NO_STATE = Limit("its input no state")
_STATE_TYPE = Limit("state and time weights both in int16, or both in int8")
_SYMMETRIC = Limit("weights with zero points of 0")
_BIAS_SCALE = Limit("a bias on the scale of states times time weights, to 1e-5")
_CLIPS_NOTHING = Limit(
    "a fused activation that clips nothing of the result's integers, which the reference would not"
)
_LIMITS = (_STATE, _NO_STATE, WEIGHTS, BIAS, FUSED)

# How far a bias's scale may be from what it is added to.
_BIAS_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class _SvdfLayer:
    """The tensors and extents of an SVDF."""

    source: Tensor
    features: Tensor
    times: Tensor
    bias: Tensor | None
    state: Tensor
    output: Tensor
    rank: int

    @staticmethod
    def of(operator: Operator) -> _SvdfLayer:
        """Check an operator's tensors against each other."""
        bias = checks.operands(operator, least=3, most=at.OPERANDS)[at.BIAS]
        source, features, times, state = (
            checks.operand(operator, position)
            for position in (at.INPUT, at.FEATURE_WEIGHTS, at.TIME_WEIGHTS, at.STATE)
        )
        output, rank = operator.outputs[0], operator.options.rank
        for tensor in (source, features, times, output):
            checks.rank(tensor, 2)
        if source.is_variable:
            _NO_STATE.refuse(f"its input '{source.name}' is a state")
        batches, depth = source.shape
        filters, memory = times.shape
        if rank < 1 or filters % rank:
            SHAPES.refuse(f"{filters} filters cannot be units of {rank}")
        checks.shape(features, (filters, depth))
        checks.shape(output, (batches, filters // rank))
        if not state.is_variable or state.elements != batches * filters * memory:
            _STATE.refuse(
                f"the state '{state.name}' must be a variable of {batches * filters * memory} "
                "values"
            )
        return _SvdfLayer(source, features, times, bias, state, output, rank)

    @property
    def units(self) -> int:
        """How many results an input has."""
        return self.output.shape[1]

    def sizes(self) -> dict[str, Param]:
        """The fields for extents."""
        return {
            "batches": self.source.shape[0],
            "depth": self.source.shape[1],
            "filters": self.times.shape[0],
            "rank": self.rank,
            "memory": self.times.shape[1],
        }

    def lowered(self, kernel: str, header: str, fields: dict[str, Param]) -> Lowered:
        """The kernel with all extents and more fields."""
        batches, depth = self.source.shape
        filters, memory = self.times.shape
        call = KernelCall(
            kernel=kernel,
            header=header,
            struct=header,
            params={**self.sizes(), **fields},
            operands=(self.source,),
            output=self.output,
            states={"state": self.state},
            macs=batches * filters * (depth + memory),
        )
        return Lowered((call,), detail=f"{filters} filters, {memory} steps kept")


@kernel(
    "SVDF",
    "int8",
    limits=(*_LIMITS, _STATE_TYPE, _SYMMETRIC, _BIAS_SCALE, _CLIPS_NOTHING, PRODUCTS),
)
def lower_svdf(operator: Operator) -> Lowered:
    """[batches, depth] to [batches, units]; a state of int16 or int8."""
    layer = _SvdfLayer.of(operator)
    checks.int8(layer.source, layer.output)
    width = checks.WIDTHS.get(layer.state.type)
    if width is None or layer.times.type != layer.state.type:
        _STATE_TYPE.refuse(
            f"the state '{layer.state.name}' is {layer.state.type.name} and the time weights "
            f"'{layer.times.name}' are {layer.times.type.name}"
        )
    activation = operator.options.fusedActivationFunction
    if output_limits(layer.output, activation) != checks.LIMITS[TensorType.INT8]:
        _CLIPS_NOTHING.refuse(
            f"its fused activation would clip '{layer.output.name}', which TFLite Micro's kernel "
            "does not do; put the activation behind it as an operator"
        )
    depth = layer.source.shape[1]
    PRODUCTS.refuse_above(depth, f"{depth} products an output could overflow its 32-bit sum")
    return layer.lowered(f"svdf_s8_{width}", "svdf_s8", _integer_fields(layer))


def _integer_fields(layer: _SvdfLayer) -> dict[str, Param]:
    input_scale, input_zero_point = checks.scale_and_zero_point(layer.source)
    state_scale, state_zero_point = checks.scale_and_zero_point(layer.state)
    output_scale, output_zero_point = checks.scale_and_zero_point(layer.output)
    checks.int8(layer.features)
    feature_scale, time_scale = _scale(layer.features), _scale(layer.times)
    features, times = WEIGHTS.values(layer.features), WEIGHTS.values(layer.times)
    _check_bias(layer.bias, state_scale * time_scale)
    # In double precision; LiteRT's kernel multiplies and divides in single precision.
    feature_multiplier, feature_shift = quantize_multiplier(
        float(input_scale) * float(feature_scale) / float(state_scale)
    )
    multiplier, shift = quantize_multiplier(
        float(state_scale) * float(time_scale) / float(output_scale)
    )
    feature_sums = features.sum(axis=1, dtype=np.int64)
    time_sums = times.reshape(layer.units, -1).sum(axis=1, dtype=np.int64)
    bias = wrap_int32(bias_values(layer.bias, layer.units) - state_zero_point * time_sums)
    bias_comment = "less the state's zero point times weights"
    folded = folded_bias(None, feature_sums.size, feature_sums, input_zero_point)
    return {
        "feature_weights": Constant("feature_weights", features, shape_comment(features.shape)),
        "feature_bias": Constant("feature_bias", folded.values, folded.comment),
        "time_weights": Constant("time_weights", times, shape_comment(times.shape)),
        "bias": Constant("bias", bias.astype(np.int32), bias_comment),
        "feature_multiplier": feature_multiplier,
        "feature_shift": feature_shift,
        "state_zero_point": state_zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output_zero_point,
    }


def _scale(weights: Tensor) -> np.float32:
    scale, zero_point = checks.scale_and_zero_point(weights)
    if zero_point:
        _SYMMETRIC.refuse(f"the weights '{weights.name}' have a zero point other than 0")
    return scale


def _check_bias(bias: Tensor | None, scale: np.float32) -> None:
    """Refuse what the reference refuses: a bias on another grid than the sums."""
    if bias is None:
        return
    claimed = checks.scale_and_zero_point(bias)[0]
    if not abs(float(claimed) - float(scale)) < _BIAS_TOLERANCE:
        _BIAS_SCALE.refuse(f"the bias '{bias.name}' has the scale {claimed}, not {scale}")


@kernel("SVDF", "float32", limits=(*_LIMITS, FINITE))
def lower_float_svdf(operator: Operator) -> Lowered:
    """The same on real numbers, with weights of single or half precision."""
    layer = _SvdfLayer.of(operator)
    checks.real(layer.source, layer.output, layer.state)
    features, times = stored_weights(layer.features), stored_weights(layer.times)
    if features.form != times.form:
        TYPES.refuse("some of its weights are FLOAT16 and others FLOAT32; one type is needed")
    fields: dict[str, Param] = {
        "feature_weights": features.constant(features.values, "feature_weights"),
        "time_weights": times.constant(times.values, "time_weights"),
        "bias": real_bias(layer.bias, layer.units),
        **real_limits(operator.options.fusedActivationFunction),
    }
    return layer.lowered(f"svdf_{features.form}", "svdf_f32", fields)
