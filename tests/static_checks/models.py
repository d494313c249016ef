"""Models whose generated code the static checks look at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_graphs import OPERATORS, STATEFUL

from tfedge_converters.graph import Model, Quantization, TensorType


def _side_by_side(names: Iterable[str]) -> Model:
    builder = Builder(np.random.default_rng(0))
    for name in names:
        OPERATORS[name](builder)
    return builder.model()


def every_operator() -> Model:
    """One instance of every operator that has a kernel, but for those that keep a state."""
    return _side_by_side(name for name in OPERATORS if name not in STATEFUL)


def every_stateful_operator() -> Model:
    """One instance of every operator that keeps a state between invocations."""
    return _side_by_side(name for name in OPERATORS if name in STATEFUL)


def fallible() -> Model:
    """Rows of a table, by indices that are only known at run time, from float to float."""
    builder = Builder(np.random.default_rng(0))
    grid = Quantization.per_tensor(0.05, -3)
    real = builder.input((5, 3), type_=TensorType.FLOAT32)
    indices = builder.input((2,), type_=TensorType.INT32)
    real.quantization = indices.quantization = None
    table = builder.output("QUANTIZE", [real], (5, 3), grid, schema.QuantizeOptionsT())
    rows = builder.output("GATHER", [table, indices], (2, 3), grid, schema.GatherOptionsT())
    result = builder.output("DEQUANTIZE", [rows], (2, 3), None, type_=TensorType.FLOAT32)
    builder.outputs[:] = [result]
    return builder.model()
