"""The package for CMake: built as its README says, on this computer and for every core in QEMU."""

from __future__ import annotations

import shutil

import pytest
from packages.conftest import run

import tfedge
from tfedge_converters.execute.cores import CORES

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")

# rv64gc runs like rv32imc, and what clang compiles and gcc links has no board.
_CORES = [core for core in CORES if core != "rv64gc" and CORES[core].toolchain.clang is None]


def build(folder, *options):
    run(["cmake", "-S", "demo", "-B", "build", *options], folder)
    run(["cmake", "--build", "build"], folder)


def outputs(printed):
    return [line[line.index("output") :] for line in printed.splitlines() if ": output" in line]


@pytest.fixture(scope="module")
def on_host(converted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("host")
    converted("host").save(folder, package="cmake")
    build(folder)
    return run(["build/three_demo"], folder), folder


def test_the_demo_runs_here(on_host):
    printed, folder = on_host
    assert "self-test: TFEDGE_OK\n" in printed
    assert "output 2 'output_2': " in printed
    assert tfedge.verify(folder).passed


@pytest.mark.parametrize("core", _CORES)
def test_the_demo_runs_on_a_core(converted, tmp_path, core, on_host):
    toolchain = CORES[core].toolchain
    for tool in ("ctest", f"{toolchain.prefix}gcc", CORES[core].machine.emulator.name):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    converted(core).save(tmp_path, package="cmake")
    build(tmp_path, f"-DCMAKE_TOOLCHAIN_FILE={tmp_path}/demo/board/toolchain.cmake")
    printed = run(["ctest", "--test-dir", "build", "--verbose"], tmp_path)
    assert "self-test: TFEDGE_OK\n" in printed
    assert " cycles\n" in printed
    here = [line for line in on_host[0].splitlines() if line.startswith("output")]
    assert outputs(printed) == here
