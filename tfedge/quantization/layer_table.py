"""Which operators every layer becomes: the one place where layers are known by name.

A builder takes an `OperatorFactory` and returns what computes the layer: a function of one operand
or of a list of them. `register` adds layers of the user's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization import activations, exact, exact_functions, fused_activation
from tfedge.quantization.activation_quantizers import RangeOfTable
from tfedge.quantization.activation_types import INT16
from tfedge.quantization.attention import attention
from tfedge.quantization.fused_activation import FusedActivation
from tfedge.quantization.normalization import layer_normalization, rms_normalization
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.real_layers import run_in_float32
from tfedge.quantization.recurrent import bidirectional, recurrent
from tfedge.quantization.weighted_layers import (
    FORMS,
    activation_of,
    batch_norm_alone,
    channel_affine,
    einsum_dense,
    separable,
    weighted,
)

Builder = Callable[[OperatorFactory], Function]

_SHARED, _OWN, _FIXED = "shared", "own", "fixed"


def _moved(code: str, make: OperatorFactory) -> Function:
    """What only moves numbers."""
    return make.shared(code, make.real)


def _shared_by_all(code: str, make: OperatorFactory) -> Function:
    return make.joined(code, make.real, make.groups)


def _own(code: str, make: OperatorFactory) -> Function:
    return make.own(code, make.real, activation=make.activation)


def _fixed(code: str, make: OperatorFactory) -> Function:
    return make.fixed(code, make.real)


def _binary(
    code: str, kernel: Any, function: Callable[[Any, Any], Any], make: OperatorFactory
) -> Function:
    """Operands two by two, as Keras' merging layers go through them."""
    if len(make.groups) == 1:  # the other one is a constant
        return make.own(code, make.real, activation=make.activation)
    return _in_turn(code, kernel, function, make, make.activation)


def _in_turn(
    code: str,
    kernel: Any,
    function: Callable[[Any, Any], Any],
    make: OperatorFactory,
    activation: FusedActivation,
) -> Function:
    last = len(make.groups) - 1
    steps = [
        make.own(
            code,
            lambda operands: function(operands[0], operands[1]),
            kernel,
            f"step_{index}" if last > 1 else "",
            activation if index == last else fused_activation.NONE,
        )
        for index in range(1, last + 1)
    ]

    def call(operands: list[Any]) -> Any:
        result = operands[0]
        for step, operand in zip(steps, operands[1:], strict=True):
            result = step([result, operand])
        return result

    return call


def _times(factor: Any) -> Any:
    """The kernel of a product with a constant."""

    def kernel(operands: Any, grid: Any) -> Any:
        return exact.multiply([*operands, exact.constant(factor, grid.bits)], grid)

    return kernel


def _average(make: OperatorFactory) -> Function:
    """A sum, times one over the number of operands."""
    total = _in_turn("ADD", exact.add, tf.add, make, fused_activation.NONE)
    share = np.float32(1 / len(make.groups))
    scale = make.own("MUL", lambda operands: operands[0] * share, _times(share), "share")
    return lambda operands: scale(total(operands))


def _global_average(axes: tuple[int, ...], make: OperatorFactory) -> Function:
    keeps = make.layer.keepdims

    def kernel(operands: Any, grid: Any) -> Any:
        integers, source = operands[0]
        return exact.mean(integers, source, grid, axes, keeps)

    return make.own("MEAN", make.real, kernel)


def _average_pool(make: OperatorFactory) -> Function:
    def kernel(integers: list[Any]) -> Any:
        return exact.average(make.layer.call(integers[0]))

    return make.shared("AVERAGE_POOL_2D", make.real, kernel)


def _activation(make: OperatorFactory) -> Function:
    name, function = activation_of(make.layer)
    if name == "linear":
        return make.shared("RESHAPE", lambda operands: operands[0])
    return activations.STANDALONE[name](make, function)


def _leaky_relu(make: OperatorFactory, slope: float) -> Function:
    return make.own(
        "LEAKY_RELU",
        make.real,
        lambda operands, grid: exact.leaky_relu(*operands[0], grid, slope),
    )


def _matrix_product(make: OperatorFactory) -> Function:
    """Linear in both operands, unless they are normalised on the way."""
    is_linear = len(make.shapes) == 2 and not getattr(make.layer, "normalize", False)
    return make.own("BATCH_MATMUL", make.real, exact.products(make.real) if is_linear else None)


def _softmax(make: OperatorFactory) -> Function:
    """The kernel goes along the last axis; others are transposed for it."""
    last = make.layer.axis in (-1, len(make.shapes[0]) - 1) and len(make.shapes) == 1
    kernels = {INT16: exact_functions.softmax} if last else {}
    return make.fixed("SOFTMAX", make.real, kernels=kernels)


