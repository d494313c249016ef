"""Random functions of one value, and of the values of a row.

A function of one int8 value gets 256 random ones a sample, so that all samples hold every one.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Quantization, TensorType

_CAST_TYPES = (TensorType.BOOL, TensorType.INT8, TensorType.INT32, TensorType.FLOAT32)


def _unary(b, code, function, options=None, version=1, zero_point=None, scales=(1e-4, 1.0)):
    """One operator whose output's grid fits its results, more or less, or not at all."""
    scale = b.scale(*scales)
    zero_point = b.zero_point() if zero_point is None else zero_point
    source = b.input((1, 256), Quantization.per_tensor(scale, zero_point))
    with np.errstate(all="ignore"):
        results = function((np.arange(-128, 128) - zero_point) * scale)
    reach = np.max(np.abs(results), where=np.isfinite(results), initial=0.01)
    factor = b.scale(1e-3, 1e3) if b.rng.random() < 0.15 else b.rng.uniform(0.3, 3)
    out = Quantization.per_tensor(float(reach) / 128 * factor, b.zero_point())
    b.output(code, [source], source.shape, out, options, version)


def leaky_relu(b) -> None:
    options = schema.LeakyReluOptionsT()
    options.alpha = float(b.rng.choice([0.0, 0.01, 0.2, 1.0, 3.7, -0.5, b.rng.normal()]))
    if b.rng.random() < 0.2:  # slopes that end in halves
        source = b.input((1, 256))
        b.output("LEAKY_RELU", [source], source.shape, source.quantization, options, 1)
        return
    _unary(b, "LEAKY_RELU", lambda x: np.where(x < 0, options.alpha * x, x), options)


def relu_n1_to_1(b) -> None:
    _unary(b, "RELU_N1_TO_1", lambda x: np.clip(x, -1, 1))


def relu_0_to_1(b) -> None:
    _unary(b, "RELU_0_TO_1", lambda x: np.clip(x, 0, 1))


def abs_(b) -> None:
    if b.rng.random() < 0.2:
        source = b.input((1, 256))
        out = Quantization.per_tensor(source.quantization.scale[0], b.zero_point())
        b.output("ABS", [source], source.shape, out, schema.AbsOptionsT())
    else:
        _unary(b, "ABS", np.abs, schema.AbsOptionsT(), 2)


def neg(b) -> None:
    zero_point = int(b.rng.integers(-127, 128))
    source = b.input((1, 256), Quantization.per_tensor(b.scale(), zero_point))
    out = Quantization.per_tensor(source.quantization.scale[0], -zero_point)
    b.output("NEG", [source], source.shape, out, schema.NegOptionsT(), 1)


def hard_swish(b) -> None:
    options = schema.HardSwishOptionsT()
    scale = b.scale(1e-7, 1e3) if b.rng.random() < 0.2 else b.scale(1e-3, 0.3)
    source = b.input((1, 256), Quantization.per_tensor(scale, b.zero_point()))
    # The reference wants an output scale of more than 1/128 of the input's.
    factor = b.scale(1 / 127, 1e5) if b.rng.random() < 0.3 else b.rng.uniform(0.3, 3)
    out = Quantization.per_tensor(scale * factor, b.zero_point())
    b.output("HARD_SWISH", [source], source.shape, out, options, 1)


def elu(b) -> None:
    _unary(b, "ELU", lambda x: np.where(x < 0, np.expm1(x), x))


def gelu(b) -> None:
    options = schema.GeluOptionsT()
    options.approximate = bool(b.rng.random() < 0.5)
    _unary(b, "GELU", lambda x: np.maximum(x, 0.2), options, 2)


def exp(b) -> None:
    _unary(b, "EXP", np.exp, schema.ExpOptionsT(), 2, scales=(1e-4, 0.02))


def log(b) -> None:
    _unary(b, "LOG", np.log, version=2)


def sqrt(b) -> None:
    _of_positive(b, "SQRT", np.sqrt)


def rsqrt(b) -> None:
    _of_positive(b, "RSQRT", lambda x: 1 / np.sqrt(x))


