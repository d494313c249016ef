"""What must hold before LiteRT runs a float model within this process: it trusts files, and would
crash where this refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.graph.operator_checks import check_ranks, options_of

_MASK_BITS = 31


def check_runnable(model: Model) -> None:
    """Refuses what makes LiteRT crash.

    Raises:
        UnsupportedError: a tensor is empty, of more dimensions than kernels know, or of other
            dimensions than its operator makes; a bias is missing; a slice ends at a distance.
        ModelFileError: an operator has another one's options.
    """
    for graph in model.graphs:
        for operator in graph.operators:
            check_ranks(graph, operator)
            wrong = (
                _emptiness(operator)
                or _missing_bias(operator)
                or _wrong_rank(graph, operator)
                or _ends_behind_begins(graph, operator)
            )
            if wrong:
                raise UnsupportedError(f"{graph.place(operator)}: {wrong}")


def _emptiness(operator: Operator) -> str:
    tensors = [tensor for tensor in (*operator.inputs, *operator.outputs) if tensor is not None]
    empty = [tensor for tensor in tensors if not tensor.is_constant and not tensor.elements]
    return f"'{empty[0].name}' of shape {empty[0].shape} is empty" if empty else ""


def _missing_bias(operator: Operator) -> str:
    if operator.code != "DEPTHWISE_CONV_2D" or any(operator.inputs[2:3]):
        return ""
    return "LiteRT needs a bias here; give it one of zeros"


def _ends_behind_begins(graph: Graph, operator: Operator) -> str:
    """LiteRT takes a distance below zero for a size."""
    if operator.code != "STRIDED_SLICE" or not options_of(graph, operator).offset:
        return ""
    return "its ends are distances from its begins; give them as positions"


def _wrong_rank(graph: Graph, operator: Operator) -> str:
    """LiteRT goes by ranks that it computes itself: a chain of operators could reach any."""
    if operator.code not in _RANKS:
        return ""
    needed, rank_of = _RANKS[operator.code]
    operands = [tensor for tensor in operator.inputs[:needed] if tensor is not None]
    if len(operands) < needed or not operator.outputs:
        return "it lacks an operand or a result"
    rank = rank_of(options_of(graph, operator), *operands)
    found = len(operator.outputs[0].shape)
    return "" if found == rank else f"its result has {found} dimensions instead of {rank}"


def _with_one_more(options: Any, source: Tensor) -> int:
    return len(source.shape) + 1


def _gathered(options: Any, source: Tensor, indices: Tensor) -> int:
    return len(source.shape) + len(indices.shape) - 1 - options.batchDims


def _gathered_by_tuples(options: Any, source: Tensor, indices: Tensor) -> int:
    depth = indices.shape[-1] if indices.shape else 1
    return len(indices.shape) - 1 + len(source.shape) - depth


def _sliced(options: Any, source: Tensor, begin: Tensor) -> int:
    entries = (1 << min(begin.elements, _MASK_BITS)) - 1
    added = options.newAxisMask & entries & ~options.ellipsisMask
    dropped = options.shrinkAxisMask & entries & ~options.ellipsisMask & ~added
    return len(source.shape) + added.bit_count() - dropped.bit_count()


# Operators whose results can have more dimensions than their operands: how many operands that
# depends on, and the number of dimensions by TFLite's rules.
_RANKS: dict[str, tuple[int, Callable[..., int]]] = {
    "EXPAND_DIMS": (1, _with_one_more),
    "GATHER": (2, _gathered),
    "GATHER_ND": (2, _gathered_by_tuples),
    "PACK": (1, _with_one_more),
    "STRIDED_SLICE": (2, _sliced),
}
