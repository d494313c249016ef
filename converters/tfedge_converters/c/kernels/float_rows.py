"""SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION of real numbers: every row by itself."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import NO_ACTIVATION, SHAPES
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator


@kernel("SOFTMAX", "float32")
def lower_softmax(operator: Operator) -> Lowered:
    """exp(beta * x) / sum, along the last axis."""
    return _row_call(operator, "softmax_f32", float(operator.options.beta))


@kernel("LOG_SOFTMAX", "float32")
def lower_log_softmax(operator: Operator) -> Lowered:
    """x - log(sum of exp(x)), along the last axis."""
    return _row_call(operator, "log_softmax_f32")


@kernel("L2_NORMALIZATION", "float32", limits=(NO_ACTIVATION,))
def lower_l2_normalization(operator: Operator) -> Lowered:
    """x / sqrt(sum of squares), along the last axis."""
    if operator.options.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        NO_ACTIVATION.refuse("a fused activation is not supported here")
    return _row_call(operator, "l2_normalization_f32")


def _row_call(operator: Operator, kernel: str, beta: float = 1.0) -> Lowered:
    source, output = checks.elementwise(operator, checks.real)
    if not source.shape:
        SHAPES.refuse(f"'{source.name}' is a single number, which has no rows")
    depth = source.shape[-1]
    call = KernelCall(
        kernel=kernel,
        header="rows_f32",
        struct="rows_f32",
        params={"rows": checks.elements(source) // depth, "depth": depth, "beta": beta},
        operands=(source,),
        output=output,
        in_place=(0,),
    )
    return Lowered((call,))
