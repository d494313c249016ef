"""Random operators on block floating point, and samples of all magnitudes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import random_core
from ai_edge_litert import schema_py_generated as schema
from random_builder import ACTIVATIONS, Builder

from tfedge_converters.graph import Model, Operator, Quantization, Tensor, TensorType
from tfedge_converters.graph.metadata import ARITHMETIC, BFP8

FLOAT32 = TensorType.FLOAT32


def _real(make: Callable[[Builder], None], b: Builder) -> None:
    """An operator on int8 with real activations and biases; int8 weights stay what they are."""
    begin = len(b.operators)
    make(b)
    for operator in b.operators[begin:]:
        weights = operator.inputs[1] if operator.code in _WITH_WEIGHTS else None
        if weights is not None:
            _widen(b, weights)
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor is None or tensor is weights or tensor.quantization is None:
                continue
            tensor.type, tensor.quantization = FLOAT32, None
            if tensor.data is not None:
                reach = float(np.exp(b.rng.uniform(-12, 8)))
                values = b.rng.normal(size=tensor.shape) * reach * (b.rng.random() < 0.9)
                tensor.data = values.astype(np.float32)


_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def _widen(b: Builder, weights) -> None:
    """Scales of all sizes, and now and then an integer that training does not make."""
    grid = weights.quantization
    factors = np.exp(b.rng.uniform(-8, 8, grid.scale.size)).astype(np.float32)
    weights.quantization = Quantization(grid.scale * factors, grid.zero_point, grid.axis)
    if b.rng.random() < 0.2:
        weights.data = b.rng.choice(np.array([-128, 127], np.int8), weights.shape)


def _input(b: Builder, shape: tuple[int, ...]):
    source = b.input(shape, type_=FLOAT32)
    source.quantization = None
    return source


def _output(b: Builder, code: str, operands, shape, options=None) -> None:
    b.output(code, operands, shape, None, options, 1, FLOAT32)


def _shape(b: Builder, rank: int | None = None) -> tuple[int, ...]:
    return tuple(int(n) for n in b.rng.integers(1, 9, rank or int(b.rng.integers(1, 5))))


def _unary(code: str, b: Builder) -> None:
    shape = _shape(b)
    _output(b, code, [_input(b, shape)], shape)


def _add(b: Builder) -> None:
    shape = _shape(b)
    options = schema.AddOptionsT()
    options.fusedActivationFunction = int(b.rng.choice(ACTIVATIONS))
    a = _input(b, shape)
    other = a if b.rng.random() < 0.1 else _input(b, shape)
    _output(b, "ADD", [a, other], shape, options)


def _softmax(b: Builder) -> None:
    shape = (*_shape(b, 2), int(b.rng.choice([1, 2, 10, 2047])))
    options = schema.SoftmaxOptionsT()
    options.beta = float(b.rng.choice([1, 1, 0.1, 10]))
    _output(b, "SOFTMAX", [_input(b, shape)], shape, options)


def _mean(b: Builder) -> None:
    shape = _shape(b, 4)
    options = schema.ReducerOptionsT()
    options.keepDims = bool(b.rng.random() < 0.5)
    middle = (1, 1) if options.keepDims else ()
    axes = b.constant(np.array(b.rng.permutation([1, -2]), np.int32), None, TensorType.INT32)
    _output(b, "MEAN", [_input(b, shape), axes], (shape[0], *middle, shape[3]), options)


def _chain(b: Builder) -> None:
    """A view and two operators behind each other, the second in the memory of the first."""
    shape = _shape(b, 4)
    flat = (int(np.prod(shape)),)
    source = _input(b, shape)
    size = b.constant(np.array(flat, np.int32), None, TensorType.INT32)
    _output(b, "RESHAPE", [source, size], flat)
    _output(b, "RELU", [b.outputs[-1]], flat)
    _output(b, "LOGISTIC", [b.outputs[-1]], flat)


OPERATORS = {
    **{
        name: partial(_real, random_core.OPERATORS[name])
        for name in (
            "conv_2d", "depthwise_conv_2d", "fully_connected", "average_pool_2d", "max_pool_2d"
        )
    },
    **{
        code.lower(): partial(_unary, code)
        for code in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LOGISTIC")
    },
    "add": _add,
    "softmax": _softmax,
    "mean": _mean,
    "chain": _chain,
}  # fmt: skip


def _drop_signs(b: Builder, operator: Operator) -> None:
    """Have some of an operator's operands be results without a sign, which have another bit."""
    for position, source in enumerate(operator.inputs):
        if source is None or source.is_constant or b.rng.random() < 0.5:
            continue
        options = schema.AddOptionsT()
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        name = f"{source.name}_{position}_unsigned"
        result = Tensor(name, source.shape, FLOAT32)
        b.operators.insert(0, Operator("ADD", [source, source], [result], options))
        operator.inputs[position] = result


def model_of(names, seed: int, count: int) -> Model:
    """`count` random instances of each operator in one graph."""
    b = Builder(np.random.default_rng(seed))
    for name in names:
        for _ in range(count):
            begin = len(b.operators)
            OPERATORS[name](b)
            _drop_signs(b, b.operators[begin])
    model = b.model()
    model.metadata[ARITHMETIC] = BFP8
    return model


def samples_of(model: Model, count: int, seed: int) -> list[list[np.ndarray]]:
    """Inputs of all magnitudes, with zeros, and numbers that are none."""
    rng = np.random.default_rng([seed, 1])
    return [[_values(tensor.shape, rng) for tensor in model.main.inputs] for _ in range(count)]


def _values(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(size=shape)
    kind = int(rng.integers(8))
    if kind == 0:
        values = values * np.exp(rng.uniform(-90, 80, shape))
    elif kind == 1:
        values = values * (rng.random(shape) < 0.3)
    elif kind == 2:
        values = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 3e38], shape)
    elif kind == 3:
        values = np.sort(np.abs(values).reshape(-1)).reshape(shape)
        values = values * 2.0 ** np.minimum(np.arange(shape[-1]), 90)
    with np.errstate(over="ignore"):
        scaled = values * np.exp(rng.uniform(-8, 8))
        return scaled.astype(np.float32)
