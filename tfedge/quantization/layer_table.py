"""Which operators every layer becomes; `operation_table` says the same of operations of keras.ops.

A row has a builder, which takes an `OperatorFactory` and returns what computes the layer, and says
what the builder reads of the layer and its call. A layer that has something else, or that has no
row, is taken apart into what its `call` does.
`register` adds layers of the user's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call
from tfedge.keras_graph.float32 import run_in_float32, weight_in_float32
from tfedge.keras_graph.kinds import EMBEDDINGS, described, kind_of
from tfedge.near_names import near
from tfedge.quantization import activations, exact, fused_activation
from tfedge.quantization.activation_quantizers import RangeOfTable
from tfedge.quantization.attention import (
    ATTENTION_ARGUMENTS,
    ATTENTION_ATTRIBUTES,
    attention,
    attention_problem,
)
from tfedge.quantization.builders import (
    Row,
    axes_last,
    binary,
    binary_chain,
    channels_last,
    constant_problem,
    data_movement,
    fixed,
    integers,
    leaky_relu,
    matrix_product,
    over_axes,
    own,
    parts,
    relu,
    shared_by_all,
    times,
    whole,
)
from tfedge.quantization.elementwise import elementwise_function, function
from tfedge.quantization.normalization import (
    group_normalization,
    group_problem,
    layer_normalization,
    normalization_problem,
    rms_normalization,
    rms_problem,
    unit_normalization,
    unit_problem,
)
from tfedge.quantization.operation_table import OPERATIONS
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.operators import TrainingOnly
from tfedge.quantization.recurrent import (
    bidirectional,
    bidirectional_problem,
    recurrent,
    recurrent_problem,
)
from tfedge.quantization.softmax import softmax
from tfedge.quantization.weighted_layers import (
    activation_of,
    activation_problem,
    batch_norm_alone,
    channel_affine,
    einsum_dense,
    einsum_problem,
    reversed_embedding,
    separable,
    weighted,
    weights_problem,
)

_SHARED, _OWN, _FIXED = "shared", "own", "fixed"


def _prelu(make: OperatorFactory) -> Function:
    return make.own(
        "PRELU",
        make.real,
        lambda operands, grid: exact.prelu(*operands[0], grid, weight_in_float32(make.layer.alpha)),
    )


def _average(make: OperatorFactory) -> Function:
    """A sum, times one over the number of operands."""
    total = binary_chain("ADD", exact.add, tf.add, make, fused_activation.NONE)
    scale = times(make, np.float32(1 / len(make.groups)), "share")
    return lambda operands: scale(total(operands))


def _global_average(make: OperatorFactory) -> Function:
    layer = make.layer
    first = layer.data_format == "channels_first"
    rank = len(make.shapes[0])
    axes = tuple(range(2, rank)) if first else tuple(range(1, rank - 1))
    return over_axes("MEAN", exact.mean, make, axes, layer.keepdims)


def _average_pool(make: OperatorFactory) -> Function:
    def kernel(integers: list[Any]) -> Any:
        return exact.average(make.layer.call(integers[0]))

    return make.shared("AVERAGE_POOL_2D", make.real, kernel)


def _activation(make: OperatorFactory) -> Function:
    name, apply = activation_of(make.layer)
    if name == "linear":
        return make.shared("RESHAPE", lambda operands: operands[0])
    return activations.STANDALONE.get(name, elementwise_function)(make, apply)


def _batch_norm(make: OperatorFactory) -> Function:
    """Along whatever axis; other axes than the last are moved there and back."""
    return axes_last(make, [make.layer.axis], batch_norm_alone)


def _rescaling(make: OperatorFactory) -> Function:
    layer = make.layer
    factor, offset = _of_channels(make, layer.scale), _of_channels(make, layer.offset)
    if factor is None or offset is None:
        return make.own("MUL", make.real, activation=make.activation)
    return channel_affine(make, factor, offset)


def _normalization(make: OperatorFactory) -> Function:
    layer = make.layer
    mean, variance = _of_channels(make, layer.mean), _of_channels(make, layer.variance)
    if mean is None or variance is None:
        return make.own("MUL", make.real, activation=make.activation)
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    if layer.invert:
        return channel_affine(make, deviation, mean)
    return channel_affine(make, 1 / deviation, -mean / deviation)


def _of_channels(make: OperatorFactory, value: Any) -> np.ndarray | None:
    """A number, or one for every channel of the last axis, as float32 (channels,); else None."""
    channels = make.shapes[0][-1] or 0
    values = np.asarray(keras.ops.convert_to_numpy(value), np.float32)
    if values.size != 1 and (values.size != channels or values.shape[-1] != channels):
        return None
    return np.broadcast_to(values.reshape(-1), (channels,))


def _up_sampling(make: OperatorFactory) -> Function:
    """One operator, where Keras' own repetition would become a RESHAPE and a TILE."""
    layer = make.layer
    size = [n * by for n, by in zip(make.shapes[0][1:3], layer.size, strict=True)]

    def nearest(operands: list[Any]) -> Any:
        return tf.compat.v1.image.resize_nearest_neighbor(operands[0], size)

    def other(operands: list[Any]) -> Any:
        return keras.ops.image.resize(
            operands[0], size, layer.interpolation, data_format="channels_last"
        )

    if layer.interpolation == "nearest":
        return make.shared("RESIZE_NEAREST_NEIGHBOR", nearest)
    return make.shared("RESIZE_BILINEAR", other)


