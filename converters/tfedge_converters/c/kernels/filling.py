"""Outputs that are one value everywhere, or known beforehand: FILL, ZEROS_LIKE and SHAPE."""

from __future__ import annotations

import numpy as np

from tfedge_converters.c.arrays import stored_dtype
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.movement import broadcast
from tfedge_converters.c.kernels.views import COPIES, COPYING, View, copies, moved
from tfedge_converters.c.limits import TYPES, ConstantOperand
from tfedge_converters.c.registry import ANY, STORED_TYPES, kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_SHAPE = ConstantOperand("the shape")


@kernel("FILL", STORED_TYPES, limits=(_SHAPE, *COPYING))
def lower_fill(operator: Operator) -> Lowered:
    """A scalar in every place of a constant shape."""
    checks.operands(operator, least=2)
    value, output = checks.operand(operator, 1), operator.outputs[0]
    checks.moved(operator, value, output)
    checks.shape(output, checks.integers(checks.operand(operator, 0), _SHAPE))
    checks.shape(value, ())
    if value.data is None:
        return broadcast(value, output)
    return Lowered(fill_calls(output, value.data.view(stored_dtype(value.type))))


@kernel("ZEROS_LIKE", STORED_TYPES, limits=COPYING)
def lower_zeros_like(operator: Operator) -> Lowered:
    """Integers 0, which is what the reference writes whatever the zero point."""
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.moved(operator, source, output)
    checks.shape(output, source.shape)
    return Lowered(fill_calls(output, np.zeros(1, stored_dtype(output.type))))


@kernel("SHAPE", ANY, limits=(COPIES,), results="int32, int64")
def lower_shape(operator: Operator) -> Lowered:
    """The shape of a tensor, which is known."""
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    if output.type not in (TensorType.INT32, TensorType.INT64):
        TYPES.refuse(f"a shape cannot be {output.type.name}")
    checks.elements(source)
    checks.shape(output, (len(source.shape),))
    checks.elements(output)
    value = np.array(source.shape, output.type.dtype)
    known = Tensor(output.name, output.shape, output.type, data=value)
    return moved(known, View.whole(known.shape), output)


def fill_calls(output: Tensor, element: np.ndarray) -> tuple[KernelCall, ...]:
    """Put one element everywhere in an output."""
    pattern = set(element.tobytes())
    if len(pattern) > 1:
        value = Tensor("value", (), output.type, data=element.reshape(()))
        everywhere = View(output.shape, (0,) * len(output.shape))
        return copies(value, everywhere, output, View.whole(output.shape))
    call = KernelCall(
        kernel="fill_bytes",
        header="fill_bytes",
        struct="fill_bytes",
        params={"bytes": output.byte_size, "value": pattern.pop()},
        operands=(),
        output=output,
    )
    return (call,)
