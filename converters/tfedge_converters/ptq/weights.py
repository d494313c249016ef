"""An operator's weights and bias as integers."""

from __future__ import annotations

import numpy as np

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.affine import (
    BIAS_MAX,
    accumulator_scales,
    along,
    largest_biases,
    quantize_bias,
    quantize_symmetric,
    weight_scale,
)
from tfedge.quantization.policy import OperatorPolicy, WeightPolicy
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.ptq.constant_values import constant_values
from tfedge_converters.ptq.constants import Constants
from tfedge_converters.ptq.quant_params import (
    check_scale,
    shared_integers,
    shared_scale,
    trained_integers,
)
from tfedge_converters.ptq.tensor_types import bias_type
from tfedge_converters.ptq.weight_formats import weight_format


def quantized_weights(
    constants: Constants,
    graph: Graph,
    operator: Operator,
    policy: OperatorPolicy,
    rule: WeightPolicy,
    input_scale: np.float32,
    scheme: Scheme,
    activation_type: ActivationType,
) -> tuple[dict[int, Tensor], str]:
    """The integer weights and bias that a rule of an operator's policy speaks of.

    Returns:
        They, by position among the operator's inputs, and the key of the operator's version.

    Raises:
        UnsupportedError: they are not constants, are sparse, or their shapes do not fit.
        TfedgeError: a value is not finite, or a bias does not fit beside trained scales.
    """
    weights = _constant(graph, operator, rule.operand, "weights")
    bias = _optional_constant(graph, operator, rule.bias)
    _check_shapes(graph, operator, rule, weights, bias)
    made_as = weight_format(scheme, operator, policy, weights.trained_weights, activation_type)
    per_channel = rule.per_channel and (made_as.per_channel or not rule.per_tensor_on_old_runtimes)
    values = constant_values(weights)
    shared = weights.shared_weights if per_channel else None
    if weights.trained_weights is not None:
        wanted = weights.trained_weights.scale
    elif shared is not None:
        wanted = shared_scale(shared, made_as.limit)
    else:
        wanted = weight_scale(values, rule.axis if per_channel else None, made_as.limit)
    biases = None if bias is None else constant_values(bias).reshape(-1)
    scale, bias_scale = accumulator_scales(wanted, input_scale, largest_biases(biases, wanted.size))
    check_scale(scale, weights.name)
    check_scale(bias_scale, weights.name if bias is None else bias.name)
    if weights.trained_weights is None:
        integers = quantize_symmetric(values, scale, rule.axis, made_as.limit)
        if shared is not None:
            equal = shared_integers(shared, made_as.limit)
            integers = np.where(along(scale == wanted, rule.axis, values.ndim), equal, integers)
    else:
        integers = trained_integers(values, weights.trained_weights, rule.axis)
        _refuse_changed_scales(graph, operator, integers, rule.axis, scale != wanted)
    made = {
        rule.operand: constants.symmetric(
            weights, made_as.type, integers, scale, rule.axis, _shared_values(weights)
        )
    }
    if bias is not None and rule.bias is not None:
        made[rule.bias] = _bias(constants, bias, bias_scale, activation_type)
    return made, made_as.version


def _shared_values(weights: Tensor) -> int | None:
    if weights.trained_weights is not None:
        return weights.trained_weights.values
    if weights.shared_weights is not None:
        return len(np.unique(weights.shared_weights.values))
    return None


def quantized_bias(
    constants: Constants,
    graph: Graph,
    operator: Operator,
    rule: WeightPolicy,
    scale: np.float32,
    activation_type: ActivationType,
) -> dict[int, Tensor]:
    """The integer bias of an operator whose weights are computed, by position; none if it has none.

    Args:
        scale: of the accumulator, the product of the operands' scales.

    Raises:
        UnsupportedError: it is no constant, or does not fit at that scale.
    """
    bias = _optional_constant(graph, operator, rule.bias)
    if bias is None:
        return {}
    assert rule.bias is not None
    values = constant_values(bias)
    if np.abs(values).max(initial=0) > float(scale) * BIAS_MAX:
        raise UnsupportedError(
            f"{graph.place(operator)}: its bias is too large for the range of its operands"
        )
    return {rule.bias: _bias(constants, bias, np.array([scale], np.float32), activation_type)}


def _bias(
    constants: Constants, bias: Tensor, scale: np.ndarray, activation_type: ActivationType
) -> Tensor:
    integers = quantize_bias(constant_values(bias), scale)
    return constants.symmetric(bias, bias_type(activation_type), integers, scale, 0)


def _check_shapes(
    graph: Graph, operator: Operator, rule: WeightPolicy, weights: Tensor, bias: Tensor | None
) -> None:
    if len(weights.shape) <= rule.axis:
        raise UnsupportedError(
            f"{graph.place(operator)}: weights of shape {weights.shape} have no axis {rule.axis}"
        )
    channels = weights.shape[rule.axis]
    if bias is not None and bias.elements != channels:
        raise UnsupportedError(
            f"{graph.place(operator)}: a bias of shape {bias.shape} does not fit weights of shape "
            f"{weights.shape}, which have {channels} output channels"
        )


def _refuse_changed_scales(
    graph: Graph, operator: Operator, integers: np.ndarray, axis: int, changed: np.ndarray
) -> None:
    """Refuse biases that do not fit beside trained scales.

    Where all the integers of a channel are 0, as they are with any scale, it does no harm.
    """
    channels = np.moveaxis(integers, axis, 0).reshape(changed.size, -1)
    bad = np.flatnonzero(changed & channels.any(axis=1))
    if bad.size:
        raise TfedgeError(
            f"{graph.place(operator)}: with the scales that training gave its weights, the biases "
            f"of {bad.size} channels (the first is {bad[0]}) overflow the accumulator; keep a "
            "scale above |bias| / (input scale * 2**30) in training, or set the weights of these "
            "channels to 0"
        )


def _optional_constant(graph: Graph, operator: Operator, index: int | None) -> Tensor | None:
    if index is None or index >= len(operator.inputs) or operator.inputs[index] is None:
        return None
    return _constant(graph, operator, index, "bias")


def _constant(graph: Graph, operator: Operator, index: int, what: str) -> Tensor:
    tensor = operator.inputs[index] if index < len(operator.inputs) else None
    if tensor is None or not tensor.is_constant or tensor.type != TensorType.FLOAT32:
        raise UnsupportedError(
            f"{graph.place(operator)}: its {what} must be a float32 constant; a product of two "
            "values computed at run time cannot be quantised in this operator"
        )
    return tensor
