"""Kernels for lanes of vectors on a core with Helium, at every level of optimisation."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from output_comparison import assert_firmware_computes
from random_lanes import random_layers

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute.toolchain import STRICT_C99
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

CORE = "cortex-m55"
INSTANCES, SAMPLES = 9, 8

# Assembly that needs every register has to survive whatever compilers want for themselves.
FLAGS = [
    ("-O2",),
    ("-O0",),
    ("-Og", "-fno-omit-frame-pointer"),
    ("-O3", "-fno-omit-frame-pointer", "-fstack-protector-strong"),
    ("-Os", "-flto"),
]


@pytest.fixture(scope="module")
def operators():
    """A model of many operators, random samples, and what TFLite Micro makes of them."""
    model, samples = random_layers(INSTANCES, seed=31, samples=SAMPLES)
    return model, samples, run_micro(write_model(model), samples)


@pytest.fixture(scope="module")
def source(operators):
    """The C of the model, which is generated once for all levels."""
    return generate(operators[0], Options("model", targets.load(CORE)))


@pytest.mark.parametrize("flags", FLAGS, ids="".join)
def test_firmware_is_bit_exact(operators, source, flags, tmp_path):
    compare(source.write(tmp_path), flags, operators)


def test_kernels_that_clang_compiles_are_bit_exact(operators, source, tmp_path):
    clang, gcc = shutil.which("clang"), shutil.which("arm-none-eabi-gcc")
    if clang is None or gcc is None:
        pytest.skip("clang or arm-none-eabi-gcc is not installed")
    target = targets.load(CORE)
    program = source.write(tmp_path)
    kernels = [path.name for path in program.sources if path.name.startswith("tfedge_")]
    own = subprocess.check_output([gcc, "-print-file-name=include"], text=True).strip()
    library = Path(own).parents[3] / "arm-none-eabi" / "include"
    flags = ["--target=thumbv8.1m.main-none-eabihf", *target.flags, f"-isystem{library}", "-O2"]
    command = [clang, *STRICT_C99, "-ffreestanding", *flags, "-c", *kernels]
    subprocess.run(command, cwd=tmp_path, check=True)
    rest = tuple(path.name for path in program.sources if path.name not in kernels)
    objects = [str(path) for path in sorted(tmp_path.glob("*.o"))]
    compare(replace(program, source_names=rest), objects, operators)


def compare(program, flags, operators):
    """Runs a program in QEMU and compares all of its outputs."""
    _, samples, right = operators
    assert_firmware_computes(program, CORE, samples, right, flags)
