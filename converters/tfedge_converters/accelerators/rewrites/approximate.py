"""Changes of the model itself: other numbers, so that it must be trained or converted again.

Each takes a graph and one of its operators, changes the graph in place and says whether it could.
The graphs are for checking what an accelerator takes of them, not for running.
"""

from __future__ import annotations

import copy

from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.making import integers, like, replace
from tfedge_converters.graph.types import Graph, Operator

_LARGEST_STEP = 8


def activation_to_relu(graph: Graph, operator: Operator) -> bool:
    """RELU instead of another function of one activation."""
    replace(graph, operator, [Operator("RELU", operator.inputs[:1], operator.outputs, version=2)])
    return True


def hard_swish_to_silu(graph: Graph, operator: Operator) -> bool:
    """LOGISTIC and MUL instead of HARD_SWISH."""
    y = operator.outputs[0]
    gate = like(y, "gate", y.shape)
    steps = [
        Operator("LOGISTIC", operator.inputs[:1], [gate], version=2),
        Operator("MUL", [operator.inputs[0], gate], [y], schema.MulOptionsT(), 2),
    ]
    replace(graph, operator, steps)
    return True


def resize_in_steps(graph: Graph, operator: Operator) -> bool:
    """Several resizes, each by a factor of at most 8."""
    x, y = operator.inputs[0], operator.outputs[0]
    if x is None or len(x.shape) != 4 or len(y.shape) != 4 or 0 in x.shape:
        return False
    steps: list[Operator] = []
    last = x
    while any(y.shape[i] > _LARGEST_STEP * last.shape[i] for i in (1, 2)):
        height, width = (min(y.shape[i], _LARGEST_STEP * last.shape[i]) for i in (1, 2))
        between = like(y, f"step_{len(steps)}", (y.shape[0], height, width, y.shape[3]))
        size = integers(between, "size", (height, width))
        options = copy.copy(operator.options)
        steps.append(Operator(operator.code, [last, size], [between], options, operator.version))
        last = between
    final = copy.copy(operator)
    final.inputs = [last, *operator.inputs[1:]]
    replace(graph, operator, [*steps, final])
    return bool(steps)
