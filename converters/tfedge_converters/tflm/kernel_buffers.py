"""Buffers that TFLite Micro's kernels ask for when a model is prepared.

Sources: Init and Prepare of tensorflow/lite/micro/kernels and kernels/cmsis_nn, at the commit that
struct_sizes.json names. Tests hold the rows against what TFLite Micro's own allocator records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tfedge_converters.graph import Operator, Tensor, TensorType
from tfedge_converters.graph.lut_compression import DECODE
from tfedge_converters.tflm.cmsis_nn import Kernels, data_of, scratch_bytes, weights_of

_INT32 = _FLOAT = 4
_INT64 = 8
# Of each of the two tables of SOFTMAX in int16.
_INT16_TABLE_BYTES = 513 * 2
_QUANTISED = (TensorType.INT8, TensorType.INT16)


@dataclass(frozen=True)
class Buffers:
    """Buffers that a kernel asks for while it is prepared.

    Attributes:
        persistent: C++ types, or bytes, of buffers that stay, in their order.
        scratch: bytes of buffers that share memory with tensors.
        pointers: how many one more such buffer holds; 0 if there is none.
    """

    persistent: tuple[str | int, ...] = ()
    scratch: tuple[int, ...] = ()
    pointers: int = 0


@dataclass(frozen=True)
class _Kernel:
    """A row of the table.

    Attributes:
        options: C++ type of the options that are parsed; empty if none.
        data: C++ type that Init asks for; empty if it asks for nothing.
        cmsis_nn: that of CMSIS-NN's kernel; empty where the reference kernel is taken, None where
            what CMSIS-NN's asks for is not known here.
        prepare: what Prepare asks for.
        ranks: the least ranks of the first operands, and of the last its result, that `prepare`
            looks at; what has not as many is no operator that a kernel takes.
        read: class of the options that `prepare` looks at; empty if it looks at none.
    """

    options: str = ""
    data: str = ""
    cmsis_nn: str | None = ""
    prepare: Callable[[Operator, Kernels], Buffers] = lambda operator, kernels: Buffers()
    ranks: tuple[int, ...] = ()
    read: str = ""


def is_known(operator: Operator, kernels: Kernels) -> bool:
    """Whether the table has what an operator's kernel asks for."""
    row = _ROWS.get(operator.kind)
    if row is None or (kernels.optimized and row.cmsis_nn is None):
        return False
    return _has_ranks(operator, row.ranks) and row.read in ("", type(operator.options).__name__)


def _has_ranks(operator: Operator, ranks: Sequence[int]) -> bool:
    if not ranks:
        return True
    operands = operator.inputs[: len(ranks) - 1]
    if len(operands) < len(ranks) - 1 or not operator.outputs:
        return False
    pairs = zip([*operands, operator.outputs[0]], ranks, strict=True)
    return all(tensor is not None and len(tensor.shape) >= rank for tensor, rank in pairs)


def options_type(operator: Operator) -> str:
    """C++ type of an operator's options; empty if it has none."""
    return _row(operator).options


def data_type(operator: Operator, kernels: Kernels) -> str:
    """C++ type that an operator's kernel asks for at first; empty if none."""
    row = _row(operator)
    return (kernels.optimized and row.cmsis_nn) or row.data


def prepared_buffers(operator: Operator, kernels: Kernels) -> Buffers:
    """Buffers that an operator's kernel asks for when it is prepared."""
    return _row(operator).prepare(operator, kernels)


def _row(operator: Operator) -> _Kernel:
    return _ROWS[operator.kind]


def _convolution(channels_axis: int) -> Callable[[Operator, Kernels], Buffers]:
    def prepare(operator: Operator, kernels: Kernels) -> Buffers:
        weights = weights_of(operator)
        channels = weights.shape[channels_axis] * _INT32
        scratch = scratch_bytes(operator, kernels) if kernels.optimized else _unpacked(weights)
        return Buffers((channels, channels), scratch)

    return prepare


def _unpacked(weights: Tensor) -> tuple[int, ...]:
    """Reference kernels unpack int4 weights first."""
    return (weights.elements,) if weights.type == TensorType.INT4 else ()


