"""Whether a model computes with real numbers, with integers, or with a mixture."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Graph, Model, Operator, TensorType
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.real_operators import (
    is_quantized,
    is_real_activation,
    operands_and_results,
    real_operators_in_words,
    real_operators_of,
)
from tfedge_converters.graph.single_graph import single_graph

_NARROW_REALS = frozenset({TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.FLOAT64})


def real_graph(model: Model) -> Graph | None:
    """The float32 graph of a model; None if the model is integer already.

    An integer model may still take and return real numbers, if all that happens to them is
    QUANTIZE at its inputs and DEQUANTIZE at its outputs, and compute functions of one byte in
    between.

    Raises:
        UnsupportedError: the model is a mixture: hybrid (float activations, integer weights),
            partly quantised, or of real numbers other than float32; or it has several graphs.
    """
    if not any(_real_inside(graph) for graph in model.graphs):
        return None
    graph = single_graph(model, "the quantiser")
    _refuse_partly_quantised(graph)
    for operator in graph.operators:
        _refuse_hybrid(graph, operator)
    return graph


def _real_inside(graph: Graph) -> bool:
    """Whether real numbers are more than what enters and leaves the graph."""
    inputs_and_outputs = {id(tensor) for tensor in graph.outputs}
    inputs_and_outputs |= {id(tensor) for tensor in graph.inputs}
    return any(
        tensor is not None
        and tensor.type in _NARROW_REALS | {TensorType.FLOAT32}
        and not (traits_of(operator.code).requantizes and id(tensor) in inputs_and_outputs)
        for operator in as_tables(graph).operators
        for tensor in [*operator.inputs, *operator.outputs]
    )


def _refuse_partly_quantised(graph: Graph) -> None:
    real = real_operators_of(graph)
    if real:
        raise UnsupportedError(
            f"the model is quantised in part: {real_operators_in_words(graph, real)}. As it is, it "
            "converts for tflite, and for tflite-micro where that has the kernels. To quantise all "
            "of it, convert the Keras model again without optimisations, and quantise that"
        )


def _refuse_hybrid(graph: Graph, operator: Operator) -> None:
    tensors = operands_and_results(operator)
    for tensor in tensors:
        if tensor.type in _NARROW_REALS:
            raise UnsupportedError(
                f"{graph.place(operator)} uses '{tensor.name}' of type {tensor.type.name}; only "
                "float32 models can be quantised: convert the Keras model again without "
                "float16 or other optimisations"
            )
    integer = next((tensor for tensor in tensors if is_quantized(tensor)), None)
    if integer is None and not traits_of(operator.code).requantizes:
        return
    if integer is not None and integer.is_constant and any(map(is_real_activation, tensors)):
        raise UnsupportedError(
            f"{graph.place(operator)} computes real numbers with the {integer.type.name} weights "
            f"'{integer.name}': the model is hybrid (\"dynamic range\" quantised), and its weights "
            "are already rounded. Convert the Keras model again without optimisations, and "
            "quantise that"
        )
    raise UnsupportedError(
        f"{graph.place(operator)} is already quantised while other operators compute with real "
        "numbers. Convert the Keras model again without optimisations, and quantise that"
    )
