"""Every layer that can be quantised: a model of it, and the operators that it must become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

layers = keras.layers

VECTOR, SERIES, IMAGE = (12,), (12, 6), (10, 8, 4)


@dataclass(frozen=True)
class Case:
    """A model, its operators on the device, and how far `predict` may be from them.

    Attributes:
        model: makes it.
        codes: of the operators, in order.
        farthest: 0 where inference reproduces the kernels; else the most integers that their
            approximations of functions and float may be apart.
    """

    model: Callable[[], Any]
    codes: tuple[str, ...]
    farthest: int = 0


def _chain(shape: tuple[int, ...], *parts: Callable[[], Any]) -> Callable[[], Any]:
    def make() -> Any:
        x = inputs = keras.Input(shape)
        for part in parts:
            x = part()(x)
        return keras.Model(inputs, x)

    return make


def _layer(kind: Any, *arguments: Any, **options: Any) -> Callable[[], Any]:
    return lambda: kind(*arguments, **options)


def _weights(kind: Any, *arguments: Any, **options: Any) -> Callable[[], Any]:
    return lambda: kind(*arguments, bias_initializer="normal", **options)


def _two(shape: tuple[int, ...], merge: Any, *, activation: Any = None) -> Callable[[], Any]:
    def make() -> Any:
        a, b = keras.Input(shape, name="a"), keras.Input(shape, name="b")
        y = merge()([a, b])
        return keras.Model([a, b], y if activation is None else activation()(y))

    return make


NORM, RELU, RELU6 = layers.BatchNormalization, layers.ReLU, _layer(layers.ReLU, 6)
CONV = _weights(layers.Conv2D, 6, 3, padding="same")
BARE_CONV = _layer(layers.Conv2D, 6, 3, use_bias=False)


def _nested() -> Any:
    inner = keras.Sequential([keras.Input(IMAGE), CONV(), NORM(), RELU()])
    x = keras.Input(IMAGE)
    return keras.Model(x, layers.GlobalAveragePooling2D()(inner(x)))


def _shared() -> Any:
    a, b = keras.Input(VECTOR, name="a"), keras.Input(VECTOR, name="b")
    dense = layers.Dense(5)
    return keras.Model([a, b], layers.Add()([dense(a), dense(b)]))


def _residual() -> Any:
    x = inputs = keras.Input(IMAGE)
    y = layers.ReLU()(NORM()(layers.Conv2D(4, 3, padding="same", use_bias=False)(x)))
    y = NORM()(layers.Conv2D(4, 3, padding="same")(y))
    return keras.Model(inputs, layers.ReLU()(layers.Add()([x, y])))


def _inception() -> Any:
    x = keras.Input(IMAGE)
    a = layers.Conv2D(3, 1, activation="relu")(x)
    b = layers.MaxPooling2D(3, 1, padding="same")(x)
    c = layers.AveragePooling2D(3, 1, padding="same")(a)
    return keras.Model(x, layers.Conv2D(2, 1)(layers.Concatenate()([a, b, c])))


def _two_outputs() -> Any:
    x = keras.Input(VECTOR)
    y = layers.Dense(8, activation="relu")(x)
    return keras.Model(x, [layers.Dense(3)(y), layers.Dense(2)(y)])


def _arithmetic() -> Any:
    x = keras.Input(IMAGE)
    y = layers.Conv2D(4, 1)(x)
    return keras.Model(x, (x + y)[:, 1:7, :, :] - (x * y)[:, 2:8, :, :])


class OwnWeights(layers.Layer):
    """Convolutions with weights of the layer's own."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], 5), name="kernel")
        self.each = self.add_weight(shape=(3, 3, 5, 2), name="each")

    def call(self, x: Any) -> Any:
        y = keras.ops.conv(x, self.kernel, strides=2, padding="same")
        return keras.ops.depthwise_conv(y, self.each)


def _largest() -> Any:
    x = keras.Input(SERIES)
    largest, _ = keras.ops.top_k(layers.Dense(5)(x), 3)
    return keras.Model(x, layers.Dense(2)(largest))


def _running_sums() -> Any:
    x = keras.Input(SERIES)
    return keras.Model(x, keras.ops.cumsum(keras.ops.cumsum(x, 1), -1))