def _relu_layer(make: OperatorFactory) -> Function:
    layer = make.layer
    if layer.negative_slope:
        return _leaky_relu(make, layer.negative_slope)
    if layer.threshold:
        raise UnsupportedError(f"layer '{layer.name}': a ReLU with a threshold has no operator")
    name = "relu6" if layer.max_value == 6 else "relu"
    if layer.max_value not in (None, 6):
        raise UnsupportedError(
            f"layer '{layer.name}': of ReLUs with a limit only 6 has an operator, not "
            f"{layer.max_value}"
        )
    return activations.STANDALONE[name](make, layer)


def _rescaling(make: OperatorFactory) -> Function:
    layer = make.layer
    return channel_affine(make, _of_channels(make, layer.scale), _of_channels(make, layer.offset))


def _normalization(make: OperatorFactory) -> Function:
    layer = make.layer
    mean, variance = _of_channels(make, layer.mean), _of_channels(make, layer.variance)
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    if layer.invert:
        return channel_affine(make, deviation, mean)
    return channel_affine(make, 1 / deviation, -mean / deviation)


def _of_channels(make: OperatorFactory, value: Any) -> np.ndarray:
    """A number, or one for every channel, as float32 (channels,).

    Raises:
        UnsupportedError: there are other numbers of it.
    """
    channels = make.shapes[0][-1] or 0
    values = np.asarray(keras.ops.convert_to_numpy(value), np.float32).reshape(-1)
    if values.size not in (1, channels):
        raise UnsupportedError(
            f"layer '{make.layer.name}' scales by {values.size} numbers, its input has {channels} "
            "channels; scale by one number or by one for every channel"
        )
    return np.broadcast_to(values, (channels,))


def _up_sampling(make: OperatorFactory) -> Function:
    """One operator, where Keras' own repetition would become a RESHAPE and a TILE."""
    layer = make.layer
    if layer.interpolation != "nearest":
        return make.shared("RESIZE_BILINEAR", make.real)
    height, width = (n * by for n, by in zip(make.shapes[0][1:3], layer.size, strict=True))

    def resize(operands: list[Any]) -> Any:
        return tf.compat.v1.image.resize_nearest_neighbor(operands[0], [height, width])

    return make.shared("RESIZE_NEAREST_NEIGHBOR", resize)


def _embedding(make: OperatorFactory) -> Function:
    """Rows of a table."""
    layer = make.layer
    quantizer = RangeOfTable(make.bits, layer.embeddings, make.name + "_range")
    return make.own("GATHER", make.real, quantizer=quantizer)


def _nothing(make: OperatorFactory) -> Function:
    """Layers that do nothing in inference."""
    return make.shared("RESHAPE", make.real)


def _time_distributed(make: OperatorFactory) -> Function:
    """The inner layer on every step at once."""
    layer = make.layer
    inner = layer.layer
    steps = make.shapes[0][1]

    def merge(operands: list[Any]) -> Any:
        return tf.reshape(operands[0], [-1, *operands[0].shape[2:]])

    def split(operands: list[Any]) -> Any:
        return tf.reshape(operands[0], [-1, steps, *operands[0].shape[1:]])

    merged = make.shared("RESHAPE", merge, part="merge")
    make.layer, make.real = inner, lambda operands: run_in_float32(inner, operands[0])
    make.shapes = [(None, *make.shapes[0][2:])]
    each = builder_of(inner)(make)
    parted = make.shared("RESHAPE", split, part="split")
    return lambda x: parted(each(merged(x)))


_MOVED = {
    "Cropping1D": "STRIDED_SLICE",
    "Cropping2D": "STRIDED_SLICE",
    "ExpandDims": "RESHAPE",
    "Flatten": "RESHAPE",
    "GetItem": "STRIDED_SLICE",
    "GlobalMaxPooling1D": "REDUCE_MAX",
    "GlobalMaxPooling2D": "REDUCE_MAX",
    "Max": "REDUCE_MAX",
    "MaxPooling1D": "MAX_POOL_2D",
    "MaxPooling2D": "MAX_POOL_2D",
    "Pad": "PAD",
    "Permute": "TRANSPOSE",
    "Repeat": "GATHER",
    "RepeatVector": "TILE",
    "Reshape": "RESHAPE",
    "Split": "SPLIT",
    "Squeeze": "RESHAPE",
    "Tile": "TILE",
    "Transpose": "TRANSPOSE",
    "UpSampling1D": "TILE",
    "ZeroPadding1D": "PAD",
    "ZeroPadding2D": "PAD",
}

_IDLE = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "SpatialDropout1D",
    "SpatialDropout2D",
)

