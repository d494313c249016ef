"""Functions of one int16 value, for which a table of all results would be too large."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from tfedge.quantization.function_tables import sigmoid_table
from tfedge_converters.arithmetic.activation import quantize_real
from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.interpolation import table_of
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks, rescaling
from tfedge_converters.c.limits import SAME_GRID, FixedGrid, Limit
from tfedge_converters.c.registry import LITERT, kernel
from tfedge_converters.graph.evaluation import evaluate
from tfedge_converters.graph.reader import read_model
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor
from tfedge_converters.graph.writer import write_model

_LARGEST_INT16 = (1 << 15) - 1
_EVERY = np.arange(-(1 << 15), 1 << 15)

# What inputs of the table of sigmoid are multiplied with: 3 * 2^12.
_TABLE_STEPS = 3 * 4096.0
_LARGEST_SHIFT = 31

_GRID = FixedGrid(1 / 32768, 0)
_INPUT_SCALE = Limit(f"an operand's scale of 1e-13 to {_LARGEST_INT16 / _TABLE_STEPS:.3g}")
_INTERPOLATED = Limit("scales for which LiteRT's kernel interpolates in a table of 513 values")

# How far, in powers of two, a scale may lie from one that the reference takes for it.
_POWER_TOLERANCE = 1e-3


@kernel("ABS", "int16")
def lower_int16_abs(operator: Operator) -> Lowered:
    """Lower |x|, requantised."""
    return rescaling.magnitude(*checks.elementwise(operator, checks.int16))


@kernel("RELU", "int16")
def lower_int16_relu(operator: Operator) -> Lowered:
    """max(x, 0), requantised."""
    source, output = checks.elementwise(operator, checks.int16)
    return rescaling.rescaling(source, output, limits=(0, _LARGEST_INT16))


@kernel("RELU6", "int16", limits=(SAME_GRID,))
def lower_int16_relu6(operator: Operator) -> Lowered:
    """min(max(x, 0), 6); the reference does not rescale it."""
    source, output = checks.elementwise(operator, checks.int16)
    checks.same_quantization(operator, source, output)
    six = quantize_real(6.0, *checks.scale_and_zero_point(source))
    return rescaling.clamping(source, output, (0, min(six, _LARGEST_INT16)))


@kernel("LEAKY_RELU", "int16")
def lower_int16_leaky_relu(operator: Operator) -> Lowered:
    """x, or alpha * x for negative x; negative slopes turn what is rescaled."""
    source, output = checks.elementwise(operator, checks.int16)
    scale, out_scale = (float(checks.scale_and_zero_point(t)[0]) for t in (source, output))
    slope = scale * float(np.float32(operator.options.alpha)) / out_scale
    negative = quantize_multiplier(abs(slope))
    sign = -1 if slope < 0 else 1
    return rescaling.rescaling(source, output, negative=negative, negative_sign=sign)


@kernel("LOGISTIC", "int16", limits=(_GRID, _INPUT_SCALE))
def lower_int16_logistic(operator: Operator) -> Lowered:
    """1 / (1 + exp(-x))."""
    return _logistic_or_tanh(operator, tanh=0, powers=range(-12, -11))


@kernel("TANH", "int16", limits=(_GRID, _INPUT_SCALE))
def lower_int16_tanh(operator: Operator) -> Lowered:
    """Lower tanh on int16."""
    return _logistic_or_tanh(operator, tanh=1, powers=range(-12, -10))


@kernel("NEG", "int16", limits=(_INTERPOLATED, SAME_GRID), oracle=LITERT)
def lower_int16_neg(operator: Operator) -> Lowered:
    """-x; LiteRT negates the integers, of which -32768 stays."""
    checks.same_quantization(operator, *checks.elementwise(operator, checks.int16))
    return lower_int16_table(operator)


@kernel("LOG", "int16", limits=(_INTERPOLATED,), oracle=LITERT)
@kernel("EXP", "int16", limits=(_INTERPOLATED,), oracle=LITERT)
@kernel("GELU", "int16", limits=(_INTERPOLATED,), oracle=LITERT)
def lower_int16_table(operator: Operator) -> Lowered:
    """Any function that LiteRT's reference kernel interpolates in a table of its own.

    Its entries hang on the last bits of a C library, so they are read off the kernel's results for
    all values.
    """
    source, output = checks.elementwise(operator, checks.int16)
    known, result = (
        dataclasses.replace(t, shape=_EVERY.shape, shape_signature=None, name="")
        for t in (source, output)
    )
    known.data = _EVERY.astype(np.int16)
    alone = dataclasses.replace(operator, inputs=[known], outputs=[result])
    table = _table_within(write_model(Model([Graph([], [result], [alone])])))
    if table is None:
        _INTERPOLATED.refuse("LiteRT's kernel gives no table of 513 values for these scales")
    return _call("table_s16", source, output, {"table": Constant("table", table, "513 values")})


@lru_cache(maxsize=64)
def _table_within(flatbuffer: bytes) -> np.ndarray | None:
    """Table of a file's only operator; layers of one function and one scale have the same."""
    results = evaluate(read_model(flatbuffer).main.operators[0])
    return None if results is None else table_of(results[0])


def _logistic_or_tanh(operator: Operator, tanh: int, powers: range) -> Lowered:
    source, output = checks.elementwise(operator, checks.int16)
    checks.fixed_quantization(output, _GRID)
    multiplier, shift = _sigmoid_scaling(checks.scale_and_zero_point(source)[0], powers)
    if not 0 < multiplier <= _LARGEST_INT16:  # the reference takes 0 for a sign of its own
        scale = checks.scale_and_zero_point(source)[0]
        _INPUT_SCALE.refuse(
            f"'{source.name}' has the scale {scale:.3g}, for which the reference's integers leave "
            f"their range; it may be 1e-13 to {_LARGEST_INT16 / _TABLE_STEPS:.3g}"
        )
    table = Constant("sigmoid", sigmoid_table(), "65536 * sigmoid(i / 24) - 32768")
    scaling: dict[str, Param] = {"multiplier": multiplier, "shift": shift}
    return _call("logistic_tanh_s16", source, output, {"tanh": tanh, **scaling, "table": table})


def _sigmoid_scaling(scale: np.float32, powers: range) -> tuple[int, int]:
    """scale * 3 * 2^12 as multiplier / 2^shift; exactly so only where a power of two is in powers.

    Source: the preparation of LOGISTIC and TANH in TFLite Micro.
    """
    power = round(math.log2(scale))
    if power in powers and abs(math.log2(scale) - power) < _POWER_TOLERANCE:
        return 3 << (power - powers[0]), 0
    real = float(scale) * _TABLE_STEPS
    shift = 0
    while real <= _LARGEST_INT16 / 2 and shift < _LARGEST_SHIFT:
        shift += 1
        real *= 2
    return int(real), shift


def _call(kernel: str, source: Tensor, output: Tensor, fields: Mapping[str, Param]) -> Lowered:
    call = KernelCall(
        kernel=kernel,
        header=kernel,
        struct=kernel,
        params={"elements": checks.elements(output), **fields},
        operands=(source,),
        output=output,
        in_place=(0,),
    )
    return Lowered((call,))
