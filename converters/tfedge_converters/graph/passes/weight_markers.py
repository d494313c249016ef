"""Annotations of filters in place of the weight markers behind them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfedge.errors import ModelFileError
from tfedge.markers.ranges import RANGE
from tfedge.markers.weights import WEIGHTS
from tfedge.quantization.policy import OPERATORS, WeightPolicy
from tfedge_converters.graph.markers import markers_in, read_marker, remove_markers
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType, WeightGrid

# What may stand between weights and the marker of their layer: it moves values, or is part of an
# activation or of an addition that was not fused.
_PASSABLE = frozenset(
    {
        "ABS", "ADD", "BATCH_TO_SPACE_ND", "DIV", "ELU", "EXP", "EXPAND_DIMS", "GELU",
        "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "LOG_SOFTMAX", "MAXIMUM", "MINIMUM", "MUL", "NEG",
        "PRELU", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "RESHAPE", "SLICE", "SOFTMAX",
        "SQUEEZE", "STRIDED_SLICE", "SUB", "TANH", "TRANSPOSE", RANGE.name, WEIGHTS.name,
    }
)  # fmt: skip


def consume_weight_markers(model: Model) -> None:
    """Set `Tensor.trained_weights` from every `tfedge.Weights` operator and remove the operators.

    A marker speaks of the nearest operator with weights from which its operand is computed. The
    filter becomes a tensor of that operator alone, so that two layers may put equal constants on
    different grids. To run before range markers are consumed: a range behind a weight marker
    is one of what the marker marked.

    Raises:
        ModelFileError: a marker is malformed, there is no such operator or more than one, the
            scales do not fit its filter, or two markers disagree on it.
    """
    for graph in model.graphs:
        makers = {id(tensor): item for item in graph.operators for tensor in item.outputs}
        marked: dict[int, Tensor] = {}
        for marker in markers_in(graph, WEIGHTS):
            tensor, scales = _operands(graph, marker)
            marked[id(marker.outputs[0])] = marked.get(id(tensor), tensor)
            operator, rule = _weighted(graph, marker, tensor, makers)
            _annotate(graph, marker, operator, rule, _grid(graph, marker, scales))
        if marked:
            remove_markers(model, graph, marked)


def _operands(graph: Graph, marker: Operator) -> tuple[Tensor, Tensor]:
    match marker.inputs, marker.outputs:
        case [Tensor() as tensor, Tensor() as scales], [Tensor()]:
            return tensor, scales
    raise ModelFileError(
        f"{graph.place(marker)}: a weight marker has two inputs and one output, not "
        f"{len(marker.inputs)} and {len(marker.outputs)}; export the model again"
    )


def _grid(graph: Graph, marker: Operator, scales: Tensor) -> WeightGrid:
    mark = read_marker(graph, marker, WEIGHTS)
    if scales.data is None or scales.type != TensorType.FLOAT32:
        raise ModelFileError(
            f"{graph.place(marker)}: its scales are not float32 numbers that are known when the "
            "model is exported; mark with a variable or an array"
        )
    values = scales.data.reshape(-1)
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ModelFileError(
            f"{graph.place(marker)}: its scales must be finite and above 0; if training has "
            "diverged, load an earlier checkpoint"
        )
    return WeightGrid(values, mark.bits, mark.values, mark.number)


def _weighted(
    graph: Graph, marker: Operator, tensor: Tensor, makers: Mapping[int, Operator]
) -> tuple[Operator, WeightPolicy]:
    """The one operator with weights that is nearest, and what the policy says of its weights."""
    found: dict[int, Operator] = {}
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        maker = makers.get(id(waiting.pop()))
        if maker is None or id(maker) in seen:
            continue
        seen.add(id(maker))
        policy = OPERATORS.get(maker.code)
        if policy is not None and policy.weights:
            found[id(maker)] = maker
        elif maker.name in _PASSABLE:
            waiting += [operand for operand in maker.inputs if operand is not None]
    if len(found) != 1:
        raise ModelFileError(
            f"{graph.place(marker)} marks what {len(found)} operators with weights made; mark "
            "what one convolution or dense layer returns"
        )
    (operator,) = found.values()
    (rule,) = OPERATORS[operator.code].weights
    return operator, rule


def _annotate(
    graph: Graph, marker: Operator, operator: Operator, rule: WeightPolicy, grid: WeightGrid
) -> None:
    weights = operator.inputs[rule.operand] if rule.operand < len(operator.inputs) else None
    if weights is None or not weights.is_constant or len(weights.shape) <= rule.axis:
        raise ModelFileError(
            f"{graph.place(marker)} marks what {graph.place(operator)} made, whose weights are not "
            "constant; export the model without operations on the weights"
        )
    if grid.scale.size not in (1, weights.shape[rule.axis]):
        raise ModelFileError(
            f"{graph.place(marker)} has {grid.scale.size} scales, but {graph.place(operator)} has "
            f"{weights.shape[rule.axis]} output channels; give a scale for each"
        )
    if weights.trained_weights is not None and not grid.same_as(weights.trained_weights):
        raise ModelFileError(
            f"{graph.place(marker)} marks what {graph.place(operator)} made, which is marked with "
            "other scales already; mark a layer once"
        )
    operator.inputs[rule.operand] = dataclasses.replace(weights, trained_weights=grid)