LAYERS: dict[str, Builder] = {
    **{name: partial(_moved, code) for name, code in _MOVED.items()},
    **dict.fromkeys(_IDLE, _nothing),
    **dict.fromkeys(FORMS, weighted),
    "Activation": _activation,
    "Add": partial(_binary, "ADD", exact.add, tf.add),
    "Average": _average,
    "AveragePooling1D": _average_pool,
    "AveragePooling2D": _average_pool,
    "BatchNormalization": batch_norm_alone,
    "Bidirectional": bidirectional,
    "Concatenate": partial(_shared_by_all, "CONCATENATION"),
    "Dot": _matrix_product,
    "ELU": partial(_own, "ELU"),
    "EinsumDense": einsum_dense,
    "Embedding": _embedding,
    "Exp": partial(_own, "EXP"),
    "Gelu": partial(_own, "GELU"),
    "GlobalAveragePooling1D": partial(_global_average, (1,)),
    "GlobalAveragePooling2D": partial(_global_average, (1, 2)),
    "HardSilu": partial(_own, "HARD_SWISH"),
    "LSTM": recurrent,
    "GRU": recurrent,
    "SimpleRNN": recurrent,
    "LayerNormalization": layer_normalization,
    "LeakyReLU": lambda make: _leaky_relu(make, make.layer.negative_slope),
    "LeakyRelu": lambda make: _leaky_relu(make, make.layer.negative_slope),
    "Matmul": _matrix_product,
    "Maximum": partial(_shared_by_all, "MAXIMUM"),
    "Mean": partial(_own, "MEAN"),
    "Minimum": partial(_shared_by_all, "MINIMUM"),
    "MultiHeadAttention": attention,
    "Multiply": partial(_binary, "MUL", exact.multiply, tf.multiply),
    "Normalization": _normalization,
    "PReLU": partial(_own, "PRELU"),
    "RMSNormalization": rms_normalization,
    "ReLU": _relu_layer,
    "Relu": lambda make: activations.relu(make, keras.ops.relu),
    "Relu6": lambda make: activations.relu6(make, keras.ops.relu6),
    "Rescaling": _rescaling,
    "Resizing": partial(_moved, "RESIZE_BILINEAR"),
    "SeparableConv1D": separable,
    "SeparableConv2D": separable,
    "Sigmoid": partial(_fixed, "LOGISTIC"),
    "Silu": lambda make: activations.silu(make, keras.ops.silu),
    "Softmax": _softmax,
    "Subtract": partial(_binary, "SUB", exact.subtract, tf.subtract),
    "Tanh": partial(_fixed, "TANH"),
    "TimeDistributed": _time_distributed,
    "UpSampling2D": _up_sampling,
}

_registered: dict[type, Builder] = {}

_ROLES: dict[str, Callable[[str, OperatorFactory], Function]] = {
    _SHARED: _moved,
    _OWN: _own,
    _FIXED: _fixed,
}


def register(layer_class: type, operator: str, result: str = _OWN) -> type:
    """Says how a layer of your own is quantised.

    Args:
        layer_class: a subclass of keras.layers.Layer whose `call` TensorFlow's converter lowers to
            one operator.
        operator: that operator's name in TFLite, such as "HARD_SWISH".
        result: "own" (the values that the result takes decide on its range), "shared" (the layer
            only moves or compares numbers) or "fixed" (the kernel prescribes the grid).

    Returns:
        The class, so that this can decorate it with functools.partial.

    Raises:
        TfedgeError: `result` is none of these.

    Example:
        >>> tfedge.quantization.register(MyShuffle, "TRANSPOSE", result="shared")
    """
    if result not in _ROLES:
        raise TfedgeError(f"result is one of {', '.join(_ROLES)}, not {result!r}")
    _registered[layer_class] = partial(_ROLES[result], operator)
    return layer_class


def builder_of(layer: Any) -> Builder:
    """What makes a layer's operators.

    Raises:
        UnsupportedError: the layer is unknown.
    """
    if type(layer) in _registered:
        return _registered[type(layer)]
    name = type(layer).__name__
    if name in LAYERS and type(layer).__module__.startswith("keras."):
        return LAYERS[name]
    raise UnsupportedError(
        f"layer '{layer.name}' ({name}) is of a kind that cannot be quantised; say how with "
        f"tfedge.quantization.register({name}, operator=…), or leave it in float with "
        "tfedge.quantize(…, unknown='float')"
    )


def supported(layer: Any) -> bool:
    """Whether `builder_of` knows the layer."""
    return type(layer) in _registered or (
        type(layer).__name__ in LAYERS and type(layer).__module__.startswith("keras.")
    )
