"""Multiply-accumulate operations of a call, by its shapes alone, whatever becomes of its channels.

Layers and operations that multiply are in two tables; wrappers count as what they wrap, as often as
they run it; other layers are taken apart into what their `call` does. What cannot be taken apart
and has weights is not known, and nobody takes it for 0. Open sizes count as 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from tfedge.errors import UnsupportedError
from tfedge.keras_graph import tracing
from tfedge.keras_graph.computation import Call, Value, computation_of
from tfedge.keras_graph.kinds import described, kind_of
from tfedge.pruning.layer_rules import RULES
from tfedge.pruning.tracing import CONVOLUTION, DENSE, DEPTHWISE, positions

Shape = Sequence[int | None]


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulate operations that run in one kind of kernel: dense, convolution …"""

    kind: str
    count: int


Count = Callable[[Call], list[Macs]]


def macs_of(call: Call) -> list[Macs]:
    """List the multiply-accumulates of a call.

    Args:
        call: of a layer or operation.

    Raises:
        UnsupportedError: a layer with weights cannot be taken apart.
    """
    kind = kind_of(call.operation) or ""
    if not isinstance(call.operation, keras.layers.Layer):
        if kind in _CONTROL_FLOW:
            raise UnsupportedError(
                f"{described(call.operation)} runs what does not show in a graph"
            )
        return _OPERATIONS[kind](call) if kind in _OPERATIONS else []
    if kind in _LAYERS:
        return _LAYERS[kind](call)
    return [] if kind in _WITHOUT else _inside(call)


def _inside(call: Call) -> list[Macs]:
    """List the multiply-accumulates within a layer's own `call`."""
    layer = call.operation
    args, kwargs = keras.tree.map_structure(
        lambda item: getattr(item, "spec", item), (call.args, call.kwargs)
    )
    try:
        graph = tracing.graph_inside(layer, args, kwargs)
        calls = computation_of(graph.model).calls
    except UnsupportedError:
        if layer.weights:
            raise
        return []  # augmentation and its like
    return [macs for inner in calls for macs in macs_of(inner)]


def _elements(shape: Shape) -> int:
    """Without the batch."""
    return math.prod(size or 1 for size in shape[1:])


def _positions(layer: Any, value: Value) -> int:
    """Places at which a kernel lies: a value's elements, over its channels."""
    shape = value.spec.shape
    first = getattr(layer, "data_format", None) == "channels_first"
    return math.prod(size or 1 for size in (shape[2:] if first else shape[1:-1]))


def _size(variable: Any) -> int:
    return math.prod(variable.shape)


def _operand(call: Call) -> Value:
    return call.inputs[0]


def _kernel(kind: str) -> Count:
    """A kernel at every place of the result."""

    def count(call: Call) -> list[Macs]:
        layer = call.operation
        return [Macs(kind, _size(layer.kernel) * _positions(layer, call.results[0]))]

    return count


def _transposed(call: Call) -> list[Macs]:
    layer = call.operation
    return [Macs(CONVOLUTION, _size(layer.kernel) * _positions(layer, _operand(call)))]


def _separable(call: Call) -> list[Macs]:
    layer = call.operation
    places = _positions(layer, call.results[0])
    return [
        Macs(DEPTHWISE, _size(layer.depthwise_kernel) * places),
        Macs(CONVOLUTION, _size(layer.pointwise_kernel) * places),
    ]


def _einsum_dense(call: Call) -> list[Macs]:
    layer = call.operation
    shapes = [_operand(call).spec.shape, layer.kernel.shape]
    return [Macs(DENSE, _products(layer.equation, shapes, call.results[0].spec.shape))]


def _steps(call: Call) -> int:
    return _operand(call).spec.shape[1] or 1


def _recurrent(call: Call) -> list[Macs]:
    """The cells of a layer, at every step."""
    cells = _cells(call.operation)
    return [
        Macs(DENSE, _steps(call) * (_size(cell.kernel) + _size(cell.recurrent_kernel)))
        for cell in cells
    ]


