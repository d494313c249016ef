"""Operators that LiteRT alone has no right kernel for: a file for it must not have them."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge.quantization.schemes import BLOCK_UNIT
from tfedge_converters.graph.blockwise_scales import block_operands, blocks_error
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

# What it computes in int8 but, found by trying, not in int16.
_NOT_INT16 = frozenset({"UNIDIRECTIONAL_SEQUENCE_LSTM"})

# What XNNPACK fuses with a dense layer; the layer is left to other kernels with anything else.
_FUSED = frozenset(
    getattr(schema.ActivationFunctionType, name)
    for name in ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
)


def check_litert(model: Model) -> None:
    """Refuse a model that LiteRT could only load in part, or would compute wrongly.

    Raises:
        UnsupportedError: it has no kernel for an operator, or a wrong one for its weights.
    """
    for graph in model.graphs:
        check_blocks(graph)
        for operator in graph.operators:
            types = {tensor.type for tensor in operator.outputs}
            if operator.code in _NOT_INT16 and TensorType.INT16 in types:
                raise UnsupportedError(
                    f"{graph.place(operator)}: LiteRT does not compute it in INT16; quantise to "
                    "int8, or convert for generated C or TFLite Micro, which do"
                )


def check_blocks(graph: Graph) -> None:
    """Refuse weights with scales of blocks where XNNPACK leaves them to LiteRT's other kernels.

    The reference kernels always compute wrongly with them, the optimised ones with some shapes, and
    neither says so.

    Raises:
        UnsupportedError: names the first operator with such weights.
    """
    for operator in graph.operators:
        for tensor in block_operands(operator):
            if not (takes_blocks(operator) and _fit(operator, tensor)):
                raise blocks_error(graph, operator, tensor, "LiteRT")


def takes_blocks(operator: Operator) -> bool:
    """Whether XNNPACK computes an operator if its int4 weights have scales of blocks.

    Found by trying (LiteRT 2.3): a dense layer of real numbers.
    """
    if operator.code != "FULLY_CONNECTED":
        return False
    source, _, bias = (*operator.inputs, None, None, None)[:3]
    real = (source, *operator.outputs, *([] if bias is None else [bias]))
    return (
        all(tensor is not None and tensor.type == TensorType.FLOAT32 for tensor in real)
        and (bias is None or bias.is_constant)
        and getattr(operator.options, "fusedActivationFunction", None) in _FUSED
    )


def _fit(operator: Operator, weights: Tensor) -> bool:
    return (
        operator.inputs[1] is weights
        and weights.type == TensorType.INT4
        and weights.blocks is not None
        and weights.blocks.block_size % BLOCK_UNIT == 0
    )
