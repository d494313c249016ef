"""Activation functions, written in other ways; every output bit stays.

Each function takes a graph and one of its operators, changes the graph in place and says whether it
could.
"""

from __future__ import annotations

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.making import like, replace
from tfedge_converters.graph.types import Graph, Operator, Quantization, Tensor, TensorType


def leaky_relu_to_prelu(graph: Graph, operator: Operator) -> bool:
    """LEAKY_RELU as PRELU whose alpha is the integer 1 on a grid whose scale is the slope.

    Both kernels multiply a negative operand, less its zero point, with the same multiplier:
    input scale * slope / output scale, of float64. The slope must be positive.
    """
    match operator:
        case Operator(inputs=[Tensor() as x], outputs=[y]) if x.shape and x.type == TensorType.INT8:
            slope = np.float32(getattr(operator.options, "alpha", 0.0))
        case _:
            return False
    if not slope > 0:
        return False
    alpha = Tensor(
        f"{y.name}_alpha",
        (*(1 for _ in x.shape[1:-1]), x.shape[-1]),
        TensorType.INT8,
        Quantization.per_tensor(float(slope), 0),
    )
    alpha.data = np.ones(alpha.shape, np.int8)
    replace(graph, operator, [Operator("PRELU", [x, alpha], [y])])
    return True


_ACTIVATIONS = {
    schema.ActivationFunctionType.RELU: "RELU",
    schema.ActivationFunctionType.RELU6: "RELU6",
    schema.ActivationFunctionType.RELU_N1_TO_1: "RELU_N1_TO_1",
}


def unfuse_activation(graph: Graph, operator: Operator) -> bool:
    """A clamp on its own behind the operator: on one grid it moves no integer."""
    code = _ACTIVATIONS.get(getattr(operator.options, "fusedActivationFunction", 0))
    if code is None or len(operator.outputs) != 1:
        return False
    y = operator.outputs[0]
    before = like(y, "before", y.shape)
    plain = copy.copy(operator.options)
    plain.fusedActivationFunction = schema.ActivationFunctionType.NONE
    first = Operator(operator.code, operator.inputs, [before], plain, operator.version)
    version = 2 if y.type == TensorType.INT8 and code != "RELU_N1_TO_1" else 1
    replace(graph, operator, [first, Operator(code, [before], [y], None, version)])
    return True
