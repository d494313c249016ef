"""The checker against what edgetpu_compiler really did."""

import random

import numpy as np
import pytest
from accelerators.small_graphs import Net, constant
from hostile.formats.compiled import compiled_file
from model_files import PUBLISHED, SOURCES
from random_graphs import random_model

from tfedge.errors import ModelFileError
from tfedge_converters import targets
from tfedge_converters.accelerators.mapping import map_graph
from tfedge_converters.accelerators.memory import memory_use
from tfedge_converters.edgetpu.compiled_file import ExecutableKind, read_compiled
from tfedge_converters.graph import (
    Quantization,
    TensorType,
    read_file,
    read_model,
    write_model,
)

PAIRS = {
    # operators in all, on the CPU, cached bytes, instructions of a run, narrow memory of a tile
    "split_concat": (3, 0, 192, 1_478, 832),
    "keras_lstm_mnist_ptq": (6, 0, 43_968, 3_804, 4_876),
    "mobilenet_v1_0.25_128_quant": (31, 0, 566_912, 10_627, 8_996),
    "mobilenet_v1_0.5_160_quant": (31, 0, 1_473_280, 12_871, 20_512),
    "deeplabv3_mnv2_pascal_quant": (72, 8, 2_337_216, 24_923, 194_916),
}

_EDGE_TPU = targets.load("edgetpu").accelerator


@pytest.mark.parametrize("name", PAIRS)
def test_a_compiled_file_says_what_the_compiler_did(published, name):
    compiled = read_compiled(published(f"edgetpu_pairs/{name}_edgetpu.tflite"))
    (package,) = compiled.packages
    _, on_cpu, cached, instructions, tile = PAIRS[name]
    assert len(compiled.on_cpu) == on_cpu
    assert (package.cached_bytes, package.instructions) == (cached, instructions)
    assert package.tile_bytes == tile
    assert package.minimum_runtime in (12, 13)
    kinds = {executable.kind for executable in package.executables}
    assert kinds == {ExecutableKind.PARAMETER_CACHING, ExecutableKind.EXECUTION_ONLY}
    (program,) = [e for e in package.executables if e.kind == ExecutableKind.EXECUTION_ONLY]
    assert (program.chip, program.batch) == ("beagle", 1)
    names = [tensor.name for tensor in compiled.model.main.inputs]
    assert [layer.name for layer in program.inputs][: len(names)] == names


@pytest.mark.parametrize("name", PAIRS)
def test_the_prediction_is_what_the_compiler_did(published, name):
    original = read_file(published(f"edgetpu_pairs/{name}.tflite")).main
    compiled = read_compiled(published(f"edgetpu_pairs/{name}_edgetpu.tflite"))
    mapping = map_graph(original, _EDGE_TPU)
    assert {left.index for left in mapping.on_cpu} == compiled.on_cpu_of(original)
    assert compiled.packages[0].cached_bytes == PAIRS[name][2]


@pytest.mark.parametrize("name", PAIRS)
def test_the_prediction_is_what_is_known_of_the_compiler(model_file, name):
    """Of a network of the same operators and sizes, whatever its weights."""
    original = read_file(model_file(f"edgetpu_pairs/{name}.tflite")).main
    operators, on_cpu, cached, *_ = PAIRS[name]
    assert len(original.operators) == operators
    mapping = map_graph(original, _EDGE_TPU)
    assert [left.index for left in mapping.on_cpu] == [*range(operators - on_cpu, operators)]
    use = memory_use(mapping)
    assert use.streamed_bytes == 0
    assert use.cached_bytes == pytest.approx(cached, rel=0.05)


@pytest.mark.parametrize("name", ["mobilenet_v1_0.25_128_quant", "deeplabv3_mnv2_pascal_quant"])
def test_parameters_of_convolutions_are_predicted_to_the_byte(model_file, name):
    original = read_file(model_file(f"edgetpu_pairs/{name}.tflite")).main
    assert memory_use(map_graph(original, _EDGE_TPU)).cached_bytes == PAIRS[name][2]


