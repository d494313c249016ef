"""Kernels on block floating point equal tfedge's arithmetic in Python, bit for bit."""

from __future__ import annotations

import re
import subprocess

import keras
import numpy as np
import pytest
import random_bfp8
from random_builder import Builder
from random_graphs import random_model

import tfedge
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.schemes import StorageScheme
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.kernels import kernels_of, supported_operators
from tfedge_converters.c.registry import BFP8 as TYPE
from tfedge_converters.execute import build_firmware
from tfedge_converters.execute.cores import CORES
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import TensorType, read_model
from tfedge_converters.graph.metadata import ARITHMETIC, BFP8
from tfedge_converters.verify.bfp8 import run_bfp8

_NAMES = sorted(random_bfp8.OPERATORS)


def _generated(model, target: str, optimize: str, folder):
    return generate(model, Options("model", targets.load(target), optimize)).write(folder)


def _differences(got, right) -> int:
    return sum(
        int((a.view(np.uint32) != b.view(np.uint32)).sum())
        for one, other in zip(got, right, strict=True)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(("optimize", "seed"), [("speed", 1), ("shared", 2)])
@pytest.mark.parametrize("name", _NAMES)
def test_bit_exact_under_the_sanitizers(name, optimize, seed, tmp_path):
    model = random_bfp8.model_of([name], seed, 12)
    samples = random_bfp8.samples_of(model, 24, seed)
    source = _generated(model, "host", optimize, tmp_path)
    got = build_host(source, sanitize=True, flags=["-O1"]).run(samples)
    assert _differences(got, run_bfp8(model, samples)) == 0


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "rv32imc"])
def test_bit_exact_on_cores(core, tmp_path):
    model = random_bfp8.model_of(_NAMES, 3, 3)
    samples = random_bfp8.samples_of(model, 6, 3)
    got = build_firmware(_generated(model, core, "shared", tmp_path), core).run(samples).outputs
    assert _differences(got, run_bfp8(model, samples)) == 0


def test_every_kernel_is_tried():
    tried = {operator.code for operator in random_bfp8.model_of(_NAMES, 0, 1).main.operators}
    known = {
        code for code in supported_operators() for row in kernels_of(code) if TYPE in row.types
    }
    # Other views of memory than RESHAPE have its lowering; the two others are at every end.
    assert known - tried == {"EXPAND_DIMS", "SQUEEZE", "QUANTIZE", "DEQUANTIZE"}


# Functions of compilers that compute with real numbers, on Arm and on RISC-V.
_SOFT_FLOAT = re.compile(r"__aeabi_(c?[fd]\w+|\w+2[fd]\w*)|__\w*[sd]f\w*")


def _called(program, core: str, folder) -> set[str]:
    """The names that the objects of a model and its kernels do not define."""
    toolchain = CORES[core].toolchain
    flags = [*CORES[core].flags, *toolchain.flags, "-std=c99", "-O2", f"-I{folder}"]
    names = set()
    for source in program.sources:
        if "self_test" in source.name:
            continue
        made = folder / f"{source.stem}.o"
        command = [f"{toolchain.prefix}gcc", *flags, "-c", str(source), "-o", str(made)]
        subprocess.run(command, check=True)
        command = [f"{toolchain.prefix}nm", "-u", str(made)]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        names |= set(listed.split())
    return names


@pytest.mark.parametrize("core", ["cortex-m0", "rv32imc"])
def test_no_real_number_is_computed_with(core, tmp_path):
    """Compilers for cores without FPU call a function for each operation on real numbers."""
    model = random_bfp8.model_of(_NAMES, 4, 2)
    called = _called(_generated(model, core, "speed", tmp_path), core, tmp_path)
    assert not [name for name in called if _SOFT_FLOAT.fullmatch(name)]


def test_that_would_be_found(tmp_path):
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(8)(inputs))
    real = tfedge.convert(model, target="cortex-m0", quantization="float32")
    called = _called(real.emission.program(tmp_path), "cortex-m0", tmp_path)
    assert any(_SOFT_FLOAT.fullmatch(name) for name in called)


def _convolutional():
    keras.utils.set_random_seed(5)
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(inputs)
    y = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    y = keras.layers.Conv2D(8, 1)(keras.layers.ReLU(6.0)(y))
    x = keras.layers.ReLU()(keras.layers.Add()([x, y]))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.MaxPooling2D(2)(x))
    return keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))


