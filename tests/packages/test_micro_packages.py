"""Packages for TFLite Micro: built and run with a stand-in for its interpreter.

The stand-in runs a model that copies its input, and takes what it is given as the real one does:
operators have to be registered, the arena has to be large enough and aligned, and what C++
constructs before main has to be. test_micro_sources.py has the real one.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from packages.conftest import run
from packages.test_embedded_platforms import (
    ESP_IDF_FILES,
    ZEPHYR_FILES,
    cube_project,
    listed,
    pack_description,
    with_cmake,
    write,
)

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.cli import main
from tfedge_converters.execute.cores import CORES
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    write_model,
)
from tfedge_converters.packages import all_packages

PACKAGES = [package.name for package in all_packages() if package.takes_interpreter]
BYTES = 24

_INTERPRETER = f"""
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
enum TfLiteStatus {{ kTfLiteOk, kTfLiteError }};
struct TfLiteTensor {{ union {{ void *data; }} data; size_t bytes; }};
namespace tflite {{
inline int at_run_time() {{ volatile int one = 1; return one; }}
inline const int constructed = at_run_time();
struct Model {{ const unsigned char *bytes; }};
inline const Model *GetModel(const void *buffer) {{ return static_cast<const Model *>(buffer); }}
template <int count> struct MicroMutableOpResolver {{
  int registered = 0;
  TfLiteStatus AddReshape() {{ return ++registered > count ? kTfLiteError : kTfLiteOk; }}
}};
class MicroInterpreter {{
 public:
  template <int count>
  MicroInterpreter(const Model *, MicroMutableOpResolver<count> &resolver, uint8_t *arena,
                   size_t size)
      : registered_(&resolver.registered), arena_(arena), size_(size) {{}}
  TfLiteStatus AllocateTensors() {{
    const bool is_aligned = reinterpret_cast<uintptr_t>(arena_) % 16 == 0;
    if (*registered_ != constructed || size_ < arena_used_bytes() || !is_aligned) {{
      return kTfLiteError;
    }}
    fprintf(stderr, "log: %d operator\\n", *registered_);
    tensors_[0] = {{{{arena_}}, {BYTES}}};
    tensors_[1] = {{{{arena_ + 32}}, {BYTES}}};
    return kTfLiteOk;
  }}
  TfLiteTensor *input(size_t) {{ return &tensors_[0]; }}
  TfLiteTensor *output(size_t) {{ return &tensors_[1]; }}
  TfLiteStatus Invoke() {{
    memcpy(tensors_[1].data.data, tensors_[0].data.data, {BYTES});
    return kTfLiteOk;
  }}
  size_t arena_used_bytes() const {{ return 512; }}
 private:
  const int *registered_;
  uint8_t *arena_;
  size_t size_;
  TfLiteTensor tensors_[2];
}};
}}
"""
_MICRO = {
    "tensorflow/lite/micro/micro_interpreter.h": _INTERPRETER,
    "tensorflow/lite/micro/micro_mutable_op_resolver.h": '#include "micro_interpreter.h"\n',
    "tensorflow/lite/schema/schema_generated.h": "",
    "tensorflow/lite/micro/empty.cc": "",
    "TensorFlowLite.h": "",
}
_ARDUINO = """
#pragma once
#include <cstdio>
#include <ctime>
inline unsigned long micros() { return static_cast<unsigned long>(clock()); }
inline void delay(unsigned long) {}
struct { void begin(long) {} void print(const char *text) { fputs(text, stdout); } } Serial;
"""


def reshaped():
    """A model that copies its input."""
    grid = Quantization.per_tensor(0.5, 3)
    source = Tensor("image", (1, 2, 12), TensorType.INT8, grid)
    shape = Tensor("shape", (2,), TensorType.INT32, data=np.array([1, BYTES], np.int32))
    flat = Tensor("flat", (1, BYTES), TensorType.INT8, grid)
    options = schema.ReshapeOptionsT()
    options.newShape = np.array([1, BYTES], np.int32)
    operators = [Operator("RESHAPE", [source, shape], [flat], options)]
    return Model([Graph([source], [flat], operators)])


@pytest.fixture(scope="module")
def artifact():
    return tfedge.convert(write_model(reshaped()), target="tflite-micro", name="net")


def passed(printed):
    assert "of the arena, the interpreter took 512 bytes\n" in printed
    assert "self-test: TFEDGE_OK\n" in printed
    return True


@with_cmake
def test_cmake_builds_it_with_a_tree_of_sources(artifact, tmp_path):
    artifact.save(tmp_path / "net", package="cmake")
    write(tmp_path / "tree", _MICRO)
    command = ["cmake", "-S", "net/demo", "-B", "build"]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode != 0 and "there is no TFLite Micro at" in failed.stderr
    run([*command, f"-DTFLITE_MICRO_DIR={tmp_path}/tree"], tmp_path)
    commands = run(["cmake", "--build", "build", "--verbose"], tmp_path)
    # As TFLite Micro is compiled: structures have other members without it.
    assert re.search(r"-DTF_LITE_STATIC_MEMORY .*-O2 .*net\.cpp", commands)
    assert passed(run(["build/net_demo"], tmp_path))


def micro_target(core, folder):
    """A target file: TFLite Micro on a core that QEMU simulates."""
    path = folder / f"{core}.json"
    path.write_text(
        json.dumps({"extends": core, "backend": "tflite-micro", "description": "a core"})
    )
    return path


def skip_without_cpp_for(core, folder):
    """Skip the test aloud where programs in C++ are not compiled and run for a core."""
    toolchain, emulator = CORES[core].toolchain, CORES[core].machine.emulator.name
    for tool in ("ctest", f"{toolchain.prefix}g++", emulator):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    # gcc repeats the bare name of a file that it does not find
    library = run([f"{toolchain.prefix}g++", "--print-file-name=libstdc++.a"], folder)
    if library.strip() == "libstdc++.a":
        pytest.skip(f"{toolchain.cpp_packages} is not installed")


@with_cmake
def test_the_demo_runs_on_a_core_in_qemu(tmp_path):
    skip_without_cpp_for("cortex-m4", tmp_path)
    target = micro_target("cortex-m4", tmp_path)
    packed = tfedge.convert(write_model(reshaped()), target=target, name="net")
    packed.save(tmp_path / "net", package="cmake")
    assert "libstdc++-arm-none-eabi-newlib" in (tmp_path / "net/README.md").read_text()
    write(tmp_path / "tree", _MICRO)
    board = tmp_path / "net/demo/board/toolchain.cmake"
    options = (f"-DCMAKE_TOOLCHAIN_FILE={board}", f"-DTFLITE_MICRO_DIR={tmp_path}/tree")
    run(["cmake", "-S", "net/demo", "-B", "build", *options], tmp_path)
    run(["cmake", "--build", "build"], tmp_path)
    printed = run(["ctest", "--test-dir", "build", "--verbose"], tmp_path)
    assert passed(printed) and "log: 1 operator\n" in printed and " cycles\n" in printed


def test_without_a_cpp_library_there_is_no_board(tmp_path):
    target = micro_target("rv32imc", tmp_path)
    packed = tfedge.convert(write_model(reshaped()), target=target, name="net")
    packed.save(tmp_path / "net", package="cmake")
    assert not (tmp_path / "net/demo/board").exists()
    for page in ("README.md", "demo/CMakeLists.txt", "demo/main.c"):
        assert "board" not in (tmp_path / "net" / page).read_text().replace("any board", "")


@with_cmake
def test_zephyr_and_esp_idf_build_it(artifact, tmp_path, monkeypatch):
    include = "share/zephyr-package/cmake/include/"
    write(
        tmp_path / "zephyr", ZEPHYR_FILES | {include + name: text for name, text in _MICRO.items()}
    )
    write(
        tmp_path / "idf", ESP_IDF_FILES | {f"include/{name}": text for name, text in _MICRO.items()}
    )
    monkeypatch.setenv("ZEPHYR_BASE", str(tmp_path / "zephyr"))
    monkeypatch.setenv("IDF_PATH", str(tmp_path / "idf"))
    places = {
        "zephyr": ("samples/demo", "zephyr_final"),
        "esp-idf": ("examples/demo", "net_demo.elf"),
    }
    for package, (demo, program) in places.items():
        artifact.save(tmp_path / package / "net", package=package)
        build = tmp_path / f"build-{package}"
        run(["cmake", "-S", tmp_path / package / "net" / demo, "-B", build], tmp_path)
        run(["cmake", "--build", build], tmp_path)
        assert passed(run([build / program], tmp_path))
    settings = (tmp_path / "zephyr/net/samples/demo/prj.conf").read_text()
    assert "CONFIG_TENSORFLOW_LITE_MICRO=y" in settings and "CONFIG_CPP=y" in settings
    assert (
        "depends on TENSORFLOW_LITE_MICRO" in (tmp_path / "zephyr/net/zephyr/Kconfig").read_text()
    )
    assert "espressif/esp-tflite-micro" in (tmp_path / "esp-idf/net/idf_component.yml").read_text()


@pytest.mark.parametrize(
    ("package", "demo"),
    [("arduino", "examples/demo/demo.ino"), ("platformio", "examples/demo/src/main.cpp")],
)
def test_arduino_compiles_every_file_of_the_library(artifact, tmp_path, package, demo):
    artifact.save(tmp_path / "net", package=package)
    write(tmp_path / "core", {**_MICRO, "Arduino.h": _ARDUINO})
    (tmp_path / "main.cpp").write_text("void setup(); int main() { setup(); return 0; }\n")
    includes = ["-Icore", "-Inet/src", "-DARDUINO=10819"]
    for source in sorted((tmp_path / "net/src").glob("*.c")):
        run(["cc", "-std=gnu11", "-Wall", "-Werror", *includes, "-c", source], tmp_path)
    sources = [*sorted((tmp_path / "net/src").glob("*.cpp")), "main.cpp", "-xc++", f"net/{demo}"]
    flags = ["-std=gnu++17", "-Wall", "-Wextra", "-Werror", "-fno-rtti", "-fno-exceptions"]
    objects = sorted(tmp_path.glob("*.o"))
    run(["c++", *flags, *includes, *objects, *sources, "-o", "program"], tmp_path)
    assert passed(run(["./program"], tmp_path))


@with_cmake
def test_a_cube_project_takes_it_as_its_page_says(artifact, tmp_path):
    cube_project(tmp_path, artifact)
    command = ["cmake", "-S", tmp_path, "-B", "build", "-DCMAKE_BUILD_TYPE=Debug"]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode != 0 and f"'{tmp_path}/tflite-micro'" in failed.stderr
    write(tmp_path / "tflite-micro", _MICRO)
    run(command, tmp_path)
    commands = run(["cmake", "--build", "build", "--verbose"], tmp_path)
    for source in ("empty", "net"):
        assert re.search(rf"-DTF_LITE_STATIC_MEMORY .*-O2 .*-fno-rtti .*{source}\.c", commands)
    assert passed(run(["build/cube"], tmp_path))


def test_a_csolution_finds_all_files_of_the_pack(artifact, tmp_path):
    artifact.save(tmp_path / "net", package="cmsis-pack")
    package = pack_description(tmp_path / "net")
    # In the order of PACK.xsd.
    assert [child.tag for child in package] == [
        *("vendor", "name", "description", "url", "license", "requirements", "releases"),
        *("keywords", "conditions", "components"),
    ]
    (needed,) = package.iterfind("requirements/packages/package")
    page = (tmp_path / "net/README.md").read_text()
    assert f"- pack: {needed.get('vendor')}::{needed.get('name')}\n" in page
    (condition,), (component,) = package.iter("condition"), package.iter("component")
    assert component.get("condition") == condition.get("id")
    (required,) = condition
    kernel = ":".join(required.get(part) for part in ("Cclass", "Cgroup", "Csub"))
    assert f"- component: {needed.get('vendor')}::{kernel}&" in page
    write(tmp_path / "tree", _MICRO)
    includes = [f"-I{folder}" for folder in ("../tree", *listed(package, "include"))]
    for source in listed(package, "sourceC"):
        strict = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
        run(["cc", *strict, *includes, "-c", source], tmp_path / "net")
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fno-rtti", "-fno-exceptions"]
    sources = [*listed(package, "sourceCpp"), *sorted((tmp_path / "net").glob("*.o"))]
    run(["c++", *flags, *includes, *sources, "-o", "demo/run"], tmp_path / "net")
    assert passed(run(["demo/run"], tmp_path / "net"))


def test_statuses_are_those_of_generated_c(artifact, tmp_path):
    artifact.save(tmp_path / "net", package="cmake")
    write(tmp_path / "tree", _MICRO)
    (tmp_path / "main.cpp").write_text("""
