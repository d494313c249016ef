"""Random functions of one int8 value that are computed in wider types, as quantisers leave them."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge_converters.graph import Operator, Quantization, Tensor, TensorType
from tfedge_converters.graph.evaluation import evaluate
from tfedge_converters.graph.operator_checks import options_class

FLOAT32, INT8, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT32

_UNARY = [
    "ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC",
    "NEG", "RELU", "RELU6", "ROUND", "RSQRT", "SIN", "SQRT", "SQUARE", "TANH",
]  # fmt: skip
_BINARY = ["ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SQUARED_DIFFERENCE", "SUB"]

# What LiteRT's reference has beyond TFLite Micro, or the other way round.
_LITERT_ONLY = ["GELU", "POW", "RELU_0_TO_1", "RELU_N1_TO_1", "SIGN"]
_MICRO_ONLY = {"CEIL", "ELU", "ROUND"}

# Results beyond which interpreters leave QUANTIZE undefined, by far.
_LARGEST = 1e6


def island(b: Builder) -> None:
    """DEQUANTIZE, one to five operators of TFLite Micro, QUANTIZE."""
    _island(b, _UNARY, _BINARY)


def island_of_litert(b: Builder) -> None:
    """The same with operators that TFLite Micro has not."""
    unary = [code for code in _UNARY if code not in _MICRO_ONLY] + _LITERT_ONLY
    _island(b, unary, [*_BINARY, "POW"])


def _island(b: Builder, unary: list[str], binary: list[str]) -> None:
    source = b.input((1, 256), Quantization.per_tensor(b.scale(1e-4, 0.1), b.zero_point()))
    codes = np.arange(-128, 128).astype(np.int8)[None]
    known = {id(source): Tensor("codes", codes.shape, INT8, source.quantization, codes)}
    operators: list[Operator] = []
    _step(b, operators, known, "DEQUANTIZE", [source])
    wanted = 1 + int(b.rng.integers(1, 6))
    while len(operators) < wanted:
        last = operators[-1].outputs[0]
        code = str(b.rng.choice(unary + binary))
        operands = [last]
        if code in binary and code not in _UNARY:
            other = operators[b.rng.integers(len(operators))].outputs[0]
            operands = [last, other if b.rng.random() < 0.3 else _constant(b)]
            operands = operands[:: b.rng.choice([1, -1])]
        _step(b, operators, known, code, operands)
    last = operators[-1].outputs[0]
    reach = max(float(np.abs(known[id(last)].data).max()), 1e-3)
    factor = b.scale(1e-2, 1e2) if b.rng.random() < 0.15 else b.rng.uniform(0.3, 3)
    b.operators += operators
    out = Quantization.per_tensor(reach / 128 * factor, b.zero_point())
    b.output("QUANTIZE", [last], source.shape, out, schema.QuantizeOptionsT(), 1)


def _step(b, operators, known, code, operands) -> None:
    """Adds an operator, unless it has results that are not finite or too large."""
    made = options_class(code)
    options = made() if made else None
    if code == "LEAKY_RELU":
        options.alpha = float(b.rng.choice([0.01, 0.2, -0.5, 1.7]))
    if code == "GELU":
        options.approximate = bool(b.rng.random() < 0.5)
    result = Tensor(f"real_{len(b.operators)}_{len(operators)}", (1, 256), FLOAT32)
    operator = Operator(code, operands, [result], options, 2 if code == "DEQUANTIZE" else 1)
    constants = [known.get(id(tensor), tensor) for tensor in operands]
    values = evaluate(Operator(code, constants, [result], options, operator.version))
    if values is not None and (np.abs(values[0]) < _LARGEST).all():
        known[id(result)] = Tensor("", result.shape, FLOAT32, data=values[0])
        operators.append(operator)


def _constant(b) -> Tensor:
    value = float(b.rng.choice([0.5, 1, -1, 2, b.rng.normal(), b.rng.normal() * 30]))
    shape = [(), (1,), (1, 1)][b.rng.integers(3)]
    return b.constant(np.full(shape, value, np.float32), None, FLOAT32)


def byte_lookup(b: Builder) -> None:
    """Any table of bytes, by CAST, ADD and GATHER: what is tried where nothing else is exact."""
    shape = b.rng.integers(1, 7, b.rng.integers(1, 5)).tolist()
    source = b.input(shape)
    cast, gather = schema.CastOptionsT(), schema.GatherOptionsT()
    cast.inDataType, cast.outDataType = INT8.value, INT32.value
    number = len(b.operators)
    codes, places = (Tensor(f"{name}_{number}", tuple(shape), INT32) for name in ("code", "place"))
    out = b.quantization()
    table = b.constant(b.rng.integers(-128, 128, 256, np.int8), out)
    b.operators.append(Operator("CAST", [source], [codes], cast))
    half = b.constant(np.array(128, np.int32))
    b.operators.append(Operator("ADD", [codes, half], [places], schema.AddOptionsT()))
    b.output("GATHER", [table, places], shape, out, gather, 2)


LITERT = {"island_of_litert"}

OPERATORS = {function.__name__: function for function in (byte_lookup, island, island_of_litert)}
