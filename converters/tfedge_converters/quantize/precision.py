"""Whether a model computes with real numbers, with integers, or with a mixture."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Graph, Model, Operator, Tensor, TensorType
from tfedge_converters.graph.passes.byte_functions import as_tables

_NARROW_REALS = frozenset({TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.FLOAT64})
_CASTS = frozenset({"QUANTIZE", "DEQUANTIZE"})


def real_graph(model: Model) -> Graph | None:
    """The float32 graph of a model; None if the model is integer already.

    An integer model may still take and return real numbers, if all that happens to them is
    QUANTIZE at its inputs and DEQUANTIZE at its outputs, and compute functions of one byte in
    between.

    Raises:
        UnsupportedError: the model is a mixture: hybrid (real activations, integer weights),
            partly quantised, or of real numbers other than float32; or it has several graphs.
    """
    if not any(_real_inside(graph) for graph in model.graphs):
        return None
    if len(model.graphs) != 1:
        names = ", ".join(f"'{graph.name}'" for graph in model.graphs)
        raise UnsupportedError(
            f"the model has {len(model.graphs)} graphs ({names}); only one can be quantised: "
            "export one function of the model, with recurrent layers built with unroll=True"
        )
    for operator in model.main.operators:
        _refuse_mixture(model.main, operator)
    return model.main


def is_real_activation(tensor: Tensor | None) -> bool:
    """Whether a tensor holds float32 numbers that are computed at run time."""
    return (
        tensor is not None
        and tensor.type == TensorType.FLOAT32
        and not tensor.is_constant
        and not tensor.is_variable
    )


def _real_inside(graph: Graph) -> bool:
    """Whether real numbers are more than what enters and leaves the graph."""
    ends = {id(tensor) for tensor in graph.outputs}
    ends |= {id(tensor) for tensor in graph.inputs}
    return any(
        tensor is not None
        and tensor.type in _NARROW_REALS | {TensorType.FLOAT32}
        and not (operator.code in _CASTS and id(tensor) in ends)
        for operator in as_tables(graph).operators
        for tensor in [*operator.inputs, *operator.outputs]
    )


def _refuse_mixture(graph: Graph, operator: Operator) -> None:
    tensors = [tensor for tensor in [*operator.inputs, *operator.outputs] if tensor is not None]
    for tensor in tensors:
        if tensor.type in _NARROW_REALS:
            raise UnsupportedError(
                f"{graph.place(operator)} uses '{tensor.name}' of type {tensor.type.name}; only "
                "float32 models can be quantised: convert the Keras model again without "
                "float16 or other optimisations"
            )
    integer = next((tensor for tensor in tensors if _is_quantized(tensor)), None)
    if integer is None and operator.code not in _CASTS:
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


def _is_quantized(tensor: Tensor) -> bool:
    is_on_grid = tensor.quantization is not None or tensor.blocks is not None
    return is_on_grid and tensor.type != TensorType.FLOAT32
