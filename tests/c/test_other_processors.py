"""Generated C computes the same on processors of the other byte order, and of other compilers.

s390x stores the most significant byte first; riscv64 has neither x86's nor Arm's extensions. Both
run in QEMU.
"""

from __future__ import annotations

import shutil
import subprocess

import keras
import numpy as np
import pytest
import random_graphs
import random_packed
from random_builder import Builder

import tfedge
from tfedge_converters import targets
from tfedge_converters.c import Options, Vector, generate
from tfedge_converters.c.arrays import bits_initializer
from tfedge_converters.execute.toolchain import STRICT_C99
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_litert_reference, run_micro

layers = keras.layers
MAIN = """
#include <stdio.h>
#include "model.h"

static uint8_t arena[MODEL_ARENA_BYTES + 1] __attribute__((aligned(MODEL_ARENA_ALIGN)));
static model_context context;

int main(void) {
  const int status = model_init(&context, arena, sizeof arena);
  printf("%d\\n", status != TFEDGE_OK ? status : model_self_test(&context));
  return 0;
}
"""


@pytest.mark.parametrize(
    ("values", "type_", "text"),
    [
        (
            np.float32([np.nan, -0.0, np.inf, 0.1]),
            "uint32_t",
            "0x7fc00000u, 0x80000000u, 0x7f800000u, 0x3dcccccdu",
        ),
        (np.int64([-(2**63), 2**40]), "int64_t", "INT64_MIN, 1099511627776"),
        (np.int16([[-32768, 7]]), "int16_t", "-32768, 7"),
        (np.array([True, False]), "uint8_t", "1, 0"),
    ],
)
def test_arrays_say_every_value_in_its_own_type(values, type_, text):
    assert bits_initializer(values) == (type_, f"    {text}")


@pytest.fixture(scope="module", params=["s390x", "riscv64"])
def processor(request):
    """The name of a processor that can be compiled for and emulated here."""
    name = request.param
    if not (shutil.which(f"{name}-linux-gnu-gcc") and shutil.which(f"qemu-{name}")):
        pytest.skip(
            f"no {name} here; on Debian or Ubuntu: apt-get install gcc-{name}-linux-gnu "
            f"libc6-dev-{name}-cross qemu-user"
        )
    return name


def self_test(source, processor, folder):
    """What the self-test of a program returns on a processor, 0 if all is right."""
    program = source.write(folder / "model")
    main, compiled = folder / "main.c", folder / "compiled"
    main.write_text(MAIN)
    command = [f"{processor}-linux-gnu-gcc", *STRICT_C99, "-O1", "-static"]
    # Standard C computes float in double precision on s390x; kernels are right in single alone.
    command += ["-fexcess-precision=fast"]
    command += [f"-I{program.directory}", *program.sources, main, "-lm", "-o", compiled]
    subprocess.run(command, check=True, timeout=300)
    ran = subprocess.run(
        [f"qemu-{processor}", compiled], check=True, timeout=300, stdout=subprocess.PIPE
    )
    return int(ran.stdout)


def image_net():
    keras.utils.set_random_seed(3)
    image = keras.Input((6, 6, 2), name="image")
    x = layers.Conv2D(5, 3, activation="relu", name="first")(image)
    x = layers.DepthwiseConv2D(3, padding="same", name="second")(x)
    x = layers.Dense(4, activation="sigmoid", name="hidden")(layers.Flatten(name="flat")(x))
    return keras.Model(image, layers.Dense(3, name="scores")(x))


def sequence_net():
    keras.utils.set_random_seed(4)
    steps = keras.Input(batch_shape=(1, 3, 4), name="steps")
    x = layers.LSTM(5, stateful=True, name="kept")(steps)
    return keras.Model(steps, layers.Dense(2, activation="softmax", name="scores")(x))


NETS = {
    "int8": (image_net, {"quantization": "int8"}),
    "int16x8": (image_net, {"quantization": "int16x8"}),
    "block floating point": (image_net, {"quantization": "dynamic_integer"}),
    "float ends": (image_net, {"input_type": "float32", "output_type": "float32"}),
    "state": (sequence_net, {"quantization": "int16x8"}),
}


@pytest.fixture(scope="module")
def sources():
    """The generated C of each net."""
    found = {}
    for name, (make, options) in NETS.items():
        net = make()
        data = np.random.default_rng(5).normal(size=(24, *net.inputs[0].shape[1:]))
        found[name] = tfedge.convert(
            net, calibration=data.astype(np.float32), name="model", **options
        ).source
    return found


def test_self_tests_of_every_scheme(processor, sources, tmp_path):
    results = {name: self_test(sources[name], processor, tmp_path / name) for name in NETS}
    assert results == dict.fromkeys(NETS, 0)


def kernels(names, oracle, target="host"):
    """A program with an instance of each operator, whose self-test has the reference's outputs."""
    builder = Builder(np.random.default_rng(7))
    for name in names:
        random_graphs.OPERATORS[name](builder)
    model = builder.model()
    flatbuffer = write_model(model)
    rng = np.random.default_rng(8)
    samples = [random_graphs.random_sample(model, rng) for _ in range(6)]
    outputs = oracle(random_graphs.oracle_file(flatbuffer), samples, 1)
    vectors = [Vector(tuple(x), tuple(y)) for x, y in zip(samples, outputs, strict=True)]
    options = Options("model", targets.load(target), "size")
    return generate(model, options, flatbuffer=flatbuffer, vectors=vectors)


@pytest.mark.parametrize("oracle", [run_micro, run_litert_reference])
def test_every_kernel(processor, oracle, tmp_path):
    if oracle is run_micro:
        pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    of_litert = random_graphs.ORACLE_LITERT
    names = set(random_graphs.OPERATORS) - set(random_graphs.REWRITES) - random_graphs.STATEFUL
    chosen = names & of_litert if oracle is run_litert_reference else names - of_litert
    assert self_test(kernels(sorted(chosen), oracle), processor, tmp_path) == 0


@pytest.mark.parametrize("target", ["cortex-m3", "cortex-m4", "cortex-m55"])
def test_every_packed_kernel(processor, target, tmp_path):
    """Words have one order of bytes in every memory."""
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    source = kernels(random_packed.OPERATORS, run_micro, target)
    assert self_test(source, processor, tmp_path) == 0
