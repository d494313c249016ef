"""Sequences for TFLite Micro: what is replaced, what stays, and that padding is agreed upon.

That they compute the same bits is tried at random with the kernels.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_graphs import random_model, random_sample

import tfedge
from tfedge.errors import UnsupportedError
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    write_model,
)
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.micro_sequences import write_for_micro
from tfedge_converters.verify.engines import run_litert_reference, run_micro


def codes(model):
    return [operator.code for operator in model.main.operators]


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("gelu", ["CAST", "ADD", "GATHER"]),
        ("sqrt", ["RELU", "CAST", "ADD", "GATHER"]),
        ("reduce_any", ["LOGICAL_NOT", "REDUCE_ALL", "LOGICAL_NOT"]),
    ],
)
def test_what_is_missing_becomes_a_sequence(name, sequence):
    model = random_model(name, 1, 1)
    assert write_for_micro(model)
    assert codes(model) == sequence
    assert not write_for_micro(model)


def test_real_operators_and_those_with_kernels_stay():
    model = random_model("elu", 1, 1)
    assert not write_for_micro(model)
    model = random_model("exp", 1, 1)
    for tensor in model.main.tensors():
        tensor.type, tensor.quantization = TensorType.FLOAT32, None
    assert not write_for_micro(model)


@pytest.mark.parametrize("change", ["no operand", "no grid", "no kernel", "other shape"])
def test_malformed_operators_are_left_for_others_to_refuse(change):
    model = random_model("tile" if change == "other shape" else "gelu", 1, 1)
    operator = model.main.operators[0]
    if change == "no operand":
        operator.inputs.clear()
    elif change == "no grid":
        operator.outputs[0].quantization = None
    elif change == "no kernel":
        operator.version = 99
    else:
        operator.outputs[0].shape = (7, *operator.outputs[0].shape)
    assert not write_for_micro(model)


def test_a_model_that_micro_could_not_run_runs():
    keras.utils.set_random_seed(1)
    x = keras.Input((8, 4))
    y = keras.layers.Dense(6, activation="gelu")(x)
    y = keras.layers.Activation("softplus")(keras.layers.Activation("hard_tanh")(y))
    model = keras.Model(x, keras.ops.tile(y, [1, 2, 1]))
    data = np.random.default_rng(1).normal(size=(30, 8, 4)).astype(np.float32)
    for target, truth in (("tflite", "stepwise"), ("tflite-micro", "tflite-micro")):
        artifact = tfedge.convert(model, target=target, calibration=data)
        result = tfedge.verify(artifact.model, samples=30, engines=("litert-reference", "c"))
        assert result.truth == truth
        assert result.passed


def test_padding_of_batches_is_split_off_once():
    model = random_model("space_to_batch_nd", 5, 12)
    data = [random_sample(model, np.random.default_rng(1)) for _ in range(5)]
    right = run_litert_reference(write_model(model), data)
    assert pipeline.run(model)
    assert "PAD" in codes(model)
    assert not pipeline.run(model)
    for got in (run_litert_reference, run_micro):
        for a, b in zip(got(write_model(model), data), right, strict=True):
            for x, y in zip(a, b, strict=True):
                assert x.tobytes() == y.tobytes()


def test_where_micro_pads_with_an_unset_number_litert_says_what_is_right():
    model = random_model("space_to_batch_nd", 5, 12)
    result = tfedge.verify(model, samples=10)
    assert result.truth == "stepwise"
    assert result.passed
    assert not any(comparison.mismatches for comparison in result.comparisons)
    micro = next(item for item in result.comparisons if item.engine == "tflite-micro")
    assert "never sets" in micro.skipped


@pytest.mark.parametrize(
    ("shape", "order", "rank"),
    [
        ((1, 2, 3, 4, 3, 2), (0, 1, 4, 5, 2, 3), 3),
        ((2, 3, 1, 2, 2, 3), (5, 3, 2, 4, 1, 0), 4),
        ((2, 3, 1, 2, 2, 3), (5, 4, 2, 3, 1, 0), 5),
        ((1, 1, 1, 4, 1, 1), (5, 3, 2, 4, 1, 0), 0),
        ((2, 3, 2, 2, 2, 3), (5, 3, 1, 4, 2, 0), 6),
    ],
)
def test_transpositions_of_many_axes(shape, order, rank):
    """What has too many even so stays, and is refused in words."""
    grid = Quantization.per_tensor(0.1, 3)
    moved = tuple(shape[axis] for axis in order)
    x = Tensor("x", shape, TensorType.INT8, grid)
    y = Tensor("y", moved, TensorType.INT8, grid)
    axes = Tensor("axes", (6,), TensorType.INT32, data=np.array(order, np.int32))
    options = schema.TransposeOptionsT()
    model = Model([Graph([x], [y], [Operator("TRANSPOSE", [x, axes], [y], options, 4)])])
    sample = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    assert write_for_micro(model) == (rank < 6)
    if rank < 6:
        moving = [op for op in model.main.operators if op.code == "TRANSPOSE"]
        assert [len(op.inputs[0].shape) for op in moving] == [rank] * bool(rank)
        [[result]] = run_micro(write_model(model), [[sample]])
        assert (result == sample.transpose(order)).all() and result.shape == moved
    else:
        with pytest.raises(UnsupportedError, match=r"operator 0 \(TRANSPOSE\) that makes 'y'"):
            run_micro(write_model(model), [[sample]])
