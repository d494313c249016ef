"""Float constants to integer ones."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfedge.quantization.activation_types import ActivationType
from tfedge_converters.graph import Quantization, Tensor, TensorType
from tfedge_converters.ptq.constant_values import constant_range, constant_values
from tfedge_converters.ptq.quant_params import activation_grid, quantize_operand
from tfedge_converters.ptq.tensor_types import tensor_type


class Constants:
    """Integer constants, one for each need of a float one.

    Two operators that read one constant may need it on different grids; they then get two
    constants, and share one where the integers and grids are the same.
    """

    def __init__(self) -> None:
        self._made: dict[int, list[Tensor]] = {}

    def operand(
        self, tensor: Tensor, grid: Quantization | None, activation_type: ActivationType
    ) -> Tensor:
        """An ordinary operand, on `grid` or else on the grid of its own values."""
        if grid is None:
            grid = activation_grid(constant_range(tensor), tensor.name, activation_type)
        integers = quantize_operand(constant_values(tensor), grid, activation_type)
        return self._make(tensor, tensor_type(activation_type), integers, grid)

    def symmetric(
        self,
        tensor: Tensor,
        type_: TensorType,
        integers: np.ndarray,
        scale: np.ndarray,
        axis: int,
        shared_values: int | None = None,
    ) -> Tensor:
        """Weights or a bias, of zero point 0."""
        grid = Quantization(scale, np.zeros(scale.size, np.int64), axis)
        made = self._make(tensor, type_, integers, grid)
        made.shared_values = shared_values
        return made

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
                shared_weights=None,
            )
        )
        return made[-1]
