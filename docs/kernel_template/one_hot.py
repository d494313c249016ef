"""ONE_HOT, as a template: architecture.md says what to do with a copy of it."""

from __future__ import annotations

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import SAME_GRID, TYPES, ConstantOperand, Limit
from tfedge_converters.c.registry import LITERT, kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# Restrictions are objects: they refuse, and docs/operators.md prints their words.
_DEPTH = ConstantOperand("the depth")
_ON = ConstantOperand("the value of the index")
_OFF = ConstantOperand("the value elsewhere")
_LAST_AXIS = Limit("its new axis the last")


@kernel(
    "ONE_HOT",
    "int8",
    limits=(_DEPTH, _ON, _OFF, _LAST_AXIS, SAME_GRID),
    oracle=LITERT,
    note="indices in int32",
)
def lower_one_hot(operator: Operator) -> Lowered:
    """Indices of any shape, each of which becomes a vector of `depth` values."""
    checks.operands(operator, least=4)
    indices, depth, on, off = (checks.operand(operator, index) for index in range(4))
    output = operator.outputs[0]
    checks.int8(output)
    checks.moved(operator, output, on, off)
    if indices.type != TensorType.INT32:
        TYPES.refuse(f"the indices '{indices.name}' are {indices.type.name}; INT32 is supported")
    if operator.options.axis not in (-1, len(indices.shape)):
        _LAST_AXIS.refuse(f"its new axis is {operator.options.axis}; the last one is supported")
    (size,) = checks.integers(depth, _DEPTH)
    checks.shape(output, (*indices.shape, size))
    # The fields are those of tfedge_one_hot_s8_params, in their order.
    call = KernelCall(
        kernel="one_hot_s8",
        header="one_hot_s8",
        struct="one_hot_s8",
        params={
            "elements": checks.elements(indices),
            "depth": size,
            "on": _one_value(on, _ON),
            "off": _one_value(off, _OFF),
        },
        operands=(indices,),
        output=output,
    )
    return Lowered((call,), detail=f"of {size}")


def _one_value(tensor: Tensor, operand: ConstantOperand) -> int:
    values = operand.values(tensor)
    checks.shape(tensor, ())
    return int(values.reshape(()))
