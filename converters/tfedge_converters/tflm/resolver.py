"""Which methods of TFLite Micro's MicroMutableOpResolver register which operators."""

from __future__ import annotations

from collections.abc import Sequence

from tfedge.errors import UnsupportedError
from tfedge_converters.c.kernels import kernel_for
from tfedge_converters.graph.lut_compression import DECODE
from tfedge_converters.graph.types import Model, Operator, TensorType

# Where the method's name is not the operator's in camel case. Source: micro_mutable_op_resolver.h.
_IRREGULAR = {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "MAX_POOL_2D": "AddMaxPool2D",
    "L2_NORMALIZATION": "AddL2Normalization",
    "L2_POOL_2D": "AddL2Pool2D",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    DECODE: "AddDecode",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}

# Camel case is the method's name for these.
_REGULAR_NAMES = (
    "ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO "
    "CALL_ONCE CAST CEIL CONCATENATION COS DELAY DEPTH_TO_SPACE DEQUANTIZE DIV ELU "
    "EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER "
    "GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND "
    "LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NEG "
    "NOT_EQUAL PACK PAD PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 "
    "RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN "
    "SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE "
    "SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV UNPACK VAR_HANDLE WHILE "
    "ZEROS_LIKE "
)
_REGULAR = frozenset(_REGULAR_NAMES.split())

# What TFLite Micro computes in float32 alone.
_FLOAT_ONLY_NAMES = "CEIL COS EXP FLOOR LOG NEG ROUND SIN SQRT SQUARE"
_FLOAT_ONLY = frozenset(_FLOAT_ONLY_NAMES.split())

# What it computes in int8 but, found by trying, not in int16.
_NOT_INT16_NAMES = (
    "BATCH_TO_SPACE_ND DIV EMBEDDING_LOOKUP FILL GATHER GATHER_ND MIRROR_PAD REDUCE_MAX "
    "RESIZE_BILINEAR SPACE_TO_BATCH_ND"
)
_NO_KERNEL = {
    TensorType.INT8: _FLOAT_ONLY,
    TensorType.INT16: _FLOAT_ONLY | frozenset(_NOT_INT16_NAMES.split()),
}


def resolver_methods(model: Model) -> list[str]:
    """The method names that register a model's operators, sorted.

    Raises:
        UnsupportedError: TFLite Micro has no kernel for an operator.
    """
    methods = {
        method_of(
            operator.kind,
            [tensor.type for tensor in operator.outputs],
            graph.place(operator),
            way_out(operator),
        )
        for graph in model.graphs
        for operator in graph.operators
    }
    return sorted(methods)


def way_out(operator: Operator) -> str:
    """Words on what to do about an operator that TFLite Micro does not compute."""
    ways = []
    types = {tensor.type for tensor in operator.outputs}
    if TensorType.INT16 in types and operator.code not in _NO_KERNEL[TensorType.INT8]:
        ways.append("quantise to int8, for which it has a kernel")
    if kernel_for(operator) is not None:
        ways.append("choose generated C, which computes it (--target cortex-m4 and its like)")
    return ", or ".join(ways) or "take the layer out of the model, or choose the target tflite"


def method_of(code: str, types: Sequence[TensorType], place: str, remedy: str) -> str:
    """The name of the method that registers an operator.

    Args:
        code: its name in the schema, or `Operator.kind`.
        types: of its results.
        place: what error messages call it.
        remedy: what these propose.

    Raises:
        UnsupportedError: TFLite Micro has no kernel for it.
    """
    for result in types:
        if code in _NO_KERNEL.get(result, ()):
            raise UnsupportedError(
                f"{place}: TFLite Micro does not compute it in {result.name}; {remedy}"
            )
    method = _method(code)
    if method is None:
        raise UnsupportedError(f"{place} has no TFLite Micro kernel; {remedy}")
    return method


def _method(code: str) -> str | None:
    if code in _REGULAR:
        return "Add" + "".join(word.capitalize() for word in code.split("_"))
    return _IRREGULAR.get(code)
