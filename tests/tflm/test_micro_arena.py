"""The arena that TFLite Micro needs, computed ahead, and the plan of memory in the file."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_graphs import OPERATORS, ORACLE_LITERT, random_model

import tfedge
from tfedge.errors import ModelFileError
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Tensor,
    TensorType,
    read_file,
    read_model,
    write_model,
)
from tfedge_converters.graph.metadata import OFFLINE_PLAN, metadata_in
from tfedge_converters.graph.passes.micro_sequences import write_for_micro
from tfedge_converters.tflm import Kernels, plan_entry, planned_offsets, predict_arena
from tfedge_converters.tflm.arena import X86_64

# MicroInterpreter::arena_used_bytes() in QEMU, tflite-micro 90b983c2, arm-none-eabi-gcc 12.2.
BASELINES = list(csv.DictReader((Path(__file__).parent / "tflm_arenas.csv").open()))
# Its interpreter has no DEQUANTIZE of half precision.
MICRO_OPERATORS = sorted(
    name for name in OPERATORS.keys() - ORACLE_LITERT if not name.startswith("half_")
)
KERNELS = {kernels.name.lower(): kernels for kernels in Kernels}


def interpreter(flatbuffer, arena=1 << 25):
    """TFLite Micro's interpreter, and what it says of its arena: (head, tail) bytes."""
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    with tempfile.TemporaryFile() as words:
        kept = os.dup(2)
        os.dup2(words.fileno(), 2)
        try:
            made = runtime.Interpreter.from_bytes(flatbuffer, arena_size=arena)
            made.print_allocations()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        words.seek(0)
        said = words.read().decode()
    sizes = [int(re.search(rf"allocation {end} (\d+)", said)[1]) for end in ("head", "tail")]
    return made, tuple(sizes)


def outputs(made, model, seed=0):
    rng = np.random.default_rng(seed)
    for index, tensor in enumerate(model.main.inputs):
        made.set_input(rng.integers(-100, 100, tensor.shape).astype(tensor.type.dtype), index)
    made.invoke()
    return [made.get_output(index) for index in range(len(model.main.outputs))]


@pytest.mark.parametrize("row", BASELINES, ids=lambda row: "-".join(row.values()))
def test_it_is_what_was_used_on_cores_of_32_bits(published, row):
    model = read_file(published(f"mlperf_tiny/{row['model']}_int8.tflite"))
    arena = predict_arena(model.graphs, kernels=KERNELS[row["kernels"]])
    assert arena.used == int(row["arena_bytes"])
    assert arena.planned == int(row["planned_bytes"])


@pytest.mark.parametrize("name", MICRO_OPERATORS)
def test_it_is_what_the_interpreter_takes_here(name):
    model = random_model(name, 3, 2)
    write_for_micro(model)
    flatbuffer = write_model(model)
    arena = predict_arena(model.graphs, layout=X86_64)
    assert interpreter(flatbuffer)[1] == (arena.planned, arena.persistent)
    interpreter(flatbuffer, arena.needed + 16)  # whose memory may begin anywhere


def diamond():
    """Two branches whose sum may lie where one of them did."""
    builder = Builder(np.random.default_rng(0))
    grid = builder.quantization()

    def made(name):
        return Tensor(name, (1, 4096), TensorType.INT8, grid)

    source, left, right, total = map(made, ("source", "left", "right", "total"))
    operators = [
        Operator("RELU", [source], [left]),
        Operator("RELU", [left], [right]),
        Operator("ADD", [left, right], [total], options=schema.AddOptionsT()),
    ]
    return Model([Graph([source], [total], operators)])


def test_a_plan_that_is_smaller_is_followed_and_changes_no_output():
    model = diamond()
    plain = write_model(model)
    planned = write_model(model, {OFFLINE_PLAN: plan_entry(model.graphs)})
    offsets = planned_offsets(model.main, metadata_in(planned))
    before, after = predict_arena(model.graphs), predict_arena(model.graphs, offsets=offsets)
    assert (before.planned, after.planned) == (12288, 8192)
    made, (head, _) = interpreter(planned)
    assert head == 8192
    other, (head, _) = interpreter(plain)
    assert head == 12288
    for one, two in zip(outputs(made, model), outputs(other, model), strict=True):
        np.testing.assert_array_equal(one, two)


def test_vww_needs_a_fifth_less(published):
    model = read_file(published("mlperf_tiny/vww_int8.tflite"))
    planned = write_model(model, {OFFLINE_PLAN: plan_entry(model.graphs)})
    offsets = planned_offsets(model.main, metadata_in(planned))
    assert predict_arena(model.graphs).used == 100660
    assert predict_arena(model.graphs, offsets=offsets).used == 82228


