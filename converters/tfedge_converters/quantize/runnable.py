"""What must hold before LiteRT runs a float model within this process: it trusts files, and would
crash where this refuses.
"""

from __future__ import annotations

from collections.abc import Callable

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Model, Operator
from tfedge_converters.graph.operator_checks import check_ranks

_MASK_BITS = 31


def check_runnable(model: Model) -> None:
    """Refuses what makes LiteRT crash.

    Raises:
        UnsupportedError: a tensor is empty or of more dimensions than kernels know, or an operator
            does not make what its operands and options say.
    """
    for graph in model.graphs:
        for operator in graph.operators:
            check_ranks(graph, operator)
            wrong = _emptiness(operator) or _CHECKS.get(operator.code, _nothing)(operator)
            if wrong:
                raise UnsupportedError(f"{graph.place(operator)}: {wrong}")


def _nothing(operator: Operator) -> str:
    return ""


def _emptiness(operator: Operator) -> str:
    tensors = [tensor for tensor in (*operator.inputs, *operator.outputs) if tensor is not None]
    empty = [tensor for tensor in tensors if not tensor.is_constant and not tensor.elements]
    return f"'{empty[0].name}' of shape {empty[0].shape} is empty" if empty else ""


def _bias(operator: Operator) -> str:
    bias = operator.inputs[2:3]
    return "" if any(bias) else "LiteRT needs a bias here; give it one of zeros"


def _sliced_rank(operator: Operator) -> str:
    """A chain of slices with new axes that do not show in the file can reach any rank."""
    options, begin = operator.options, operator.inputs[1:2]
    complete = isinstance(options, schema.StridedSliceOptionsT) and begin and operator.outputs
    if not complete or begin[0] is None or operator.inputs[0] is None:
        return "it lacks options, operands or a result"
    entries = (1 << min(begin[0].elements, _MASK_BITS)) - 1
    added = options.newAxisMask & entries & ~options.ellipsisMask
    dropped = options.shrinkAxisMask & entries & ~options.ellipsisMask & ~added
    rank = len(operator.inputs[0].shape) + added.bit_count() - dropped.bit_count()
    found = len(operator.outputs[0].shape)
    return "" if found == rank else f"its result has {found} dimensions instead of {rank}"


_CHECKS: dict[str, Callable[[Operator], str]] = {
    "DEPTHWISE_CONV_2D": _bias,
    "STRIDED_SLICE": _sliced_rank,
}
