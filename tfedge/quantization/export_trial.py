"""Trial conversions of layers accepted for training which might not convert.

A layer whose operator is certain, such as a convolution, needs no trial. Others are exported alone,
once for every configuration and shape, with ranges that are made up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import keras

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call, Value
from tfedge.keras_graph.kinds import described, kind_of
from tfedge.quantization.activation_quantizers import ActivationQuantizer
from tfedge.quantization.schemes import Scheme

# TFLite has an operator for these whatever they are configured to, or the table refuses them.
_CERTAIN = frozenset(
    {"Activation", "ActivityRegularization", "Add", "AlphaDropout", "Average", "AveragePooling1D",
     "AveragePooling2D", "BatchNormalization", "Bidirectional", "Cast", "Concatenate", "Conv1D",
     "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Cropping1D", "Cropping2D", "Dense",
     "DepthwiseConv1D", "DepthwiseConv2D", "Divide", "Dropout", "EinsumDense", "Embedding",
     "ExpandDims", "Flatten", "GRU", "GaussianDropout", "GaussianNoise", "Gelu", "GetItem",
     "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D",
     "GlobalMaxPooling2D", "GroupNormalization", "HardSilu", "Identity", "LSTM",
     "LayerNormalization", "LeakyReLU", "MaxPooling1D", "MaxPooling2D", "Maximum", "Mean",
     "Minimum", "MultiHeadAttention", "Multiply", "Normalization", "PReLU", "Permute",
     "RMSNormalization", "ReLU", "Relu", "Relu6", "RepeatVector", "Rescaling", "Reshape",
     "SeparableConv1D", "SeparableConv2D", "Sigmoid", "Silu", "SimpleRNN", "Softmax",
     "SpatialDropout1D", "SpatialDropout2D", "Split", "Squeeze", "Stack", "Subtract", "Tanh",
     "TimeDistributed", "Transpose", "TrueDivide", "UnitNormalization", "Where", "ZeroPadding1D",
     "ZeroPadding2D"}
)  # fmt: skip
_tried: dict[str, str] = {}


def require_export(calls: Sequence[Call], scheme: Scheme, unknown: str) -> None:
    """Export every call alone that might not convert.

    Args:
        calls: of a model.
        scheme: that it is quantised to.
        unknown: what becomes of layers of unknown kinds.

    Raises:
        UnsupportedError: a layer would train and then not convert; the message says why.
    """
    for call in calls:
        if kind_of(call.operation) in _CERTAIN or not _can_be_tried(call):
            continue
        key = _key(call, scheme)
        if key not in _tried:
            _tried[key] = _problem(call, scheme, unknown)
        if _tried[key]:
            raise UnsupportedError(
                f"{described(call.operation)} could train for integers, but not be converted: "
                f"{_tried[key]}"
            )


def _can_be_tried(call: Call) -> bool:
    """Whether it computes real numbers from tensors whose sizes are known but for the batch."""
    is_open = any(None in value.spec.shape[1:] for value in call.operands)
    return any(value.is_real for value in call.results) and not is_open


def _key(call: Call, scheme: Scheme) -> str:
    """The same for calls that convert alike."""
    operation = call.operation
    try:
        config = operation.get_config()
    except Exception:  # a layer that cannot be saved is tried for itself
        config = {"id": id(operation)}
    config = {name: value for name, value in config.items() if name not in ("name", "dtype")}
    shapes = [(tuple(value.spec.shape), str(value.spec.dtype)) for value in call.operands]
    arguments = keras.tree.map_structure(
        lambda item: "tensor" if isinstance(item, Value) else repr(item), (call.args, call.kwargs)
    )
    parts = [str(type(operation)), config, shapes, arguments, scheme.get_config()]
    return json.dumps(parts, sort_keys=True, default=repr)


def _problem(call: Call, scheme: Scheme, unknown: str) -> str:
    """Say why a model of nothing but this call does not convert; empty if it converts."""
    import tfedge
    from tfedge.quantization.model import QuantizedModel

    inputs = [
        keras.Input(batch_shape=value.spec.shape, dtype=value.spec.dtype) for value in call.operands
    ]
    try:
        model = keras.Model(inputs, call.run(inputs), name=call.operation.name)
        quantized = QuantizedModel(model, scheme, unknown=unknown)
        for layer in private.layers_in(quantized):
            if isinstance(layer, ActivationQuantizer):
                layer.low.assign(-1.0)
                layer.high.assign(1.0)
                layer.observations.assign(1)
        tfedge.convert(quantized, target="tflite")
    except TfedgeError as error:
        return str(error)
    return ""
