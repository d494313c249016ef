"""Kernels for vectors of channels on RISC-V with vectors of several lengths."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from output_comparison import assert_firmware_computes
from random_lanes import random_layers

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.runtime_files import runtime_directory
from tfedge_converters.execute import CORES, CProgram
from tfedge_converters.execute.firmware import BASE_SOURCES, link_firmware, qemu_command
from tfedge_converters.execute.tool import run_tool
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_micro

CORE = "rv32imc-zve32x"
INSTANCES, SAMPLES = 9, 8

FLAGS = [
    ("-O2",),
    ("-O0",),
    ("-Og", "-fno-omit-frame-pointer"),
    ("-O3", "-fno-omit-frame-pointer", "-fno-vectorize"),
    ("-Os",),
]


def with_vectors_of(bits):
    """The core, on a machine whose registers have so many bits."""
    core = CORES[CORE]
    emulator = core.machine.emulator
    options = tuple(re.sub("vlen=128", f"vlen={bits}", option) for option in emulator.options)
    assert bits == 128 or options != emulator.options
    return replace(core, machine=replace(core.machine, emulator=replace(emulator, options=options)))


@pytest.fixture(scope="module")
def operators():
    """A model of many operators, random samples, and what TFLite Micro makes of them."""
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    model, samples = random_layers(INSTANCES, seed=31, samples=SAMPLES)
    return model, samples, run_micro(write_model(model), samples)


@pytest.fixture(scope="module")
def source(operators):
    """The C of the model, which is generated once for all levels."""
    return generate(operators[0], Options("model", targets.load(CORE)))


def compare(operators, program, flags):
    """Runs the model in QEMU and compares all of its outputs."""
    _, samples, right = operators
    assert_firmware_computes(program, CORE, samples, right, flags)


@pytest.mark.parametrize("flags", FLAGS, ids="".join)
def test_firmware_is_bit_exact(operators, source, flags, tmp_path):
    compare(operators, source.write(tmp_path), flags)


@pytest.mark.parametrize("bits", [256, 512])
def test_longer_vectors_compute_the_same(operators, source, bits, tmp_path, monkeypatch):
    monkeypatch.setitem(CORES, CORE, with_vectors_of(bits))
    compare(operators, source.write(tmp_path), ("-O2",))


# Each sum meets each multiplier and each shift.
_REQUANTIZATION = r"""
#include "console.h"
#include "semihosting.h"
#include "tfedge_requantize_channels.h"

int main(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int32_t sums[] = {
    INT32_MIN, INT32_MIN + 1, -(1 << 30), -(1 << 30) - 1, -65537, -3, -2, -1, 0, 1, 2, 3, 5,
    65535, 65536, (1 << 30) - 1, 1 << 30, (1 << 30) + 1, INT32_MAX - 1, INT32_MAX, 715827882};
static const int32_t multipliers[] = {0, 1 << 30, (1 << 30) + 1, 3 << 29, 1431655765, INT32_MAX - 1,
                                      INT32_MAX};
static const tfedge_lanes_output outputs[] = {{-128, -128, 127}, {127, -128, 127}, {-3, -3, 90}};

static int differs(uint32_t seed, int32_t multiplier, int32_t shift,
                   const tfedge_lanes_output *output) {
  int32_t many[COUNT(sums)];
  int32_t shifts[COUNT(sums)];
  int32_t values[COUNT(sums)];
  int8_t bytes[COUNT(sums)];
  const tfedge_channels_scales scales = {many, shifts, 1};
  for (size_t i = 0; i < COUNT(sums); i++) {
    many[i] = multiplier;
    shifts[i] = shift;
    /* halves of what is shifted away, too */
    values[i] = seed == 0u ? sums[i] : (int32_t)((uint32_t)sums[i] + (seed << shift >> 1));
  }
  const vint32m8_t group = __riscv_vle32_v_i32m8(values, COUNT(sums));
  __riscv_vse8_v_i8m2(bytes, tfedge_requantize_group(group, &scales, 0, output, COUNT(sums)),
                      COUNT(sums));
  for (size_t i = 0; i < COUNT(sums); i++) {
    if (bytes[i] != tfedge_requantize_lane(values[i], multiplier, -shift, output)) {
      return 1;
    }
  }
  return 0;
}

int main(void) {
  int32_t different = 0;
  for (size_t m = 0; m < COUNT(multipliers); m++) {
    for (int32_t shift = 1; shift < 32; shift++) {
      for (size_t o = 0; o < COUNT(outputs); o++) {
        for (uint32_t seed = 0; seed < 40u; seed++) {
          different += differs(seed, multipliers[m], shift, &outputs[o]);
        }
      }
    }
  }
  console_print_decimal(different);
  console_print(" different\n");
  return 0;
}
"""


def test_requantisation_is_that_of_the_reference(tmp_path):
    """Also of sums that no network has."""
    (tmp_path / "main.c").write_text(_REQUANTIZATION)
    program = CProgram("requantization", tmp_path, (), (), 0)
    options = [f"-I{runtime_directory()}"]
    try:
        sources = [tmp_path / "main.c", *BASE_SOURCES]
        elf = link_firmware(program, CORES[CORE], sources, options, tmp_path)
        command = qemu_command(CORES[CORE].machine, elf, ("-serial", "none"))
    except MissingToolError as error:
        pytest.skip(str(error))
    run = run_tool(command, "QEMU", seconds=60)
    assert (run.status, run.printed.strip()) == (0, "0 different")
