"""Where the reference interpreters are known to compute different numbers, and why.

The figures were measured on random operators against TFLite Micro's reference kernels, the truth;
`benchmarks/oracle_differences.py` measures them again.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfedge_converters.graph import Model
from tfedge_converters.graph.blockwise_scales import has_blocks
from tfedge_converters.graph.metadata import computes_in_bfp8

_SINGLE_ROUNDING = "rounds once, the sum times a real scale; TFLite Micro rounds twice"
_FLOAT_SCALE = "scales the 32-bit sum in floating point and rounds halves to even"
_FLOAT_STEP = "steps through the input in floating point; TFLite Micro in 1/1024 of a pixel"
_ONE_SUM = "adds both products and rounds once; TFLite Micro rounds each operand and the sum"

_SINGLE_PRECISION = "multiplies and divides scales in single precision; TFLite Micro in double"

_NO_TABLE = (
    "computes sigmoid and tanh of 16 bits with polynomials; TFLite Micro interpolates in a table"
)

# Of int16, at which int8 agrees. Where a product lies close to halfway between two integers, the
# results differ by 1.
_WIDE = dict.fromkeys(
    ("ABS", "LEAKY_RELU", "MUL", "RELU", "SOFTMAX"),
    "rounds products of 16 bits in fewer or in other steps than TFLite Micro",
)

_SCALES_IN_SINGLE = "multiplies scales in single precision; TFLite Micro does so in double"

# Engine, then operator, to the reason.
KNOWN_DIFFERENCES: dict[str, dict[str, str]] = {
    "c": {
        "DIV": "a divisor of 0 counts as one step of its scale; TFLite Micro's result is undefined",
    },
    "litert-reference": {
        "FULLY_CONNECTED": _SINGLE_ROUNDING,
        **_WIDE,
        "DIV": _SINGLE_PRECISION,
        "SUM": "does not compute the sum of int8 values: results are off by up to 255",
        "SVDF": _SCALES_IN_SINGLE,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _NO_TABLE,
    },
    "litert": {
        **_WIDE,
        "DIV": _SINGLE_PRECISION,
        "ADD": _ONE_SUM,
        "BATCH_MATMUL": _FLOAT_SCALE,
        "CONV_2D": _FLOAT_SCALE,
        "DEPTHWISE_CONV_2D": _FLOAT_SCALE,
        "FULLY_CONNECTED": _FLOAT_SCALE,
        "LEAKY_RELU": "multiplies by numbers of 8 fraction bits",
        "LOG_SOFTMAX": "takes exponentials and the logarithm in floating point",
        "MEAN": _FLOAT_SCALE,
        "MUL": _FLOAT_SCALE,
        "RESIZE_BILINEAR": _FLOAT_STEP,
        "SUB": _ONE_SUM,
        "SUM": _FLOAT_SCALE,
        "SVDF": _SCALES_IN_SINGLE,
        "TRANSPOSE_CONV": _FLOAT_SCALE,
        "QUANTIZE": _FLOAT_SCALE + " (8 bits to 8 bits), or multiplies real numbers by the "
        "reciprocal of the scale, which TFLite Micro divides by",
        "TANH": _NO_TABLE,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _NO_TABLE,
    },
}

# Engines whose results say nothing of a model with such operators.
_WRONG = {"litert-reference": frozenset({"SUM"})}


def truthful(engines: Sequence[str], model: Model) -> tuple[str, ...]:
    """Those of some engines whose results say what a model computes, up to rounding.

    Of weights with scales of blocks only LiteRT's optimised kernels know, and of exponents that are
    found at run time no interpreter.
    """
    if any(map(has_blocks, model.graphs)):
        return ("litert",)
    if computes_in_bfp8(model.metadata):
        return ("c", "block-floating-point")
    codes = {operator.code for graph in model.graphs for operator in graph.operators}
    return tuple(name for name in engines if not codes & _WRONG.get(name, frozenset()))


def reason(engine: str, operator: str) -> str:
    """Why an engine differs from the truth at an integer operator; empty if it is not known to."""
    return KNOWN_DIFFERENCES.get(engine, {}).get(operator, "")
