"""SOFTMAX of rows so long that the reference's arithmetic ends."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import Graph, Model, Operator, Quantization, Tensor, TensorType


@pytest.mark.parametrize(("depth", "expected"), [(511, -127), (512, -128), (4095, -128)])
def test_rows_of_equal_values(depth, expected, tmp_path):
    tensors = [
        Tensor("x", (1, depth), TensorType.INT8, Quantization.per_tensor(0.1, 0)),
        Tensor("y", (1, depth), TensorType.INT8, Quantization.per_tensor(1 / 256, -128)),
    ]
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    operator = Operator("SOFTMAX", tensors[:1], tensors[1:], options, 2)
    model = Model([Graph(tensors[:1], tensors[1:], [operator])])
    source = generate(model, Options("model", targets.load("host"), "shared"))
    program = build_host(source.write(tmp_path), sanitize=True)
    [[result]] = program.run([[np.full((1, depth), 7, np.int8)]])
    assert (result == expected).all()