def _cells(layer: Any) -> list[Any]:
    cell = layer.cell
    cells = list(getattr(cell, "cells", [cell]))
    if any(kind_of(one) not in ("GRUCell", "LSTMCell", "SimpleRNNCell") for one in cells):
        raise UnsupportedError(f"{described(layer)} has a cell of a kind that is not known")
    return cells


def _one_step(call: Call) -> list[Macs]:
    cell = call.operation
    return [Macs(DENSE, _size(cell.kernel) + _size(cell.recurrent_kernel))]


def _recurrent_convolution(call: Call) -> list[Macs]:
    """At every step a convolution of the input and one of the state, of the result's size."""
    layer = call.operation
    result = call.results[0].spec.shape
    places = result[2:] if layer.return_sequences else result[1:]
    first = layer.data_format == "channels_first"
    area = math.prod(size or 1 for size in (places[1:] if first else places[:-1]))
    weights = _size(layer.cell.kernel) + _size(layer.cell.recurrent_kernel)
    return [Macs(CONVOLUTION, _steps(call) * area * weights)]


def _bidirectional(call: Call) -> list[Macs]:
    layer = call.operation
    both = (layer.forward_layer, layer.backward_layer)
    return [
        macs
        for one in both
        for macs in macs_of(Call(one, [_operand(call)], {}, _results(one, _operand(call).spec)))
    ]


def _time_distributed(call: Call) -> list[Macs]:
    inner, steps = call.operation.layer, _steps(call)
    shape = _operand(call).spec.shape
    given = keras.KerasTensor((shape[0], *shape[2:]), _operand(call).spec.dtype)
    return [Macs(macs.kind, steps * macs.count) for macs in _macs_of_layer(inner, given)]


def _wrapped(call: Call) -> list[Macs]:
    return _macs_of_layer(call.operation.layer, _operand(call).spec)


def _macs_of_layer(layer: Any, given: Any) -> list[Macs]:
    if isinstance(layer, keras.Model):
        return [macs for call in computation_of(layer).calls for macs in macs_of(call)]
    return macs_of(Call(layer, [Value(given)], {}, _results(layer, given)))


def _results(layer: Any, given: Any) -> list[Value]:
    return [Value(tensor) for tensor in keras.tree.flatten(layer.compute_output_spec(given))]


def _attention(call: Call) -> list[Macs]:
    """Projections, and of every head the scores of queries with keys and the sums of values."""
    layer = call.operation
    query, value = call.arguments["query"], call.arguments["value"]
    key = call.arguments.get("key")
    sources = {"query": query, "key": value if key is None else key, "value": value,
               "output": query, "gate": query}  # fmt: skip
    parts: dict[str, Any] = {name: getattr(layer, f"_{name}_dense", None) for name in sources}
    projections = [
        _size(parts[name].kernel) * positions(source)
        for name, source in sources.items()
        if parts[name] is not None
    ]
    axes = getattr(layer, "_attention_axes", (1,))
    keys = math.prod(value.spec.shape[axis] or 1 for axis in axes)
    *_, heads, size = parts["query"].kernel.shape
    products = positions(query) * keys * heads * (size + parts["value"].kernel.shape[-1])
    return [Macs(DENSE, sum(projections) + products)]


def _products(equation: str, shapes: Sequence[Shape], result: Shape) -> int:
    """Count an einsum's products: one for all values that its letters take together, but the batch.

    Args:
        equation: with "->".
        shapes: of the operands.
        result: the shape of the result, whose first axis is the batch.
    """
    operands, _, made = equation.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for letters, shape in zip(operands.split(","), shapes, strict=True):
        for name, size in zip(_names(letters, len(shape)), shape, strict=True):
            sizes[name] = max(sizes.get(name, 1), size or 1)
    batch = next(iter(_names(made, len(result))), "")
    return math.prod(size for name, size in sizes.items() if name != batch)


def _names(letters: str, rank: int) -> list[str]:
    """A name for every axis; those that "..." stands for are counted from their end."""
    before, dots, behind = letters.partition("...")
    hidden = rank - len(before) - len(behind) if dots else 0
    return [*before, *(f"...{left}" for left in range(hidden, 0, -1)), *behind]