def _fully_connected(operator: Operator, kernels: Kernels) -> Buffers:
    weights = weights_of(operator)
    persistent: list[str | int] = []
    if weights.quantization is not None and weights.quantization.per_channel:
        persistent += [weights.quantization.scale.size * _INT32] * 2
    scratch = scratch_bytes(operator, kernels) if kernels.optimized else _unpacked(weights)
    flat = len(operator.outputs[0].shape) <= 2
    if kernels is Kernels.CMSIS_NN_MVE and flat and weights.is_constant:
        # Sums of rows of constant weights stay, instead of being computed anew each time.
        return Buffers((*persistent, *scratch))
    return Buffers(tuple(persistent), scratch)


def _transposed_convolution(operator: Operator, kernels: Kernels) -> Buffers:
    data = operator.inputs[2]
    assert data is not None
    width = {TensorType.INT8: _INT32, TensorType.INT16: _INT64}.get(data.type)
    sums = () if width is None else (operator.outputs[0].elements * width,)
    bias = operator.inputs[3] if len(operator.inputs) > 3 else None
    widened = () if bias is None or bias.type != TensorType.INT16 else (bias.elements * _INT64,)
    channels = weights_of(operator).shape[0] * _INT32
    return Buffers((channels, channels), sums + widened)


def _pooling(operator: Operator, kernels: Kernels) -> Buffers:
    return Buffers((), scratch_bytes(operator, kernels))


def _softmax(operator: Operator, kernels: Kernels) -> Buffers:
    tables = data_of(operator).type == TensorType.INT16
    return Buffers((_INT16_TABLE_BYTES,) * 2 if tables else ())


def _reduction(operator: Operator, kernels: Kernels) -> Buffers:
    axes = (len(data_of(operator).shape) * _INT32, weights_of(operator).elements * _INT32)
    return Buffers((), axes)


def _mean(operator: Operator, kernels: Kernels) -> Buffers:
    integers = data_of(operator).type in _QUANTISED
    sums = (operator.outputs[0].elements * _INT32,) if integers else ()
    return Buffers((), sums + _reduction(operator, kernels).scratch)


def _mirror_pad(operator: Operator, kernels: Kernels) -> Buffers:
    return Buffers((), (len(data_of(operator).shape) * _INT32,) * 2)


def _written_shape(operator: Operator, kernels: Kernels) -> Buffers:
    """The result's shape, which is copied to where it can be written."""
    return Buffers((_INT32 * (1 + len(operator.outputs[0].shape)),))


def _matrices(operator: Operator, kernels: Kernels) -> Buffers:
    left, right = data_of(operator), weights_of(operator)
    persistent: list[str | int] = []
    if left.type in _QUANTISED:
        persistent.append("QuantizationOpDataBatchMatmul")
    for tensor, transposed in ((left, operator.options.adjX), (right, not operator.options.adjY)):
        if transposed:
            persistent += ["TfLiteEvalTensor", _INT32 * (1 + len(tensor.shape)), tensor.byte_size]
    return Buffers((*persistent, *_written_shape(operator, kernels).persistent))


def _sum_of_many(operator: Operator, kernels: Kernels) -> Buffers:
    persistent = _of_int8("OpData of add_n")(operator, kernels).persistent
    return Buffers(persistent, pointers=len(operator.inputs))


def _of_int8(data: str) -> Callable[[Operator, Kernels], Buffers]:
    """Buffers of a kernel that needs none for real numbers."""

    def prepare(operator: Operator, kernels: Kernels) -> Buffers:
        return Buffers((data,) if data_of(operator).type == TensorType.INT8 else ())

    return prepare


def _embedding(operator: Operator, kernels: Kernels) -> Buffers:
    return Buffers(("OpData of embedding_lookup", *_written_shape(operator, kernels).persistent))


def _svdf(operator: Operator, kernels: Kernels) -> Buffers:
    batch, filters = data_of(operator).shape[0], weights_of(operator).shape[0]
    sums = (batch * filters * _INT32,)
    if data_of(operator).type != TensorType.INT8:
        return Buffers((), sums)
    units = _FLOAT * batch * operator.outputs[0].shape[-1]
    return Buffers((), (*sums, units))


