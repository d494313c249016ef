"""Layers and operations that no row of the tables computes, in terms of others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from tfedge.errors import UnsupportedError
from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call
from tfedge.keras_graph.kinds import described, kind_of

# Of the layer or operation: a function of what it is called with, or None if its own call does.
Decomposition = Callable[[Any], Callable[..., Any] | None]

# As far as recurrent layers are taken apart into their steps.
_MOST_STEPS = 128


def inner_function(call: Call) -> Callable[..., Any] | None:
    """Return a layer's or operation's computation by other operations; None if there is none.

    Args:
        call: with symbolic tensors in the places of values.
    """
    found = DECOMPOSITIONS.get(kind_of(call.operation) or "")
    return None if found is None else found(call.operation)


def applied_masks(call: Call) -> tuple[Callable[..., Any], list[Any]] | None:
    """Return the function of a layer that reads masks off its operands, not its arguments.

    Args:
        call: with symbolic tensors in the places of values.

    Returns:
        A function of the operands and of their different masks, and these masks; or None if the
        call is of another kind or no operand has a mask.

    Raises:
        UnsupportedError: the operands are of different ranks, which Keras reshapes.
    """
    function = _MASKED_MERGES.get(kind_of(call.operation) or "")
    if function is None or not isinstance(call.operation, keras.layers.Layer):
        return None
    (operands,) = call.arguments.values()
    masks = [private.mask_of(operand) for operand in operands]
    if all(mask is None for mask in masks):
        return None
    if len({len(operand.shape) for operand in operands}) > 1:
        raise UnsupportedError(
            f"{described(call.operation)} is given operands with masks and of different ranks, "
            "which is not quantised; reshape them to one rank in front of it"
        )
    known = {id(mask): mask for mask in masks if mask is not None}
    which = [None if mask is None else list(known).index(id(mask)) for mask in masks]

    def merge(operands: list[Any], masks: list[Any]) -> Any:
        along = [ops.expand_dims(mask, -1) for mask in masks]
        return function(operands, [None if at is None else along[at] for at in which])

    return merge, list(known.values())


def _masked_product(operands: list[Any], masks: list[Any]) -> Any:
    """The product of those operands whose step is not masked; 0 where none is left.

    Keras puts 1 in the place of what is masked. A grid that holds 1 has few steps for small
    numbers, so the factors that are left are chosen instead.
    """
    product, known = None, None
    for x, mask in _by_mask(operands, masks):
        if product is None:
            product, known = x, mask
            continue
        both = ops.multiply(product, x)
        if known is None or mask is None:
            masked, other = (mask, product) if known is None else (known, x)
            product, known = ops.where(masked, both, other), None
        else:
            one = ops.where(known, product, x)
            product = ops.where(ops.logical_and(known, mask), both, one)
            known = ops.logical_or(known, mask)
    return product if known is None else ops.where(known, product, np.float32(0))


def _by_mask(operands: list[Any], masks: list[Any]) -> list[tuple[Any, Any]]:
    """Products of the operands that have one mask, with the mask."""
    found: dict[int, tuple[Any, Any]] = {}
    for x, mask in zip(operands, masks, strict=True):
        before = found.get(id(mask))
        found[id(mask)] = (x if before is None else ops.multiply(before[0], x), mask)
    return list(found.values())


def _masked_choice(choose: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Masked steps of one operand are those of the others."""

    def chosen(operands: list[Any], masks: list[Any]) -> Any:
        result, known = operands[0], masks[0]
        for operand, mask in zip(operands[1:], masks[1:], strict=True):
            x = operand if mask is None else ops.where(mask, operand, result)
            result = result if known is None else ops.where(known, result, x)
            both = known is not None and mask is not None
            known = ops.logical_or(known, mask) if both else None
            result = choose(result, x)
        return result

    return chosen


# As keras/src/layers/merging computes them.
_MASKED_MERGES = {
    "Maximum": _masked_choice(ops.maximum),
    "Minimum": _masked_choice(ops.minimum),
    "Multiply": _masked_product,
}


def _variance(operation: Any) -> Callable[..., Any]:
    axis, keepdims = operation.axis, operation.keepdims
    return lambda x: _moments(x, axis, keepdims)[1]