#include <cassert>
#include <cstring>
#include "net.h"
alignas(16) static uint8_t arena[NET_ARENA_BYTES + 16];
int main() {
  net_context context;
  assert(net_init(nullptr, arena, sizeof arena) == TFEDGE_ERROR_NULL);
  assert(net_init(&context, nullptr, sizeof arena) == TFEDGE_ERROR_NULL);
  assert(net_init(&context, arena + 8, NET_ARENA_BYTES) == TFEDGE_ERROR_ARENA_ALIGNMENT);
  assert(net_init(&context, arena, NET_ARENA_BYTES - 1) == TFEDGE_ERROR_ARENA_TOO_SMALL);
  assert(net_invoke(&context) == TFEDGE_ERROR_NULL && net_input(&context, 0) == nullptr);
  assert(net_self_test(&context) == TFEDGE_ERROR_NULL && net_arena_used_bytes(&context) == 0);
  assert(net_init(&context, arena, NET_ARENA_BYTES) == TFEDGE_OK);
  assert(net_input(&context, 1) == nullptr && net_output(&context, -1) == nullptr);
  static_cast<int8_t *>(net_input(&context, 0))[5] = net_quantize_in0(2.0f);
  assert(net_invoke(&context) == TFEDGE_OK);
  const auto *output = static_cast<const int8_t *>(net_output(&context, 0));
  assert(output[5] == 7 && net_dequantize_out0(output[5]) == 2.0f);
  assert(strcmp(tfedge_status_name(TFEDGE_ERROR_INTERPRETER), "TFEDGE_ERROR_INTERPRETER") == 0);
  return net_self_test(&context);
}
""")
    objects = [tmp_path / f"{name}.o" for name in ("net_model_data", "net_self_test")]
    for target in objects:
        run(["cc", "-c", f"net/{target.stem}.c", "-o", target], tmp_path)
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined,address"]
    sources = ["main.cpp", "net/net.cpp", *objects]
    run(["c++", *flags, "-Inet", "-Itree", *sources, "-o", "program"], tmp_path)
    run(["./program"], tmp_path)


def test_files_of_different_conversions_do_not_compile(artifact, tmp_path):
    artifact.save(tmp_path / "net", package="cmake")
    write(tmp_path / "tree", _MICRO)
    command = ["c++", "-std=c++17", "-fsyntax-only", "-Itree", "net/net.cpp"]
    run(command, tmp_path)
    header = tmp_path / "net/net_model_data.h"
    header.write_text(re.sub(r"0x[0-9a-f]{8}u", "0x12345678u", header.read_text()))
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode != 0 and "are of different conversions: convert again" in failed.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_verified_loaded_and_written_again(artifact, tmp_path, package):
    first = artifact.save(tmp_path / "first", package=package)
    assert tfedge.verify(tmp_path / "first", samples=2).passed
    loaded = tfedge.load(tmp_path / "first")
    second = loaded.save(tmp_path / "second", package=package)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    readme = (tmp_path / "first/README.md").read_text()
    assert "for TFLite Micro" in readme and "no interpreter" not in readme
    named = re.findall(r"^\| `([\w/.]+)`", readme, re.MULTILINE)
    assert all((tmp_path / "first" / name).exists() for name in named if not name.endswith("_"))


def test_a_platform_without_a_form_for_it_says_which_have_one(artifact, tmp_path, capsys):
    with pytest.raises(TfedgeError, match="no form for TFLite Micro; use arduino, cmake, cmsis-"):
        artifact.save(tmp_path, package="micropython")
    command = ["convert", "x.tflite", "--output", str(tmp_path / "out"), "--target", "tflite-micro"]
    assert main([*command, "--package", "micropython"]) == 2
    assert "has no form for TFLite Micro" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("pio") is None, reason="PlatformIO is not installed")
def test_platformio_packs_it(artifact, tmp_path):
    artifact.save(tmp_path / "net", package="platformio")
    run(["pio", "pkg", "pack", "net", "-o", "net.tar.gz"], tmp_path)
