"""One table from operator to kernel: the planner, the emitter and the messages all read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.c.kernel_call import Lowered
from tfedge_converters.c.kernels import (
    add_n,
    along_axis,
    batch_matmul,
    blocks,
    byte_function,
    checks,
    comparison,
    conversion,
    convolution,
    elementwise,
    filling,
    fully_connected,
    gathering,
    int16_unary,
    lstm,
    movement,
    padding,
    pooling,
    prelu,
    reduction,
    resize,
    selection,
    slicing,
    softmax,
    transposed_convolution,
    uint8_convolution,
    uint8_resize,
    unary,
)
from tfedge_converters.c.kernels.checks import RefusedError
from tfedge_converters.graph.operator_checks import check_ranks, options_of
from tfedge_converters.graph.real_operators import (
    is_real_activation,
    real_operators_in_words,
    real_operators_of,
)
from tfedge_converters.graph.types import Graph, Operator, TensorType

# To add an operator: a lowering here, its kernel in c_runtime/, its row in the policy table.
LOWERINGS: dict[str, Callable[[Operator], Lowered]] = {
    "ABS": unary.lower_abs,
    "ADD": elementwise.lower_add,
    "ADD_N": add_n.lower_add_n,
    "ARG_MAX": along_axis.lower_arg_max,
    "ARG_MIN": along_axis.lower_arg_min,
    "AVERAGE_POOL_2D": pooling.lower_average_pool_2d,
    "BATCH_MATMUL": batch_matmul.lower_batch_matmul,
    "BATCH_TO_SPACE_ND": blocks.lower_batch_to_space,
    "BROADCAST_TO": movement.lower_broadcast_to,
    "BYTE_FUNCTION": byte_function.lower_byte_function,
    "CAST": conversion.lower_cast,
    "CONCATENATION": movement.lower_concatenation,
    "CONV_2D": convolution.lower_conv_2d,
    "CUMSUM": along_axis.lower_cumsum,
    "DEPTHWISE_CONV_2D": convolution.lower_depthwise_conv_2d,
    "DEPTH_TO_SPACE": blocks.lower_depth_to_space,
    "DEQUANTIZE": conversion.lower_dequantize,
    "DIV": elementwise.lower_div,
    "ELU": unary.lower_elu,
    "EMBEDDING_LOOKUP": gathering.lower_embedding_lookup,
    "EQUAL": comparison.lower_equal,
    "EXP": unary.lower_exp,
    "EXPAND_DIMS": movement.lower_reshape,
    "FILL": filling.lower_fill,
    "FULLY_CONNECTED": fully_connected.lower_fully_connected,
    "GATHER": gathering.lower_gather,
    "GATHER_ND": gathering.lower_gather_nd,
    "GELU": unary.lower_gelu,
    "GREATER": comparison.lower_greater,
    "GREATER_EQUAL": comparison.lower_greater_equal,
    "HARD_SWISH": unary.lower_hard_swish,
    "L2_NORMALIZATION": softmax.lower_l2_normalization,
    "LEAKY_RELU": unary.lower_leaky_relu,
    "LESS": comparison.lower_less,
    "LESS_EQUAL": comparison.lower_less_equal,
    "LOG": unary.lower_log,
    "LOGICAL_AND": selection.lower_logical_and,
    "LOGICAL_NOT": unary.lower_logical_not,
    "LOGICAL_OR": selection.lower_logical_or,
    "LOGISTIC": unary.lower_logistic,
    "LOG_SOFTMAX": softmax.lower_log_softmax,
    "MAXIMUM": selection.lower_maximum,
    "MAX_POOL_2D": pooling.lower_max_pool_2d,
    "MEAN": reduction.lower_mean,
    "MINIMUM": selection.lower_minimum,
    "MIRROR_PAD": padding.lower_mirror_pad,
    "MUL": elementwise.lower_mul,
    "NEG": unary.lower_neg,
    "NOT_EQUAL": comparison.lower_not_equal,
    "PACK": movement.lower_pack,
    "PAD": padding.lower_pad,
    "PADV2": padding.lower_pad_v2,
    "PRELU": prelu.lower_prelu,
    "QUANTIZE": conversion.lower_quantize,
    "REDUCE_ALL": reduction.lower_reduce_all,
    "REDUCE_ANY": reduction.lower_reduce_any,
    "REDUCE_MAX": reduction.lower_reduce_max,
    "REDUCE_MIN": reduction.lower_reduce_min,
    "REDUCE_PROD": reduction.lower_reduce_prod,
    "RELU": unary.lower_relu,
    "RELU6": unary.lower_relu6,
    "RELU_0_TO_1": unary.lower_relu_0_to_1,
    "RELU_N1_TO_1": unary.lower_relu_n1_to_1,
    "RESHAPE": movement.lower_reshape,
    "RESIZE_BILINEAR": resize.lower_resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize.lower_resize_nearest_neighbor,
    "REVERSE_V2": movement.lower_reverse,
    "RSQRT": unary.lower_rsqrt,
    "SELECT": selection.lower_select,
    "SELECT_V2": selection.lower_select_v2,
    "SHAPE": filling.lower_shape,
    "SLICE": slicing.lower_slice,
    "SOFTMAX": softmax.lower_softmax,
    "SPACE_TO_BATCH_ND": blocks.lower_space_to_batch,
    "SPACE_TO_DEPTH": blocks.lower_space_to_depth,
    "SPLIT": movement.lower_split,
    "SPLIT_V": movement.lower_split_v,
    "SQRT": unary.lower_sqrt,
    "SQUARED_DIFFERENCE": elementwise.lower_squared_difference,
    "SQUEEZE": movement.lower_reshape,
    "STRIDED_SLICE": slicing.lower_strided_slice,
    "SUB": elementwise.lower_sub,
    "SUM": reduction.lower_sum,
    "TANH": unary.lower_tanh,
    "TILE": movement.lower_tile,
    "TOPK_V2": along_axis.lower_topk_v2,
    "TRANSPOSE": movement.lower_transpose,
    "TRANSPOSE_CONV": transposed_convolution.lower_transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.lower_lstm,
    "UNPACK": movement.lower_unpack,
    "ZEROS_LIKE": filling.lower_zeros_like,
}

# Operators that were uint8 and whose arithmetic was another than that of int8.
UNSIGNED_LOWERINGS: dict[str, Callable[[Operator], Lowered]] = {
    "CONV_2D": uint8_convolution.lower_uint8_conv_2d,
    "DEPTHWISE_CONV_2D": uint8_convolution.lower_uint8_depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected.lower_uint8_fully_connected,
    "RESIZE_BILINEAR": uint8_resize.lower_uint8_resize_bilinear,
}

# Functions of one int16, of which int8 has tables.
WIDE_LOWERINGS: dict[str, Callable[[Operator], Lowered]] = {
    "ABS": int16_unary.lower_int16_abs,
    "EXP": int16_unary.lower_int16_table,
    "GELU": int16_unary.lower_int16_table,
    "LEAKY_RELU": int16_unary.lower_int16_leaky_relu,
    "LOGISTIC": int16_unary.lower_int16_logistic,
    "RELU": int16_unary.lower_int16_relu,
    "RELU6": int16_unary.lower_int16_relu6,
    "TANH": int16_unary.lower_int16_tanh,
}


def lower(graph: Graph, operator: Operator) -> Lowered:
    """The kernel calls for one operator.

    Raises:
        ModelFileError: its options belong to another operator.
        UnsupportedError: there is no kernel for it, or not for its types and shapes; says which
            operator, where it stands, and what would work.
    """
    lowering = _lowering(operator)
    if lowering is None:
        raise UnsupportedError(_without_kernels(graph, [operator]))
    check_ranks(graph, operator)
    options = options_of(graph, operator)
    try:
        lowered = lowering(dataclasses.replace(operator, options=options))
        for call in lowered.calls:
            checks.parameters(call.params)
        return lowered
    except (RefusedError, UndefinedError) as refusal:
        raise UnsupportedError(f"{graph.place(operator)}: {refusal}") from None


def refuse_operators_without_kernels(graph: Graph, operators: Sequence[Operator]) -> None:
    """Refuses a graph for operators that nothing about their types or shapes could mend.

    Args:
        graph: where they stand, for the message.
        operators: those that are to be lowered.

    Raises:
        UnsupportedError: some have no kernel at all, custom ones are named first; or, in an integer
            graph, some compute with real numbers and have none for those.
    """
    missing = [operator for operator in operators if _lowering(operator) is None]
    real = [item for item in real_operators_of(graph) if not _moves_reals(graph, item)]
    if real and all(map(_touches_reals, missing)):
        raise UnsupportedError(
            f"{real_operators_in_words(graph, real)}; generated C computes with integers. Cut the "
            "model there and compute the rest on the host, or convert for tflite-micro or tflite, "
            "which take the model as it is"
        )
    if missing:
        missing.sort(key=lambda operator: operator.code != "CUSTOM")
        raise UnsupportedError(_without_kernels(graph, missing))


def _without_kernels(graph: Graph, operators: Sequence[Operator]) -> str:
    more = sorted({operator.name for operator in operators} - {operators[0].name})
    others = f", nor have {', '.join(more)}" if more else ""
    if operators[0].code == "CUSTOM":
        return (
            f"{graph.place(operators[0])} is a custom operator, for which there is no C kernel"
            f"{others}. Compute it outside of the model, or convert for an interpreter that has it "
            "registered"
        )
    return (
        f"{graph.place(operators[0])} has no C kernel{others}. Supported are "
        f"{', '.join(sorted(LOWERINGS))}. Replace the layer, or convert for TFLite Micro."
    )


def _moves_reals(graph: Graph, operator: Operator) -> bool:
    """Whether an operator on real numbers does no more than move them, which C does."""
    if _lowering(operator) is None:
        return False
    try:
        lower(graph, operator)
    except TfedgeError:
        return False
    return True


def _touches_reals(operator: Operator) -> bool:
    return any(map(is_real_activation, (*operator.inputs, *operator.outputs)))


def _lowering(operator: Operator) -> Callable[[Operator], Lowered] | None:
    return _special_lowerings(operator).get(operator.code) or LOWERINGS.get(operator.code)


def _special_lowerings(operator: Operator) -> Mapping[str, Callable[[Operator], Lowered]]:
    """What comes before LOWERINGS for an operator's types."""
    if operator.uint8_semantics:
        return UNSIGNED_LOWERINGS
    source = operator.inputs[0] if operator.inputs else None
    return WIDE_LOWERINGS if source is not None and source.type == TensorType.INT16 else {}
