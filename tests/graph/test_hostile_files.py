"""Whatever the bytes, reading ends in a model or in one clear error."""

from __future__ import annotations

import struct

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_graphs import random_model

from tfedge.errors import ModelFileError, TfedgeError
from tfedge_converters.graph import read_file, read_model, write_model


def test_another_kind_of_file_is_named(tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ModelFileError, match=r"model\.h5: not a TFLite flatbuffer"):
        read_file(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TfedgeError, match=r"none\.tflite: cannot be read: No such file"):
        read_file(tmp_path / "none.tflite")


@pytest.mark.parametrize("size", [0, 3, 8, 9, 40])
def test_a_stub_of_a_file_is_refused(size):
    with pytest.raises(ModelFileError):
        read_model((struct.pack("<I4s", 24, b"TFL3") + bytes(64))[:size])


def test_every_truncation_of_a_real_model_is_read_or_refused(model_file):
    data = model_file("mlperf_tiny/kws_int8.tflite").read_bytes()
    for size in range(0, len(data), 997):
        with pytest.raises(ModelFileError):
            read_model(data[:size])


def test_random_damage_is_read_or_refused(model_file):
    data = model_file("mlperf_tiny/ad_int8.tflite").read_bytes()
    structure = np.frombuffer(data, np.uint8)
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(1500):
        damaged = structure.copy()
        # The tables lie in the last few kilobytes; the weights before them cannot be wrong.
        places = rng.integers(len(data) - 9000, len(data), rng.integers(1, 6))
        damaged[places] = rng.integers(0, 256, places.size)
        try:
            write_model(read_model(damaged.tobytes()))
        except TfedgeError:
            refused += 1
    assert refused > 100


def test_one_table_claimed_many_times_does_not_cost_more_than_the_file():
    """Vectors of subgraphs, all the same table with many tensors, could take quadratic time."""
    build = flatbuffers.Builder(1024)
    schema.TensorStart(build)
    tensor = schema.TensorEnd(build)
    tensors = vector(build, [tensor] * 3_000)
    schema.SubGraphStart(build)
    schema.SubGraphAddTensors(build, tensors)
    graph = schema.SubGraphEnd(build)
    graphs = vector(build, [graph] * 3_000)
    schema.ModelStart(build)
    schema.ModelAddSubgraphs(build, graphs)
    build.Finish(schema.ModelEnd(build), b"TFL3")
    with pytest.raises(ModelFileError, match="more entries are claimed than the file can hold"):
        read_model(bytes(build.Output()))


def test_sparse_tensors_are_refused():
    sound = write_model(random_model("fully_connected", 1, 1))
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(sound, 0))
    model.subgraphs[0].tensors[1].sparsity = schema.SparsityParametersT()
    build = flatbuffers.Builder(1024)
    build.Finish(model.Pack(build), b"TFL3")
    with pytest.raises(ModelFileError, match=r"is stored sparse.*without sparsity optimisation"):
        read_model(bytes(build.Output()))


def test_sizes_beside_a_zero_are_bounded_too():
    """An empty array of such a shape is none that numpy makes."""
    model = random_model("relu", 1, 1)
    model.main.inputs[0].shape = (0, 1 << 30, 1 << 30, 1 << 30)
    with pytest.raises(ModelFileError, match="is larger than 2 GiB"):
        read_model(write_model(model))


def vector(build, offsets):
    build.StartVector(4, len(offsets), 4)
    for offset in offsets:
        build.PrependUOffsetTRelative(offset)
    return build.EndVector()


def test_the_error_says_where(model_file):
    model = read_file(model_file("mlperf_tiny/kws_int8.tflite"))
    weights = model.main.operators[0].inputs[1]
    weights.shape = (*weights.shape[:-1], 2)
    with pytest.raises(ModelFileError, match=r"subgraph 0, tensor \d+: .*needs 5120 bytes"):
        read_model(write_model(model))
