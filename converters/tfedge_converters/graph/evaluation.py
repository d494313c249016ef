"""Runs single operators on constants with LiteRT's reference kernels."""

from __future__ import annotations

import numpy as np

from tfedge_converters.graph.types import Graph, Model, Operator
from tfedge_converters.graph.writer import write_model

# LiteRT has no reference kernel of some operators (CEIL, ROUND); its plain ones are second best.
_RESOLVERS = ("BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES")


def evaluate(operator: Operator) -> list[np.ndarray] | None:
    """The results of an operator whose operands are all constant, one array an output.

    Returns:
        None if LiteRT has no kernel for it, refuses it, or makes other types than it declares.
    """
    flatbuffer = write_model(Model([Graph([], operator.outputs, [operator])]))
    results = (_run(flatbuffer, resolver) for resolver in _RESOLVERS)
    values = next((result for result in results if result is not None), None)
    dtypes = [tensor.type.dtype for tensor in operator.outputs]
    if values is None or [value.dtype for value in values] != dtypes:
        return None
    return values


def _run(flatbuffer: bytes, resolver: str) -> list[np.ndarray] | None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        interpreter = Interpreter(
            model_content=flatbuffer, experimental_op_resolver_type=OpResolverType[resolver]
        )
        interpreter.allocate_tensors()
        interpreter.invoke()
        details = interpreter.get_output_details()
        return [np.array(interpreter.get_tensor(detail["index"])) for detail in details]
    except (RuntimeError, ValueError):
        return None