def test_a_file_that_was_not_compiled_has_no_packages(model_file):
    path = model_file("edgetpu_pairs/split_concat.tflite")
    compiled = read_compiled(path)
    assert compiled.packages == ()
    assert len(compiled.on_cpu) == 3


def _with_options(compiled, options):
    model = read_model(compiled)
    model.main.operators[0].custom_options = options
    return write_model(model)


@pytest.fixture(params=SOURCES)
def compiled(request):
    """A small compiled file of its source."""
    if request.param == "published":
        return (PUBLISHED / "edgetpu_pairs/split_concat_edgetpu.tflite").read_bytes()
    return compiled_file(random_model("conv_2d", 1, 1))


def test_truncated_and_mutated_packages_end_in_one_message(compiled):
    options = read_model(compiled).main.operators[0].custom_options
    chosen = random.Random(5)
    refused = 0
    for trial in range(300):
        broken = bytearray(options)
        if trial % 3 == 0:
            del broken[chosen.randrange(len(broken)) :]
        else:
            # Offsets and lengths lie at the ends of the buffers; in between are instructions.
            for _ in range(chosen.randrange(1, 5)):
                place = chosen.choice([chosen.randrange(400), -1 - chosen.randrange(400)])
                broken[place] = chosen.randrange(256)
        try:
            read_compiled(_with_options(compiled, bytes(broken)))
        except ModelFileError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


def test_other_bytes_are_refused(compiled):
    for data in (b"", b"TFL3", b"\0\0\0\0TFL3" + b"\xff" * 40):
        with pytest.raises(ModelFileError):
            read_compiled(data)
    with pytest.raises(ModelFileError, match="compile the model again"):
        read_compiled(_with_options(compiled, b"\x01"))
    assert read_model(_with_options(compiled, b"\x01")).main.operators


@pytest.mark.parametrize(
    ("outputs", "inputs", "per_channel", "bias", "size"),
    [
        (384, 384, True, 1, 384 * (384 + 12)),  # of PoseNet
        (32, 384, True, 1, 32 * (384 + 12)),
        (34, 384, True, 1, 48 * (384 + 12)),
        (1, 384, False, 1, 1600),  # of BodyPix
        (1, 96, False, 1, 448),  # of MoveNet
        (96, 384, True, 0, 128 * (384 + 8)),
        (24, 48, False, 1, 32 * (48 + 4)),
    ],
)
def test_bytes_of_convolutions_as_compiled_files_have_them(
    outputs, inputs, per_channel, bias, size
):
    net = Net(1, 4, 4, inputs)
    net.convolution(net.input, outputs, kernel=1)
    (operator,) = net.operators
    _, weights, biases = operator.inputs
    biases.data = np.full(outputs, bias, np.int32)
    if per_channel:
        weights.quantization = Quantization(
            np.full(outputs, 0.1, np.float32), np.zeros(outputs, np.int64)
        )
    assert memory_use(map_graph(net.graph(), _EDGE_TPU)).cached_bytes == size


@pytest.mark.parametrize(
    ("channels", "bias", "size"),
    [(384, 1, 384 * 48), (64, 0, 64 * 44), (24, 0, 1088)],  # of PoseNet and MoveNet
)
def test_bytes_of_depthwise_convolutions_as_compiled_files_have_them(channels, bias, size):
    net = Net(1, 8, 8, channels)
    weights = constant(np.ones((1, 3, 3, channels)), TensorType.INT8)
    weights.quantization = Quantization(
        np.full(channels, 0.1, np.float32), np.zeros(channels, np.int64), 3
    )
    biases = constant(np.full(channels, bias), TensorType.INT32)
    net.add(
        "DEPTHWISE_CONV_2D", [net.input, weights, biases], (1, 8, 8, channels),
        strideH=1, strideW=1, depthMultiplier=1, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    assert memory_use(map_graph(net.graph(), _EDGE_TPU)).cached_bytes == size
