"""DIV on every pair of bytes: quotients halfway between integers show how scales are multiplied."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Graph, Model, Operator, Quantization, Tensor, TensorType
from tfedge_converters.graph import write_model as encode
from tfedge_converters.verify.engines import run_c, run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")


@pytest.mark.parametrize("scales", [(0.1, 0.1, 0.005), (0.2, 0.3, 0.01)])
def test_every_quotient(scales):
    grids = [Quantization.per_tensor(s, z) for s, z in zip(scales, (0, 3, -2), strict=True)]
    a, b, y = (
        Tensor(name, (1, 1 << 16), TensorType.INT8, grid)
        for name, grid in zip("aby", grids, strict=True)
    )
    operator = Operator("DIV", [a, b], [y], schema.DivOptionsT())
    model = encode(Model([Graph([a, b], [y], [operator])]))
    every = np.arange(-128, 128).astype(np.int8)
    divisors = np.where(every == 3, 4, every).astype(np.int8)
    sample = [np.repeat(every, 256)[None], np.tile(divisors, 256)[None]]
    np.testing.assert_array_equal(run_c(model, [sample])[0][0], run_micro(model, [sample])[0][0])