def _deviation(operation: Any) -> Callable[..., Any]:
    variance = _variance(operation)
    return lambda x: ops.sqrt(variance(x))


def _mean_and_variance(operation: Any) -> Callable[..., Any]:
    return lambda x, *_: _moments(x, operation.axes, operation.keepdims)


def _moments(x: Any, axis: Any, keepdims: bool) -> tuple[Any, Any]:
    centered = ops.subtract(x, ops.mean(x, axis, keepdims=True))
    variance = ops.mean(ops.multiply(centered, centered), axis, keepdims=keepdims)
    return ops.mean(x, axis, keepdims=keepdims), variance


def _log_sum_exp(operation: Any) -> Callable[..., Any]:
    axis, keepdims = operation.axis, operation.keepdims

    def log_sum_exp(x: Any) -> Any:
        largest = ops.max(x, axis, keepdims=True)
        total = ops.sum(ops.exp(ops.subtract(x, largest)), axis, keepdims=keepdims)
        return ops.add(ops.log(total), ops.max(x, axis, keepdims=keepdims))

    return log_sum_exp


def _gated(operation: Any) -> Callable[..., Any]:
    def gated(x: Any) -> Any:
        value, gate = ops.split(x, 2, operation.axis)
        return ops.multiply(value, ops.sigmoid(gate))

    return gated


def _patches(operation: Any) -> Callable[..., Any]:
    """Patches side by side, as of vision transformers: their rows move together."""

    def patches(images: Any) -> Any:
        _, height, width, channels = images.shape
        (high, wide), strides = operation.size, _listed(operation.strides, 2)
        apart = list(operation.size) == strides and operation.dilation_rate in (1, (1, 1))
        last = operation.data_format == "channels_last"
        whole = operation.padding == "valid" or (height % high == 0 and width % wide == 0)
        if not (apart and last and whole):
            raise ValueError("patches are taken apart that lie side by side within the image")
        rows, columns = height // high, width // wide
        inner = images[:, : rows * high, : columns * wide]
        strips = ops.reshape(inner, (-1, high, columns, wide * channels))
        return ops.reshape(
            ops.transpose(strips, (0, 2, 1, 3)), (-1, rows, columns, high * wide * channels)
        )

    return patches


def _norm(operation: Any) -> Callable[..., Any]:
    axis, keepdims = operation.axis, operation.keepdims
    return lambda x, *_: ops.sqrt(ops.sum(ops.square(x), axis, keepdims=keepdims))


# A longer sum is a matrix of too many ones.
_LONGEST_SUM = 256


def _cumulative_sum(operation: Any) -> Callable[..., Any]:
    """A product with a triangle of ones, which are whole steps of its grid."""

    def cumulative(x: Any) -> Any:
        rank = len(x.shape)
        axis = None if operation.axis is None else operation.axis % rank
        size = None if axis is None else x.shape[axis]
        if not axis or size is None or size > _LONGEST_SUM or "float" not in str(x.dtype):
            raise ValueError(
                f"sums of real numbers along one axis of up to {_LONGEST_SUM}, not the batch's, "
                "are taken apart"
            )
        ones = np.triu(np.ones((size, size), np.float32))
        sums = ops.matmul(ops.swapaxes(x, axis, -1) if axis < rank - 1 else x, ones)
        return ops.swapaxes(sums, axis, -1) if axis < rank - 1 else sums

    return cumulative


# What masked scores are; the model in float adds up the exponentials of all others.
_FAR_BELOW = -1e9


