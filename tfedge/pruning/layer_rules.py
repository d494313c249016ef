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

from tfedge.keras_graph.computation import Call, Constant, Value
from tfedge.keras_graph.reading import unread
from tfedge.pruning import recurrent_rules
from tfedge.pruning.attention_rule import attention
from tfedge.pruning.channel_sets import Channels
from tfedge.pruning.einsum_rule import einsum_dense
from tfedge.pruning.mixing import mixes_channels
from tfedge.pruning.rows import Row, Table, row, rows
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

# Activations of a layer, in its attributes.
_ACTIVATIONS = ("activation", "recurrent_activation")


def follow(trace: Trace, call: Call) -> list[Channels]:
    """The channels of a call's results."""
    layer = call.operation
    row = RULES.row_of(layer)
    if row is None:
        return trace.pin_call(call, f"'{layer.name}' ({type(layer).__name__}) has no rule")
    other = unread(call, row.reads)
    if other:
        return trace.pin_call(call, f"'{layer.name}' has {other}, which has no rule")
    for name, argument in call.arguments.items():
        if name.endswith("mask") and isinstance(argument, Value):
            trace.pin(trace.of(argument), f"it is a mask of '{layer.name}'")
    results = row.rule(trace, call)
    for name in _ACTIVATIONS:
        if mixes_channels(getattr(layer, name, None), _activated_rank(call)):
            reason = f"the {name} of '{layer.name}' mixes channels"
            for channels in results:
                trace.pin(channels, reason)
    return results


def _activated_rank(call: Call) -> int:
    """Return the rank of the activation's operand: one step of a sequence at a time in a cell."""
    return 2 if hasattr(call.operation, "cell") else len(call.results[0].spec.shape)


def _same(trace: Trace, call: Call) -> list[Channels]:
    """Leave the channels apart and in order."""
    return [trace.of(call.inputs[0])]


def _dropout(trace: Trace, call: Call) -> list[Channels]:
    """Which may name the number of channels, for what they share."""
    shape = call.operation.noise_shape
    if shape is not None and shape[-1] not in (None, 1):
        return trace.pin_call(call, f"'{call.operation.name}' has noise_shape={tuple(shape)}")
    return _same(trace, call)


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


def _per_channel(trace: Trace, call: Call) -> list[Channels]:
    """A layer with a number for every channel in each of its weights."""
    layer = call.operation
    operand = call.inputs[0]
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    several = isinstance(layer.axis, (list, tuple)) and len(layer.axis) > 1
    if several or axis not in (-1, len(operand.spec.shape) - 1):
        return trace.pin_call(call, f"'{layer.name}' normalises along another axis")
    given = trace.of(operand)
    for variable in layer.weights:
        trace.weight(layer, variable, {-1: given})
    return [given]


def _mixed_per_channel(trace: Trace, call: Call) -> list[Channels]:
    """The same, with statistics over all channels."""
    (given,) = _per_channel(trace, call)
    trace.mixed.append(given)
    return [given]


def _prelu(trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    given = trace.of(call.inputs[0])
    trace.weight(layer, layer.alpha, {} if layer.alpha.shape[-1] == 1 else {-1: given})
    return [given]


def _merge(trace: Trace, call: Call) -> list[Channels]:
    """Channels of one place are coupled; an axis of size 1 stays, and spreads over the others."""
    operands = call.inputs
    widest = max(last_size(value) for value in operands)
    ranks = {len(value.spec.shape) for value in operands}
    if len(ranks) > 1 or any(_size(item) > 1 for item in _constants(call)):
        return trace.pin_call(call, f"'{call.operation.name}' merges unlike shapes")
    whole = [trace.of(value) for value in operands if last_size(value) == widest]
    for value in operands:
        if last_size(value) < widest:
            trace.pin(trace.of(value), f"'{call.operation.name}' spreads it over all channels")
    for other in whole[1:]:
        trace.sets.couple(whole[0], other)
    return [whole[0]]


def _constants(call: Call) -> list[Any]:
    """Return the merged operands that are no values of the model."""
    given = keras.tree.flatten(list(call.arguments.values()))
    return [item for item in given if not isinstance(item, Value)]


def _size(item: Any) -> int:
    shape = item.spec.shape if isinstance(item, Constant) else np.shape(item)
    return math.prod(shape)


def _concatenate(trace: Trace, call: Call) -> list[Channels]:
    if _constants(call):
        return trace.pin_call(call, f"'{call.operation.name}' concatenates constants")
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
    labels = label_rows(given, shape, to)
    if labels is None:
        return trace.pin_call(call, f"'{call.operation.name}' reshapes open sizes")
    for other in labels[1:]:
        trace.sets.couple(labels[0], other)
    return [labels[0].copy()]


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


# Every channel for itself, position by position; attributes beside.
ELEMENTWISE_LAYERS: dict[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "ActivityRegularization": ("l1", "l2"),
    "AlphaDropout": (),
    "Dropout": (),
    "ELU": ("alpha",),
    "GaussianDropout": (),
    "GaussianNoise": ("stddev",),
    "Identity": (),
    "LeakyReLU": ("negative_slope",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "SpatialDropout1D": (),
    "SpatialDropout2D": (),
    "SpatialDropout3D": (),
}
ELEMENTWISE_OPERATIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("Absolute", "Exp", "HardSigmoid", "HardSilu", "HardTanh", "LogSigmoid", "Negative", "Relu",
         "Relu6", "Selu", "Sigmoid", "Silu", "Softplus", "Softsign", "Sqrt", "Square", "Tanh"),
        (),
    ),
    "Celu": ("alpha",),
    "Elu": ("alpha",),
    "Gelu": ("approximate",),
    "LeakyRelu": ("negative_slope",),
}  # fmt: skip
_POOLING = ("padding", "pool_size", "strides")
# Every channel for itself, positions among one another.
SPATIAL_LAYERS: dict[str, tuple[str, ...]] = {
    f"{kind}{rank}D": attributes
    for rank in (1, 2, 3)
    for kind, attributes in {
        "AveragePooling": _POOLING,
        "Cropping": ("cropping",),
        "GlobalAveragePooling": ("keepdims",),
        "GlobalMaxPooling": ("keepdims",),
        "MaxPooling": _POOLING,
        "UpSampling": ("interpolation", "size"),
        "ZeroPadding": ("padding",),
    }.items()
}
MERGING_LAYERS = ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
MERGING_OPERATIONS = ("Add", "Divide", "Maximum", "Minimum", "Multiply", "Subtract")

