"""Operators that a lowered model may not contain."""

from __future__ import annotations

import tensorflow as tf

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Graph, Model, Operator, Tensor, TensorType

_OTHER_FLOATS = (TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.FLOAT64)


def require_runnable(model: Model) -> None:
    """Refuse what no TFLite runtime could run, and what does not have static shapes.

    Shapes inside the bodies of loops may be dynamic: LiteRT runs them, and whoever cannot
    run loops says so.

    Raises:
        UnsupportedError: an operation has no TFLite operator, a shape depends on values, or
            something computes in another float type than float32.
    """
    for graph in model.graphs:
        for operator in graph.operators:
            _refuse_foreign(graph, operator)
            for tensor in operator.outputs:
                _refuse_other_floats(graph, operator, tensor)
    for operator in model.main.operators:
        for tensor in operator.outputs:
            _refuse_dynamic(model.main, operator, tensor)


def _refuse_foreign(graph: Graph, operator: Operator) -> None:
    """Operations that TFLite does not have keep TensorFlow's name."""
    if hasattr(tf.raw_ops, operator.custom_name):
        types = ", ".join(
            f"{tensor.type.name.lower()}{list(tensor.shape)}"
            for tensor in operator.inputs
            if tensor
        )
        raise UnsupportedError(
            f"{graph.place(operator)}: TFLite has no operator for TensorFlow's "
            f"{operator.custom_name} of {types}; compute it outside the model, or from "
            "operations that TFLite has"
        )


def _refuse_other_floats(graph: Graph, operator: Operator, tensor: Tensor) -> None:
    if tensor.type in _OTHER_FLOATS:
        name = tensor.type.name.lower()
        why = "which no dtype policy explains" if name != "float64" else "which no device does"
        raise UnsupportedError(
            f"{graph.place(operator)}: it computes in {name}, {why}; let the layer compute in "
            "float32"
        )


def _refuse_dynamic(graph: Graph, operator: Operator, tensor: Tensor) -> None:
    if -1 in (tensor.shape_signature or ()):
        raise UnsupportedError(
            f"{graph.place(operator)}: its shape {list(tensor.shape_signature or ())} is known "
            "only at run time (-1); use operations whose shapes do not depend on values"
        )
