"""Arithmetic for cores without long multiplications or paired products, against 64-bit integers."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tfedge_converters.c.runtime_files import runtime_directory
from tfedge_converters.execute.toolchain import STRICT_C99

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include "tfedge_requantize.h"
#include "tfedge_two_sums.h"

static uint32_t state = 1;

static uint32_t random_word(void) {
  state = state * 1664525u + 1013904223u;
  return state ^ state >> 15;
}

static void require(int holds, const char *what) {
  if (!holds) {
    puts(what);
    exit(1);
  }
}

static void check_product(int32_t a, int32_t b) {
  const int64_t product = (int64_t)a * b;
  const int32_t multiplier = b & INT32_MAX;
  const int32_t narrow = a / 4;
  const int64_t half = (int64_t)1 << 30;
  require(tfedge_high_word(a, b) == (int32_t)(product >> 32), "high word");
  require(tfedge_multiply_high(a, multiplier) == (int32_t)(((int64_t)a * multiplier + half) >> 31),
          "multiply high");
  require(tfedge_multiply_high_doubled(narrow, multiplier) ==
              (int32_t)(((int64_t)narrow * multiplier + half) >> 31),
          "multiply high doubled");
}

static void check_sums(const int8_t *values, int32_t words) {
  tfedge_two_sums sums = tfedge_two_sums_start(words);
  int32_t first = 0;
  int32_t second = 0;
  for (int32_t i = 0; i < words; i++) {
    const int8_t *v = values + 6 * i;
    const uint32_t a = (uint32_t)v[0] + ((uint32_t)v[1] << 16);
    const uint32_t b = (uint32_t)v[2] + ((uint32_t)v[3] << 16);
    first += v[0] * v[4] + v[2] * v[5];
    second += v[1] * v[4] + v[3] * v[5];
    tfedge_add_two_products(&sums, a, (uint32_t)v[4], b, (uint32_t)v[5]);
  }
  require(tfedge_first_sum(&sums) == first && sums.second == second, "two sums");
}

int main(void) {
  static const int32_t ends[] = {INT32_MIN, INT32_MIN + 1, -65537, -65536, -65535, -32768, -1, 0, 1,
                                 32767,     32768,         65535,  65536,  65537,  INT32_MAX};
  static const int8_t extremes[] = {-128, -127, 0, 127};
  static int8_t values[6 * 4096];
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    for (size_t j = 0; j < sizeof ends / sizeof ends[0]; j++) {
      check_product(ends[i], ends[j]);
    }
  }
  for (int i = 0; i < 1000000; i++) {
    const int32_t a = (int32_t)random_word() >> (random_word() % 32u);
    check_product(a, (int32_t)random_word() >> (random_word() % 32u));
  }
  for (int choice = 0; choice < 4096; choice++) {
    for (int i = 0; i < 6; i++) {
      values[6 * choice + i] = extremes[choice >> (2 * i) & 3];
    }
    check_sums(values + 6 * choice, 1);
  }
  check_sums(values, 4096);
  for (int i = 0; i < 6 * 4096; i++) {
    values[i] = -128; /* as far as sums reach */
  }
  check_sums(values, 4096);
  for (int i = 0; i < 6 * 4096; i++) {
    values[i] = (int8_t)(random_word() >> 24);
  }
  check_sums(values, 4096);
  return 0;
}
"""


@pytest.mark.parametrize("baseline", [False, True])
def test_results_are_those_of_64_bits(baseline, tmp_path):
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("gcc or clang is not installed")
    source, program = tmp_path / "main.c", tmp_path / "main"
    source.write_text(PROGRAM)
    core = ["-D__ARM_ARCH_6M__"] if baseline else []
    checks = ["-fsanitize=undefined", "-fno-sanitize-recover"]
    command = [compiler, *STRICT_C99, *core, *checks, f"-I{runtime_directory()}"]
    subprocess.run([*command, source, "-o", program], check=True)
    assert subprocess.run([program], capture_output=True, text=True).stdout == ""
