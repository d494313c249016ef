"""A plan of memory in the model's file, which TFLite Micro follows instead of its own.

Source: "Offline planned tensor allocations" of tensorflow/lite/micro/docs/memory_management.md.
TFLite Micro places tensors greedily, the largest first. The plan here is searched for, and lets an
operator write over its operand where its kernels read an element before they write it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tfedge_converters.c.memory import Buffer, place
from tfedge_converters.graph import Graph, Operator, Tensor
from tfedge_converters.graph.metadata import OFFLINE_PLAN
from tfedge_converters.tflm.arena import predict_arena
from tfedge_converters.tflm.cmsis_nn import Kernels
from tfedge_converters.tflm.planning import ALIGNMENT, lifetimes

_VERSION, _SUBGRAPH, _ONLINE = 1, 0, -1
# Numbers in front of the offsets: these two, and how many there are.
_HEADER = 3

# What computes each element of its result from the elements in the same place, and what only
# copies. Operands that are spread over the result are not written over.
_ELEMENTWISE_NAMES = (
    "ABS ADD CEIL DIV ELU EXP EXPAND_DIMS FLOOR HARD_SWISH LEAKY_RELU LOG LOGISTIC MUL NEG RELU "
    "RELU6 RESHAPE ROUND SQUARE SQUEEZE SUB TANH"
)
_ELEMENTWISE = frozenset(_ELEMENTWISE_NAMES.split())


def plan_entry(graphs: Sequence[Graph]) -> bytes | None:
    """The metadata entry with a plan by which TFLite Micro needs less memory.

    Args:
        graphs: of the model, as they will be written.

    Returns:
        None where its own plan is as good, with any of its kernels, or there are several graphs.
    """
    if len(graphs) != 1:
        return None
    offsets = _searched(graphs[0])
    if not offsets or not _is_smaller(graphs, offsets):
        return None
    tensors = list(graphs[0].tensors())
    numbers = [offsets.get(id(tensor), _ONLINE) for tensor in tensors]
    return struct.pack(f"<{_HEADER + len(numbers)}i", _VERSION, _SUBGRAPH, len(numbers), *numbers)


def planned_offsets(graph: Graph, entries: Mapping[str, bytes]) -> dict[int, int]:
    """Offsets of tensors of the main graph, by their id, that a file says; none if it says none.

    Args:
        graph: the first of those that `plan_entry` was called with, or read from the file.
        entries: of the file's metadata.
    """
    entry = entries.get(OFFLINE_PLAN, b"")
    tensors = list(graph.tensors())
    if len(entry) != 4 * (_HEADER + len(tensors)):
        return {}
    numbers = [number for (number,) in struct.iter_unpack("<i", entry)][_HEADER:]
    pairs = zip(tensors, numbers, strict=True)
    return {id(tensor): offset for tensor, offset in pairs if offset >= 0}


def _is_smaller(graphs: Sequence[Graph], offsets: Mapping[int, int]) -> bool:
    smaller = False
    for kernels in Kernels:
        before = predict_arena(graphs, kernels=kernels)
        after = predict_arena(graphs, kernels=kernels, offsets=offsets)
        if before is None or after is None:
            continue
        if after.planned > before.planned:
            return False
        smaller |= after.needed < before.needed
    return smaller


def _searched(graph: Graph) -> dict[int, int]:
    live = lifetimes(graph)
    shared = _shared(graph, live)
    merged: dict[int, Buffer] = {}
    for key, buffer in live.items():
        root = shared[key]
        other = merged.get(root, buffer)
        merged[root] = Buffer(
            max(buffer.size, other.size),
            min(buffer.first, other.first),
            max(buffer.last, other.last),
        )
    found = place(list(merged.values()), ALIGNMENT)
    places = dict(zip(merged, found.offsets, strict=True))
    return {key: places[shared[key]] for key in live}


def _shared(graph: Graph, live: Mapping[int, Buffer]) -> dict[int, int]:
    """Each tensor to the first of those that lie where it does."""
    roots = {key: key for key in live}
    for step, operator in enumerate(graph.operators, 1):
        operand = _overwritten(operator, step, graph, live)
        if operand is not None:
            roots[id(operator.outputs[0])] = roots[id(operand)]
    return roots


def _overwritten(
    operator: Operator, step: int, graph: Graph, live: Mapping[int, Buffer]
) -> Tensor | None:
    """The operand that nothing reads after an operator, and whose place its result may take."""
    if operator.code not in _ELEMENTWISE or len(operator.outputs) != 1:
        return None
    result = operator.outputs[0]
    kept = {id(tensor) for tensor in graph.outputs}
    for operand in operator.inputs:
        buffer = None if operand is None else live.get(id(operand))
        if operand is None or buffer is None or buffer.last != step or id(operand) in kept:
            continue
        same_width = operand.byte_size == result.byte_size
        if same_width and operand.elements == result.elements and id(result) in live:
            return operand
    return None
