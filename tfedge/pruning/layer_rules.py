"""How channels pass through every kind of layer: the one place where they are known by name.

A rule takes the trace and a call, says which of the layer's weights have which channels along
their axes, and returns the channels of the results. What has no rule pins its channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfedge.keras_graph.computation import Call, Value
from tfedge.keras_graph.kinds import kind_of
from tfedge.keras_graph.reading import given_arguments
from tfedge.pruning import recurrent_rules
from tfedge.pruning.attention_rule import attention
from tfedge.pruning.channel_sets import Channels
from tfedge.pruning.einsum_rule import einsum_dense
from tfedge.pruning.tracing import (
    CONVOLUTION,
    DENSE,
    DEPTHWISE,
    Trace,
    label_rows,
    last_size,
    positions,
)

Rule = Callable[[Trace, Call], list[Channels]]

# What layers are called with beside their input and masks, and rules take account of.
_ATTENTION = ("key", "return_attention_scores", "use_causal_mask", "value")
_READ_ARGUMENTS = {
    "GRU": ("initial_state",),
    "LSTM": ("initial_state",),
    "MultiHeadAttention": _ATTENTION,
    "SimpleRNN": ("initial_state",),
}

_MIXING = ("softmax", "log_softmax", "sparsemax", "glu", "sparse_softmax")


def follow(trace: Trace, call: Call) -> list[Channels]:
    """The channels of a call's results."""
    layer = call.operation
    rule = rule_of(layer)
    reason = _why_not(call) if rule else f"'{layer.name}' ({type(layer).__name__}) has no rule"
    if rule is None or reason:
        return trace.pin_call(call, reason)
    results = rule(trace, call)
    if is_mixing(getattr(layer, "activation", None)):
        for channels in results:
            trace.pin(channels, f"the {layer.activation.__name__} of '{layer.name}' mixes channels")
    return results


def rule_of(operation: Any) -> Rule | None:
    """The rule of a layer of Keras or an operation of keras.ops, None if there is none."""
    table = LAYERS if isinstance(operation, keras.layers.Layer) else OPERATIONS
    return table.get(kind_of(operation) or "")


def _why_not(call: Call) -> str:
    """What keeps a rule from being used for a call; empty if nothing does."""
    layer = call.operation
    if getattr(layer, "data_format", None) == "channels_first":
        return f"'{layer.name}' has its channels first"
    if getattr(layer, "lora_enabled", False):
        return f"'{layer.name}' has a low-rank adapter"
    if isinstance(layer, keras.layers.Layer):
        read = _READ_ARGUMENTS.get(kind_of(layer) or "", ())
        unread = (name for name in given_arguments(call) if name not in read)
        other = next((name for name in unread if not name.endswith("mask")), None)
        return f"'{layer.name}' is called with {other}=, which has no rule" if other else ""
    return ""


def is_mixing(activation: Any) -> bool:
    """Whether an activation's results depend on other channels."""
    return getattr(activation, "__name__", "") in _MIXING


def _same(trace: Trace, call: Call) -> list[Channels]:
    """What leaves channels apart and in order."""
    return [trace.of(call.inputs[0])]


def _softmax(trace: Trace, call: Call) -> list[Channels]:
    axis = call.operation.axis
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    given = call.inputs[0]
    if any(a in (-1, len(given.spec.shape) - 1) for a in axes):
        trace.pin(trace.of(given), f"the softmax '{call.operation.name}' mixes channels")
    return _same(trace, call)