GEOMETRY = ("dilation_rate", "kernel_size", "padding", "strides")
CONVOLUTION_READS = (*GEOMETRY, "activation", "filters", "groups", "use_bias")
TRANSPOSED_READS = (*GEOMETRY, "activation", "filters", "output_padding", "use_bias")
DEPTHWISE_READS = (*GEOMETRY, "activation", "depth_multiplier", "use_bias")
SEPARABLE_READS = (*GEOMETRY, "activation", "depth_multiplier", "filters", "use_bias")
DENSE_READS = ("activation", "units", "use_bias")
EINSUM_READS = ("activation", "bias_axes", "equation", "output_shape")
_RECURRENT = (
    "activation", "go_backwards", "recurrent_activation", "reset_after", "return_sequences",
    "return_state", "stateful", "unit_forget_bias", "units", "use_bias", "zero_output_for_mask",
)  # fmt: skip
_STATES = ("initial_state", "mask")
_ATTENTION = (
    "attention_axes", "flash_attention", "key_dim", "num_heads", "output_shape", "sliding_window",
    "use_bias", "use_gate", "value_dim",
)  # fmt: skip
_ATTENTION_ARGUMENTS = (
    "attention_mask", "key", "key_mask", "query_mask", "return_attention_scores",
    "use_causal_mask", "value", "value_mask",
)  # fmt: skip
_RESIZING = (
    "antialias", "crop_to_aspect_ratio", "fill_mode", "fill_value", "height", "interpolation",
    "pad_to_aspect_ratio", "width",
)  # fmt: skip

_LAYERS: dict[str, Row[Rule]] = {
    **rows(_same, ELEMENTWISE_LAYERS),
    **rows(_same, SPATIAL_LAYERS),
    **rows(_dropout, dict.fromkeys(("AlphaDropout", "Dropout"), ())),
    **rows(_convolution, {f"Conv{rank}D": CONVOLUTION_READS for rank in (1, 2, 3)}),
    **rows(
        _transposed_convolution, {f"Conv{rank}DTranspose": TRANSPOSED_READS for rank in (1, 2, 3)}
    ),
    **rows(_depthwise, {f"DepthwiseConv{rank}D": DEPTHWISE_READS for rank in (1, 2)}),
    **rows(_separable, {f"SeparableConv{rank}D": SEPARABLE_READS for rank in (1, 2)}),
    **rows(_merge, dict.fromkeys(MERGING_LAYERS, ())),
    "BatchNormalization": row(
        _per_channel, ("axis", "center", "epsilon", "renorm_clipping", "renorm_momentum", "scale"),
        ("mask",),
    ),
    "Concatenate": row(_concatenate, ("axis",)),
    "Dense": row(_dense, DENSE_READS),
    "EinsumDense": row(einsum_dense, EINSUM_READS),
    "Embedding": row(_embedding, ("input_dim", "mask_zero", "output_dim")),
    "Flatten": row(_reshape),
    "GRU": row(recurrent_rules.gru, _RECURRENT, _STATES),
    "GlobalAveragePooling1D": row(_same, ("keepdims",), ("mask",)),
    "LSTM": row(recurrent_rules.lstm, _RECURRENT, _STATES),
    "LayerNormalization": row(_mixed_per_channel, ("axis", "center", "epsilon", "scale")),
    "MultiHeadAttention": row(attention, _ATTENTION, _ATTENTION_ARGUMENTS),
    "PReLU": row(_prelu, ("shared_axes",)),
    "Permute": row(_permute, ("dims",)),
    "RMSNormalization": row(_mixed_per_channel, ("axis", "epsilon")),
    "RepeatVector": row(_same, ("n",)),
    "Rescaling": row(_scalar_rescaling, ("offset", "scale")),
    "Reshape": row(_target_shape, ("target_shape",)),
    "Resizing": row(_same, _RESIZING),
    "SimpleRNN": row(recurrent_rules.simple_rnn, _RECURRENT, _STATES),
    "Softmax": row(_softmax, ("axis",)),
}  # fmt: skip
_OPERANDS = ("x2",)
_OPERATIONS: dict[str, Row[Rule]] = {
    **rows(_same, ELEMENTWISE_OPERATIONS),
    **{name: row(_merge, (), _OPERANDS) for name in MERGING_OPERATIONS},
    "Concatenate": row(_concatenate, ("axis",)),
}
RULES: Table[Rule] = Table(_LAYERS, _OPERATIONS)
