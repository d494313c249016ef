"""Operators that choose among values: MAXIMUM, MINIMUM, LOGICAL_AND, LOGICAL_OR, SELECT."""

from __future__ import annotations

from functools import partial

from tfedge_converters.c.arrays import stored_dtype
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.broadcast import loops
from tfedge_converters.c.kernels.elementwise import binary_call
from tfedge_converters.c.kernels.integer_elementwise import is_integer, lower_integer_function
from tfedge_converters.graph.types import Operator, Tensor


def _lower_min_max(operator: Operator, largest: int) -> Lowered:
    if is_integer(operator):
        return lower_integer_function(operator)
    a, b, output = _operands(operator, 2)
    width = checks.activations(a, b, output)
    checks.same_quantization(operator, output, a, b)
    return binary_call(f"min_max_{width}", (a, b), output, {"largest": largest})


lower_maximum = partial(_lower_min_max, largest=1)
lower_minimum = partial(_lower_min_max, largest=0)


def _lower_logical(operator: Operator, largest: int) -> Lowered:
    a, b, output = _operands(operator, 2)
    checks.bools(a, b, output)
    return binary_call("min_max_s8", (a, b), output, {"largest": largest})


lower_logical_or = partial(_lower_logical, largest=1)
lower_logical_and = partial(_lower_logical, largest=0)


def lower_select_v2(operator: Operator) -> Lowered:
    """x where the condition holds, else y; all three broadcast."""
    condition, x, y, output = _operands(operator, 3)
    return _select(operator, condition.shape, x, y, output)


def lower_select(operator: Operator) -> Lowered:
    """The same; a condition of one dimension runs along the first of x and y."""
    condition, x, y, output = _operands(operator, 3)
    shape = condition.shape
    if len(shape) == 1 and x.shape != shape:
        shape += (1,) * (len(x.shape) - 1)
    checks.shape(y, x.shape)
    return _select(operator, shape, x, y, output)


def _select(
    operator: Operator, condition: tuple[int, ...], x: Tensor, y: Tensor, output: Tensor
) -> Lowered:
    checks.bools(checks.operand(operator, 0))
    if not x.type == y.type == output.type:
        raise checks.RefusedError(
            f"it selects from {x.type.name} and {y.type.name} into {output.type.name}; "
            "one type is needed"
        )
    if output.type in checks.WIDTHS:
        checks.activations(x, y, output)
    if any(tensor.quantization is not None for tensor in (x, y, output)):
        checks.same_quantization(operator, output, x, y)
    extents, steps = loops((condition, x.shape, y.shape), output)
    call = KernelCall(
        kernel="select",
        header="select",
        struct="select",
        params={
            "shape": {"extent": extents, "a": steps[1], "b": steps[2]},
            "condition": steps[0],
            "element_bytes": stored_dtype(output.type).itemsize,
        },
        operands=(checks.operand(operator, 0), x, y),
        output=output,
        in_place=tuple(i for i, t in ((1, x), (2, y)) if t.elements == output.elements),
    )
    return Lowered((call,))


def _operands(operator: Operator, count: int) -> list[Tensor]:
    checks.operands(operator, least=count)
    return [*(checks.operand(operator, index) for index in range(count)), operator.outputs[0]]