def _dot_product_attention(operation: Any) -> Callable[..., Any]:
    """Compute attention of [batch, steps, heads, depth]; Vaswani et al. 2017, section 3.2.1."""

    def attention(
        query: Any,
        key: Any,
        value: Any,
        bias: Any = None,
        mask: Any = None,
        scale: float | None = None,
    ) -> Any:
        depth, (queries, keys) = query.shape[-1], (query.shape[1], key.shape[1])
        if None in (depth, queries, keys) or bias is not None or operation.attn_logits_soft_cap:
            raise ValueError("attention with a bias, a cap, or open sizes is not taken apart")
        scaled = ops.multiply(query, 1 / math.sqrt(depth) if scale is None else scale)
        scores = ops.einsum("btnh,bsnh->bnts", scaled, key)
        if operation.is_causal:
            causal = np.tril(np.ones((1, 1, queries, keys), bool))
            mask = causal if mask is None else ops.logical_and(mask, causal)
        # Not the layer's mask, which leaves nothing of rows without a key.
        weights = ops.softmax(scores if mask is None else ops.where(mask, scores, _FAR_BELOW))
        return ops.einsum("bnts,bsnh->btnh", weights, value)

    return attention


def _attention_with_dropout(layer: Any) -> Callable[..., Any] | None:
    """Keras' Attention and AdditiveAttention, where they leave weights out in training."""
    if not layer.dropout:
        return None

    def attention(
        inputs: list[Any],
        mask: list[Any] | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
        **_: Any,
    ) -> Any:
        query, value, key = inputs if len(inputs) > 2 else (*inputs, inputs[1])
        query_mask, value_mask = (mask or [None, None])[:2]
        scores, seen = private.attention_scores(layer, query, key, value_mask, use_causal_mask)
        if seen is not None:
            masked = ops.logical_not(seen if len(seen.shape) == 3 else ops.expand_dims(seen, -2))
            scores = ops.where(masked, ops.subtract(scores, -_FAR_BELOW), scores)
        weights = keras.layers.Dropout(layer.dropout)(ops.softmax(scores))
        result = ops.matmul(weights, value)
        if query_mask is not None:
            result = ops.where(ops.expand_dims(query_mask, -1), result, np.float32(0))
        return (result, weights) if return_attention_scores else result

    return attention


