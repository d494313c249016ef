"""Element-wise operators on plain int32 and int64 numbers, which have no scale."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.c.arrays import stored_dtype
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.broadcast import BROADCASTING, merge
from tfedge_converters.c.limits import NO_ACTIVATION, TYPES
from tfedge_converters.c.registry import LITERT, TFLITE_MICRO, kernel
from tfedge_converters.graph.types import Operator, Tensor

# As tfedge_elementwise_s32_s64.h numbers them.
_FUNCTIONS = {
    "ADD": 0,
    "SUB": 1,
    "MUL": 2,
    "SQUARED_DIFFERENCE": 3,
    "MAXIMUM": 4,
    "MINIMUM": 5,
}

_COMPARE = 6


def _lower_arithmetic(operator: Operator) -> Lowered:
    """ADD, SUB or MUL."""
    if operator.options.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        NO_ACTIVATION.refuse(
            "a fused activation on plain integers is not supported; interpreters do not agree on it"
        )
    return _lower_function(operator)


def _lower_function(operator: Operator) -> Lowered:
    """Any of `_FUNCTIONS`."""
    a, b, output = _operands(operator)
    if output.type != a.type:
        TYPES.refuse(f"{a.type.name} cannot give {output.type.name} '{output.name}'")
    return _call(a, b, output, _FUNCTIONS[operator.code])


for _code in ("ADD", "SUB", "MUL"):
    for _type, _oracle in (("int32", TFLITE_MICRO), ("int64", LITERT)):
        kernel(_code, _type, limits=(BROADCASTING, NO_ACTIVATION), oracle=_oracle)(
            _lower_arithmetic
        )
for _code, _types in (
    ("MAXIMUM", "int32 int64"),
    ("MINIMUM", "int32 int64"),
    ("SQUARED_DIFFERENCE", "int32"),
):
    kernel(_code, _types, limits=(BROADCASTING,))(_lower_function)


def lower_integer_comparison(operator: Operator, less: int, equal: int, greater: int) -> Lowered:
    """A comparison by what it says of each of the three cases."""
    a, b, output = _operands(operator)
    checks.bools(output)
    return _call(a, b, output, _COMPARE, less, equal, greater)


def _operands(operator: Operator) -> tuple[Tensor, Tensor, Tensor]:
    checks.operands(operator, least=2)
    a, b = checks.operand(operator, 0), checks.operand(operator, 1)
    if b.type != a.type:
        TYPES.refuse(
            f"{a.type.name} '{a.name}' with {b.type.name} '{b.name}' is not supported; two of "
            f"{a.type.name} are"
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
