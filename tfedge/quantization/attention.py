"""Keras' MultiHeadAttention as integer operators."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfedge.errors import UnsupportedError
from tfedge.quantization import exact
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.weighted_layers import einsum_dense


def attention(make: OperatorFactory) -> Function:
    """Projections, scores, softmax, weighted sum, projection.

    Source: Vaswani et al., "Attention Is All You Need", 2017. The factor 1 / sqrt(key_dim) has no
    operator of its own: it is part of the query's weights.
    """
    layer = make.layer
    if layer._attention_axes not in ((1,), [1]):
        raise UnsupportedError(
            f"layer '{layer.name}' attends along axes {layer._attention_axes}; axis 1 is quantised"
        )
    query, key, value, output = (
        _part(make, part, dense, factor)
        for part, dense, factor in (
            ("query", layer._query_dense, layer._inverse_sqrt_key_dim),
            ("key", layer._key_dense, 1.0),
            ("value", layer._value_dense, 1.0),
            ("output", layer._output_dense, 1.0),
        )
    )

    def scores(operands: list[Any]) -> Any:
        # [b, heads, t, d] times [b, heads, s, d] transposed.
        return tf.matmul(_heads_first(operands[0]), _heads_first(operands[1]), transpose_b=True)

    def mixed(operands: list[Any]) -> Any:
        return _heads_first(tf.matmul(operands[0], _heads_first(operands[1])))

    scored = make.own("BATCH_MATMUL", scores, exact.products(scores), "scores")
    weigh = make.fixed("SOFTMAX", lambda operands: keras.ops.softmax(operands[0]), "softmax")
    mix = make.own("BATCH_MATMUL", mixed, exact.products(mixed), "mixed")

    def call(operands: Any) -> Any:
        given = list(operands) if isinstance(operands, (list, tuple)) else [operands]
        queries, values = given[0], given[min(1, len(given) - 1)]
        keys = given[2] if len(given) > 2 else values
        weights = weigh(scored([query(queries), key(keys)]))
        return output(mix([weights, value(values)]))

    return call


def _heads_first(x: Any) -> Any:
    return tf.transpose(x, [0, 2, 1, 3])


def _part(make: OperatorFactory, part: str, dense: Any, factor: float) -> Function:
    whole = make.layer, make.name
    make.layer, make.name = dense, f"{whole[1]}_{part}"
    try:
        return einsum_dense(make, factor)
    finally:
        make.layer, make.name = whole