def test_no_plan_where_it_would_gain_nothing():
    assert plan_entry(random_model("conv_2d", 1, 1).graphs) is None


@pytest.mark.parametrize("kept", ["left", "right"])
def test_what_is_needed_later_is_not_written_over(kept):
    model = diamond()
    left, right = model.main.operators[0].outputs[0], model.main.operators[1].outputs[0]
    model.main.outputs.append(left if kept == "left" else right)
    entry = plan_entry(model.graphs)
    if entry is not None:
        places = planned_offsets(model.main, metadata_in(write_model(model, {OFFLINE_PLAN: entry})))
        assert places[id(model.main.outputs[1])] != places[id(model.main.outputs[0])]


def test_a_plan_is_of_one_file_alone():
    """A graph that was read from a file has no plan: it would be wrong once anything changes."""
    model = diamond()
    planned = write_model(model, {OFFLINE_PLAN: plan_entry(model.graphs)})
    again = read_model(planned)
    assert again.metadata == {} and metadata_in(planned)
    assert write_model(again) == write_model(model)


def test_conversion_plans_and_says_how_large_an_arena_to_make(tmp_path):
    artifact = tfedge.convert(write_model(diamond()), target="tflite-micro", name="net")
    assert OFFLINE_PLAN in metadata_in(artifact.flatbuffer)
    assert "the arena" in artifact.summary()
    header = artifact.files["net_model_data.h"]
    sizes = [int(size) for size in re.findall(r"NET_TENSOR_ARENA_BYTES (\d+)", header)]
    assert len(sizes) == 5 and min(sizes) >= 8192
    artifact.save(tmp_path)
    assert tfedge.verify(tmp_path, samples=3).passed
    loaded = tfedge.load(tmp_path)
    assert loaded.files["net_model_data.h"] == header
    # Converted for another target, the file has no plan, and its graph is the same.
    other = tfedge.convert(artifact.flatbuffer, target="tflite", name="net")
    other_again = tfedge.convert(other.flatbuffer, target="tflite-micro", name="net")
    assert other_again.flatbuffer == artifact.flatbuffer


@pytest.mark.parametrize(("standard", "compiler"), [("-std=c99", "cc"), ("-std=c++11", "c++")])
def test_the_header_is_c_and_cpp(tmp_path, standard, compiler):
    artifact = tfedge.convert(write_model(diamond()), target="tflite-micro", name="net")
    (tmp_path / "net_model_data.h").write_text(artifact.files["net_model_data.h"])
    source = tmp_path / ("main.c" if compiler == "cc" else "main.cpp")
    source.write_text(
        '#include "net_model_data.h"\nstatic unsigned char arena[NET_TENSOR_ARENA_BYTES];\n'
        "int main(void) { return sizeof arena < NET_TENSOR_ARENA_BYTES || arena[0]; }\n"
    )
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", standard]
    subprocess.run([compiler, *flags, source, "-o", tmp_path / "program"], check=True)
    subprocess.run([tmp_path / "program"], check=True)


def test_what_cmsis_nn_takes_is_said_to_be_unknown_where_it_is():
    model = random_model("transpose_conv", 1, 1)
    assert predict_arena(model.graphs) is not None
    assert predict_arena(model.graphs, kernels=Kernels.CMSIS_NN) is None
    artifact = tfedge.convert(write_model(model), target="tflite-micro", name="net")
    header = artifact.files["net_model_data.h"]
    assert "CMSIS-NN takes more" in header and "__ARM_FEATURE_MVE" not in header


def test_files_with_compressed_weights_are_refused():
    with pytest.raises(ModelFileError, match="compressed for TFLite Micro; give the file that"):
        read_model(write_model(diamond(), {"COMPRESSION_METADATA": b"1234"}))


@pytest.mark.parametrize("entry", [b"", b"1", bytes(12), bytes(4096)])
def test_a_plan_of_other_tensors_is_none(entry):
    model = diamond()
    assert planned_offsets(model.main, metadata_in(write_model(model, {OFFLINE_PLAN: entry}))) == {}


@pytest.mark.parametrize("name", ["conv_2d", "fully_connected", "mean", "transpose_conv"])
def test_operators_that_no_kernel_takes_have_no_arena(name):
    """Files of strangers have any operands, ranks and options."""
    for damage in ("operands", "ranks", "options"):
        model = random_model(name, 1, 1)
        operator = model.main.operators[0]
        if damage == "operands":
            operator.inputs = operator.inputs[:1]
        elif damage == "ranks":
            for tensor in filter(None, (*operator.inputs, *operator.outputs)):
                tensor.shape = ()
        else:
            operator.options = None
        for kernels in Kernels:
            predict_arena(model.graphs, kernels=kernels)