def _lstm(operator: Operator, kernels: Kernels) -> Buffers:
    cell = operator.inputs[19] if len(operator.inputs) > 19 else None
    return Buffers((), (0 if cell is None else cell.byte_size,) * 4)


def _decode(operator: Operator, kernels: Kernels) -> Buffers:
    """A pointer to what is known of the table, and that; of the one constant that is restored."""
    return Buffers(("DecodeState*", "DecodeStateLut"))


_COMPARISON = _Kernel(data="OpData of comparisons")
_NOTHING = _Kernel()
_REDUCED = _Kernel("TfLiteReducerParams", "OpDataReduce", prepare=_reduction, ranks=(0, 0, 0))
_SPACE_AND_BATCH = _Kernel(data="SpaceToBatchParams")

_WITHOUT_BUFFERS = (
    "BROADCAST_ARGS BROADCAST_TO CEIL COS EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD "
    "LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR MAXIMUM MINIMUM NEG READ_VARIABLE REVERSE_V2 ROUND SIN "
    "SLICE SQRT SQUARE TRANSPOSE ZEROS_LIKE"
)

_COMPARISONS = "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL"

_ROWS: Mapping[str, _Kernel] = {
    **dict.fromkeys(_WITHOUT_BUFFERS.split(), _NOTHING),
    **dict.fromkeys(_COMPARISONS.split(), _COMPARISON),
    "ABS": _Kernel(data="OpDataAbsRsqrt"),
    "ADD": _Kernel("TfLiteAddParams", "OpDataAdd"),
    "ADD_N": _Kernel(prepare=_sum_of_many, ranks=(0, 0)),
    "ARG_MAX": _Kernel("TfLiteArgMaxParams"),
    "ARG_MIN": _Kernel("TfLiteArgMinParams"),
    "AVERAGE_POOL_2D": _Kernel(
        "TfLitePoolParams", "OpDataPooling", "OpDataPooling of CMSIS-NN", _pooling, ranks=(4, 4)
    ),
    "BATCH_MATMUL": _Kernel(
        "TfLiteBatchMatMulParams",
        "OpDataBatchMatmul",
        None,
        _matrices,
        ranks=(0, 0, 0),
        read="BatchMatMulOptionsT",
    ),
    "BATCH_TO_SPACE_ND": _NOTHING,
    "CAST": _Kernel("TfLiteCastParams"),
    "CONCATENATION": _Kernel("TfLiteConcatenationParams", "OpData of concatenation"),
    "CONV_2D": _Kernel(
        "TfLiteConvParams",
        "OpDataConv",
        "OpDataConv of CMSIS-NN",
        _convolution(0),
        ranks=(4, 4, 4),
        read="Conv2DOptionsT",
    ),
    "CUMSUM": _Kernel("TfLiteCumsumParams", prepare=_of_int8("OpData of cumsum"), ranks=(0, 0)),
    "DEPTHWISE_CONV_2D": _Kernel(
        "TfLiteDepthwiseConvParams",
        "OpDataConv",
        "OpDataConv of CMSIS-NN",
        _convolution(3),
        ranks=(4, 4, 4),
        read="DepthwiseConv2DOptionsT",
    ),
    "DEPTH_TO_SPACE": _Kernel("TfLiteDepthToSpaceParams", prepare=_written_shape, ranks=(0,)),
    "DEQUANTIZE": _Kernel(data="DequantizeOpData"),
    "DIV": _Kernel("TfLiteDivParams", "OpDataDiv"),
    "ELU": _Kernel(data="OpData of elu"),
    "EMBEDDING_LOOKUP": _Kernel(prepare=_embedding, ranks=(0,)),
    "FULLY_CONNECTED": _Kernel(
        "TfLiteFullyConnectedParams",
        "OpDataFullyConnected",
        "OpDataFullyConnected of CMSIS-NN",
        _fully_connected,
        ranks=(0, 1, 1),
    ),
    "GATHER": _Kernel("TfLiteGatherParams", prepare=_written_shape, ranks=(0,)),
    "GATHER_ND": _Kernel(prepare=_written_shape, ranks=(0,)),
    "HARD_SWISH": _Kernel(data="HardSwishParams"),
    "L2_NORMALIZATION": _Kernel("TfLiteL2NormParams", "L2NormalizationParams"),
    "L2_POOL_2D": _Kernel("TfLitePoolParams", prepare=_written_shape, ranks=(0,)),
    "LEAKY_RELU": _Kernel("TfLiteLeakyReluParams", "LeakyReluOpData"),
    "LOGISTIC": _Kernel(data="OpDataLogistic"),
    "LOG_SOFTMAX": _Kernel(prepare=_of_int8("LogSoftmaxOpData"), ranks=(0, 0)),
    "MAX_POOL_2D": _Kernel("TfLitePoolParams", "OpDataPooling", "OpDataPooling of CMSIS-NN"),
    "MEAN": _Kernel("TfLiteReducerParams", "OpDataReduce", prepare=_mean, ranks=(0, 0, 0)),
    "MIRROR_PAD": _Kernel(
        "TfLiteMirrorPaddingParams", "OpDataMirrorPad", prepare=_mirror_pad, ranks=(0, 0)
    ),
    "MUL": _Kernel("TfLiteMulParams", "OpDataMul"),
    "PACK": _Kernel("TfLitePackParams"),
    "PAD": _Kernel(data="OpData of pad"),
    "PADV2": _Kernel(data="OpData of pad"),
    "PRELU": _Kernel(data="PreluParams"),
    "QUANTIZE": _Kernel(data="OpDataQuantizeReference"),
    "REDUCE_ALL": _REDUCED,
    "REDUCE_MAX": _REDUCED,
    "REDUCE_MIN": _REDUCED,
    "RELU": _Kernel(data="ReluOpData"),
    "RELU6": _Kernel(data="Relu6OpData"),
    "RESHAPE": _Kernel("TfLiteReshapeParams"),
    "RESIZE_BILINEAR": _Kernel("TfLiteResizeBilinearParams"),
    "RESIZE_NEAREST_NEIGHBOR": _Kernel("TfLiteResizeNearestNeighborParams"),
    "RSQRT": _Kernel(data="OpDataAbsRsqrt"),
    "SELECT_V2": _Kernel(data="OpData of select"),
    "SHAPE": _Kernel("TfLiteShapeParams"),
    "SOFTMAX": _Kernel(
        "TfLiteSoftmaxParams", "SoftmaxParams", "SoftmaxParams of CMSIS-NN", _softmax, ranks=(0, 0)
    ),
    "SPACE_TO_BATCH_ND": _SPACE_AND_BATCH,
    "SPACE_TO_DEPTH": _Kernel("TfLiteSpaceToDepthParams", prepare=_written_shape, ranks=(0,)),
    "SPLIT": _Kernel("TfLiteSplitParams"),
    "SPLIT_V": _Kernel("TfLiteSplitVParams"),
    "SQUARED_DIFFERENCE": _Kernel(data="OpData of squared_difference"),
    "SQUEEZE": _Kernel("TfLiteSqueezeParams"),
    "STRIDED_SLICE": _Kernel("TfLiteStridedSliceParams", "StridedSliceParams"),
    "SUB": _Kernel("TfLiteSubParams", "OpDataSub"),
    "SUM": _Kernel("TfLiteReducerParams", "OpDataReduce", prepare=_mean, ranks=(0, 0, 0)),
    "SVDF": _Kernel("TfLiteSVDFParams", "OpDataSvdf", None, _svdf, ranks=(1, 1, 1)),
    "TANH": _Kernel(data="OpData of tanh"),
    "TRANSPOSE_CONV": _Kernel(
        "TfLiteTransposeConvParams",
        "OpData of transpose_conv",
        None,
        _transposed_convolution,
        ranks=(0, 4, 0, 0),
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _Kernel(
        "TfLiteUnidirectionalSequenceLSTMParams", "OpDataLSTM", None, _lstm
    ),
    "UNPACK": _Kernel("TfLiteUnpackParams"),
    DECODE: _Kernel(prepare=_decode),
}
