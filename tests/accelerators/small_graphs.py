"""Integer graphs of a few operators, for accelerators to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfedge_converters.graph import Graph, Operator, Quantization, Tensor, TensorType
from tfedge_converters.graph.operator_checks import options_class


class Net:
    """A graph that grows by an operator a call; `graph` closes it."""

    def __init__(self, *shape: int, type: TensorType = TensorType.INT8):
        self.input = activation(shape, type, "input")
        self.operators: list[Operator] = []

    def add(
        self,
        code: str,
        inputs: Sequence[Tensor | None],
        *shapes: tuple[int, ...],
        type: TensorType = TensorType.INT8,
        version: int = 1,
        **options: Any,
    ) -> Tensor:
        """The (first) result of a new operator; options are named as in the schema."""
        table = options_class(code)
        made = None if table is None else table()
        for name, value in options.items():
            assert hasattr(made, name), name
            setattr(made, name, value)
        names = [f"{code.lower()}_{len(self.operators)}_{i}" for i in range(len(shapes))]
        outputs = [activation(s, type, n) for s, n in zip(shapes, names, strict=True)]
        self.operators.append(Operator(code, list(inputs), outputs, made, version))
        return outputs[0]

    def convolution(
        self, x: Tensor, outputs: int, kernel: int = 3, stride: int = 1, **options: Any
    ) -> Tensor:
        """CONV_2D with SAME padding, constant weights and a bias."""
        height, width = -(-x.shape[1] // stride), -(-x.shape[2] // stride)
        weights = constant(np.ones((outputs, kernel, kernel, x.shape[3])), TensorType.INT8)
        bias = constant(np.zeros(outputs), TensorType.INT32)
        return self.add(
            "CONV_2D",
            [x, weights, bias],
            (1, height, width, outputs),
            strideH=stride,
            strideW=stride,
            **options,
        )

    def graph(self, *outputs: Tensor, inputs: Sequence[Tensor] | None = None) -> Graph:
        """The graph; its outputs are the last result if none are given."""
        ends = list(outputs) or [self.operators[-1].outputs[0]]
        return Graph([self.input] if inputs is None else list(inputs), ends, self.operators)


def activation(
    shape: tuple[int, ...], type: TensorType = TensorType.INT8, name: str = ""
) -> Tensor:
    grid = None if type == TensorType.FLOAT32 else Quantization.per_tensor(0.05, 0)
    return Tensor(name, tuple(shape), type, grid)


def constant(values: Any, type: TensorType = TensorType.INT32) -> Tensor:
    data = np.asarray(values).astype(type.dtype)
    grid = Quantization.per_tensor(0.01, 0) if type == TensorType.INT8 else None
    return Tensor("constant", data.shape, type, grid, data)
