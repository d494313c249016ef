"""Element-wise operators on plain int32 and int64 numbers, which have no scale."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.c.arrays import stored_dtype
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.broadcast import merge
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_INTEGERS = (TensorType.INT32, TensorType.INT64)

# As tfedge_elementwise_s32_s64.h numbers them, and the types that an interpreter has a kernel for.
_FUNCTIONS: dict[str, tuple[int, tuple[TensorType, ...]]] = {
    "ADD": (0, _INTEGERS),
    "SUB": (1, _INTEGERS),
    "MUL": (2, _INTEGERS),
    "SQUARED_DIFFERENCE": (3, (TensorType.INT32,)),
    "MAXIMUM": (4, _INTEGERS),
    "MINIMUM": (5, _INTEGERS),
}

_COMPARE = 6


def is_integer(operator: Operator) -> bool:
    """Whether an operator's first operand holds plain integers."""
    source = operator.inputs[0] if operator.inputs else None
    return source is not None and source.type in _INTEGERS


def lower_integer_function(operator: Operator) -> Lowered:
    """ADD, SUB, MUL, SQUARED_DIFFERENCE, MAXIMUM or MINIMUM."""
    function, types = _FUNCTIONS[operator.code]
    activation = getattr(operator.options, "fusedActivationFunction", None)
    if activation not in (None, schema.ActivationFunctionType.NONE):
        raise checks.RefusedError(
            "a fused activation on plain integers is not supported; interpreters do not agree on it"
        )
    a, b, output = _operands(operator, types)
    if output.type != a.type:
        raise checks.RefusedError(f"{a.type.name} cannot give {output.type.name} '{output.name}'")
    return _call(a, b, output, function)


def lower_integer_comparison(operator: Operator, less: int, equal: int, greater: int) -> Lowered:
    """A comparison by what it says of each of the three cases."""
    a, b, output = _operands(operator, _INTEGERS)
    checks.bools(output)
    return _call(a, b, output, _COMPARE, less, equal, greater)


def _operands(operator: Operator, types: tuple[TensorType, ...]) -> tuple[Tensor, Tensor, Tensor]:
    checks.operands(operator, least=2)
    a, b = checks.operand(operator, 0), checks.operand(operator, 1)
    if a.type not in types or b.type != a.type:
        raise checks.RefusedError(
            f"{a.type.name} '{a.name}' with {b.type.name} '{b.name}' is not supported; two of "
            f"{' or '.join(type_.name for type_ in types)} are"
        )
    return a, b, operator.outputs[0]


def _call(
    a: Tensor,
    b: Tensor,
    output: Tensor,
    function: int,
    less: int = 0,
    equal: int = 0,
    greater: int = 0,
) -> Lowered:
    call = KernelCall(
        kernel="elementwise_s32_s64",
        header="elementwise_s32_s64",
        struct="elementwise_s32_s64",
        params={
            "shape": merge(a.shape, b.shape, output),
            "function": function,
            "element_bytes": stored_dtype(a.type).itemsize,
            "accept_less": less,
            "accept_equal": equal,
            "accept_greater": greater,
        },
        operands=(a, b),
        output=output,
        in_place=tuple(i for i, t in enumerate((a, b)) if t.elements == output.elements),
    )
    return Lowered((call,), detail=a.type.name.lower())
