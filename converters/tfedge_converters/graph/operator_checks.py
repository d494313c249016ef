"""Checks that any operator must pass before somebody looks at what it does."""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import ModelFileError, UnsupportedError
from tfedge_converters.graph.types import Graph, Operator

# Operators whose options are not called after them.
_SHARED = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "REDUCE_ALL": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "SUM": "ReducerOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
}

_TABLES = {
    name.lower(): name
    for union in (schema.BuiltinOptions, schema.BuiltinOptions2)
    for name in vars(union)
    if name.endswith("Options")
}


# Where interpreters do not agree on what it means that there are none.
_REQUIRED = frozenset({"MIRROR_PAD"})

# Interpreters have room for no more dimensions; what they do beyond is undefined.
LARGEST_RANK = 6


def options_class(code: str) -> type | None:
    """The schema's class of an operator's options; None if it has none.

    Args:
        code: the schema's BuiltinOperator name.
    """
    name = _SHARED.get(code) or _TABLES.get(code.replace("_", "").lower() + "options")
    return None if name is None else getattr(schema, f"{name}T")


def options_of(graph: Graph, operator: Operator) -> Any:
    """An operator's options; the schema's defaults, as in interpreters, if the file has none.

    Raises:
        ModelFileError: they belong to another operator, or it cannot do without.
    """
    expected, options = options_class(operator.code), operator.options
    if expected is None or type(options) is expected:
        return options
    if options is None and operator.code in _REQUIRED:
        raise ModelFileError(f"{graph.place(operator)} has no options; convert the model again")
    if options is not None:
        raise ModelFileError(
            f"{graph.place(operator)} has {type(options).__name__[:-1]}, which belong to another "
            "operator; convert the model again"
        )
    return expected()


def check_ranks(graph: Graph, operator: Operator) -> None:
    """Refuse tensors of more dimensions than any interpreter has kernels for.

    Raises:
        UnsupportedError: an operand or result has more than `LARGEST_RANK` dimensions.
    """
    for tensor in (*operator.inputs, *operator.outputs):
        if tensor is not None and len(tensor.shape) > LARGEST_RANK:
            raise UnsupportedError(
                f"{graph.place(operator)}: '{tensor.name}' has {len(tensor.shape)} dimensions; "
                f"kernels know at most {LARGEST_RANK}: reshape it"
            )
