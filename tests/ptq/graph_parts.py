"""Small hand-made graphs for the quantiser's unit tests."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Graph, Model, Operator, Range, Signature, Tensor, TensorType


def activation(name, shape, low=None, high=None, type_=TensorType.FLOAT32):
    return Tensor(name, shape, type_, range=None if low is None else Range(low, high))


def constant(name, values, dtype=np.float32):
    data = np.asarray(values, dtype)
    type_ = {"f": TensorType.FLOAT32, "i": TensorType.INT32}[data.dtype.kind]
    return Tensor(name, data.shape, type_, data=data)


def dense(source, weights, bias, result):
    options = schema.FullyConnectedOptionsT()
    return Operator("FULLY_CONNECTED", [source, weights, bias], [result], options)


def conv(source, weights, bias, result):
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = 1
    return Operator("CONV_2D", [source, weights, bias], [result], options)


def concatenation(sources, result, axis=-1):
    options = schema.ConcatenationOptionsT()
    options.axis = axis
    return Operator("CONCATENATION", list(sources), [result], options)


def reshape(source, result):
    shape = constant(f"{result.name}/shape", result.shape, np.int32)
    return Operator("RESHAPE", [source, shape], [result], schema.ReshapeOptionsT())


def plain(code, sources, result):
    """An operator without options, or with default ones."""
    options = {
        "ADD": schema.AddOptionsT,
        "MUL": schema.MulOptionsT,
        "MEAN": schema.ReducerOptionsT,
        "SOFTMAX": schema.SoftmaxOptionsT,
    }.get(code, lambda: None)()
    if code == "SOFTMAX":
        options.beta = 1.0
    return Operator(code, list(sources), [result], options)


def model_of(inputs, outputs, operators):
    graph = Graph(list(inputs), list(outputs), list(operators))
    signature = Signature(
        "serving_default",
        {f"in_{index}": tensor for index, tensor in enumerate(inputs)},
        {f"out_{index}": tensor for index, tensor in enumerate(outputs)},
        graph,
    )
    return Model([graph], [signature])


def grid(tensor):
    """(scale, zero point) of a tensor with one scale."""
    assert tensor.quantization is not None and not tensor.quantization.per_channel
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])
