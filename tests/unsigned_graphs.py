"""Random uint8 operators: random int8 ones shifted up, with weights that have zero points."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from random_graphs import random_batch

from tfedge_converters.graph import Graph, Model, Quantization, Tensor, TensorType

# Of these, uint8 kernels take one scale and any zero point for the weights.
_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})


def random_unsigned_batch(names: Sequence[str], seed: int, count: int) -> Model:
    """`count` random instances of each operator in uint8, in one graph."""
    graph = random_batch(names, seed, count).main
    rng = np.random.default_rng(seed)
    twins: dict[int, Tensor] = {}

    def twin(tensor: Tensor | None, *, is_weights: bool = False) -> Tensor | None:
        if tensor is None or tensor.type != TensorType.INT8:
            return tensor
        if id(tensor) not in twins:
            twins[id(tensor)] = _unsigned(tensor, rng if is_weights else None)
        return twins[id(tensor)]

    operators = []
    for operator in graph.operators:
        weighted = operator.code in _WEIGHTED
        inputs = [twin(t, is_weights=weighted and i == 1) for i, t in enumerate(operator.inputs)]
        if weighted and inputs[2] is not None:
            inputs[2] = _with_scale(inputs[2], inputs[0], inputs[1])
        outputs = [twin(tensor) for tensor in operator.outputs]
        operators.append(dataclasses.replace(operator, inputs=inputs, outputs=outputs))
    ends = [[twin(tensor) for tensor in tensors] for tensors in (graph.inputs, graph.outputs)]
    return Model([Graph(*ends, operators)])


def _unsigned(tensor: Tensor, weights_rng: np.random.Generator | None) -> Tensor:
    grid = tensor.quantization
    zero_point = int(grid.zero_point[0]) + 128
    if weights_rng is not None:
        zero_point = int(weights_rng.choice([0, 128, 255, weights_rng.integers(0, 256)]))
    return dataclasses.replace(
        tensor,
        type=TensorType.UINT8,
        quantization=Quantization.per_tensor(float(grid.scale[0]), zero_point),
        data=None if tensor.data is None else tensor.data.view(np.uint8) ^ 0x80,
    )


def _with_scale(bias: Tensor, source: Tensor, weights: Tensor) -> Tensor:
    scale = float(source.quantization.scale[0] * weights.quantization.scale[0])
    return dataclasses.replace(bias, quantization=Quantization.per_tensor(scale, 0))
