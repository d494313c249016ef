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


@pytest.mark.parametrize("old", ["net_model_data.h", "net_op_resolver.h"])
def test_files_of_different_conversions_do_not_compile(tmp_path, old):
    for seed in (2, 1):
        model = random_model("conv_2d", seed, 1)
        for name, text in generate_array(model, write_model(model), "net").items():
            if seed == 2 or name != old:
                (tmp_path / name).write_text(text)
    resolver = tmp_path / "tensorflow" / "lite" / "micro" / "micro_mutable_op_resolver.h"
    resolver.parent.mkdir(parents=True)
    resolver.write_text(
        "enum TfLiteStatus { kTfLiteOk, kTfLiteError };\n"
        "namespace tflite { template <int count> struct MicroMutableOpResolver {\n"
        "  TfLiteStatus AddConv2D() { return kTfLiteOk; }\n}; }\n"
    )
    includes = ["net_model_data.h", "net_op_resolver.h"]
    for order in (includes, includes[::-1]):
        (tmp_path / "main.cpp").write_text("".join(f'#include "{name}"\n' for name in order))
        run = subprocess.run(
            ["g++", "-fsyntax-only", "-I", tmp_path, tmp_path / "main.cpp"],
            capture_output=True,
            text=True,
        )
        assert run.returncode != 0
        assert "net_op_resolver.h are of different conversions: convert again" in run.stderr


def test_the_resolver_registers_each_operator_once(model_file):
    model = read_file(model_file("mlperf_tiny/kws_int8.tflite"))
    text = generate_array(model, write_model(model), "kws")["kws_op_resolver.h"]
    assert "MicroMutableOpResolver<6>" in text
    for method in ("AddConv2D", "AddDepthwiseConv2D", "AddAveragePool2D", "AddReshape"):
        assert text.count(f"resolver.{method}()") == 1


def test_operators_without_a_kernel_are_refused():
    model = random_model("add", 1, 1)
    model.main.operators[0].code = "CONV_3D"
    with pytest.raises(
        UnsupportedError, match=r"operator 0 \(CONV_3D\).*no TFLite Micro kernel; take"
    ):
        generate_array(model, b"TFL3", "net")


def test_operators_that_it_computes_in_float_only_are_refused():
    with pytest.raises(UnsupportedError, match=r"operator 1 \(SQRT\).*in INT8; choose generated C"):
        generate_array(random_model("sqrt", 1, 1), b"TFL3", "net")
