"""Kind of numbers that a model computes with."""

from __future__ import annotations

import enum

from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.real_operators import (
    is_quantized,
    is_real_activation,
    operands_and_results,
    real_operators_of,
)
from tfedge_converters.graph.types import Graph, Model, Tensor, TensorType


class ModelKind(enum.Enum):
    """The numbers that a model computes with.

    Its inputs and outputs do not count, nor do functions of one byte, which are tables.
    """

    FLOAT = "float32 throughout"
    STORAGE = "float32 activations, and weights that are stored in fewer bits"
    INTEGER = "integers throughout"
    PARTLY = "integers in some operators and float32 in others"

    @property
    def has_float_activations(self) -> bool:
        """Whether all activations are float32, so that the model can be quantised or stored."""
        return self in (ModelKind.FLOAT, ModelKind.STORAGE)


def model_kind(model: Model) -> ModelKind:
    """Return the kind of numbers that a model computes with, as its operators say."""
    if any(map(real_operators_of, model.graphs)):
        return ModelKind.PARTLY
    if not any(map(_computes_float, model.graphs)):
        return ModelKind.INTEGER
    tensors = [tensor for graph in model.graphs for tensor in graph.tensors()]
    return ModelKind.STORAGE if any(map(_is_stored_narrow, tensors)) else ModelKind.FLOAT


def _computes_float(graph: Graph) -> bool:
    return any(
        is_real_activation(tensor)
        for operator in as_tables(graph).operators
        if not traits_of(operator.code).requantizes
        for tensor in operands_and_results(operator)
    )


def _is_stored_narrow(tensor: Tensor) -> bool:
    return tensor.is_constant and (tensor.type == TensorType.FLOAT16 or is_quantized(tensor))
