"""Sound models to damage: random operators, a small network, and networks as others have them."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_graphs import OPERATORS, Builder, random_model
from seeded_models import edgetpu

from tfedge_converters.graph import Graph, Model, Quantization, Tensor, TensorType, write_model
from tfedge_converters.graph.lut_compression import compress, decode

_PUBLISHED_KINDS = ("keras_lstm_mnist_ptq", "mobilenet_v1_0.25_128_quant", "split_concat")
_PUBLISHED_SHARE = 0.05
_COMPRESSED_SHARE = 0.05
_NETWORK_SHARE = 0.15
_FLOAT_SHARE = 0.4


def random_base(rng: np.random.Generator) -> tuple[str, bytes]:
    """A sound model's name and file, integer or float."""
    share = rng.random()
    if share < _PUBLISHED_SHARE:
        name = _PUBLISHED_KINDS[int(rng.integers(len(_PUBLISHED_KINDS)))]
        return name, _published_kind(name)
    if share < _PUBLISHED_SHARE + _COMPRESSED_SHARE:
        return "compressed network", write_model(_compressed(network(rng)))
    if share < _PUBLISHED_SHARE + _COMPRESSED_SHARE + _NETWORK_SHARE:
        name, model = "network", network(rng)
    else:
        name = list(OPERATORS)[int(rng.integers(len(OPERATORS)))]
        model = random_model(name, int(rng.integers(1 << 31)), int(rng.integers(1, 3)))
    if rng.random() < _FLOAT_SHARE and "quantize" not in name:
        name, model = f"{name} in float", float_twin(model)
    return name, write_model(model)


def _compressed(model: Model) -> Model:
    """The model with its weights as tables of values, however little that saves."""
    operators = []
    for operator in model.main.operators:
        for place, tensor in enumerate(operator.inputs):
            compressed = compress(tensor) if tensor and tensor.type == TensorType.INT8 else None
            if tensor and compressed:
                operators.append(decode(tensor, compressed))
                operator.inputs[place] = operators[-1].outputs[0]
        operators.append(operator)
    model.main.operators = operators
    return model


@cache
def _published_kind(name: str) -> bytes:
    return write_model(edgetpu.MODELS[name]())


def network(rng: np.random.Generator) -> Model:
    """Operators in a row, with a residual, a concatenation and other views of memory."""
    b = Builder(rng)
    q = Quantization.per_tensor(0.05, -3)
    x = b.input((1, 8, 6, 4), q)
    conv = _conv(b, "CONV_2D", x, b.weights((4, 3, 3, 4), 0, True), schema.Conv2DOptionsT())
    depthwise_weights = b.weights((1, 3, 3, 4), 3, True)
    depthwise_options = schema.DepthwiseConv2DOptionsT()
    depthwise_options.depthMultiplier = 1
    depthwise = _conv(b, "DEPTHWISE_CONV_2D", conv, depthwise_weights, depthwise_options)
    added = b.output("ADD", [depthwise, conv], conv.shape, q, schema.AddOptionsT())
    relu = b.output("RELU", [added], conv.shape, q)
    along_channels = schema.ConcatenationOptionsT()
    along_channels.axis = -1
    joined = b.output("CONCATENATION", [relu, added], (1, 8, 6, 8), q, along_channels)
    axes = b.constant(np.array([1, 2], np.int32))
    mean = b.output("MEAN", [joined, axes], (1, 8), q, schema.ReducerOptionsT())
    shape = b.constant(np.array([2, 4], np.int32))
    rows = b.output("RESHAPE", [mean, shape], (2, 4), q, schema.ReshapeOptionsT(), 1)
    weights = b.weights((3, 4), 0, per_channel=True)
    inputs = [rows, weights, b.bias(rows, weights)]
    dense = b.output("FULLY_CONNECTED", inputs, (2, 3), q, schema.FullyConnectedOptionsT(), 4)
    sharp = schema.SoftmaxOptionsT()
    sharp.beta = 1.0
    probabilities = Quantization.per_tensor(1 / 256, -128)
    softmax = b.output("SOFTMAX", [dense], (2, 3), probabilities, sharp)
    b.outputs[:] = [softmax, mean]
    return b.model()


def _conv(b: Builder, code: str, source: Tensor, weights: Tensor, options) -> Tensor:
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = 1
    inputs = [source, weights, b.bias(source, weights)]
    return b.output(code, inputs, source.shape, source.quantization, options, 3)


def float_twin(model: Model) -> Model:
    """The same graph in float32: whatever is quantised becomes the real numbers that it means."""
    twins = {id(tensor): _real_twin(tensor) for tensor in model.main.tensors()}
    graph = model.main
    operators = [
        dataclasses.replace(
            operator,
            inputs=[None if t is None else twins[id(t)] for t in operator.inputs],
            outputs=[twins[id(t)] for t in operator.outputs],
            version=1,
        )
        for operator in graph.operators
    ]
    inputs, outputs = ([twins[id(t)] for t in ends] for ends in (graph.inputs, graph.outputs))
    return Model([Graph(inputs, outputs, operators)])


def _real_twin(tensor: Tensor) -> Tensor:
    q = tensor.quantization
    if q is None:
        return tensor
    data = tensor.data
    if data is not None:
        shape = [1] * max(data.ndim, 1)
        if q.per_channel:
            shape[q.axis] = q.scale.size
        data = (data - q.zero_point.reshape(shape)) * q.scale.reshape(shape)
        data = data.reshape(tensor.shape).astype(np.float32)
    return dataclasses.replace(tensor, type=TensorType.FLOAT32, quantization=None, data=data)
