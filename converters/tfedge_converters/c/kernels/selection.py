"""Operators that choose among values: MAXIMUM, MINIMUM, LOGICAL_AND, LOGICAL_OR, SELECT."""

from __future__ import annotations

from functools import partial

from tfedge_converters.c.arrays import stored_dtype
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.broadcast import BROADCASTING, loops
from tfedge_converters.c.kernels.elementwise import binary_call
from tfedge_converters.c.limits import SAME_GRID, TYPES
from tfedge_converters.c.registry import LITERT, STORED_TYPES, kernel
from tfedge_converters.graph.types import Operator, Tensor

_LIMITS = (BROADCASTING, SAME_GRID)
_CONDITION = "a condition in bool"


def _lower_min_max(operator: Operator, largest: int) -> Lowered:
    a, b, output = _operands(operator, 2)
    width = checks.activations(a, b, output)
    checks.same_quantization(operator, output, a, b)
    return binary_call(f"min_max_{width}", (a, b), output, {"largest": largest})


for _code, _largest in (("MAXIMUM", 1), ("MINIMUM", 0)):
    kernel(_code, "int8 int16", limits=_LIMITS)(partial(_lower_min_max, largest=_largest))


def _lower_logical(operator: Operator, largest: int) -> Lowered:
    a, b, output = _operands(operator, 2)
    checks.bools(a, b, output)
    return binary_call("min_max_s8", (a, b), output, {"largest": largest})


for _code, _largest in (("LOGICAL_OR", 1), ("LOGICAL_AND", 0)):
    kernel(_code, "bool", limits=(BROADCASTING,))(partial(_lower_logical, largest=_largest))


@kernel("SELECT_V2", "int8 int16 float32", limits=_LIMITS, note=_CONDITION)
@kernel("SELECT_V2", "uint8 int32 int64 bool", limits=_LIMITS, note=_CONDITION, oracle=LITERT)
def lower_select_v2(operator: Operator) -> Lowered:
    """x where the condition holds, else y; all three broadcast."""
    condition, x, y, output = _operands(operator, 3)
    return _select(operator, condition.shape, x, y, output)


@kernel("SELECT", STORED_TYPES, limits=_LIMITS, note=_CONDITION, oracle=LITERT)
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
        TYPES.refuse(
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
