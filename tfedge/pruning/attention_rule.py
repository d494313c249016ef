"""How channels pass through multi-head attention: whole heads can go, and so can its outputs."""

from __future__ import annotations

import math
from typing import Any

from tfedge.keras_graph.computation import Call, Value
from tfedge.pruning.channel_sets import Channels
from tfedge.pruning.tracing import DENSE, Product, Trace, positions


def attention(trace: Trace, call: Call) -> list[Channels]:
    """MultiHeadAttention on sequences; other axes, gates and scores in the result pin."""
    layer = call.operation
    query, value = call.arguments["query"], call.arguments["value"]
    key = call.arguments.get("key")
    key = value if key is None else key
    if not _is_usual(call, (query, key, value)):
        return trace.pin_call(call, f"'{layer.name}' is attention of an unusual form")
    heads = trace.made(layer, "heads", layer.num_heads, rounded=False)
    made = trace.made(layer, "channels", call.results[0].spec.shape[-1])
    trace.setting(layer, "num_heads", heads)
    trace.setting(layer, "output_shape", made)
    for part, source in (("query", query), ("key", key), ("value", value)):
        dense = getattr(layer, f"_{part}_dense")
        axes = {-3: trace.of(source), -2: heads}
        trace.weight(layer, dense.kernel, axes, source, positions(source), DENSE)
        trace.weight(layer, dense.bias, {-2: heads})
    dense = layer._output_dense
    axes = {-3: heads, -1: made}
    trace.inner_weight(layer, dense.kernel, axes, positions(query), DENSE)
    trace.weight(layer, dense.bias, {-1: made})
    _count_products(trace, layer, heads, positions(query) * positions(key))
    return [made]


def _count_products(trace: Trace, layer: Any, heads: Channels, pairs: int) -> None:
    """Scores of every query with every key, and sums of values."""
    known = [product for product in trace.products if product.layer is layer]
    uses = pairs * (layer._key_dim + layer._value_dim)
    if known:
        known[0].uses += uses
        return
    trace.products.append(Product(layer, heads, uses))


def _is_usual(call: Call, values: tuple[Any, ...]) -> bool:
    layer = call.operation
    return (
        len(call.results) == 1
        and all(isinstance(value, Value) and len(value.spec.shape) == 3 for value in values)
        and not getattr(layer, "_use_gate", False)
        and len(layer._output_dense.kernel.shape) == 3
        and math.prod(layer._attention_axes) == 1
    )
