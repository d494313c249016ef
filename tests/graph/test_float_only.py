"""Operators without an int8 kernel become operators that have one."""

import numpy as np
import pytest

from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    write_model,
)
from tfedge_converters.graph.passes.float_only import replace_float_only
from tfedge_converters.verify.engines import run_litert_reference


def _model(code, type_=TensorType.FLOAT32):
    x, y = Tensor("x", (2, 5), type_), Tensor("y", (2, 5), type_)
    return Model([Graph([x], [y], [Operator(code, [x], [y])])])


@pytest.mark.parametrize("code", ["NEG", "SQUARE"])
def test_the_numbers_stay_the_same(code):
    x = np.random.default_rng(1).normal(size=(2, 5)).astype(np.float32)
    x[0, 0] = 0.0
    before, after = _model(code), _model(code)
    replace_float_only(after)
    assert [operator.code for operator in after.main.operators] == ["MUL"]
    results = [run_litert_reference(write_model(model), [[x]])[0][0] for model in (before, after)]
    assert results[0].tobytes() == results[1].tobytes()


def test_integers_are_left_alone():
    model = _model("NEG", TensorType.INT8)
    for tensor in model.main.tensors():
        tensor.quantization = Quantization.per_tensor(0.1, 0)
    replace_float_only(model)
    assert model.main.operators[0].code == "NEG"


def test_malformed_operators_are_left_for_others_to_refuse():
    model = _model("SQUARE")
    model.main.operators[0].inputs.clear()
    replace_float_only(model)
    assert model.main.operators[0].code == "SQUARE"


def test_sums_of_many_become_additions_one_by_one():
    parts = [Tensor(f"x{i}", (2, 5), TensorType.FLOAT32) for i in range(4)]
    y = Tensor("y", (2, 5), TensorType.FLOAT32)
    model = Model([Graph(parts, [y], [Operator("ADD_N", [*parts], [y])])])
    replace_float_only(model)
    assert [operator.code for operator in model.main.operators] == ["ADD"] * 3
    values = list(np.random.default_rng(1).normal(size=(4, 2, 5)).astype(np.float32))
    result = run_litert_reference(write_model(model), [values])[0][0]
    assert np.array_equal(result, ((values[0] + values[1]) + values[2]) + values[3])
