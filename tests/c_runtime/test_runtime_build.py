"""The kernels by themselves: they build without warnings and are C++ too."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tfedge_converters.c.runtime_files import runtime_directory

HEADERS = sorted(path.name for path in runtime_directory().glob("*.h"))


def test_the_library_builds_without_warnings(tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    folder = runtime_directory()
    if not (folder / "CMakeLists.txt").exists():
        pytest.skip("an installed runtime is for copying, not for building")
    subprocess.run(["cmake", "-S", folder, "-B", tmp_path], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", tmp_path, "-j2"], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("compiler", "standard"), [("gcc", "c99"), ("clang", "c99"), ("g++", "c++11")]
)
def test_every_header_stands_alone(compiler, standard, tmp_path):
    """Each in a source of its own; one command has them all, for the compiler is slow to start."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    suffix = "cpp" if standard.startswith("c++") else "c"
    sources = [tmp_path / f"{Path(header).stem}.{suffix}" for header in HEADERS]
    for header, source in zip(HEADERS, sources, strict=True):
        source.write_text(f'#include "{header}"\ntypedef int user;\n')
    flags = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]
    include = f"-I{runtime_directory()}"
    command = [compiler, f"-std={standard}", *flags, include, "-fsyntax-only", *sources]
    subprocess.run(command, check=True)


@pytest.mark.parametrize(("byte_order", "has"), [("little", 1), ("big", 0)])
def test_words_of_four_values_are_for_one_byte_order(byte_order, has, tmp_path):
    """Where the most significant byte is first, a word has the first of four values at its top."""
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    source = tmp_path / "user.c"
    source.write_text(f'#include "tfedge_dsp.h"\n#if TFEDGE_HAS_DSP != {has}\n#error\n#endif\n')
    core = ["-mcpu=cortex-m4", f"-m{byte_order}-endian", f"-I{runtime_directory()}"]
    subprocess.run([compiler, *core, "-fsyntax-only", str(source)], check=True)
