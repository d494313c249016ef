"""QUANTIZE, DEQUANTIZE and CAST."""

from __future__ import annotations

from tfedge_converters.arithmetic import tables
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.rescaling import rescaling
from tfedge_converters.c.kernels.unary import table_call
from tfedge_converters.c.limits import TYPES, Limit
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# 8-bit types: every input value by its byte, and the limits of the output.
_BYTES = {
    TensorType.INT8: (tables.SIGNED, -128, 127),
    TensorType.UINT8: (tables.UNSIGNED, 0, 255),
}

# Integers between which QUANTIZE rescales by arithmetic, where there is no table.
_RESCALED = {TensorType.INT8, TensorType.INT16, TensorType.INT32}

# Float to integer and back.
_QUANTIZES = {TensorType.INT8: "quantize_f32_s8", TensorType.INT16: "quantize_f32_s16"}
_DEQUANTIZES = {TensorType.INT8: "dequantize_s8_f32", TensorType.INT16: "dequantize_s16_f32"}

_CONVERSIONS = Limit(
    "float32 to int8 and int16; between int8 and uint8; between int16 and int8, int16, int32"
)

# Element types of CAST, as tfedge_cast.h numbers them.
_CAST_TYPES = {
    TensorType.BOOL: 0,
    TensorType.INT8: 1,
    TensorType.INT32: 2,
    TensorType.FLOAT32: 3,
    TensorType.INT16: 4,
}


@kernel("QUANTIZE", "float32 int8 uint8 int16 int32", limits=(_CONVERSIONS,))
def lower_quantize(operator: Operator) -> Lowered:
    """float32 to int8 or int16, or one quantisation to another."""
    source, output = _operands(operator)
    if source.type == TensorType.FLOAT32 and output.type in _QUANTIZES:
        return _conversion(source, output, _QUANTIZES[output.type], quantized=output)
    if source.type in _BYTES and output.type in _BYTES:
        scale, zero_point = checks.scale_and_zero_point(source)
        out_scale, out_zero_point = checks.scale_and_zero_point(output)
        values = _BYTES[source.type][0]
        _, low, high = _BYTES[output.type]
        table = tables.requantize_table(
            values, scale, zero_point, out_scale, out_zero_point, low, high
        )
        return table_call(source, output, table)
    types = {source.type, output.type}
    if not types <= _RESCALED or TensorType.INT16 not in types:
        _CONVERSIONS.refuse(
            f"{source.type.name} to {output.type.name} is not supported; FLOAT32 to INT8 and "
            "INT16, between INT8 and UINT8, and between INT16 and INT8, INT16 and INT32 are"
        )
    return rescaling(source, output)


@kernel("DEQUANTIZE", "int8 int16", results="float32")
def lower_dequantize(operator: Operator) -> Lowered:
    """int8 or int16 to float32."""
    source, output = _operands(operator)
    checks.activations(source)
    if output.type != TensorType.FLOAT32:
        TYPES.refuse(f"{output.type.name} as output is not supported; FLOAT32 is")
    return _conversion(source, output, _DEQUANTIZES[source.type], quantized=source)


_OTHER_TYPE = Limit("to another type")


@kernel("CAST", " ".join(type_.name.lower() for type_ in _CAST_TYPES), limits=(_OTHER_TYPE,))
def lower_cast(operator: Operator) -> Lowered:
    """The same numbers in another type; scales and zero points do not matter to it."""
    source, output = _operands(operator)
    for tensor in (source, output):
        if tensor.type not in _CAST_TYPES:
            TYPES.refuse(
                f"'{tensor.name}' is {tensor.type.name}; "
                f"{', '.join(type_.name for type_ in _CAST_TYPES)} are supported"
            )
    if source.type == output.type:
        _OTHER_TYPE.refuse(f"it casts {source.type.name} to itself; remove it")
    call = KernelCall(
        kernel="cast",
        header="cast",
        struct="cast",
        params={
            "elements": checks.elements(output),
            "from": _CAST_TYPES[source.type],
            "to": _CAST_TYPES[output.type],
        },
        operands=(source,),
        output=output,
        in_place=(0,),
    )
    return Lowered((call,), detail=f"{source.type.name} to {output.type.name}")


def _operands(operator: Operator) -> tuple[Tensor, Tensor]:
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.shape(output, source.shape)
    return source, output


def _conversion(source: Tensor, output: Tensor, kernel: str, quantized: Tensor) -> Lowered:
    scale, zero_point = checks.scale_and_zero_point(quantized)
    call = KernelCall(
        kernel=kernel,
        header="quantize_f32",
        struct="quantize_f32",
        params={
            "elements": checks.elements(output),
            "scale": float(scale),
            "zero_point": zero_point,
        },
        operands=(source,),
        output=output,
    )
    return Lowered((call,))
