"""The integer model that a float model becomes, beside it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping

import numpy as np

from tfedge.quantization.policy import OPERATORS
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Model, Operator, Tensor
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq.quant_params import quantize_operand
from tfedge_converters.ptq.quantizer import quantize
from tfedge_converters.ptq.tensor_types import activation_type_of
from tfedge_converters.ptq.tensor_values import TensorValues


class QuantizedCopy:
    """An integer copy of a float model, whose parts are found by those of the float model.

    Raises:
        TfedgeError: as `quantize`.
    """

    def __init__(self, model: Model, scheme: Scheme):
        """`model`: its ranges are known; it stays as it is."""
        self.model = copy.deepcopy(model)
        self._tensors = _by_id(model.main.tensors(), self.model.main.tensors())
        self._operators = _by_id(model.main.operators, self.model.main.operators)
        quantize(self.model, scheme)

    def tensor(self, real: Tensor) -> Tensor:
        """The activation that takes the place of a real one."""
        return self._tensors[id(real)]

    def makes(self, real: Tensor) -> bool:
        """Whether the integer model has the activation: not inside functions that stay in float."""
        return any(
            self.tensor(real) is tensor
            for operator in self.model.main.operators
            for tensor in operator.outputs
        )

    def operand(self, operator: Operator, index: int) -> Tensor:
        """The integer operand of an operator of the float model."""
        operand = self._operators[id(operator)].inputs[index]
        assert operand is not None
        return operand

    def rounds_weights(self, operator: Operator) -> bool:
        """Whether the scheme decides on the integers of the operator's weights: not training."""
        rules = OPERATORS[operator.code].weights
        weights = [operator.inputs[rule.operand] for rule in rules]
        return bool(weights) and all(
            tensor is not None and tensor.is_constant and tensor.trained_weights is None
            for tensor in weights
        )

    def with_rounded_weights(self, operator: Operator) -> Operator:
        """An operator of the float model with the real numbers that its integer weights stand for.

        It makes the same tensors.
        """
        inputs = list(operator.inputs)
        for rule in OPERATORS[operator.code].weights:
            real = inputs[rule.operand]
            if real is not None and real.is_constant:
                values = _real_weights(self.operand(operator, rule.operand))
                inputs[rule.operand] = dataclasses.replace(real, data=values)
        return dataclasses.replace(operator, inputs=inputs)

    def rounded(self, real: Tensor, values: np.ndarray) -> np.ndarray:
        """Real values of an activation on its grid, as real numbers again."""
        return dequantized(self.tensor(real), self.quantized(real, values))

    def quantized(self, real: Tensor, values: np.ndarray) -> np.ndarray:
        """Real values on the grid of an activation; others as they are."""
        tensor = self.tensor(real)
        if tensor.quantization is None or not is_real_activation(real):
            return values
        activation_type = activation_type_of(tensor.type)
        return quantize_operand(values, tensor.quantization, activation_type).astype(
            tensor.type.dtype
        )

    def activations(self, real: Mapping[int, tuple[Tensor, np.ndarray]]) -> TensorValues:
        """Values of the integer graph that follow from real values of tensors of the float one."""
        return TensorValues(
            self.model.main,
            {
                id(self.tensor(tensor)): self.quantized(tensor, values)
                for tensor, values in real.values()
            },
        )


def dequantized(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """The real numbers, as float32, that an activation's integers stand for; others as they are."""
    grid = tensor.quantization
    if grid is None:
        return values
    return (values.astype(np.float32) - np.float32(grid.zero_point[0])) * grid.scale[0]


def _real_weights(tensor: Tensor) -> np.ndarray:
    grid = tensor.quantization
    assert grid is not None
    shape = [1] * len(tensor.shape)
    shape[grid.axis] = grid.scale.size
    return np.asarray(tensor.data).astype(np.float32) * grid.scale.reshape(shape)


def stacked_inputs(
    model: Model, samples: list[list[np.ndarray]]
) -> dict[int, tuple[Tensor, np.ndarray]]:
    """The inputs' values, of shape (samples, *tensor.shape), with their tensors, by id."""
    return {
        id(tensor): (tensor, np.stack(column))
        for tensor, column in zip(model.main.inputs, zip(*samples, strict=True), strict=True)
    }


def real_results(model: Model) -> list[tuple[Operator, Tensor]]:
    """Operators of a float model with the float activation that each makes first."""
    return [
        (operator, operator.outputs[0])
        for operator in model.main.operators
        if is_real_activation(operator.outputs[0])
    ]


def _by_id(keys, values):  # type: ignore[no-untyped-def]
    return dict(zip(map(id, keys), values, strict=True))
