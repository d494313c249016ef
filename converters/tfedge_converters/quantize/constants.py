"""Real constants to integer ones: weights, biases and ordinary operands."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfedge.errors import UnsupportedError
from tfedge.quantization.policy import WeightPolicy
from tfedge_converters.graph import Graph, Operator, Quantization, Tensor, TensorType
from tfedge_converters.quantize.affine import (
    BIAS_MAX,
    WEIGHT_MAX,
    accumulator_scales,
    activation_grid,
    check_scale,
    quantize_int8,
    quantize_symmetric,
    weight_scale,
)
from tfedge_converters.quantize.constant_values import constant_range, constant_values


class Constants:
    """Makes integer constants, one for each need of a real one.

    Two operators that read one constant may need it on different grids; they then get two
    constants, and share one where the integers and grids are the same.
    """

    def __init__(self) -> None:
        self._made: dict[int, list[Tensor]] = {}

    def operand(self, tensor: Tensor, grid: Quantization | None) -> Tensor:
        """An ordinary operand in int8, on `grid` or else on the grid of its own values."""
        if grid is None:
            grid = activation_grid(constant_range(tensor), tensor.name)
        return self._make(
            tensor, TensorType.INT8, quantize_int8(constant_values(tensor), grid), grid
        )

    def weights(self, tensor: Tensor, scale: np.ndarray, axis: int) -> Tensor:
        """Symmetric int8 weights."""
        integers = quantize_symmetric(constant_values(tensor), scale, axis, WEIGHT_MAX)
        return self._make(tensor, TensorType.INT8, integers, _symmetric(scale, axis))

    def bias(self, tensor: Tensor, scale: np.ndarray) -> Tensor:
        """A symmetric int32 bias."""
        # Rounding a value that was put on BIAS_MAX exactly may give one more.
        integers = quantize_symmetric(constant_values(tensor), scale, 0, BIAS_MAX + 1)
        return self._make(tensor, TensorType.INT32, integers, _symmetric(scale, 0))

    def _make(
        self, tensor: Tensor, type_: TensorType, integers: np.ndarray, grid: Quantization
    ) -> Tensor:
        made = self._made.setdefault(id(tensor), [])
        data = integers.astype(type_.dtype)
        for other in made:
            if other.type == type_ and grid.same_as(other.quantization):
                return other
        name = f"{tensor.name}_{len(made) + 1}" if made else tensor.name
        made.append(
            dataclasses.replace(
                tensor, name=name, type=type_, quantization=grid, data=data, range=None
            )
        )
        return made[-1]


def quantized_weights(
    constants: Constants,
    graph: Graph,
    operator: Operator,
    policy: WeightPolicy,
    input_scale: np.float32,
    per_channel: bool,
) -> dict[int, Tensor]:
    """The integer weights and bias of an operator, by position among its inputs.

    Raises:
        UnsupportedError: they are not constants, are sparse, or their shapes do not fit.
        TfedgeError: a value is not finite.
    """
    weights = _constant(graph, operator, policy.operand, "weights")
    bias = _optional_constant(graph, operator, policy.bias)
    if len(weights.shape) <= policy.axis:
        raise UnsupportedError(
            f"{graph.place(operator)}: weights of shape {weights.shape} have no axis {policy.axis}"
        )
    channels = weights.shape[policy.axis]
    if bias is not None and bias.elements != channels:
        raise UnsupportedError(
            f"{graph.place(operator)}: a bias of shape {bias.shape} does not fit weights of shape "
            f"{weights.shape}, which have {channels} output channels"
        )
    scale, bias_scale = accumulator_scales(
        weight_scale(constant_values(weights), policy.axis if per_channel else None),
        input_scale,
        None if bias is None else constant_values(bias).reshape(-1),
    )
    check_scale(scale, weights.name)
    check_scale(bias_scale, weights.name if bias is None else bias.name)
    made = {policy.operand: constants.weights(weights, scale, policy.axis)}
    if bias is not None:
        made[policy.bias] = constants.bias(bias, bias_scale)
    return made


def quantized_bias(
    constants: Constants,
    graph: Graph,
    operator: Operator,
    policy: WeightPolicy,
    scale: np.float32,
) -> dict[int, Tensor]:
    """The integer bias of an operator whose weights are computed, by position; none if it has none.

    Args:
        scale: of the accumulator, the product of the operands' scales.

    Raises:
        UnsupportedError: it is no constant, or does not fit 32 bits at that scale.
    """
    bias = _optional_constant(graph, operator, policy.bias)
    if bias is None:
        return {}
    if np.abs(constant_values(bias)).max(initial=0) > float(scale) * BIAS_MAX:
        raise UnsupportedError(
            f"{graph.place(operator)}: its bias is too large for the range of its operands"
        )
    return {policy.bias: constants.bias(bias, np.array([scale], np.float32))}


def _optional_constant(graph: Graph, operator: Operator, index: int) -> Tensor | None:
    if index >= len(operator.inputs) or operator.inputs[index] is None:
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


def _symmetric(scale: np.ndarray, axis: int) -> Quantization:
    return Quantization(scale, np.zeros(scale.size, np.int64), axis)
