"""Kernels with packed weights, with the DSP extension and without, at every level of -O."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from output_comparison import assert_firmware_computes
from random_builder import Builder
from random_graphs import random_sample
from random_packed import OPERATORS

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.runtime_files import runtime_directory
from tfedge_converters.execute.toolchain import STRICT_C99
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

# With 25 no other kernels, forms of weights or readers are among them, and compilers take longer.
INSTANCES, SAMPLES = 17, 12

# Assembly that needs every register has to survive whatever compilers want for themselves.
BUILDS = [
    ("cortex-m4", ("-O2",)),
    ("cortex-m4", ("-O0",)),
    ("cortex-m4", ("-Og", "-fno-omit-frame-pointer")),
    ("cortex-m4", ("-O3", "-fno-omit-frame-pointer", "-fstack-protector-strong")),
    ("cortex-m7", ("-Os",)),
    ("cortex-m33", ("-O2", "-flto")),
    # Portable C, which compilers read differently at every level.
    ("cortex-m0", ("-O2",)),
    ("cortex-m0", ("-Os",)),
    ("cortex-m3", ("-O3",)),
    ("rv32imc", ("-O2",)),
    ("rv32imc", ("-O0",)),
    ("rv64gc", ("-O3",)),
]


@pytest.fixture(scope="module")
def operators():
    """A model of many operators, random samples, and what TFLite Micro makes of them."""
    builder = Builder(np.random.default_rng(21))
    for make in OPERATORS.values():
        for _ in range(INSTANCES):
            make(builder)
    model = builder.model()
    rng = np.random.default_rng(22)
    samples = [random_sample(model, rng) for _ in range(SAMPLES)]
    return model, samples, run_micro(write_model(model), samples)


@pytest.fixture(scope="module")
def source_for(operators):
    """The C of the model for a core, which is generated once for all levels."""
    return cache(lambda core: generate(operators[0], Options("model", targets.load(core))))


@pytest.mark.parametrize(("core", "flags"), BUILDS, ids=lambda value: "".join(value))
def test_firmware_is_bit_exact(operators, source_for, core, flags, tmp_path):
    compare(source_for(core).write(tmp_path), core, flags, operators)


def test_kernels_that_clang_compiles_are_bit_exact(operators, source_for, tmp_path):
    clang, gcc = shutil.which("clang"), shutil.which("arm-none-eabi-gcc")
    if clang is None or gcc is None:
        pytest.skip("clang or arm-none-eabi-gcc is not installed")
    target = targets.load("cortex-m4")
    program = source_for("cortex-m4").write(tmp_path)
    kernels = [path.name for path in program.sources if path.name.startswith("tfedge_")]
    own = subprocess.check_output([gcc, "-print-file-name=include"], text=True).strip()
    library = Path(own).parents[3] / "arm-none-eabi" / "include"
    flags = ["--target=thumbv7em-none-eabihf", *target.flags, f"-isystem{library}", "-O2"]
    command = [clang, *STRICT_C99, "-ffreestanding", *flags, "-c", *kernels]
    subprocess.run(command, cwd=tmp_path, check=True)
    rest = tuple(path.name for path in program.sources if path.name not in kernels)
    objects = [str(path) for path in sorted(tmp_path.glob("*.o"))]
    compare(replace(program, source_names=rest), "cortex-m4", objects, operators)


def compare(program, core, flags, operators):
    """Runs a program in QEMU and compares all of its outputs."""
    _, samples, right = operators
    assert_firmware_computes(program, core, samples, right, flags)


def test_nothing_is_put_in_front_of_assembly(tmp_path):
    """A guard of the stack would change a register that holds a parameter."""
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    flags = ["-mcpu=cortex-m4", "-mthumb", "-O2", "-fstack-protector-all", "-finstrument-functions"]
    for name in ("pairs_s8", "fully_connected_pairs_s8", "depthwise_conv_2d_planes_s8"):
        source = runtime_directory() / f"tfedge_{name}.c"
        command = [compiler, *flags, "-S", "-o", "-", source]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        bodies = text.split("@ Naked Function")[1:]
        assert bodies
        for body in bodies:
            assert re.search(r"^\s+([a-z].*)$", body, re.MULTILINE)[1] == "push {r4-r11, lr}"
