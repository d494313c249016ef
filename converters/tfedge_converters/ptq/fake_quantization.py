"""Grids of float models that round as they compute: pairs of QUANTIZE and DEQUANTIZE.

TensorFlow's converter lowers fake-quantisation, as tfmot's quantisation-aware training has it, to
such pairs, and has folded batch-norms into the scales by then. Other tools write them too.
"""

from __future__ import annotations

import numpy as np

from tfedge.quantization.activation_types import INT8, INT16, ActivationType
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Range,
    Tensor,
    TensorType,
    WeightGrid,
)
from tfedge_converters.graph.bypass import bypass
from tfedge_converters.ptq.quant_params import activation_grid

# For each type: the integers that it becomes, and what its zero points are moved by.
_BECOMES: dict[TensorType, tuple[ActivationType, int]] = {
    TensorType.INT8: (INT8, 0),
    TensorType.UINT8: (INT8, -128),
    TensorType.INT16: (INT16, 0),
}

_WEIGHT_BITS = 8

# In the last bits of float32, on either end of a range.
_NUDGES = sorted(range(-4, 5), key=abs)


def consume_fake_quantization(model: Model) -> bool:
    """Set `range` and `trained_weights` from pairs, and remove the pairs, in place.

    A model is left alone unless every quantised tensor is part of a pair: then integers compute.

    Returns:
        Whether anything changed.
    """
    changed = [_consume(model, graph) for graph in model.graphs]
    return any(changed)


def _consume(model: Model, graph: Graph) -> bool:
    pairs = _pairs(graph)
    if not pairs or any(_is_quantised(tensor, pairs) for tensor in graph.tensors()):
        return False
    removed: dict[int, Operator] = {}
    for first, second in pairs.values():
        if first is not None:
            _annotate(first)
            removed[id(first)] = first
            removed[id(second)] = second
        else:
            _make_real(second)
    gone = {id(operator) for first, operator in pairs.values() if first is None}
    graph.operators = [operator for operator in graph.operators if id(operator) not in gone]
    bypass(model, graph, list(removed.values()))
    return True


# By the identity of the quantised tensor: its QUANTIZE, None for a constant, and a DEQUANTIZE.
Pairs = dict[int, tuple[Operator | None, Operator]]


def _pairs(graph: Graph) -> Pairs:
    makers = {id(tensor): operator for operator in graph.operators for tensor in operator.outputs}
    readers: dict[int, list[Operator]] = {}
    for operator in graph.operators:
        for operand in operator.inputs:
            readers.setdefault(id(operand), []).append(operator)
    inputs_and_outputs = {id(tensor) for tensor in [*graph.inputs, *graph.outputs]}
    found: Pairs = {}
    for operator in graph.operators:
        tensor = operator.inputs[0] if operator.code == "DEQUANTIZE" and operator.inputs else None
        if tensor is None or id(tensor) in inputs_and_outputs or len(readers[id(tensor)]) != 1:
            continue
        maker = makers.get(id(tensor))
        if maker is None and tensor.is_constant and _is_weight_type(tensor):
            found[id(tensor)] = None, operator
        elif maker is not None and _rounds(maker) and _is_known(tensor):
            found[id(tensor)] = maker, operator
    return found


def _rounds(operator: Operator) -> bool:
    source = operator.inputs[0] if operator.inputs else None
    return operator.code == "QUANTIZE" and source is not None and source.type == TensorType.FLOAT32


def _is_known(tensor: Tensor) -> bool:
    return tensor.type in _BECOMES and tensor.quantization is not None


def _is_weight_type(tensor: Tensor) -> bool:
    grid = tensor.quantization
    return tensor.type == TensorType.INT8 and grid is not None and not grid.zero_point.any()


def _is_quantised(tensor: Tensor, pairs: Pairs) -> bool:
    return tensor.quantization is not None and id(tensor) not in pairs


def _annotate(quantize: Operator) -> None:
    source, (rounded,) = quantize.inputs[0], quantize.outputs
    assert source is not None and rounded.quantization is not None
    activation_type, moved = _BECOMES[rounded.type]
    grid = rounded.quantization
    if not source.is_constant:
        source.range = _range_of(grid, activation_type, moved)
        source.bits = activation_type.bits
    elif activation_type.bits == _WEIGHT_BITS and not (grid.zero_point + moved).any():
        source.trained_weights = WeightGrid(grid.scale, _WEIGHT_BITS)


def _make_real(dequantize: Operator) -> None:
    """Turn a constant's DEQUANTIZE into a float constant that remembers its grid."""
    constant, (real,) = dequantize.inputs[0], dequantize.outputs
    assert constant is not None and constant.data is not None
    grid = constant.quantization
    assert grid is not None
    shape = [1] * len(constant.shape)
    if grid.per_channel:
        shape[grid.axis] = grid.scale.size
    real.data = constant.data.astype(np.float32) * grid.scale.reshape(shape)
    real.shape = constant.shape
    real.trained_weights = WeightGrid(grid.scale, _WEIGHT_BITS)


def _range_of(grid: Quantization, activation_type: ActivationType, moved: int) -> Range:
    """The range whose grid this is, to the last bit of the scale where one has it."""
    scale, zero_point = float(grid.scale[0]), int(grid.zero_point[0]) + moved
    low, high = (
        (activation_type.low - zero_point) * scale,
        (activation_type.high - zero_point) * scale,
    )
    for nudge in _NUDGES:
        moved_high = float(np.float32(high) + nudge * np.spacing(np.float32(high)))
        if low <= moved_high:
            made = activation_grid(Range(low, moved_high), "", activation_type)
            if made.scale[0] == grid.scale[0] and made.zero_point[0] == zero_point:
                return Range(low, moved_high)
    return Range(low, high)