def _of_positive(b, code, function) -> None:
    """The references stop at negative values, so a RELU keeps them away."""
    _unary(b, code, function, version=2, scales=(1e-6, 10.0))
    operator = b.operators.pop()
    source = operator.inputs[0]
    operator.inputs[0] = b.output("RELU", [source], source.shape, source.quantization)
    b.operators.append(operator)
    b.outputs[-2:] = b.outputs[:-3:-1]


def prelu(b) -> None:
    rank = int(b.rng.integers(1, 5))
    shape = b.rng.integers(1, 6, rank).tolist()
    slopes_shape = [1 if b.rng.random() < 0.5 else n for n in shape][int(b.rng.integers(rank)) :]
    source = b.input(shape)
    slopes = Quantization.per_tensor(b.scale(1e-4, 0.1), b.zero_point())
    if b.rng.random() < 0.7:
        alpha = b.constant(b.int8(slopes_shape), slopes)
    else:
        alpha = b.input(slopes_shape, slopes)
    factor = b.scale(1e-3, 1e3) if b.rng.random() < 0.15 else b.rng.uniform(0.3, 3)
    out = Quantization.per_tensor(source.quantization.scale[0] * factor, b.zero_point())
    b.output("PRELU", [source, alpha], shape, out, None, 1)


def log_softmax(b) -> None:
    _rows(b, "LOG_SOFTMAX", schema.LogSoftmaxOptionsT(), 16 / 256, 127, rank=5)


def l2_normalization(b) -> None:
    _rows(b, "L2_NORMALIZATION", schema.L2NormOptionsT(), 1 / 128, 0, rank=4)


def _rows(b, code, options, scale, zero_point, rank) -> None:
    shape = b.rng.integers(1, 4, b.rng.integers(1, rank + 1)).tolist()
    shape[-1] = int(b.rng.choice([1, 2, *b.rng.integers(1, 40, 4), b.rng.integers(40, 3000)]))
    source = b.input(shape, Quantization.per_tensor(b.scale(1e-5, 10.0), b.zero_point()))
    out = Quantization.per_tensor(scale, zero_point)
    b.output(code, [source], shape, out, options, 2)


def cast(b) -> None:
    first, second = b.rng.choice(len(_CAST_TYPES), 2, replace=False)
    before, after = _CAST_TYPES[first], _CAST_TYPES[second]
    options = schema.CastOptionsT()
    options.inDataType, options.outDataType = before.value, after.value
    shape = b.rng.integers(1, 9, b.rng.integers(1, 6)).tolist()
    if (before, after) == (TensorType.FLOAT32, TensorType.INT8):
        # What int8 cannot hold is undefined.
        small = b.input(shape, Quantization.per_tensor(b.scale(1e-3, 0.49), b.zero_point()))
        source = b.output("DEQUANTIZE", [small], shape, None, type_=TensorType.FLOAT32)
    else:
        source = b.input(shape, type_=before)
        source.quantization = b.quantization() if before == TensorType.INT8 else None
    out = b.quantization() if after == TensorType.INT8 else None
    b.output("CAST", [source], shape, out, options, 1, type_=after)


def quantize_bytes(b) -> None:
    """Between uint8 and int8."""
    types = [TensorType.UINT8, TensorType.INT8]
    before, after = (types[index] for index in b.rng.permutation(2))
    shift = {TensorType.UINT8: 128, TensorType.INT8: 0}
    source = b.input((1, 256), type_=before)
    scale, zero_point = b.scale(), b.zero_point() + shift[before]
    source.quantization = Quantization.per_tensor(scale, zero_point)
    factor = 1.0 if b.rng.random() < 0.3 else float(b.rng.uniform(0.2, 5))
    out = Quantization.per_tensor(scale * factor, b.zero_point() + shift[after])
    b.output("QUANTIZE", [source], source.shape, out, type_=after)


OPERATORS = {
    function.__name__: function
    for function in (
        leaky_relu, relu_n1_to_1, relu_0_to_1, abs_, neg, hard_swish, elu, gelu, exp, log, sqrt,
        rsqrt, prelu, log_softmax, l2_normalization, cast, quantize_bytes,
    )
}  # fmt: skip

# TFLite Micro has no kernels for these, or none for int8.
LITERT = {"relu_n1_to_1", "relu_0_to_1", "neg", "gelu", "exp", "log", "sqrt"}
