"""Random operators as small graphs, for comparing C with the reference interpreters.

A graph holds many independent operators side by side, each with inputs and an output of its
own, so that one compilation covers all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import random_core
import random_elementwise
import random_extreme_sums
import random_float
import random_float_fallback
import random_heavy
import random_int16
import random_integers
import random_movement
import random_packed
import random_recurrent
import random_rewrites
import random_stored
import random_unary
from random_builder import Builder

from tfedge_converters.graph import Model, TensorType, read_model, write_model
from tfedge_converters.graph.passes.constant_folding import fold_constants

_FAMILIES = (
    random_core,
    random_elementwise,
    random_extreme_sums,
    random_heavy,
    random_int16,
    random_integers,
    random_float,
    random_float_fallback,
    random_movement,
    random_packed,
    random_recurrent,
    random_rewrites,
    random_stored,
    random_unary,
)

# Name to the function that adds a random instance to a Builder.
OPERATORS = {name: make for family in _FAMILIES for name, make in family.OPERATORS.items()}

# What TFLite Micro has no kernel for, or not for these types: LiteRT's says what is right.
ORACLE_LITERT = {name for family in _FAMILIES for name in getattr(family, "LITERT", ())}

# What keeps a state between invocations, and so needs a model of its own.
STATEFUL = {name for family in _FAMILIES for name in getattr(family, "STATEFUL", ())}

# Operators that passes rewrite for TFLite Micro, and the pass.
REWRITES = {
    name: how for family in _FAMILIES for name, how in getattr(family, "REWRITES", {}).items()
}


# Operators that one program holds: compilers take longer to start than for an operator.
_BATCH = 12


def random_model(name: str, seed: int, count: int) -> Model:
    """`count` random instances of one operator in one graph."""
    return random_batch([name], seed, count)


def random_batch(names: Sequence[str], seed: int, count: int) -> Model:
    """`count` random instances of each operator in one graph, the same as in one of its own."""
    builder = Builder(np.random.default_rng())
    for name in names:
        builder.rng = np.random.default_rng([seed, sum(name.encode())])
        for _ in range(count):
            OPERATORS[name](builder)
    return builder.model()


def oracle_file(flatbuffer: bytes) -> bytes:
    """A model's file with constants in place of what operators make of constants alone.

    TFLite Micro has no DEQUANTIZE of half precision.
    """
    model = read_model(flatbuffer)
    fold_constants(model)
    return write_model(model)


def batches(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Operators that can be in one model: of one oracle, and with states or without.

    What a pass rewrites is alone, so that it rewrites nothing else.
    """
    kinds: dict[object, list[str]] = {}
    for name in names:
        kind = name if name in REWRITES else (name in ORACLE_LITERT, name in STATEFUL)
        kinds.setdefault(kind, []).append(name)
    return [
        tuple(kind[start : start + _BATCH])
        for kind in kinds.values()
        for start in range(0, len(kind), _BATCH)
    ]


def random_sample(model: Model, rng: np.random.Generator) -> list[np.ndarray]:
    """One random value an input, within its range if it has one, now and then at the limits.

    Float inputs lie in and around what their QUANTIZE can hold.
    """
    sample = []
    for tensor in model.main.inputs:
        dtype = tensor.type.dtype
        if tensor.type == TensorType.FLOAT32:
            reach = np.exp(rng.uniform(-6, 5))
            value = (rng.normal(size=tensor.shape) * reach).astype(np.float32)
        elif tensor.type == TensorType.BOOL:
            value = rng.random(tensor.shape) < 0.5
        else:
            low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
            if tensor.range is not None:
                low, high = int(tensor.range.low), int(tensor.range.high)
            limits = rng.random() < 0.2
            value = (
                rng.choice(np.array([low, high], dtype), tensor.shape)
                if limits
                else rng.integers(low, high, tensor.shape, dtype, endpoint=True)
            )
        sample.append(np.asarray(value, dtype).reshape(tensor.shape))
    return sample