def _convolution(trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    operand = call.inputs[0]
    given = trace.of(operand)
    made = trace.made(layer, "channels", layer.filters)
    trace.setting(layer, "filters", made)
    axes: dict[int, Channels] = {-2: given, -1: made}
    reads: Value | None = operand
    if layer.groups > 1:
        reason = f"'{layer.name}' convolves in groups"
        trace.pin(given, reason)
        trace.pin(made, reason)
        axes, reads = {-1: made}, None
    uses = positions(call.results[0])
    trace.weight(layer, layer.kernel, axes, reads, uses, CONVOLUTION)
    trace.weight(layer, layer.bias, {-1: made})
    return [made]


def _transposed_convolution(trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    operand = call.inputs[0]
    made = trace.made(layer, "channels", layer.filters)
    trace.setting(layer, "filters", made)
    axes = {-1: trace.of(operand), -2: made}
    trace.weight(layer, layer.kernel, axes, operand, positions(operand), CONVOLUTION)
    trace.weight(layer, layer.bias, {-1: made})
    return [made]


def _depthwise(trace: Trace, call: Call) -> list[Channels]:
    """A channel makes as many as the multiplier says, and takes them with it."""
    layer = call.operation
    given = trace.of(call.inputs[0])
    made = np.repeat(given, layer.depth_multiplier)
    trace.weight(layer, layer.kernel, {-2: given}, None, positions(call.results[0]), DEPTHWISE)
    trace.weight(layer, layer.bias, {-1: made})
    return [made]


def _separable(trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    operand = call.inputs[0]
    given = trace.of(operand)
    uses = positions(call.results[0])
    made = trace.made(layer, "channels", layer.filters)
    trace.setting(layer, "filters", made)
    trace.weight(layer, layer.depthwise_kernel, {-2: given}, None, uses, DEPTHWISE)
    between = np.repeat(given, layer.depth_multiplier)
    axes = {-2: between, -1: made}
    trace.weight(layer, layer.pointwise_kernel, axes, operand, uses, CONVOLUTION)
    trace.weight(layer, layer.bias, {-1: made})
    return [made]


def _dense(trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    operand = call.inputs[0]
    made = trace.made(layer, "units", layer.units)
    trace.setting(layer, "units", made)
    axes = {-2: trace.of(operand), -1: made}
    trace.weight(layer, layer.kernel, axes, operand, positions(operand), DENSE)
    trace.weight(layer, layer.bias, {-1: made})
    return [made]


def _embedding(trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    made = trace.made(layer, "units", layer.output_dim)
    trace.setting(layer, "output_dim", made)
    trace.weight(layer, layer.embeddings, {-1: made})
    return [made]


def _per_channel(*names: str, mixes: bool = False) -> Rule:
    """A layer with a number for every channel, in weights of these names."""

    def rule(trace: Trace, call: Call) -> list[Channels]:
        layer = call.operation
        operand = call.inputs[0]
        axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
        several = isinstance(layer.axis, (list, tuple)) and len(layer.axis) > 1
        if several or axis not in (-1, len(operand.spec.shape) - 1):
            return trace.pin_call(call, f"'{layer.name}' normalises along another axis")
        given = trace.of(operand)
        for name in names:
            trace.weight(layer, getattr(layer, name, None), {-1: given})
        if mixes:
            trace.mixed.append(given)
        return [given]

    return rule


def _prelu(trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    given = trace.of(call.inputs[0])
    last = len(call.results[0].spec.shape) - 1
    axes = {} if last in (layer.shared_axes or []) else {-1: given}
    trace.weight(layer, layer.alpha, axes)
    return [given]


def _merge(trace: Trace, call: Call) -> list[Channels]:
    """Channels of one place are coupled; an axis of size 1 stays, and spreads over the others."""
    operands = call.inputs
    widest = max(last_size(value) for value in operands)
    ranks = {len(value.spec.shape) for value in operands}
    given = keras.tree.flatten(list(call.arguments.values()))
    constants = [item for item in given if not _is_value(item)]
    if len(ranks) > 1 or any(np.size(item) > 1 for item in constants):
        return trace.pin_call(call, f"'{call.operation.name}' merges unlike shapes")
    whole = [trace.of(value) for value in operands if last_size(value) == widest]
    for value in operands:
        if last_size(value) < widest:
            trace.pin(trace.of(value), f"'{call.operation.name}' spreads it over all channels")
    for other in whole[1:]:
        trace.sets.couple(whole[0], other)
    return [whole[0]]


def _is_value(item: Any) -> bool:
    return isinstance(item, Value)


def _concatenate(trace: Trace, call: Call) -> list[Channels]:
    operands = call.inputs
    given = [trace.of(value) for value in operands]
    if call.operation.axis in (-1, len(operands[0].spec.shape) - 1):
        return [np.concatenate(given)]
    for other in given[1:]:
        trace.sets.couple(given[0], other)
    return [given[0]]


def _reshape(trace: Trace, call: Call) -> list[Channels]:
    """Elements that come to lie in one column of the new last axis are coupled."""
    given = trace.of(call.inputs[0])
    shape, to = call.inputs[0].spec.shape, call.results[0].spec.shape
    rows = label_rows(given, shape, to)
    if rows is None:
        return trace.pin_call(call, f"'{call.operation.name}' reshapes open sizes")
    for row in rows[1:]:
        trace.sets.couple(rows[0], row)
    return [rows[0].copy()]


def _target_shape(trace: Trace, call: Call) -> list[Channels]:
    (result,) = _reshape(trace, call)
    if call.operation.target_shape[-1] != -1:
        trace.setting(call.operation, "target_shape", result)
    return [result]


def _permute(trace: Trace, call: Call) -> list[Channels]:
    dims = call.operation.dims
    if dims[-1] != len(dims):
        return trace.pin_call(call, f"'{call.operation.name}' moves the channels to another axis")
    return _same(trace, call)


def _scalar_rescaling(trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    if math.prod(np.shape(layer.scale)) > 1 or math.prod(np.shape(layer.offset)) > 1:
        return trace.pin_call(call, f"'{layer.name}' scales every channel by a number of its own")
    return _same(trace, call)


# Every channel for itself, position by position.
ELEMENTWISE_LAYERS = (
    "Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "ELU", "GaussianDropout",
    "GaussianNoise", "Identity", "LeakyReLU", "ReLU", "SpatialDropout1D", "SpatialDropout2D",
    "SpatialDropout3D",
)  # fmt: skip
ELEMENTWISE_OPERATIONS = (
    "Absolute", "Celu", "Elu", "Exp", "Gelu", "HardSigmoid", "HardSilu", "HardTanh", "Identity",
    "LeakyRelu", "LogSigmoid", "Negative", "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "Softplus",
    "Softsign", "Sqrt", "Square", "Tanh",
)  # fmt: skip
# Every channel for itself, positions among one another.
SPATIAL_LAYERS = tuple(
    f"{kind}{rank}D"
    for rank in (1, 2, 3)
    for kind in (
        "AveragePooling", "Cropping", "GlobalAveragePooling", "GlobalMaxPooling", "MaxPooling",
        "UpSampling", "ZeroPadding",
    )
)  # fmt: skip
MERGING = ("Add", "Average", "Divide", "Maximum", "Minimum", "Multiply", "Subtract")

LAYERS: dict[str, Rule] = {
    **dict.fromkeys((*ELEMENTWISE_LAYERS, *SPATIAL_LAYERS, "RepeatVector", "Resizing"), _same),
    **dict.fromkeys((f"Conv{rank}D" for rank in (1, 2, 3)), _convolution),
    **dict.fromkeys((f"Conv{rank}DTranspose" for rank in (1, 2, 3)), _transposed_convolution),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
    **dict.fromkeys(MERGING, _merge),
    "BatchNormalization": _per_channel("gamma", "beta", "moving_mean", "moving_variance"),
    "Concatenate": _concatenate,
    "Dense": _dense,
    "EinsumDense": einsum_dense,
    "Embedding": _embedding,
    "Flatten": _reshape,
    "GRU": recurrent_rules.gru,
    "LSTM": recurrent_rules.lstm,
    "LayerNormalization": _per_channel("gamma", "beta", mixes=True),
    "MultiHeadAttention": attention,
    "PReLU": _prelu,
    "Permute": _permute,
    "RMSNormalization": _per_channel("scale", mixes=True),
    "Rescaling": _scalar_rescaling,
    "Reshape": _target_shape,
    "SimpleRNN": recurrent_rules.simple_rnn,
    "Softmax": _softmax,
}
OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE_OPERATIONS, _same),
    **dict.fromkeys(MERGING, _merge),
    "Concatenate": _concatenate,
}
