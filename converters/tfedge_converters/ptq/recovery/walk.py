"""Through a model, layer by layer or block by block, with the values of its old and new version."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from tfedge_converters.graph import Operator, WeightGrid
from tfedge_converters.ptq.quantized_copy import QuantizedCopy, dequantized, stacked_inputs
from tfedge_converters.ptq.recovery.linear_layers import LinearLayer
from tfedge_converters.ptq.recovery.reconstruction_units import ReconstructionUnit
from tfedge_converters.ptq.recovery.session import Session
from tfedge_converters.ptq.tensor_values import TensorValues, still_needed


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """A layer of the model beside the float layer that it was.

    Attributes:
        layer: as it is now.
        before: as it was.
        quantized_copy: the integer model, of the model as it is now.
        real: values of the float model as it was.
        source: what enters the layer in the integer model, as real numbers: float32 (samples,
            *shape).
        samples: how many there are.
        bits: of the layer's weights.
    """

    layer: LinearLayer
    before: LinearLayer
    quantized_copy: QuantizedCopy
    real: TensorValues
    source: np.ndarray
    samples: int
    bits: int

    def rows(self, most: int, random: np.random.Generator) -> np.ndarray:
        """Numbers of results to look at: all of them, or a random choice."""
        total = self.layer.rows_of(self.samples)
        return random.permutation(total)[:most]

    def grid(self) -> WeightGrid:
        """Return the grid of the layer's weights."""
        made = self.quantized_copy.operand(
            self.layer.operator, self.layer.rule.operand
        ).quantization
        assert made is not None
        return WeightGrid(made.scale, self.bits)

    def weights(self) -> np.ndarray:
        """Return the layer's dequantised weights: float32 (groups, depth, width)."""
        return _rounded_weights(self.quantized_copy, self.layer)


@dataclasses.dataclass(frozen=True, eq=False)
class BlockComparison:
    """A block of the model beside what it computed in the float model.

    Attributes:
        block: as it is now.
        sources: what enters it in the integer model, as real numbers, by id of the tensor: float32
            (samples, *shape).
        targets: what left it in the float model: float32 (samples, *shape).
        fixed: the rounded weights of layers that stay as they are, by id of the operator: float32
            (groups, depth, width).
    """

    block: ReconstructionUnit
    sources: Mapping[int, np.ndarray]
    targets: np.ndarray
    fixed: Mapping[int, np.ndarray]


class Walk:
    """The values that both versions of a session's model have, from place to place in its order.

    What was changed before a place is in its values.
    """

    def __init__(self, session: Session, samples: int):
        """`samples`: how many to run, at most."""
        self._session = session
        chosen = session.samples(samples)
        self._count = len(chosen)
        before = stacked_inputs(session.reference, chosen)
        self._real = TensorValues(
            session.reference.main, {key: values for key, (_, values) in before.items()}
        )
        quantized_copy = session.quantized_copy()
        self._known = {
            id(tensor): quantized_copy.quantized(tensor, values)
            for tensor, values in stacked_inputs(session.model, chosen).values()
        }

    def reach(self, operator: Operator) -> None:
        """Forget what neither this operator nor a later one depends on."""
        session = self._session
        self._known = still_needed(session.model.main, operator, self._known)
        self._real.known = still_needed(
            session.reference.main, session.original(operator), self._real.known
        )

    def compare(self, layer: LinearLayer) -> Comparison:
        """A layer that is reached."""
        quantized_copy = self._session.quantized_copy()
        integers = self._integers(quantized_copy)
        self._known[id(layer.source)] = integers.of(quantized_copy.tensor(layer.source))
        read = quantized_copy.operand(layer.operator, layer.rule.input)
        return Comparison(
            layer=layer,
            before=self._session.before(layer),
            quantized_copy=quantized_copy,
            real=self._real,
            source=dequantized(read, integers.of(read)),
            samples=self._count,
            bits=self._session.bits(layer, quantized_copy),
        )

    def compare_block(self, block: ReconstructionUnit) -> BlockComparison | None:
        """A block whose operators are reached; None where what enters it never is an integer."""
        quantized_copy = self._session.quantized_copy()
        if not all(id(t) in self._known or quantized_copy.makes(t) for t in block.sources):
            return None
        integers = self._integers(quantized_copy)
        for tensor in block.sources:
            self._known[id(tensor)] = integers.of(quantized_copy.tensor(tensor))
        # What is known inside will no longer be so when its layers change.
        for operator in block.operators:
            self._known.pop(id(operator.outputs[0]), None)
        return BlockComparison(
            block,
            {
                id(t): dequantized(quantized_copy.tensor(t), self._known[id(t)])
                for t in block.sources
            },
            self._real.of(self._session.original(block.operators[-1]).outputs[0]),
            {id(layer.operator): _rounded_weights(quantized_copy, layer) for layer in block.fixed},
        )

    def _integers(self, quantized_copy: QuantizedCopy) -> TensorValues:
        known = {
            id(quantized_copy.tensor(tensor)): self._known[id(tensor)]
            for tensor in self._session.model.main.tensors()
            if id(tensor) in self._known
        }
        return TensorValues(quantized_copy.model.main, known)


def compared(session: Session, title: str, samples: int) -> Iterator[Comparison]:
    """Every layer in order, beside its original; what was changed before is in its input.

    Args:
        session: whose layers.
        title: of the progress bar.
        samples: how many to run, at most.
    """
    walk = Walk(session, samples)
    for layer in session.tracked(session.layers, title):
        walk.reach(layer.operator)
        yield walk.compare(layer)


def _rounded_weights(quantized_copy: QuantizedCopy, layer: LinearLayer) -> np.ndarray:
    weights = quantized_copy.with_rounded_weights(layer.operator).inputs[layer.rule.operand]
    assert weights is not None
    return layer.matrices(np.asarray(weights.data))