def _embedding(make: OperatorFactory) -> Function:
    """Rows of a table."""
    layer = make.layer
    quantizer = RangeOfTable(make.bits, layer.embeddings, make.name + "_range")
    return make.own("GATHER", make.real, quantizer=quantizer)


def _reversible_embedding(make: OperatorFactory) -> Function:
    """Rows of a table, or in reverse the products with them, which a tanh may keep below a cap."""
    if not make.arguments.get("reverse"):
        return _embedding(make)
    cap = make.layer.logit_soft_cap
    if cap is None:
        return make.weighted(reversed_embedding(make.layer))
    if make.bits == 8:  # where a TANH leaves few steps to numbers far below the cap
        product = make.weighted(reversed_embedding(make.layer))
        capped = elementwise_function(make, lambda x: tf.tanh(x / cap) * cap)
        return lambda x: capped(product(x))
    share = make.weighted(reversed_embedding(make.layer, 1 / cap))
    tanh = activations.STANDALONE["tanh"](make, tf.tanh)
    scale = times(make, cap, "capped")
    return lambda x: scale(tanh(share(x)))


def _reverse_problem(call: Call) -> str:
    """Say why a ReversibleEmbedding cannot be computed, as `Row.problem` does."""
    given = call.operation.reverse_dtype
    if given in (None, "float32"):
        return ""
    return f"rounds products to {given} (reverse_dtype), which integers do not; use float32"


def _only_training(make: OperatorFactory) -> Function:
    """Noise and augmentation: they act in training, and vanish from inference."""
    group = make.operators[-1].group if make.operators else (make.groups or [None])[0]
    return make.add(TrainingOnly(make.real, group, name=make.name))


def _crop_problem(call: Call) -> str:
    """Say why a RandomCrop is no identity in inference, as `Row.problem` does."""
    layer = call.operation
    high, wide = call.shape[layer.height_axis], call.shape[layer.width_axis]
    if (high, wide) == (layer.height, layer.width):
        return ""
    return (
        f"crops images in training alone: in inference Keras returns all {high} x {wide} pixels, "
        f"and the layers behind it were built for {layer.height} x {layer.width}; crop in the "
        "pipeline of the data, or with CenterCrop"
    )


def _spectral_normalization(make: OperatorFactory) -> Function:
    """The layer inside, whose weights training divides by their spectral norm before each step.

    Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
    """
    layer = make.layer
    row = row_of(layer.layer)
    assert row is not None  # see `_inner_problem`

    def normalize(operands: list[Any]) -> Any:
        vector, kernel = tf.cond(
            tf.reduce_all(tf.equal(layer.kernel.value, 0)),
            lambda: (layer.vector_u.value, layer.kernel.value),
            layer.normalized_weights,
        )
        layer.vector_u.assign(vector)
        layer.kernel.assign(kernel)
        return operands[0]

    first = make.add(TrainingOnly(normalize, make.groups[0], name=make.name_of("normalize")))
    make.layer, make.arguments = layer.layer, {}
    make.real = partial(_run_inside, layer.layer)
    inner = row.build(make)
    return lambda x: inner(first(x))


def _inner_problem(call: Call) -> str:
    """Say why the layer in a wrapper cannot be quantised, as `Row.problem` does."""
    inner, by_step = call.operation.layer, kind_of(call.operation) == "TimeDistributed"
    batch, *sizes = call.shape
    shape = (batch, *(sizes[1:] if by_step else sizes))
    row = row_of(inner)
    reason = "cannot be quantised"
    if row is not None and (by_step or kind_of(inner) not in EMBEDDINGS):
        given = keras.KerasTensor(shape, inner.compute_dtype)
        reason = row.why_not(Call(inner, [given], {}, []))
    return f"has {described(inner)} inside, which {reason}" if reason else ""