def _einsum(call: Call) -> list[Macs]:
    shapes = [_shape(item) for item in _tensors(call)]
    if len(shapes) < 2:
        return []
    result = call.results[0].spec.shape
    return [Macs(DENSE, _products(call.operation.subscripts, shapes, result))]


def _matrix_product(call: Call) -> list[Macs]:
    """Every element of the result is a sum over the last axis of the first operand."""
    summed = _shape(_tensors(call)[0])[-1] or 1
    return [Macs(DENSE, _elements(call.results[0].spec.shape) * summed)]


def _tensordot(call: Call) -> list[Macs]:
    """Two operands of (a, s) and (s, b) elements give (a, b) of them by a * s * b products."""
    first, second = (math.prod(size or 1 for size in _shape(item)) for item in _tensors(call))
    result = math.prod(size or 1 for size in call.results[0].spec.shape)
    return [Macs(DENSE, math.isqrt(first * second * result))]


def _convolution_of_kernels(kind: str, transposed: bool = False) -> Count:
    """Kernels that are operands, one behind the other, at every place of the result or operand."""

    def count(call: Call) -> list[Macs]:
        value, *kernels = _tensors(call)
        places = _positions(call.operation, value if transposed else call.results[0])
        return [
            Macs(kind, math.prod(size or 1 for size in _shape(kernel)) * places)
            for kernel in kernels
        ]

    return count


def _tensors(call: Call) -> list[Any]:
    flat = keras.tree.flatten(list(call.arguments.values()))
    return [item for item in flat if hasattr(item, "spec") or hasattr(item, "shape")]


def _shape(item: Any) -> Shape:
    shape: Shape = getattr(item, "spec", item).shape
    return shape


def _scored(call: Call) -> list[Macs]:
    """Queries with keys, and weights with values: (batch, steps, heads, size) each."""
    query, key, value = (_shape(item) for item in _tensors(call)[:3])
    pairs = (query[1] or 1) * (key[1] or 1) * (query[2] or 1)
    return [Macs(DENSE, pairs * ((key[3] or 1) + (value[3] or 1)))]


_RANKS = (1, 2, 3)
_LAYERS: dict[str, Count] = {
    **{f"Conv{rank}D": _kernel(CONVOLUTION) for rank in _RANKS},
    **{f"Conv{rank}DTranspose": _transposed for rank in _RANKS},
    **{f"ConvLSTM{rank}D": _recurrent_convolution for rank in _RANKS},
    **{f"DepthwiseConv{rank}D": _kernel(DEPTHWISE) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": _separable for rank in (1, 2)},
    **dict.fromkeys(("GRU", "LSTM", "RNN", "SimpleRNN"), _recurrent),
    **dict.fromkeys(("GRUCell", "LSTMCell", "SimpleRNNCell"), _one_step),
    "Bidirectional": _bidirectional,
    **dict.fromkeys(("GroupedQueryAttention", "MultiHeadAttention"), _attention),
    "Dense": _kernel(DENSE),
    "EinsumDense": _einsum_dense,
    "SpectralNormalization": _wrapped,
    "TimeDistributed": _time_distributed,
}
_OPERATIONS: dict[str, Count] = {
    "Conv": _convolution_of_kernels(CONVOLUTION),
    "ConvTranspose": _convolution_of_kernels(CONVOLUTION, transposed=True),
    "DepthwiseConv": _convolution_of_kernels(DEPTHWISE),
    "Dot": _matrix_product,
    "DotProductAttention": _scored,
    "Einsum": _einsum,
    "Inner": _matrix_product,
    "Matmul": _matrix_product,
    "SeparableConv": _convolution_of_kernels(CONVOLUTION),
    "Tensordot": _tensordot,
}
# Layers that channels are followed through, and that multiply with no matrix.
_WITHOUT = RULES.layers.keys() - _LAYERS.keys()
# What these run does not show in a graph.
_CONTROL_FLOW = (
    "AssociativeScan", "Cond", "CustomGradient", "ForiLoop", "Map", "Scan", "Switch",
    "VectorizedMap", "WhileLoop",
)  # fmt: skip
