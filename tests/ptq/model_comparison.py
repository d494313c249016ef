"""Matches two graphs of one network and lists where their integers and grids differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfedge_converters.graph import Graph, Operator, Tensor


@dataclass
class Pair:
    """The same tensor in two files."""

    ours: Tensor
    theirs: Tensor
    consumer: Operator | None
    index: int

    @property
    def kind(self) -> str:
        if not self.ours.is_constant:
            return "activation"
        if self.consumer is None or self.consumer.code not in _WEIGHTED:
            return "operand"
        return {1: "weights", 2: "bias"}.get(self.index, "operand")

    @property
    def scale_error(self) -> float:
        """Largest relative difference of the scales."""
        ours, theirs = self.ours.quantization.scale, self.theirs.quantization.scale
        assert ours.shape == theirs.shape, (self.ours.name, ours.shape, theirs.shape)
        return float((np.abs(ours.astype(np.float64) - theirs) / theirs).max())

    @property
    def differences(self) -> np.ndarray:
        """Integers of ours minus theirs."""
        return self.ours.data.astype(np.int64) - self.theirs.data.astype(np.int64)

    @property
    def same_zero_point(self) -> bool:
        return np.array_equal(
            self.ours.quantization.zero_point, self.theirs.quantization.zero_point
        )


_WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


def quantized_pairs(ours: Graph, theirs: Graph, *, versions: bool = True) -> list[Pair]:
    """Walks both graphs from their outputs, asserting that they have the same operators.

    Returns:
        Every pair of quantised tensors that an operator consumes, and the outputs.
    """
    makers = [
        {id(tensor): operator for operator in graph.operators for tensor in operator.outputs}
        for graph in (ours, theirs)
    ]
    pairs: dict[tuple[int, int], Pair] = {}

    def walk(a: Tensor | None, b: Tensor | None, consumer: Operator | None, index: int) -> None:
        if a is None or b is None:
            assert a is b, (consumer.code, index)
            return
        if (id(a), id(b)) in pairs:
            return
        pairs[id(a), id(b)] = Pair(a, b, consumer, index)
        assert a.type == b.type, (a.name, a.type, b.type)
        assert a.shape == b.shape
        first, second = makers[0].get(id(a)), makers[1].get(id(b))
        if first is None or second is None:
            assert first is second, (first, second)
            return
        assert first.code == second.code
        assert not versions or first.version == second.version, first.code
        assert len(first.inputs) == len(second.inputs)
        for position, (x, y) in enumerate(zip(first.inputs, second.inputs, strict=True)):
            walk(x, y, first, position)

    for a, b in zip(ours.outputs, theirs.outputs, strict=True):
        walk(a, b, None, 0)
    found = [pair for pair in pairs.values() if pair.ours.quantization is not None]
    assert all(pair.theirs.quantization is not None for pair in found)
    return found
