"""Models whose generated code the static checks look at."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_graphs import OPERATORS

from tfedge_converters.graph import Model, Quantization, TensorType


def every_operator() -> Model:
    """One instance of every operator that has a kernel, side by side."""
    builder = Builder(np.random.default_rng(0))
    for make in OPERATORS.values():
        make(builder)
    return builder.model()


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
