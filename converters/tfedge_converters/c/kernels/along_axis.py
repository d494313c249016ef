"""Operators that go along one axis: ARG_MAX, ARG_MIN, CUMSUM and TOPK_V2."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from tfedge_converters.c.kernel_call import KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import REDUCING, SAME_GRID, SHAPES, TYPES, ConstantOperand
from tfedge_converters.c.registry import LITERT, kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_CUMSUM_FRACTION_BITS = 20

_AXIS = ConstantOperand("the axis")
_COUNT = ConstantOperand("the number of values")


def _lower_arg_min_max(operator: Operator, largest: int) -> Lowered:
    source, output, axis = _operands(operator)
    is_real = source.type == TensorType.FLOAT32
    if not is_real:
        checks.int8(source)
    if output.type not in (TensorType.INT32, TensorType.INT64):
        TYPES.refuse(f"{output.type.name} as output is not supported; INT32 and INT64 are")
    checks.shape(output, source.shape[:axis] + source.shape[axis + 1 :])
    fields: dict[str, Param] = {"largest": largest, "wide": int(output.type == TensorType.INT64)}
    kernel = "arg_min_max_f32" if is_real else "arg_min_max_s8"
    return _call(kernel, source, output, axis, fields, in_place=False)


for _code, _largest in (("ARG_MAX", 1), ("ARG_MIN", 0)):
    kernel(_code, "int8 float32", limits=(_AXIS,), results="int32, int64")(
        partial(_lower_arg_min_max, largest=_largest)
    )


@kernel("CUMSUM", "float32", limits=(_AXIS,))
def lower_float_cumsum(operator: Operator) -> Lowered:
    """Running sums of real numbers along an axis."""
    source, output, axis = _operands(operator)
    checks.real(source, output)
    checks.shape(output, source.shape)
    return _call("cumsum_f32", source, output, axis, _directions(operator), in_place=True)


@kernel("CUMSUM", "int8", limits=(_AXIS, REDUCING))
def lower_cumsum(operator: Operator) -> Lowered:
    """Running sums along an axis."""
    source, output, axis = _operands(operator)
    checks.int8(source, output)
    checks.shape(output, source.shape)
    scale, zero_point = checks.scale_and_zero_point(source)
    out_scale, out_zero_point = checks.scale_and_zero_point(output)
    real = 2 * float(scale) / ((1 << _CUMSUM_FRACTION_BITS) * float(out_scale))
    multiplier, shift = checks.smaller_than_one(real, "the rescaling of its sums")
    fields: dict[str, Param] = {
        **_directions(operator),
        "input_zero_point": zero_point,
        "output_multiplier": multiplier,
        "output_shift": shift,
        "output_zero_point": out_zero_point,
    }
    return _call("cumsum_s8", source, output, axis, fields, in_place=True)


def _directions(operator: Operator) -> dict[str, Param]:
    options = operator.options
    return {
        "exclusive": int(bool(options.exclusive)),
        "reverse": int(bool(options.reverse)),
    }


@kernel(
    "TOPK_V2",
    "int8 int16 float32",
    limits=(_COUNT, SAME_GRID),
    oracle=LITERT,
    note="positions in int32",
)
def lower_topk_v2(operator: Operator) -> Lowered:
    """The largest values along the last axis, and their positions."""
    checks.operands(operator, least=2, outputs=2)
    source, wanted = checks.operand(operator, 0), checks.operand(operator, 1)
    values, positions = operator.outputs
    width = checks.numbers(source, values)
    if width != checks.REAL_WIDTH:
        checks.same_quantization(operator, source, values)
    elements, count = checks.elements(source), _one_integer(wanted, _COUNT)
    if not source.shape or not 1 <= count <= source.shape[-1]:
        SHAPES.refuse(f"{count} values of an input of shape {source.shape}")
    if positions.type != TensorType.INT32:
        TYPES.refuse(f"{positions.type.name} as positions is not supported; INT32 is")
    for output in (values, positions):
        checks.shape(output, (*source.shape[:-1], count))
    depth = source.shape[-1]
    common: dict[str, Any] = {
        "header": f"topk_{width}",
        "struct": f"topk_{width}",
        "params": {"rows": elements // depth, "depth": depth, "count": count},
    }
    return Lowered(
        (
            KernelCall(f"topk_positions_{width}", operands=(source,), output=positions, **common),
            KernelCall(
                f"topk_values_{width}", operands=(source, positions), output=values, **common
            ),
        ),
        detail=f"{count} of {depth}",
    )


def _operands(operator: Operator) -> tuple[Tensor, Tensor, int]:
    checks.operands(operator, least=2)
    source, axis = checks.operand(operator, 0), checks.operand(operator, 1)
    checks.elements(source)
    number = checks.axis(_one_integer(axis, _AXIS), len(source.shape))
    return source, operator.outputs[0], number


def _one_integer(tensor: Tensor, operand: ConstantOperand) -> int:
    if tensor.type != TensorType.INT32 or tensor.elements != 1:
        TYPES.refuse(f"{operand.name} '{tensor.name}' must be one INT32")
    return int(operand.values(tensor).reshape(-1)[0])


def _call(
    kernel: str,
    source: Tensor,
    output: Tensor,
    axis: int,
    fields: dict[str, Param],
    in_place: bool,
) -> Lowered:
    call = KernelCall(
        kernel=kernel,
        header=kernel,
        struct=kernel,
        params={
            "outer": math.prod(source.shape[:axis]),
            "depth": source.shape[axis],
            "inner": math.prod(source.shape[axis + 1 :]),
            **fields,
        },
        operands=(source,),
        output=output,
        in_place=(0,) if in_place else (),
    )
    return Lowered((call,), detail=f"along axis {axis}")
