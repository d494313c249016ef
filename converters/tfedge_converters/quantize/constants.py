"""Real constants to integer ones: weights, biases and ordinary operands."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.policy import INT4, OPERATORS, WeightPolicy
from tfedge_converters.graph import Graph, Operator, Quantization, Tensor, TensorType
from tfedge_converters.quantize.affine import (
    BIAS_MAX,
    WEIGHT_MAX,
    accumulator_scales,
    activation_grid,
    check_scale,
    quantize_int8,
    quantize_symmetric,
    trained_integers,
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

    def symmetric(
        self, tensor: Tensor, type_: TensorType, integers: np.ndarray, scale: np.ndarray, axis: int
    ) -> Tensor:
        """Weights or a bias, of zero point 0."""
        grid = Quantization(scale, np.zeros(scale.size, np.int64), axis)
        return self._make(tensor, type_, integers, grid)

    def _make(
        self, tensor: Tensor, type_: TensorType, integers: np.ndarray, grid: Quantization
    ) -> Tensor:
        made = self._made.setdefault(id(tensor), [])
        data = integers.astype(type_.dtype)
        for other in made:
            if (
                other.type == type_
                and grid.same_as(other.quantization)
                and np.array_equal(data, np.asarray(other.data))
            ):
                return other
        name = f"{tensor.name}_{len(made) + 1}" if made else tensor.name
        made.append(
            dataclasses.replace(
                tensor,
                name=name,
                type=type_,
                quantization=grid,
                data=data,
                range=None,
                trained_weights=None,
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
    values = constant_values(weights)
    trained = weights.trained_weights
    axis = policy.axis if per_channel else None
    wanted = weight_scale(values, axis) if trained is None else trained.scale
    scale, bias_scale = accumulator_scales(
        wanted, input_scale, None if bias is None else constant_values(bias).reshape(-1)
    )
    check_scale(scale, weights.name)
    check_scale(bias_scale, weights.name if bias is None else bias.name)
    if trained is None:
        integers = quantize_symmetric(values, scale, policy.axis, WEIGHT_MAX)
    else:
        integers = trained_integers(values, trained, policy.axis)
        _refuse_changed_scales(graph, operator, integers, policy.axis, scale != wanted)
    packed = trained is not None and trained.bits == 4 and INT4 in OPERATORS[operator.code].versions
    type_ = TensorType.INT4 if packed else TensorType.INT8
    made = {policy.operand: constants.symmetric(weights, type_, integers, scale, policy.axis)}
    if bias is not None:
        # Rounding a value that was put on BIAS_MAX exactly may give one more.
        sums = quantize_symmetric(constant_values(bias), bias_scale, 0, BIAS_MAX + 1)
        made[policy.bias] = constants.symmetric(bias, TensorType.INT32, sums, bias_scale, 0)
    return made


def _refuse_changed_scales(
    graph: Graph, operator: Operator, integers: np.ndarray, axis: int, changed: np.ndarray
) -> None:
    """Refuses biases that do not fit beside trained scales.

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