def _adaptive_pooling(pool: Callable[..., Any], reduce: Callable[..., Any]) -> Decomposition:
    """Windows of equal size where the sizes divide, else one reduction a window and axis."""

    def decomposition(operation: Any) -> Callable[..., Any]:
        def pooled(x: Any) -> Any:
            last = operation.data_format == "channels_last"
            axes = range(1, len(x.shape) - 1) if last else range(2, len(x.shape))
            sizes = _listed(operation.output_size, len(axes))
            given = [x.shape[axis] for axis in axes]
            if all(size % made == 0 for size, made in zip(given, sizes, strict=True)):
                window = [size // made for size, made in zip(given, sizes, strict=True)]
                return pool(x, window, window, data_format=operation.data_format)
            for axis, size, made in zip(axes, given, sizes, strict=True):
                x = ops.concatenate(
                    [
                        reduce(_between(x, axis, first, last), axis, keepdims=True)
                        for first, last in _windows(size, made)
                    ],
                    axis,
                )
            return x

        return pooled

    return decomposition


def _listed(size: Any, count: int) -> list[int]:
    return [size] * count if isinstance(size, int) else list(size)


def _windows(size: int, made: int) -> list[tuple[int, int]]:
    return [(i * size // made, -(-(i + 1) * size // made)) for i in range(made)]


def _between(x: Any, axis: int, first: int, last: int) -> Any:
    return x[(slice(None),) * axis + (slice(first, last),)]


def _steps(layer: Any) -> Callable[..., Any]:
    """A recurrent layer step by step, with masks, first states and cells of any kind."""

    def unrolled(sequences: Any, initial_state: Any = None, mask: Any = None, **_: Any) -> Any:
        steps = sequences.shape[1]
        if layer.stateful or steps is None or steps > _MOST_STEPS:
            raise ValueError(
                f"only sequences of up to {_MOST_STEPS} steps that begin anew are taken apart"
            )
        _refuse_lost_dropout(layer.cell)
        if getattr(layer.cell, "dropout", 0):
            sequences = keras.layers.SpatialDropout1D(layer.cell.dropout)(sequences)
        states = _first_states(layer) if initial_state is None else initial_state
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        output, outputs = None, []
        order = range(steps)[:: -1 if layer.go_backwards else 1]
        for step in order:
            result, after = layer.cell(sequences[:, step], states)
            after = keras.tree.flatten(after)
            if mask is None:
                output = result
            else:
                valid = ops.expand_dims(mask[:, step], -1)
                before = output if output is not None else _zeros(result)
                after = [
                    ops.where(valid, new, old)
                    for new, old in zip(after, keras.tree.flatten(states), strict=True)
                ]
                output = ops.where(valid, result, before)
            outputs.append(output)
            states = keras.tree.pack_sequence_as(states, after)
        if layer.return_sequences:
            # Keras' unrolled form reads the mask of what it returns in the sequence's order.
            read = range(steps) if layer.unroll else order
            given = zip(outputs, read, strict=True)
            result = ops.stack([_without_masked(layer, one, mask, step) for one, step in given], 1)
        else:
            result = _without_masked(layer, output, mask, order[-1])
        return (result, *keras.tree.flatten(states)) if layer.return_state else result

    return unrolled


def _refuse_lost_dropout(cell: Any) -> None:
    """Refuse what cells leave out in training and their steps, taken apart, would not.

    Raises:
        ValueError: they leave out states, or what one cell hands to the next.
    """
    inner = getattr(cell, "cells", [])
    behind = any(getattr(one, "dropout", 0) for one in inner)
    if behind or any(getattr(one, "recurrent_dropout", 0) for one in [cell, *inner]):
        raise ValueError(
            "dropout of states, or in cells on one another, is lost where a layer is taken apart "
            "into its steps; set it to 0"
        )


def _one_step(cell: Any) -> Callable[..., Any]:
    """A cell in inference; `_steps` sees to its dropout."""
    return lambda inputs, states, **_: cell.call(inputs, states, training=False)


def _both_ways(layer: Any) -> Callable[..., Any]:
    """Two recurrent layers, one from the end, and what merges them."""
    merge = {
        "concat": lambda pair: ops.concatenate(pair, -1),
        "sum": lambda pair: ops.add(*pair),
        "mul": lambda pair: ops.multiply(*pair),
        "ave": lambda pair: ops.multiply(ops.add(*pair), 0.5),
        None: tuple,
    }[layer.merge_mode]

    def both(sequences: Any, initial_state: Any = None, mask: Any = None, **_: Any) -> Any:
        if initial_state is not None or layer.return_state:
            raise ValueError("the states of both directions are not taken apart")
        forward = layer.forward_layer(sequences, mask=mask)
        backward = layer.backward_layer(sequences, mask=mask)
        return merge([forward, ops.flip(backward, 1) if layer.return_sequences else backward])

    return both


def _without_masked(layer: Any, output: Any, mask: Any, step: int) -> Any:
    """The output of a step, or zeros where a layer wants them of masked steps."""
    if mask is None or not layer.zero_output_for_mask:
        return output
    return ops.where(ops.expand_dims(mask[:, step], -1), output, _zeros(output))


def _zeros(tensor: Any) -> Any:
    return np.zeros((1, *tensor.shape[1:]), np.float32)


def _first_states(layer: Any) -> Any:
    """Zeros, of one sequence: they spread over the batch."""
    return keras.tree.map_structure(
        lambda state: np.asarray(keras.ops.convert_to_numpy(state), np.float32),
        layer.get_initial_state(batch_size=1),
    )


DECOMPOSITIONS: dict[str, Decomposition] = {
    "AdaptiveAveragePool": _adaptive_pooling(ops.average_pool, ops.mean),
    "AdaptiveMaxPool": _adaptive_pooling(ops.max_pool, ops.max),
    "AdditiveAttention": _attention_with_dropout,
    "Attention": _attention_with_dropout,
    "Bidirectional": _both_ways,
    "Cumsum": _cumulative_sum,
    "DotProductAttention": _dot_product_attention,
    **dict.fromkeys(("GRUCell", "LSTMCell", "SimpleRNNCell"), _one_step),
    "ExtractPatches": _patches,
    "GRU": _steps,
    "Glu": _gated,
    "LSTM": _steps,
    "Logsumexp": _log_sum_exp,
    "Moments": _mean_and_variance,
    "Norm": _norm,
    "RNN": _steps,
    "SimpleRNN": _steps,
    "Std": _deviation,
    "Var": _variance,
}
