"""Keras' MultiHeadAttention as integer operators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfedge.keras_graph.computation import Call
from tfedge.quantization import exact, exact_functions
from tfedge.quantization.activation_types import INT16
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.operators import TrainingOnly
from tfedge.quantization.softmax import cleared, masked, truth
from tfedge.quantization.weighted_layers import einsum_dense

ATTENTION_ATTRIBUTES = (
    "attention_axes", "flash_attention", "key_dim", "key_shape", "num_heads", "output_shape",
    "query_shape", "sliding_window", "use_bias", "use_gate", "value_dim", "value_shape",
)  # fmt: skip
ATTENTION_ARGUMENTS = (
    "attention_mask", "key", "key_mask", "query_mask", "return_attention_scores",
    "use_causal_mask", "value", "value_mask",
)  # fmt: skip
_MASKS = ("query_mask", "value_mask", "key_mask", "attention_mask")


def attention(make: OperatorFactory) -> Function:
    """Projections, scores, masks, softmax, weighted sum, gate, projection.

    Source: Vaswani et al., "Attention Is All You Need", 2017. The factor 1 / sqrt(key_dim) has no
    operator of its own: it is part of the query's weights.
    """
    layer = make.layer
    scores_too = bool(make.arguments.get("return_attention_scores"))
    query_at = make.operand("query", 0)
    value_at = make.operand("value", query_at)
    key_at = make.operand("key", value_at)
    gates = getattr(layer, "_use_gate", False)
    query, key, value = (
        _part(make, part, dense, factor)
        for part, dense, factor in (
            ("query", layer._query_dense, layer._inverse_sqrt_key_dim),
            ("key", layer._key_dense, 1.0),
            ("value", layer._value_dense, 1.0),
        )
    )
    gate = _part(make, "gate", layer._gate_dense, 1.0) if gates else None

    def scores(operands: list[Any]) -> Any:
        # [b, heads, t, d] times [b, heads, s, d] transposed.
        return tf.matmul(_heads_first(operands[0]), _heads_first(operands[1]), transpose_b=True)

    def mixed(operands: list[Any]) -> Any:
        return _heads_first(tf.matmul(operands[0], _heads_first(operands[1])))

    mask = _mask(make)
    scored: Any = make.own("BATCH_MATMUL", scores, exact.products(scores), "scores")
    select = None if mask is None else masked(make, [-1])
    if select is not None:
        select.narrow(scored.quantizer)
    kernels = {INT16: exact_functions.softmax}
    weigh = make.fixed("SOFTMAX", lambda operands: tf.nn.softmax(operands[0]), "softmax", kernels)
    # Where Keras makes the weights itself, rows without a key have none; its fused kernel, which
    # neither drops weights nor returns them, gives these rows all keys alike.
    drops = layer.dropout > 0
    clear = cleared(make) if mask is not None and (drops or scores_too) else None
    drop = make.add(_dropout(make, layer)) if drops else None
    mix = make.own("BATCH_MATMUL", mixed, exact.products(mixed), "mixed")
    gated = make.own("MUL", _product, exact.multiply, "gated") if gates else None
    output = _part(make, "output", layer._output_dense, 1.0)

    def call(operands: Any) -> Any:
        given = list(operands) if isinstance(operands, (list, tuple)) else [operands]
        score = scored([query(given[query_at]), key(given[key_at])])
        kept = None if mask is None else mask(given)
        weights = weigh(score if select is None else select([score, kept]))
        weights = weights if clear is None else clear([weights, kept])
        mixed_in = weights if drop is None else drop(weights)
        heads = mix([mixed_in, value(given[value_at])])
        if gated is not None and gate is not None:
            heads = gated([heads, gate(given[query_at])])
        result = output(heads)
        return (result, weights) if scores_too else result

    return call


def _dropout(make: OperatorFactory, layer: Any) -> TrainingOnly:
    """Drop weights in training, as Keras does, so that the model trains as before."""
    drop = layer._dropout_layer

    def dropped(operands: list[Any]) -> Any:
        return drop(operands[0], training=True)

    return TrainingOnly(dropped, None, name=make.name_of("dropout"))


def attention_problem(call: Call) -> str:
    """Say why attention cannot be products of matrices, as `Row.problem` does."""
    axes = tuple(call.operation._attention_axes)
    flat = axes == (1,) and len(call.shape) == 3
    return "" if flat else f"attends along axes {axes}"


def _mask(make: OperatorFactory) -> Callable[[list[Any]], Any] | None:
    """The masks of the call and of the layer as one, [batch or 1, 1, queries, keys]."""
    layer = make.layer
    causal = bool(make.arguments.get("use_causal_mask"))
    known = {name: make.argument(name) for name in _MASKS}
    given = {name: argument for name, argument in known.items() if argument is not None}
    window = getattr(layer, "_sliding_window", None)
    if not causal and not given and window is None:
        return None
    query = make.operand("query", 0)
    value = make.operand("value", query)

    def mask(operands: list[Any]) -> Any:
        masks = [_along(name, truth(argument(operands))) for name, argument in given.items()]
        row, column = _positions(operands[query], [-1, 1]), _positions(operands[value], [1, -1])
        masks += [row >= column] if causal else []
        masks += [tf.abs(row - column) < window] if window is not None else []
        return functools.reduce(tf.logical_and, masks)

    return mask


def _positions(x: Any, shape: list[int]) -> Any:
    """The numbers of the steps of a sequence."""
    steps = x.shape[1] if x.shape[1] is not None else tf.shape(x)[1]
    return tf.reshape(tf.range(steps), [1, 1, *shape])


_AXES: dict[str, Callable[[Any], Any]] = {
    "query_mask": lambda mask: mask[:, None, :, None],
    "value_mask": lambda mask: mask[:, None, None, :],
    "key_mask": lambda mask: mask[:, None, None, :],
}


def _along(name: str, mask: Any) -> Any:
    """A mask along the axes of the scores."""
    if name in _AXES:
        return _AXES[name](mask)
    return mask if len(mask.shape) == 4 else mask[:, None]


def _product(operands: list[Any]) -> Any:
    return operands[0] * operands[1]


def _heads_first(x: Any) -> Any:
    return tf.transpose(x, [0, 2, 1, 3])


def _part(make: OperatorFactory, part: str, dense: Any, factor: float) -> Function:
    whole = make.layer, make.name
    make.layer, make.name = dense, f"{whole[1]}_{part}"
    try:
        return einsum_dense(make, factor)
    finally:
        make.layer, make.name = whole
