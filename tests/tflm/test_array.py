"""The model as a C array, and the resolver for TFLite Micro."""

from __future__ import annotations

import subprocess

import pytest
from random_graphs import random_model

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import read_file, write_model
from tfedge_converters.tflm import ALIGNMENT, generate_array


def test_the_array_is_the_file_and_is_aligned(tmp_path):
    model = random_model("conv_2d", 1, 2)
    flatbuffer = write_model(model)
    for name, text in generate_array(model, flatbuffer, "net").items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.c").write_text(
        f"""#include <stdint.h>
#include <stdio.h>
#include "net_model_data.h"
int main(void) {{
  if ((uintptr_t)net_model % {ALIGNMENT} != 0 || net_model_len != NET_MODEL_BYTES) return 1;
  return fwrite(net_model, 1, net_model_len, stdout) == net_model_len ? 0 : 2;
}}
"""
    )
    program = tmp_path / "program"
    sources = [str(tmp_path / "main.c"), str(tmp_path / "net_model_data.c")]
    flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    subprocess.run(["cc", *flags, *sources, "-o", str(program)], check=True)
    assert subprocess.run([str(program)], check=True, capture_output=True).stdout == flatbuffer


def test_the_resolver_registers_each_operator_once(shared):
    model = read_file(shared("models/mlperf_tiny/kws_int8.tflite"))
    text = generate_array(model, b"TFL3", "kws")["kws_op_resolver.h"]
    assert "MicroMutableOpResolver<6>" in text
    for method in ("AddConv2D", "AddDepthwiseConv2D", "AddAveragePool2D", "AddReshape"):
        assert text.count(f"resolver.{method}()") == 1


def test_operators_without_a_kernel_are_refused():
    model = random_model("add", 1, 1)
    model.main.operators[0].code = "CONV_3D"
    with pytest.raises(UnsupportedError, match=r"operator 0 \(CONV_3D\).*TFLite Micro"):
        generate_array(model, b"TFL3", "net")


def test_operators_that_it_computes_in_float_only_are_refused():
    with pytest.raises(UnsupportedError, match=r"operator 1 \(SQRT\).*does not compute it in INT8"):
        generate_array(random_model("sqrt", 1, 1), b"TFL3", "net")
