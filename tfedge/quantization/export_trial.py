"""Trial conversions of layers accepted for training which might not convert.

A layer whose operator is certain, such as a convolution, needs no trial. Others are exported
without the rest of their model, once for every configuration and shape, with made-up ranges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

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
# What makes and combines masks, which converts in any combination.
_MASKS = frozenset(
    {"Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalNot",
     "LogicalOr", "NotEqual"}
)  # fmt: skip
_tried: dict[str, str] = {}


def require_export(calls: Sequence[Call], scheme: Scheme, unknown: str) -> None:
    """Export every call that might not convert.

    Args:
        calls: of a model.
        scheme: that it is quantised to.
        unknown: what becomes of layers of unknown kinds.

    Raises:
        UnsupportedError: a layer would train and then not convert; the message says why.
    """
    uncertain = {
        _key(call, scheme): call
        for call in calls
        if kind_of(call.operation) not in _CERTAIN and _can_be_tried(call)
    }
    _try({key: call for key, call in uncertain.items() if key not in _tried}, scheme, unknown)
    for key, call in uncertain.items():
        _require(key, described(call.operation))
    _require_integer_part(calls, scheme, unknown)


def _require_integer_part(calls: Sequence[Call], scheme: Scheme, unknown: str) -> None:
    """Try what computes with integers and booleans, together with what reads those.

    Whether such a call converts depends on its neighbours: integers that are made of real numbers
    and become real numbers again do, and those that look rows up do not.
    """
    if all(kind_of(call.operation) in _MASKS for call in calls if not _makes_reals(call)):
        return
    part = [call for call in calls if not (_makes_reals(call) and _reads_reals_alone(call))]
    if not all(map(_is_closed, part)):
        return
    key = "\n".join(_key(call, scheme) for call in part)
    if key not in _tried:
        _tried[key] = _problem(part, scheme, unknown, chained=True)
    _require(key, f"what computes with integers, from {described(part[0].operation)} on,")


def _makes_reals(call: Call) -> bool:
    return any(value.is_real for value in call.results)


def _reads_reals_alone(call: Call) -> bool:
    return all(value.is_real for value in call.operands)


def _require(key: str, what: str) -> None:
    if _tried[key]:
        raise UnsupportedError(
            f"{what} could train for integers, but not be converted: {_tried[key]}"
        )


def _try(calls: Mapping[str, Call], scheme: Scheme, unknown: str) -> None:
    """Try calls together, and each alone only if that fails: most convert, and a trial takes long.

    Args:
        calls: by what they are remembered by.
        scheme, unknown: see `require_export`.
    """
    if len(calls) > 1 and not _problem(list(calls.values()), scheme, unknown):
        _tried.update(dict.fromkeys(calls, ""))
        return
    for key, call in calls.items():
        _tried[key] = _problem([call], scheme, unknown)


def _can_be_tried(call: Call) -> bool:
    """Whether it computes real numbers from tensors whose sizes are known but for the batch."""
    return _makes_reals(call) and _is_closed(call)


def _is_closed(call: Call) -> bool:
    return not any(None in value.spec.shape[1:] for value in call.operands)


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


def _problem(calls: Sequence[Call], scheme: Scheme, unknown: str, chained: bool = False) -> str:
    """Say why a model of nothing but these calls does not convert; empty if it converts.

    With `chained`, results of calls are operands of later ones, as in their model.
    """
    import tfedge
    from tfedge.quantization.model import QuantizedModel

    try:
        inputs, outputs = _run(calls, chained)
        model = keras.Model(inputs, outputs, name=calls[0].operation.name)
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


def _run(calls: Sequence[Call], chained: bool) -> tuple[list[Any], list[Any]]:
    """Inputs and outputs of a model of the calls."""
    inputs: list[Any] = []
    known: dict[int, Any] = {}
    outputs: dict[int, Any] = {}
    for call in calls:
        for value in call.operands:
            if id(value) not in known:
                spec = value.spec
                known[id(value)] = keras.Input(batch_shape=spec.shape, dtype=spec.dtype)
                inputs.append(known[id(value)])
        results = keras.tree.flatten(call.run([known[id(value)] for value in call.operands]))
        made = {id(value): x for value, x in zip(call.results, results, strict=True)}
        outputs |= made
        if chained:
            known |= made
    read = {id(value) for call in calls for value in call.operands} if chained else ()
    return inputs, [x for key, x in outputs.items() if key not in read]