def _run_inside(layer: Any, operands: list[Any]) -> Any:
    return run_in_float32(layer, operands[0])


def _time_distributed(make: OperatorFactory) -> Function:
    """The inner layer on every step at once."""
    layer = make.layer
    inner = layer.layer
    steps = make.shapes[0][1]

    def merge(operands: list[Any]) -> Any:
        return tf.reshape(operands[0], [-1, *operands[0].shape[2:]])

    def split(operands: list[Any]) -> Any:
        return tf.reshape(operands[0], [-1, steps, *operands[0].shape[1:]])

    if make.argument("mask") is not None and private.takes(inner, "mask"):
        raise UnsupportedError(f"{described(layer)} passes its mask on, which is not quantised")
    row = row_of(inner)
    assert row is not None  # see `_inner_problem`
    merged = make.shares_input_range("RESHAPE", merge, "merge")
    make.layer, make.real = inner, partial(_run_inside, inner)
    make.shapes, make.arguments = [(None, *make.shapes[0][2:])], {}
    each = row.build(make)
    parted = make.shared("RESHAPE", split, part="split")
    return lambda x: parted(each(merged(_first(x))))


def _first(x: Any) -> Any:
    return x[0] if isinstance(x, (list, tuple)) else x


# What a whole layer computes by itself, all of its attributes included.
_DATA_MOVEMENT = {
    "Cropping1D": "STRIDED_SLICE",
    "Cropping2D": "STRIDED_SLICE",
    "Flatten": "RESHAPE",
    "GlobalMaxPooling1D": "REDUCE_MAX",
    "GlobalMaxPooling2D": "REDUCE_MAX",
    "MaxPooling1D": "MAX_POOL_2D",
    "MaxPooling2D": "MAX_POOL_2D",
    "Permute": "TRANSPOSE",
    "RepeatVector": "TILE",
    "Reshape": "RESHAPE",
    "Resizing": "RESIZE_BILINEAR",
    "UpSampling1D": "TILE",
    "ZeroPadding1D": "PAD",
    "ZeroPadding2D": "PAD",
}

_REGULARIZATION = (
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise",
    "Identity", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
)  # fmt: skip
_AUGMENTATION = (
    "AugMix", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter",
    "RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur",
    "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization",
    "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation",
    "RandomZoom",
)  # fmt: skip

_GEOMETRY = ("data_format", "dilation_rate", "kernel_size", "padding", "strides")
_CONVOLUTION = ("activation", "filters", "groups", "use_bias", *_GEOMETRY)
_LORA = ("lora_alpha", "lora_rank")
_TABLE = ("input_dim", "mask_zero", "output_dim", *_LORA)
_RECURRENT = (
    "activation", "go_backwards", "recurrent_activation", "reset_after", "return_sequences",
    "return_state", "stateful", "time_major", "unit_forget_bias", "units", "use_bias",
)  # fmt: skip
_NORMALIZATION = ("axis", "center", "epsilon", "rms_scaling", "scale")

# Of the kinds in `FORMS`, what their weights are made of.
_WEIGHTED = {
    "Conv1D": (*_CONVOLUTION, *_LORA),
    "Conv1DTranspose": (*_CONVOLUTION, "output_padding"),
    "Conv2D": (*_CONVOLUTION, *_LORA),
    "Conv2DTranspose": (*_CONVOLUTION, "output_padding"),
    "Dense": ("activation", "units", "use_bias", *_LORA),
    "DepthwiseConv1D": ("activation", "depth_multiplier", "use_bias", *_GEOMETRY),
    "DepthwiseConv2D": ("activation", "depth_multiplier", "use_bias", *_GEOMETRY),
}
_SEPARABLE = (*_CONVOLUTION, "depth_multiplier")


