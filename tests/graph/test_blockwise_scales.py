"""Weights with scales of blocks: read, written, and refused by whatever does not know them."""

from __future__ import annotations

import dataclasses
import functools
from types import SimpleNamespace

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfedge
from tfedge.errors import ModelFileError, TfedgeError, UnsupportedError
from tfedge_converters import targets
from tfedge_converters.accelerators.mapping import map_graph
from tfedge_converters.c import Options, generate
from tfedge_converters.graph import (
    BlockQuantization,
    Graph,
    Model,
    Operator,
    Tensor,
    TensorType,
    read_model,
    write_model,
)
from tfedge_converters.graph.digest import digest
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.tflm import generate_array
from tfedge_converters.verify.engines import run_litert, run_litert_reference, run_micro

ROWS, COLUMNS, BLOCK = 6, 96, 32


def dense(block_size=BLOCK, activation="NONE"):
    """A dense layer whose weights have a scale for every block, and no bias."""
    rng = np.random.default_rng(0)
    scale = rng.choice([0.125, 0.5, 4], (ROWS, COLUMNS // block_size)).astype(np.float16)
    data = rng.integers(-7, 8, (ROWS, COLUMNS)).astype(np.int8)
    blocks = BlockQuantization(scale, block_size)
    weights = Tensor("w", data.shape, TensorType.INT4, data=data, blocks=blocks)
    x = Tensor("x", (1, COLUMNS), TensorType.FLOAT32)
    y = Tensor("y", (1, ROWS), TensorType.FLOAT32)
    options = schema.FullyConnectedOptionsT()
    options.asymmetricQuantizeInputs = True
    options.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
    return Model([Graph([x], [y], [Operator("FULLY_CONNECTED", [x, weights], [y], options, 12)])])


def weights_of(model):
    return model.main.operators[0].inputs[1]


def changed(change):
    """The file of `dense`, after `change(details, tensors)` of the schema's own objects."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(write_model(dense()), 0))
    tensors = model.subgraphs[0].tensors
    (weights,) = (t for t in tensors if t.name == b"w")
    change(weights.quantization, tensors)
    build = flatbuffers.Builder(1024)
    build.Finish(model.Pack(build), b"TFL3")
    return bytes(build.Output())


def test_round_trip():
    model = dense()
    file = write_model(model)
    again = read_model(file)
    assert write_model(again) == file
    ours, theirs = weights_of(model), weights_of(again)
    assert theirs.quantization is None
    assert theirs.blocks.block_size == BLOCK
    np.testing.assert_array_equal(theirs.blocks.scale, ours.blocks.scale)
    np.testing.assert_array_equal(theirs.data, ours.data)


def test_tensors_of_two_graphs():
    """Each graph of a file needs scales of its own."""
    model = dense()
    model.graphs.append(dataclasses.replace(model.main, name="again"))
    for graph in read_model(write_model(model)).graphs:
        assert graph.operators[0].inputs[1].blocks.block_size == BLOCK


def test_xnnpack_computes_what_the_graph_says():
    model = dense()
    weights = weights_of(model)
    x = np.random.default_rng(1).normal(size=(8, 1, COLUMNS)).astype(np.float32)
    real = weights.data * np.repeat(weights.blocks.scale.astype(np.float64), BLOCK, axis=1)
    actual = np.array([y for (y,) in run_litert(write_model(model), [[value] for value in x])])
    right = x @ real.T
    assert np.square(actual - right).mean() < 1e-3 * np.square(right).mean()


def setting(**fields):
    return lambda quantization, _: vars(quantization.details).update(fields)


def scales_of(change):
    return lambda quantization, tensors: change(tensors[quantization.details.scales])


def double_scales(quantization, _):
    quantization.scale, quantization.zeroPoint = [0.5], [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (setting(scales=99), r"tensor 1: tensor 99 does not exist"),
        (setting(scales=-1), "tensor -1 does not exist"),
        (setting(scales=1), "need constant scales of type FLOAT16.*'w' is INT4"),
        (setting(scales=0), "'x' is FLOAT32"),
        (setting(blockSize=0), "of 96 columns has blocks of 0"),
        (setting(blockSize=-32), "has blocks of -32"),
        (setting(blockSize=64), "has blocks of 64"),
        (setting(blockSize=2**31 - 1), "has blocks of 2147483647"),
        (setting(blockSize=48), r"shape \(6, 2\); 'w_scales' is FLOAT16 of shape \(6, 3\)"),
        (setting(zeroPoints=3), "blocks with zero points"),
        (setting(blockShape=[1, 32]), "of two dimensions"),
        (lambda q, _: setattr(q, "quantizedDimension", 1), "across rows"),
        (lambda q, _: setattr(q, "detailsType", 1), "file is truncated|in a form other"),
        (double_scales, "in a form other than one scale a tensor, channel or block"),
        (lambda _, tensors: setattr(tensors[1], "shape", [ROWS * COLUMNS]), r"a constant matrix"),
        (lambda _, tensors: setattr(tensors[1], "buffer", 0), "a constant matrix"),
        (scales_of(lambda t: setattr(t, "buffer", 0)), "need constant scales"),
        (scales_of(lambda t: setattr(t, "shape", [3, ROWS])), r"of shape \(3, 6\)"),
        (scales_of(lambda t: setattr(t, "type", TensorType.INT16)), "is INT16"),
    ],
)
def test_hostile_files(change, message):
    with pytest.raises(ModelFileError, match=message):
        read_model(changed(change))


@pytest.mark.parametrize("value", [-1, np.nan, np.inf])
def test_scales_are_numbers(value):
    model = dense()
    weights_of(model).blocks.scale[0, 0] = value
    with pytest.raises(ModelFileError, match="'w_scales' has a scale that is negative or not a"):
        read_model(write_model(model))


def test_scales_without_end():
    """Scales that are claimed many times cost no more than the file has bytes."""

    def repeat(_, tensors):
        packed_once = SimpleNamespace(Pack=functools.cache(tensors[1].Pack))
        tensors += [packed_once] * 3000

    with pytest.raises(ModelFileError, match="more entries are claimed"):
        read_model(changed(repeat))


def read_by_c(model):
    generate(model, Options("net", targets.load("host")))


def on_one(engine):
    return lambda model: engine(write_model(model), [[np.zeros((1, COLUMNS), np.float32)]])


@pytest.mark.parametrize(
    ("read", "who"),
    [
        (read_by_c, "generated C"),
        (lambda model: generate_array(model, b"", "net"), "TFLite Micro"),
        (on_one(run_micro), "TFLite Micro"),
        (on_one(run_litert_reference), "LiteRT without XNNPACK"),
    ],
)
def test_what_does_not_know_blocks_refuses_them(read, who):
    said = rf"FULLY_CONNECTED.* that makes 'y': 'w' of type INT4 has a scale for every 32 .*{who}"
    with pytest.raises(UnsupportedError, match=said):
        read(dense())


@pytest.mark.parametrize("wrong", [{"block_size": 48}, {"activation": "TANH"}])
def test_what_xnnpack_leaves_to_others_is_refused(wrong):
    """LiteRT computes it wrongly, and says nothing."""
    with pytest.raises(UnsupportedError, match="which LiteRT does not compute with"):
        on_one(run_litert)(dense(**wrong))


@pytest.mark.parametrize("target", ["host", "tflite-micro", "tflite"])
def test_such_files_are_not_quantised_again(target):
    with pytest.raises(UnsupportedError, match="INT4 weights 'w': the model is hybrid"):
        tfedge.convert(write_model(dense()), target=target)


def test_nothing_says_what_is_right():
    with pytest.raises(TfedgeError, match=r"nothing can say what is right.*without XNNPACK"):
        tfedge.verify(write_model(dense()))


def test_accelerators_leave_them_to_the_cpu():
    accelerator = targets.load("litert-gpu").accelerator
    (placement,) = map_graph(dense().main, accelerator).placements
    assert "blocks" in placement.reasons[0].why


def test_passes_see_the_scales():
    model, other = dense(), dense()
    weights_of(other).blocks.scale[:] = 1
    assert digest(model) != digest(other)
    both = model.main.operators + other.main.operators
    both[1].inputs[0] = both[0].inputs[0]
    model.main.operators, model.main.outputs = both, [op.outputs[0] for op in both]
    pipeline.run(model)
    assert len(model.main.operators) == 2


def test_constants_in_blocks_are_not_folded():
    """LiteRT's DEQUANTIZE would take the integers for real numbers."""
    weights = weights_of(dense())
    real = Tensor("real", weights.shape, TensorType.FLOAT32)
    x = Tensor("x", weights.shape, TensorType.FLOAT32)
    y = Tensor("y", weights.shape, TensorType.FLOAT32)
    operators = [
        Operator("DEQUANTIZE", [weights], [real], schema.DequantizeOptionsT(), 6),
        Operator("ADD", [x, real], [y], schema.AddOptionsT()),
    ]
    model = Model([Graph([x], [y], operators)])
    pipeline.run(model)
    assert [operator.code for operator in model.main.operators] == ["DEQUANTIZE", "ADD"]
