"""Evaluation of single operators on constants with LiteRT's reference kernels."""

from __future__ import annotations

import numpy as np

from tfedge.errors import UnsupportedError
from tfedge_converters.graph.types import Graph, Model, Operator
from tfedge_converters.interpreters import (
    LITERT_PLAIN,
    LITERT_REFERENCE,
    Interpreter,
    run_model,
)

# LiteRT has no reference kernel of some operators (CEIL, ROUND); its plain ones are second best.
_INTERPRETERS = (LITERT_REFERENCE, LITERT_PLAIN)


def evaluate(operator: Operator) -> list[np.ndarray] | None:
    """The results of an operator whose operands are all constant, one array an output.

    Returns:
        None if LiteRT has no kernel for it, refuses it, or makes other types than it declares.
    """
    model = Model([Graph([], operator.outputs, [operator])])
    results = (_run(interpreter, model) for interpreter in _INTERPRETERS)
    values = next((result for result in results if result is not None), None)
    dtypes = [tensor.type.dtype for tensor in operator.outputs]
    if values is None or [value.dtype for value in values] != dtypes:
        return None
    return values


def _run(interpreter: Interpreter, model: Model) -> list[np.ndarray] | None:
    try:
        return run_model(interpreter, model, None, [[]])[0]
    except UnsupportedError:
        return None