def test_a_network_is_converted_and_verified(tmp_path):
    model = _convolutional()
    artifact = tfedge.convert(model, target="cortex-m0", quantization="dynamic_integer")
    artifact.save(tmp_path)
    result = tfedge.verify(tmp_path, samples=6, engines=["c", "qemu:cortex-m0"])
    assert result.passed and result.truth == "block-floating-point"
    assert [one.mismatches for one in result.comparisons] == [0, 0]
    x = np.random.default_rng(0).normal(size=(40, 12, 12, 3)).astype(np.float32)
    right = model.predict(x, verbose=0)
    error = np.square(artifact.predict(x) - right).mean()
    assert 10 * np.log10(np.square(right).mean() / error) > 30
    # Activations have a byte each, and their inputs and outputs four.
    real = tfedge.convert(model, target="cortex-m0", quantization="dynamic")
    assert artifact.source.arena_bytes < real.source.arena_bytes


def test_other_engines_are_said_to_compute_otherwise():
    artifact = tfedge.convert(_convolutional(), target="host", quantization="dynamic_integer")
    result = tfedge.verify(artifact, samples=2, engines=["c", "litert-reference"])
    assert result.passed
    assert result.comparisons[1].mismatches


@pytest.mark.parametrize("target", ["tflite", "tflite-micro", "ethos-u55-128"])
def test_interpreters_do_not_have_it(target):
    with pytest.raises(TfedgeError, match="dynamic_integer"):
        tfedge.convert(_convolutional(), target=target, quantization="dynamic_integer")


def test_operators_without_kernels_are_refused():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(8, activation="tanh")(inputs))
    with pytest.raises(
        UnsupportedError,
        match=r"TANH\).*no kernel that computes with integers whose exponent is found at run time; "
        "ADD, .*SQUEEZE have. Use dynamic",
    ):
        tfedge.convert(model, target="cortex-m0", quantization="dynamic_integer")


def _marked(model):
    model.metadata[ARITHMETIC] = BFP8
    return model


def _with_constant(b: Builder) -> None:
    random_bfp8.OPERATORS["add"](b)
    operator = b.operators[-1]
    shape = operator.outputs[0].shape
    operator.inputs[1] = b.constant(np.ones(shape, np.float32), None, TensorType.FLOAT32)


def _with_broadcast(b: Builder) -> None:
    random_bfp8.OPERATORS["add"](b)
    operator = b.operators[-1]
    operator.inputs[1].shape = (1, *operator.inputs[1].shape)


def _with_other_axes(b: Builder) -> None:
    random_bfp8.OPERATORS["mean"](b)
    b.operators[-1].inputs[1].data[:] = [0, 3]


def _with_real_weights(b: Builder) -> None:
    random_bfp8.OPERATORS["fully_connected"](b)
    weights = b.operators[-1].inputs[1]
    weights.type, weights.quantization = TensorType.FLOAT32, None
    weights.data = weights.data.astype(np.float32)


REFUSALS = {
    "is constant and is added": _with_constant,
    "is added to what has shape": _with_broadcast,
    "over other axes than 1 and 2": _with_other_axes,
    "are FLOAT32; int8 with scales is supported": _with_real_weights,
}


@pytest.mark.parametrize("words", REFUSALS)
def test_refusals(words):
    b = Builder(np.random.default_rng(1))
    REFUSALS[words](b)
    with pytest.raises(UnsupportedError, match=words):
        generate(_marked(b.model()), Options("model", targets.load("host")))


def test_integers_as_inputs_are_refused():
    model = _marked(random_model("relu", 1, 1))
    with pytest.raises(UnsupportedError, match="is INT8; with exponents that are found at run"):
        generate(model, Options("model", targets.load("host")))


def test_the_file_says_which_arithmetic_is_its_own():
    artifact = tfedge.convert(_convolutional(), target="host", quantization="dynamic_integer")
    assert read_model(artifact.flatbuffer).metadata[ARITHMETIC] == BFP8


def test_a_scheme_of_integers_alone_has_int8_weights():
    with pytest.raises(TfedgeError, match="integers alone are computed with int8 weights"):
        StorageScheme("own", "int4", computed=True, integer_only=True)