LAYERS: dict[str, Row] = {
    **{name: whole(partial(data_movement, code)) for name, code in _DATA_MOVEMENT.items()},
    **dict.fromkeys((*_REGULARIZATION, *_AUGMENTATION), whole(_only_training)),
    "RandomCrop": whole(_only_training, problem=_crop_problem),
    **{
        name: parts(channels_last(weighted), read, problem=weights_problem)
        for name, read in _WEIGHTED.items()
    },
    "Activation": whole(_activation, problem=activation_problem),
    "Add": whole(partial(binary, "ADD", exact.add, tf.add), problem=constant_problem),
    "Average": whole(_average, problem=constant_problem),
    "AveragePooling1D": whole(_average_pool),
    "AveragePooling2D": whole(_average_pool),
    "BatchNormalization": parts(
        _batch_norm, (*_NORMALIZATION, "renorm_clipping", "renorm_momentum"), ("mask",)
    ),
    "Bidirectional": parts(
        bidirectional,
        ("backward_layer", "layer", "merge_mode", *_RECURRENT),
        problem=bidirectional_problem,
    ),
    "CenterCrop": whole(partial(data_movement, "STRIDED_SLICE")),
    "Concatenate": whole(partial(shared_by_all, "CONCATENATION")),
    "Dot": parts(matrix_product, ("axes",)),
    "ELU": whole(function("ELU")),
    "EinsumDense": parts(
        einsum_dense,
        ("activation", "bias_axes", "equation", "output_shape", *_LORA),
        problem=einsum_problem,
    ),
    "Embedding": integers(parts(_embedding, _TABLE)),
    "GRU": parts(recurrent, _RECURRENT, problem=recurrent_problem),
    "GlobalAveragePooling1D": parts(_global_average, ("data_format", "keepdims")),
    "GlobalAveragePooling2D": parts(_global_average, ("data_format", "keepdims")),
    "GroupNormalization": parts(
        group_normalization, (*_NORMALIZATION, "groups"), problem=group_problem
    ),
    "LSTM": parts(recurrent, _RECURRENT, problem=recurrent_problem),
    "LayerNormalization": parts(layer_normalization, _NORMALIZATION, problem=normalization_problem),
    "LeakyReLU": whole(leaky_relu),
    "Maximum": whole(partial(shared_by_all, "MAXIMUM")),
    "Minimum": whole(partial(shared_by_all, "MINIMUM")),
    "MultiHeadAttention": parts(
        attention, ATTENTION_ATTRIBUTES, ATTENTION_ARGUMENTS, attention_problem
    ),
    "Multiply": whole(
        partial(binary, "MUL", exact.multiply, tf.multiply), problem=constant_problem
    ),
    "Normalization": parts(_normalization, ("axis", "invert", "mean", "variance")),
    "PReLU": whole(_prelu),
    "RMSNormalization": parts(rms_normalization, _NORMALIZATION, problem=rms_problem),
    "ReLU": whole(relu),
    "Rescaling": parts(_rescaling, ("offset", "scale")),
    "ReversibleEmbedding": integers(
        parts(
            _reversible_embedding,
            ("logit_soft_cap", "reverse_dtype", "tie_weights", *_TABLE),
            ("reverse",),
            _reverse_problem,
        )
    ),
    "SeparableConv1D": parts(channels_last(separable), _SEPARABLE, problem=weights_problem),
    "SeparableConv2D": parts(channels_last(separable), _SEPARABLE, problem=weights_problem),
    "SimpleRNN": parts(recurrent, _RECURRENT, problem=recurrent_problem),
    "SpectralNormalization": whole(_spectral_normalization, problem=_inner_problem),
    "Softmax": parts(softmax, ("axis",), ("mask",)),
    "Subtract": whole(partial(binary, "SUB", exact.subtract, tf.subtract)),
    "TimeDistributed": integers(parts(_time_distributed, ("layer",), ("mask",), _inner_problem)),
    "UnitNormalization": parts(unit_normalization, ("axis",), problem=unit_problem),
    "UpSampling2D": parts(channels_last(_up_sampling), ("data_format", "interpolation", "size")),
}

_registered: dict[type, Row] = {}

_ROLES: dict[str, Callable[[str, OperatorFactory], Function]] = {
    _SHARED: data_movement,
    _OWN: own,
    _FIXED: fixed,
}


def register(layer_class: type, operator: str, result: str = _OWN) -> type:
    """Say how a layer of your own is quantised.

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
        raise TfedgeError(
            f"result is one of {', '.join(_ROLES)}, not {result!r}{near(result, _ROLES)}"
        )
    _registered[layer_class] = integers(whole(partial(_ROLES[result], operator), None))
    return layer_class


def row_of(operation: Any) -> Row | None:
    """How a layer or operation is quantised; None where nobody says."""
    if type(operation) in _registered:
        return _registered[type(operation)]
    kind = kind_of(operation)
    table = LAYERS if isinstance(operation, keras.layers.Layer) else OPERATIONS
    return None if kind is None else table.get(kind)
