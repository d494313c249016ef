"""Softmax over scores of which some may be masked out.

What softmax reads need not go further below a row's largest score than its result can tell from
zero. So the scores' range ends there, masked scores become its lower end, and a mask costs the
others nothing, whatever number stands for minus infinity in the float model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfedge.quantization import exact, exact_functions
from tfedge.quantization.activation_quantizers import ActivationQuantizer
from tfedge.quantization.activation_types import INT16
from tfedge.quantization.grids import carry
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.operators import QuantizedOperator, marked_result
from tfedge.quantization.softmax_depth import softmax_depth

# What TensorFlow's own softmax takes.
_MOST_AXES = 5


class MaskedScores(QuantizedOperator):
    """Scores as softmax reads them: what the mask leaves out is at the lower end of their range.

    Args:
        quantizer: of the scores and of the result.
        axes: along which softmax sums up; None where the largest score is wanted instead.
        mask: of the operands, which scores stay.
        scores: which operand they are.
        real: the masked scores in float, of the operands; None where softmax alone reads them.
        name: of the layer.
    """

    def __init__(
        self,
        quantizer: ActivationQuantizer,
        axes: list[int] | None,
        mask: Callable[[list[Any]], Any],
        scores: int = 0,
        real: Callable[[list[Any]], Any] | None = None,
        *,
        name: str,
    ):
        super().__init__("SELECT_V2", name)
        self.quantizer = quantizer
        self.axes = axes
        self.mask = mask
        self.scores = scores
        self.real = real
        self.group = quantizer.group
        self._narrows = False

    def narrow(self, scored: ActivationQuantizer) -> None:
        """Let the kernel before compute scores in this range, which nobody else reads."""
        scored.narrowed = self.quantizer.group
        self._narrows = True

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        scores, mask = operands[self.scores], self.mask(operands)
        if self.phase.observes(training):
            self.quantizer.observe(tf.stop_gradient(self._that_matter(scores, mask)))
        if not self.phase.quantize and self.real is not None:
            return self.real(operands)
        if not self.phase.quantize:
            return tf.where(mask, scores, _far_below(scores.dtype))
        return carry(
            tf.where(mask, self.quantizer.fake_quantize(scores), self._lowest()),
            self.quantizer.grid(),
        )

    def _infer(self, operands: list[Any]) -> Any:
        scores, mask = operands[self.scores], self.mask(operands)
        grid = self.quantizer.grid()
        # QUANTIZE moves the scores: another range made their grid.
        own = self._grid_of(scores)
        moved = grid.clamp(exact.rescale(own.steps(scores), own, grid))
        return carry(tf.where(mask, grid.real(moved), self._lowest()), grid)

    def _export(self, operands: list[Any]) -> Any:
        scores, mask = operands[self.scores], self.mask(operands)
        with tf.init_scope():
            lowest = float(self._lowest())
        if self._narrows:
            scores = marked_result(self, tf.identity(scores))
        return marked_result(self, tf.where(mask, scores, tf.constant(lowest, scores.dtype)))

    def _lowest(self) -> Any:
        """The end of the scores' own range, on a grid that may go further for others."""
        low, _ = self.quantizer.range()
        return self.quantizer.grid().rounded(low)

    def _that_matter(self, scores: Any, mask: Any) -> Any:
        """The scores, cut off where they are too low to matter."""
        if self.axes is None:
            return tf.where(mask, scores, 0.0)
        seen = tf.where(mask, scores, _far_below(scores.dtype))
        largest = tf.reduce_max(seen, self.axes, keepdims=True)
        lowest = largest - softmax_depth(
            self.quantizer.type, math.prod(seen.shape[axis] or 1 for axis in self.axes)
        )
        # A row of which nothing is left says nothing of the range.
        return tf.where(largest > _far_below(scores.dtype), tf.maximum(seen, lowest), 0.0)


def _far_below(dtype: Any) -> Any:
    return tf.constant(dtype.min / 2, dtype)


def softmax(make: OperatorFactory) -> Function:
    """Keras' Softmax along any axes, with or without a mask."""
    rank = len(make.shapes[0])
    axes = _axes(make.layer, rank)
    mask = make.argument("mask")
    # The kernel goes along the last axis; others are transposed for it.
    kernels = {INT16: exact_functions.softmax} if axes == [rank - 1] else {}
    select = None if mask is None else masked(make, axes)
    apply = make.fixed("SOFTMAX", lambda operands: _along(operands[0], axes), "softmax", kernels)
    if select is None or mask is None:
        return lambda x: apply(x)
    clear = cleared(make)

    def call(operands: list[Any]) -> Any:
        given = list(operands) if isinstance(operands, (list, tuple)) else [operands]
        which = truth(mask(given))
        return clear([apply(select([given[0], which])), which])

    return call


def _axes(layer: Any, rank: int) -> list[int]:
    axes = layer.axis if isinstance(layer.axis, (tuple, list)) else [layer.axis]
    return sorted(axis % rank for axis in axes)


def _along(x: Any, axes: list[int]) -> Any:
    """Softmax along axes; several are one, once they lie together."""
    if len(axes) == 1 and len(x.shape) <= _MOST_AXES:
        return tf.nn.softmax(x, axes[0])
    rank = len(x.shape)
    order = [axis for axis in range(rank) if axis not in axes] + axes
    moved = tf.transpose(x, order)
    kept, summed = moved.shape[1 : rank - len(axes)], moved.shape[rank - len(axes) :]
    rows = [-1, *kept] if len(kept) + 2 <= _MOST_AXES else [-1]
    weights = tf.nn.softmax(tf.reshape(moved, [*rows, math.prod(summed)]))
    back = [order.index(axis) for axis in range(rank)]
    return tf.transpose(tf.reshape(weights, [-1, *moved.shape[1:]]), back)


def masked(make: OperatorFactory, axes: list[int]) -> MaskedScores:
    """Put masked scores at the end of the range."""
    quantizer, name = make.quantizer("masked"), make.name_of("masked")
    operator = MaskedScores(quantizer, axes, lambda operands: operands[1], name=name)
    make.add(operator)
    return operator


def cleared(make: OperatorFactory) -> Function:
    """Set probabilities to 0 where a mask leaves scores out, right behind their softmax.

    It matters where a mask leaves out all scores of a row.
    """
    return make.shared("SELECT_V2", _zero_where_masked, part="cleared")


def truth(mask: Any) -> Any:
    """A mask as booleans, as Keras reads it."""
    mask = tf.convert_to_tensor(mask)
    return mask if mask.dtype == tf.bool else mask > 0.5


def _zero_where_masked(operands: list[Any]) -> Any:
    weights, mask = operands
    return tf.where(mask, weights, tf.zeros([], weights.dtype))