class Subclassed(keras.Model):
    """A model that only its code describes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(8, activation="relu")
        self.second = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.second(self.first(x) + 0.5)


def _subclassed() -> Any:
    model = Subclassed()
    model.build((None, *VECTOR))
    return model


def _attention() -> Any:
    x = keras.Input(SERIES)
    return keras.Model(x, layers.MultiHeadAttention(2, 4, bias_initializer="normal")(x, x))


def _cross_attention() -> Any:
    x, y = keras.Input(SERIES, name="a"), keras.Input((5, 6), name="b")
    return keras.Model([x, y], layers.MultiHeadAttention(2, 4)(x, y))


def _embedding() -> Any:
    x = keras.Input((7,), dtype="int32")
    y = layers.GlobalAveragePooling1D()(layers.Embedding(5, 4)(x))
    return keras.Model(x, layers.Dense(3)(y))


def _masked_norm(*parts: Callable[[], Any]) -> Callable[[], Any]:
    """Words of which some are padding, and a batch-norm that leaves it out."""

    def make() -> Any:
        x = keras.Input((7,), dtype="int32")
        y = layers.Embedding(5, 4, mask_zero=True)(x)
        for part in (*parts, NORM):
            y = part()(y)
        return keras.Model(x, y)

    return make


def _language_model(**options: Any) -> Callable[[], Any]:
    """Words go in, and the scores of all words come out."""

    def make() -> Any:
        x = keras.Input((7,), dtype="int32")
        words = layers.ReversibleEmbedding(9, 4, **options)
        return keras.Model(x, words(layers.Dense(4)(words(x)), reverse=True))

    return make


PROJECTION = ("FULLY_CONNECTED", "RESHAPE", "TRANSPOSE")
ATTENTION = (
    *PROJECTION, *PROJECTION, "BATCH_MATMUL", "SOFTMAX", *PROJECTION,
    "BATCH_MATMUL", "TRANSPOSE", "RESHAPE", "FULLY_CONNECTED",
)  # fmt: skip

LOOKUP = ("LESS", "ADD", "SELECT", "GATHER")
# In C these are one table.
FLOAT_CAP = ("DEQUANTIZE", "MUL", "TANH", "MUL", "QUANTIZE")

SHORT = (3, 6)


def _both(layer: Any, mode: str | None) -> Callable[[], Any]:
    return lambda: layers.Bidirectional(layer(), merge_mode=mode)


GRU = _weights(layers.GRU, 4, return_sequences=True)
RNN = _weights(layers.SimpleRNN, 4, return_sequences=True)
LSTM = _layer(layers.LSTM, 4, return_sequences=True)
GRU_BEFORE = ("FULLY_CONNECTED", "FULLY_CONNECTED")
GRU_FIRST = ("SLICE", "LOGISTIC", "SPLIT", "SLICE", "MUL", "ADD", "TANH", "MUL", "SUB")
GRU_NEXT = (
    "FULLY_CONNECTED", "SLICE", "ADD", "LOGISTIC", "SPLIT",
    "FULLY_CONNECTED", "MUL", "SLICE", "ADD", "TANH", "SUB", "MUL", "ADD",
)  # fmt: skip
GRU_CODES = ("RESHAPE", "QUANTIZE", *GRU_BEFORE, *GRU_FIRST, *2 * GRU_NEXT)
LAST = ("PACK", "QUANTIZE", "RESHAPE")
RESET_BEFORE_CODES = (
    "RESHAPE", "QUANTIZE", *GRU_BEFORE,
    "SLICE", "LOGISTIC", "SPLIT", "SLICE", "TANH", "MUL", "SUB",
    *2 * (
        "FULLY_CONNECTED", "SLICE", "ADD", "LOGISTIC", "SPLIT",
        "MUL", "FULLY_CONNECTED", "SLICE", "ADD", "TANH", "SUB", "MUL", "ADD",
    ),
)  # fmt: skip
RNN_STEPS = ("FULLY_CONNECTED", "SLICE", "TANH", *2 * ("FULLY_CONNECTED", "SLICE", "ADD", "TANH"))
BOTH_LSTMS = (
    "REVERSE_V2", "UNIDIRECTIONAL_SEQUENCE_LSTM", "REVERSE_V2", "UNIDIRECTIONAL_SEQUENCE_LSTM",
)  # fmt: skip


def _transformer() -> Any:
    x = inputs = keras.Input(SERIES)
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(y, y)])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(inputs, layers.Add()([x, layers.Dense(6, activation="relu")(y)]))


# 16 bits wide; the number of steps of Newton's iteration comes from the range of the variances.
VARIANCE = ("MUL", "MEAN", "ADD", "QUANTIZE", "RSQRT", "MUL", "QUANTIZE")
NEWTON = ("MUL", "MUL", "SUB", "MUL")


def _layer_norm(steps: int = 3) -> tuple[str, ...]:
    return ("QUANTIZE", "MEAN", "SUB", *VARIANCE, *steps * NEWTON, "MUL", "MUL", "ADD", "QUANTIZE")


LAYER_NORM = _layer_norm()

CASES: dict[str, Case] = {
    "conv": Case(_chain(IMAGE, CONV), ("CONV_2D",)),
    "conv_relu": Case(
        _chain(IMAGE, _weights(layers.Conv2D, 5, 3, activation="relu")), ("CONV_2D",)
    ),
    "conv_norm": Case(_chain(IMAGE, CONV, NORM), ("CONV_2D",)),
    "conv_norm_relu": Case(_chain(IMAGE, CONV, NORM, RELU), ("CONV_2D",)),
    "bare_conv_norm_relu6": Case(_chain(IMAGE, BARE_CONV, NORM, RELU6), ("CONV_2D",)),
    "conv_strided": Case(_chain(IMAGE, _weights(layers.Conv2D, 5, 3, strides=2)), ("CONV_2D",)),
    "conv_dilated": Case(
        _chain(IMAGE, _weights(layers.Conv2D, 5, 3, dilation_rate=2)), ("CONV_2D",)
    ),
    "conv_in_groups": Case(_chain(IMAGE, _weights(layers.Conv2D, 6, 3, groups=2)), ("CONV_2D",)),
    "conv_relu_inside_norm": Case(
        _chain(IMAGE, _weights(layers.Conv2D, 5, 3, activation="relu"), NORM),
        ("CONV_2D", "RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE"),
    ),
    "conv_sigmoid": Case(
        _chain(IMAGE, _weights(layers.Conv2D, 5, 3, activation="sigmoid")),
        ("CONV_2D", "LOGISTIC"), 1,
    ),
    "depthwise": Case(
        _chain(IMAGE, _weights(layers.DepthwiseConv2D, 3), NORM, RELU), ("DEPTHWISE_CONV_2D",)
    ),
    "depthwise_multiplier": Case(
        _chain(IMAGE, _weights(layers.DepthwiseConv2D, 3, depth_multiplier=2), NORM),
        ("DEPTHWISE_CONV_2D",),
    ),
    "separable": Case(
        _chain(IMAGE, _weights(layers.SeparableConv2D, 6, 3), NORM, RELU),
        ("DEPTHWISE_CONV_2D", "CONV_2D"),
    ),
    "transposed": Case(
        _chain(IMAGE, _weights(layers.Conv2DTranspose, 5, 3, strides=2), NORM, RELU),
        ("TRANSPOSE_CONV",),
    ),
    "transposed_dilated": Case(
        _chain(IMAGE, _weights(layers.Conv2DTranspose, 5, 3, dilation_rate=2)),
        ("TRANSPOSE_CONV",),
    ),
    "conv1d": Case(
        _chain(SERIES, _weights(layers.Conv1D, 5, 3), NORM, RELU),
        ("RESHAPE", "CONV_2D", "RESHAPE"),
    ),
    "conv1d_causal": Case(
        _chain(SERIES, _weights(layers.Conv1D, 5, 3, padding="causal")),
        ("PAD", "RESHAPE", "CONV_2D", "RESHAPE"),
    ),
    "depthwise1d": Case(
        _chain(SERIES, _weights(layers.DepthwiseConv1D, 3)),
        ("RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE"),
    ),
    "dense": Case(_chain(VECTOR, _weights(layers.Dense, 5)), ("FULLY_CONNECTED",)),
    "dense_norm_relu": Case(
        _chain(VECTOR, _weights(layers.Dense, 5), NORM, RELU), ("FULLY_CONNECTED",)
    ),
    "dense_on_series": Case(
        _chain(SERIES, _weights(layers.Dense, 5, activation="relu")), ("FULLY_CONNECTED",)
    ),
    "dense_softmax": Case(
        _chain(VECTOR, _weights(layers.Dense, 5, activation="softmax")),
        ("FULLY_CONNECTED", "SOFTMAX"), 1,
    ),
    "dense_tanh": Case(
        _chain(VECTOR, _weights(layers.Dense, 5, activation="tanh")),
        ("FULLY_CONNECTED", "TANH"), 1,
    ),
    "einsum_dense": Case(
        _chain(SERIES, _layer(layers.EinsumDense, "abc,cde->abde", (12, 2, 3), bias_axes="de")),
        ("FULLY_CONNECTED", "RESHAPE"),
    ),
    "norm": Case(_chain(IMAGE, NORM), ("RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE")),
    "norm_of_vector_relu": Case(
        _chain(VECTOR, NORM, RELU), ("RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE")
    ),
    "masked_norm": Case(
        _masked_norm(), (*LOOKUP, "RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE"),
    ),
    "dense_masked_norm": Case(
        _masked_norm(_weights(layers.Dense, 5)),
        (*LOOKUP, "FULLY_CONNECTED"),
    ),
    "add_relu": Case(_two(IMAGE, layers.Add, activation=RELU), ("ADD",)),
    "subtract": Case(_two(IMAGE, layers.Subtract), ("SUB",)),
    "multiply": Case(_two(IMAGE, layers.Multiply), ("MUL",)),
    "average": Case(_two(IMAGE, layers.Average), ("ADD", "MUL")),
    "maximum": Case(_two(IMAGE, layers.Maximum), ("MAXIMUM",)),
    "minimum": Case(_two(IMAGE, layers.Minimum), ("MINIMUM",)),
    "concatenate": Case(_two(IMAGE, layers.Concatenate), ("CONCATENATION",)),
    "dot": Case(_two(SERIES, _layer(layers.Dot, 2)), ("BATCH_MATMUL",)),
    "relu_alone": Case(_chain(IMAGE, RELU), ("RELU",)),
    "relu6_alone": Case(_chain(IMAGE, RELU6), ("RELU6",)),
    "leaky_relu": Case(_chain(IMAGE, layers.LeakyReLU), ("LEAKY_RELU",)),
    "prelu": Case(
        _chain(IMAGE, _layer(layers.PReLU, alpha_initializer="normal", shared_axes=[1, 2])),
        ("PRELU",),
    ),
    "elu": Case(_chain(IMAGE, layers.ELU), ("ELU",), 1),
    "gelu": Case(_chain(IMAGE, _layer(layers.Activation, "gelu")), ("GELU",), 1),
    "silu": Case(_chain(IMAGE, _layer(layers.Activation, "silu")), ("LOGISTIC", "MUL"), 1),
    "hard_silu": Case(_chain(IMAGE, _layer(layers.Activation, "hard_silu")), ("HARD_SWISH",)),
    "tanh": Case(_chain(IMAGE, _layer(layers.Activation, "tanh")), ("TANH",), 1),
    "sigmoid": Case(_chain(IMAGE, _layer(layers.Activation, "sigmoid")), ("LOGISTIC",), 1),
    "softmax": Case(_chain(VECTOR, layers.Softmax), ("SOFTMAX",), 1),
    "masked_softmax": Case(
        _chain(SERIES, lambda: lambda x: layers.Softmax()(x, mask=np.tri(12, 6)[None] > 0)),
        ("SELECT_V2", "SOFTMAX", "SELECT_V2"), 1,
    ),
    "max_pool": Case(_chain(IMAGE, _layer(layers.MaxPooling2D, 2)), ("MAX_POOL_2D",)),
    "average_pool": Case(
        _chain(IMAGE, _layer(layers.AveragePooling2D, 3, 2, padding="same")), ("AVERAGE_POOL_2D",)
    ),
    "global_average": Case(_chain(IMAGE, layers.GlobalAveragePooling2D), ("MEAN",)),
    "global_average_kept": Case(
        _chain(IMAGE, _layer(layers.GlobalAveragePooling2D, keepdims=True)), ("MEAN",)
    ),
    "global_average_1d": Case(_chain(SERIES, layers.GlobalAveragePooling1D), ("MEAN",)),
    "global_max": Case(_chain(IMAGE, layers.GlobalMaxPooling2D), ("REDUCE_MAX",)),
    "zero_padding": Case(_chain(IMAGE, layers.ZeroPadding2D), ("PAD",)),
    "cropping": Case(_chain(IMAGE, layers.Cropping2D), ("STRIDED_SLICE",)),
    "up_nearest": Case(
        _chain(IMAGE, _layer(layers.UpSampling2D, 2)), ("RESIZE_NEAREST_NEIGHBOR",)
    ),
    "up_bilinear": Case(
        _chain(IMAGE, _layer(layers.UpSampling2D, 2, interpolation="bilinear")),
        ("RESIZE_BILINEAR",), 1,
    ),
    "reshape": Case(_chain(IMAGE, _layer(layers.Reshape, (8, 40))), ("RESHAPE",)),
    "flatten_dense": Case(
        _chain(IMAGE, layers.Flatten, _weights(layers.Dense, 3)), ("RESHAPE", "FULLY_CONNECTED")
    ),
    "permute": Case(_chain(IMAGE, _layer(layers.Permute, (2, 1, 3))), ("TRANSPOSE",)),
    "rescaling": Case(
        _chain(IMAGE, _layer(layers.Rescaling, 1 / 127.5, -1)),
        ("RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE"),
    ),
    "normalization": Case(
        _chain(IMAGE, _layer(layers.Normalization, mean=[0, 1, 2, 3], variance=[1, 2, 1, 4])),
        ("RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE"),
    ),
    "dropout_and_noise": Case(
        _chain(VECTOR, _layer(layers.Dropout, 0.3), _layer(layers.GaussianNoise, 0.1),
               _weights(layers.Dense, 3)),
        ("FULLY_CONNECTED",),
    ),
    "time_distributed": Case(
        _chain((3, *IMAGE), lambda: layers.TimeDistributed(layers.Conv2D(3, 3))),
        ("RESHAPE", "CONV_2D", "RESHAPE"),
    ),
    "embedding": Case(_embedding, (*LOOKUP, "MEAN", "FULLY_CONNECTED")),
    "reversible_embedding": Case(
        _language_model(), (*LOOKUP, "FULLY_CONNECTED", "FULLY_CONNECTED")
    ),
    "reversible_embedding_untied": Case(
        _language_model(tie_weights=False), (*LOOKUP, "FULLY_CONNECTED", "FULLY_CONNECTED")
    ),
    "reversible_embedding_capped": Case(
        _language_model(logit_soft_cap=0.5),
        (*LOOKUP, "FULLY_CONNECTED", "FULLY_CONNECTED", *FLOAT_CAP),
    ),
    "attention": Case(_attention, ATTENTION, 1),
    "cross_attention": Case(_cross_attention, ATTENTION, 1),
    "lstm": Case(
        _chain(SERIES, _layer(layers.LSTM, 5, return_sequences=True)),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM",),
    ),
    "lstm_last": Case(
        _chain(SERIES, _layer(layers.LSTM, 5), _weights(layers.Dense, 3)),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "STRIDED_SLICE", "FULLY_CONNECTED"),
    ),
    "lstm_both_ways": Case(
        _chain(SERIES, lambda: layers.Bidirectional(layers.LSTM(4, return_sequences=True))),
        ("REVERSE_V2", "UNIDIRECTIONAL_SEQUENCE_LSTM", "REVERSE_V2",
         "UNIDIRECTIONAL_SEQUENCE_LSTM", "CONCATENATION"),
    ),
    "lstm_sum": Case(_chain(SERIES, _both(LSTM, "sum")), (*BOTH_LSTMS, "ADD")),
    "lstm_product": Case(_chain(SERIES, _both(LSTM, "mul")), (*BOTH_LSTMS, "MUL")),
    "lstm_average": Case(_chain(SERIES, _both(LSTM, "ave")), (*BOTH_LSTMS, "ADD", "MUL")),
    "lstm_two_results": Case(_chain(SERIES, _both(LSTM, None)), BOTH_LSTMS),
    "lstms_stacked": Case(
        _chain(SERIES, LSTM, LSTM, lambda: layers.TimeDistributed(layers.Dense(3))),
        (*2 * ("UNIDIRECTIONAL_SEQUENCE_LSTM",), "FULLY_CONNECTED", "RESHAPE"),
    ),
    "gru": Case(_chain(SHORT, GRU), (*GRU_CODES, *LAST), 1),
    "gru_last_dense": Case(
        _chain(SHORT, _weights(layers.GRU, 4), _weights(layers.Dense, 3)),
        (*GRU_CODES, *LAST, "STRIDED_SLICE", "FULLY_CONNECTED"), 1,
    ),
    "gru_reset_before": Case(
        _chain(SHORT, _weights(layers.GRU, 4, reset_after=False, return_sequences=True)),
        (*RESET_BEFORE_CODES, *LAST), 1,
    ),
    "grus_stacked": Case(_chain(SHORT, GRU, GRU), 2 * (*GRU_CODES, *LAST), 1),
    "gru_both_ways": Case(
        _chain(SHORT, _both(GRU, "concat")),
        ("REVERSE_V2", *GRU_CODES, *LAST, "REVERSE_V2", *GRU_CODES, *LAST, "CONCATENATION"), 1,
    ),
    "simple_rnn": Case(
        _chain(SHORT, RNN),
        ("RESHAPE", "QUANTIZE", *RNN_STEPS, *3 * ("QUANTIZE",), *LAST), 1,
    ),
    "nested": Case(_nested, ("CONV_2D", "MEAN")),
    "shared": Case(_shared, ("FULLY_CONNECTED", "FULLY_CONNECTED", "ADD")),
    "residual": Case(_residual, ("CONV_2D", "CONV_2D", "ADD")),
    "inception": Case(
        _inception,
        ("CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION", "CONV_2D"),
    ),
    "two_outputs": Case(
        _two_outputs, ("FULLY_CONNECTED", "FULLY_CONNECTED", "FULLY_CONNECTED")
    ),
    "arithmetic": Case(
        _arithmetic, ("CONV_2D", "ADD", "STRIDED_SLICE", "MUL", "STRIDED_SLICE", "SUB")
    ),
    "own_weights": Case(
        _chain(IMAGE, OwnWeights, NORM, RELU), ("CONV_2D", "DEPTHWISE_CONV_2D")
    ),
    "running_sums": Case(_running_sums, 2 * ("TRANSPOSE", "FULLY_CONNECTED")),
    "same_crop": Case(_chain(IMAGE, _layer(layers.RandomCrop, *IMAGE[:2]), CONV), ("CONV_2D",)),
    "subclassed": Case(_subclassed, ("FULLY_CONNECTED", "ADD", "FULLY_CONNECTED")),
    "largest": Case(_largest, ("FULLY_CONNECTED", "TOPK_V2", "FULLY_CONNECTED")),
    "layer_norm": Case(
        _chain(SERIES, layers.LayerNormalization),
        LAYER_NORM,
        1,
    ),
    "layer_norm_bare": Case(
        _chain(SERIES, _layer(layers.LayerNormalization, center=False, scale=False)),
        ("QUANTIZE", "MEAN", "SUB", *VARIANCE, *3 * NEWTON, "MUL", "QUANTIZE"),
        1,
    ),
    "layer_norm_centered": Case(
        _chain(SERIES, _layer(layers.LayerNormalization, scale=False)),
        ("QUANTIZE", "MEAN", "SUB", *VARIANCE, *3 * NEWTON, "MUL", "ADD", "QUANTIZE"),
        1,
    ),
    "layer_norm_of_columns": Case(
        _chain(SERIES, _layer(layers.LayerNormalization, axis=1)),
        ("TRANSPOSE", *_layer_norm(2), "TRANSPOSE"),
        1,
    ),
    "layer_norm_of_two_axes": Case(
        _chain(IMAGE, _layer(layers.LayerNormalization, axis=(1, 3))),
        ("TRANSPOSE", *_layer_norm(2), "TRANSPOSE"),
        1,
    ),
    "layer_norm_by_deviation": Case(
        _chain(SERIES, _layer(layers.LayerNormalization, rms_scaling=True)),
        ("QUANTIZE", "MEAN", "SUB", *VARIANCE, *3 * NEWTON, "MUL", "MUL", "QUANTIZE"),
        1,
    ),
    "rms_norm_of_columns": Case(
        _chain((6, 6), _layer(layers.RMSNormalization, axis=1)),
        ("TRANSPOSE", "QUANTIZE", *VARIANCE, *2 * NEWTON, "MUL", "QUANTIZE", "TRANSPOSE",
         "RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE"),
        1,
    ),
    "rms_norm": Case(
        _chain(SERIES, layers.RMSNormalization),
        ("QUANTIZE", *VARIANCE, *3 * NEWTON, "MUL", "MUL", "QUANTIZE"),
        1,
    ),
    "unit_norm_behind_dense": Case(
        _chain(SERIES, _weights(layers.Dense, 5), layers.UnitNormalization),
        ("FULLY_CONNECTED", "QUANTIZE", *VARIANCE, *4 * NEWTON, "MUL", "MUL", "QUANTIZE"),
        1,
    ),
    "unit_norm_of_two_axes": Case(
        _chain(IMAGE, _layer(layers.UnitNormalization, axis=(1, 3))),
        ("TRANSPOSE", "QUANTIZE", *VARIANCE, *2 * NEWTON, "MUL", "MUL", "QUANTIZE", "TRANSPOSE"),
        1,
    ),
    "transformer": Case(
        _transformer,
        (*LAYER_NORM, *ATTENTION, "ADD", *LAYER_NORM, "FULLY_CONNECTED", "ADD"),
        2,
    ),
}  # fmt: skip
