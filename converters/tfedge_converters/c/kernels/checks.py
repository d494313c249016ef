"""Checks of an operator before a lowering trusts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.c.arrays import STORED
from tfedge_converters.c.kernel_call import Param
from tfedge_converters.c.limits import (
    GRIDS,
    NOT_EMPTY,
    NUMBERS,
    OPERANDS,
    REDUCING,
    SAME_GRID,
    SHAPES,
    TYPES,
    ConstantOperand,
    FixedGrid,
)
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_INTEGERS = frozenset({TensorType.INT32, TensorType.INT64})

# The zero points that a type can have.
_ZERO_POINTS = {
    TensorType.INT8: (-128, 127),
    TensorType.UINT8: (0, 255),
    TensorType.INT16: (0, 0),
    TensorType.INT32: (0, 0),
    TensorType.INT64: (0, 0),
}

_QUANTISE = "Quantise the model first, with calibration data"
_HOW_TO_INT8 = {
    TensorType.INT16: "Quantise to int8 instead of int16x8, or choose the target tflite or "
    "tflite-micro: LiteRT and TFLite Micro may compute it in int16"
}

# The integers that activations may be, and what kernels of each are called.
WIDTHS = {TensorType.INT8: "s8", TensorType.INT16: "s16"}
REAL_WIDTH = "f32"

# Least and largest integer.
LIMITS = {
    TensorType.INT8: (-128, 127),
    TensorType.INT16: (-(1 << 15), (1 << 15) - 1),
    TensorType.INT32: (-(1 << 31), (1 << 31) - 1),
}

_INT32 = range(-(1 << 31), 1 << 31)


def operands(
    operator: Operator, least: int, most: int | None = None, outputs: int | None = 1
) -> list[Tensor | None]:
    """The inputs, padded with None up to `most`.

    Raises:
        RefusedError: there are fewer than `least` or more than `most`, or not as many outputs;
            None is any number.
    """
    most = least if most is None else most
    present = operator.inputs
    if not least <= len(present) <= most or any(tensor is None for tensor in present[:least]):
        OPERANDS.refuse(f"it has {len(present)} inputs where {least} to {most} are possible")
    if outputs is not None and len(operator.outputs) != outputs:
        OPERANDS.refuse(f"it has {len(operator.outputs)} outputs where {outputs} is possible")
    return [*present, *[None] * (most - len(present))]


def operand(operator: Operator, index: int) -> Tensor:
    """An input that must be there."""
    tensor = operator.inputs[index] if index < len(operator.inputs) else None
    if tensor is None:
        OPERANDS.refuse(f"input {index} is missing")
    return tensor


def elementwise(operator: Operator, check: Callable[..., object]) -> tuple[Tensor, Tensor]:
    """The operand and the result of an operator of one operand, which have one shape.

    Args:
        operator: the one.
        check: refuses tensors of other types, as `int8` does.
    """
    operands(operator, least=1)
    source, output = operand(operator, 0), operator.outputs[0]
    check(source, output)
    shape(output, source.shape)
    return source, output


def int8(*tensors: Tensor) -> None:
    """Refuse anything but int8 with one positive scale and a zero point within int8."""
    for tensor in tensors:
        if tensor.type != TensorType.INT8:
            TYPES.refuse(
                f"'{tensor.name}' is {tensor.type.name}; its C kernel computes in INT8. "
                f"{_HOW_TO_INT8.get(tensor.type, _QUANTISE)}"
            )
        scale_and_zero_point(tensor)


def int16(*tensors: Tensor) -> None:
    """Refuse anything but int16 with one positive scale and a zero point of 0."""
    for tensor in tensors:
        if tensor.type != TensorType.INT16:
            TYPES.refuse(
                f"'{tensor.name}' is {tensor.type.name} where its other operands are INT16; "
                "put a QUANTIZE before it"
            )
        scale_and_zero_point(tensor)


def activations(*tensors: Tensor) -> str:
    """The width of int8 or of int16 tensors, as kernels are called by it: "s8" or "s16".

    Raises:
        RefusedError: they are not all of one of the two types, or have no grid of their own.
    """
    width = WIDTHS.get(tensors[0].type, "s8")
    (int16 if width == "s16" else int8)(*tensors)
    return width


def real(*tensors: Tensor) -> None:
    """Refuse anything but FLOAT32."""
    for tensor in tensors:
        if tensor.type != TensorType.FLOAT32:
            TYPES.refuse(
                f"'{tensor.name}' is {tensor.type.name} where its other operands are FLOAT32; put "
                "a DEQUANTIZE before it"
            )


def numbers(*tensors: Tensor) -> str:
    """The width of activations that may also be real: "s8", "s16" or "f32".

    Raises:
        RefusedError: they are not all of one of the types, or are integers without a grid.
    """
    if tensors[0].type != TensorType.FLOAT32:
        return activations(*tensors)
    real(*tensors)
    return REAL_WIDTH


def scale_and_zero_point(tensor: Tensor) -> tuple[np.float32, int]:
    """The per-tensor scale (> 0) and zero point of an integer tensor."""
    return _grid(tensor, _ZERO_POINTS.get(tensor.type, (0, 0)))


def _grid(tensor: Tensor, limits: tuple[int, int]) -> tuple[np.float32, int]:
    """The scale and the zero point, if that lies within limits."""
    quantization = tensor.quantization
    if quantization is None or quantization.per_channel:
        GRIDS.refuse(f"'{tensor.name}' needs one scale and one zero point")
    scale, zero_point = quantization.scale[0], int(quantization.zero_point[0])
    if not (scale > 0 and np.isfinite(scale)):
        GRIDS.refuse(f"'{tensor.name}' has the scale {scale}")
    if not limits[0] <= zero_point <= limits[1]:
        GRIDS.refuse(f"'{tensor.name}' has the zero point {zero_point}, outside its type")
    return np.float32(scale), zero_point


def integer_grid(tensor: Tensor) -> tuple[np.float32, int]:
    """The same of operators that take zero points of int16, which others have as 0."""
    if tensor.type != TensorType.INT16:
        return scale_and_zero_point(tensor)
    return _grid(tensor, LIMITS[TensorType.INT16])


def same_quantization(operator: Operator, *tensors: Tensor) -> None:
    """Refuse tensors of different scales or zero points, which the reference would mix up."""
    first = tensors[0]
    for other in tensors[1:]:
        if first.quantization is None or not first.quantization.same_as(other.quantization):
            SAME_GRID.refuse(
                f"'{first.name}' and '{other.name}' have different scales or zero points, which "
                f"{operator.code} cannot bring together; put a QUANTIZE before it"
            )


def fixed_quantization(tensor: Tensor, grid: FixedGrid) -> None:
    """Refuse an output whose scale is not the one that the specification fixes."""
    if scale_and_zero_point(tensor) != (np.float32(grid.scale), grid.zero_point):
        grid.refuse(
            f"'{tensor.name}' must have the scale {grid.scale} and the zero point {grid.zero_point}"
        )


def smaller_than_one(real: float, what: str) -> tuple[int, int]:
    """A multiplier below 1 as (q, shift) with shift <= 0, for kernels that take no others."""
    if not 0 < real < 1:
        REDUCING.refuse(f"{what} is {real:.3g}; the reference takes what lies between 0 and 1")
    return quantize_multiplier(real)


def bools(*tensors: Tensor) -> None:
    """Refuse anything but BOOL."""
    for tensor in tensors:
        if tensor.type != TensorType.BOOL:
            TYPES.refuse(f"'{tensor.name}' is {tensor.type.name} where BOOL is needed")


def count(claimed: int, present: int, what: str) -> None:
    """Refuse an operator whose options count its operands or results wrongly."""
    if claimed != present:
        SHAPES.refuse(f"its options say {claimed} {what} where it has {present}")


def integers(tensor: Tensor, operand: ConstantOperand) -> list[int]:
    """The values of a constant of integers: axes, sizes, indices."""
    return integer_values(tensor, operand.values(tensor), operand.name)


def integer_values(tensor: Tensor, values: np.ndarray, what: str) -> list[int]:
    """The values of a tensor that are known, if they are integers."""
    if tensor.type not in _INTEGERS:
        TYPES.refuse(f"{what} '{tensor.name}' must be INT32 or INT64")
    return [int(value) for value in values.reshape(-1)]


def axis(value: int, rank: int) -> int:
    """An axis that may be counted from the end, as one of 0 to rank - 1."""
    if not -rank <= value < rank:
        SHAPES.refuse(f"axis {value} does not exist among {rank} dimensions")
    return value % rank


def moved(operator: Operator, *tensors: Tensor) -> None:
    """Refuse values that cannot be moved from one tensor to another as they are.

    They must be of one element type that generated code has, on one grid if on any, and not empty.
    """
    first = tensors[0]
    for tensor in tensors:
        elements(tensor)
        if tensor.type != first.type or tensor.type not in STORED:
            TYPES.refuse(
                f"{first.type.name} '{first.name}' cannot become {tensor.type.name} "
                f"'{tensor.name}'; one type of {', '.join(type_.name for type_ in STORED)} can move"
            )
        if first.quantization is not None or tensor.quantization is not None:
            scale_and_zero_point(tensor)
            same_quantization(operator, first, tensor)


def shape(tensor: Tensor, expected: Sequence[int]) -> None:
    """Refuse a tensor whose shape does not follow from the operator's other operands."""
    if tuple(tensor.shape) != tuple(expected):
        SHAPES.refuse(f"'{tensor.name}' has shape {tensor.shape} where {tuple(expected)} follows")


def rank(tensor: Tensor, expected: int) -> None:
    """Refuse a tensor with another number of dimensions, or without elements."""
    if len(tensor.shape) != expected or tensor.elements == 0:
        SHAPES.refuse(f"'{tensor.name}' has shape {tensor.shape}; {expected} dimensions are needed")


def parameters(params: Mapping[str, Param]) -> None:
    """Refuse numbers that a kernel's int32_t and float fields cannot hold."""
    for name, value in params.items():
        if isinstance(value, Mapping):
            parameters(value)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int) and number not in _INT32:
                NUMBERS.refuse(f"{name} = {number} does not fit into 32 bits")
            if isinstance(number, float) and not np.isfinite(np.float32(number)):
                NUMBERS.refuse(f"{name} = {number} is no finite float32")


def elements(tensor: Tensor) -> int:
    """The number of elements, at least 1."""
    if tensor.elements == 0:
        NOT_EMPTY.refuse(f"'{tensor.name}' of shape {tensor.shape} is empty")
    return tensor.elements
