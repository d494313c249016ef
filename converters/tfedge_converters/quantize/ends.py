"""Real numbers at the inputs and outputs of an integer graph."""

from __future__ import annotations

import dataclasses

from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Model, Operator, Tensor, TensorType
from tfedge_converters.quantize.formats import Format


def make_input_real(model: Model, tensor: Tensor, form: Format) -> None:
    """Lets the main graph take float32 for a quantised input, and converts it with QUANTIZE.

    The new input has the old one's name; signatures follow.
    """
    real = _real_end(tensor, form)
    graph = model.main
    graph.inputs = [real if item is tensor else item for item in graph.inputs]
    for signature in model.signatures:
        _replace(signature.inputs, tensor, real)
    graph.operators.insert(0, quantize_operator(real, tensor, form))


def make_output_real(model: Model, tensor: Tensor, form: Format) -> None:
    """Lets the main graph return float32 for a quantised output, converted with DEQUANTIZE.

    The new output has the old one's name; signatures follow.
    """
    real = _real_end(tensor, form)
    graph = model.main
    graph.outputs = [real if item is tensor else item for item in graph.outputs]
    for signature in model.signatures:
        _replace(signature.outputs, tensor, real)
    graph.operators.append(dequantize_operator(tensor, real, form))


def quantize_operator(source: Tensor, result: Tensor, form: Format) -> Operator:
    """The operator that moves `source`, real or integer, to the grid of `result`."""
    return Operator(
        "QUANTIZE",
        [source],
        [result],
        schema.QuantizeOptionsT(),
        OPERATORS["QUANTIZE"].versions[form.scheme],
    )


def dequantize_operator(source: Tensor, result: Tensor, form: Format) -> Operator:
    """The operator that makes `source` real."""
    return Operator(
        "DEQUANTIZE",
        [source],
        [result],
        schema.DequantizeOptionsT(),
        OPERATORS["DEQUANTIZE"].versions[form.scheme],
    )


def real_twin(tensor: Tensor) -> Tensor:
    """The same tensor with real numbers."""
    return dataclasses.replace(tensor, type=TensorType.FLOAT32, quantization=None)


def _real_end(tensor: Tensor, form: Format) -> Tensor:
    """The real twin of an input or output, which takes its name."""
    real = real_twin(tensor)
    tensor.name = f"{tensor.name}_{form.element}"
    return real


def _replace(tensors: dict[str, Tensor], old: Tensor, new: Tensor) -> None:
    for name, tensor in tensors.items():
        if tensor is old:
            tensors[name] = new
