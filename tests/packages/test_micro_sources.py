"""Packages for TFLite Micro, built with its own sources and run: here, and on a core in QEMU.

These sources are not part of the project. TFLITE_MICRO_TREE names a tree of them, as TFLite Micro's
script create_tflm_tree.py makes it; to compile it for both takes minutes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from packages.conftest import run
from packages.test_embedded_platforms import (
    cube_project,
    listed,
    pack_description,
    with_cmake,
    write,
)
from packages.test_micro_packages import micro_target, skip_without_cpp_for
from seeded_models import seeded_file

import tfedge
from tfedge_converters.artifact import Artifact
from tfedge_converters.graph import TensorType, read_file, read_model, write_model
from tfedge_converters.graph.lut_compression import is_decode
from tfedge_converters.graph.metadata import metadata_in
from tfedge_converters.tflm import Kernels, planned_offsets, predict_arena
from tfedge_converters.tflm.arena import X86_64

TREE = Path(os.environ.get("TFLITE_MICRO_TREE", "")).absolute()
NETWORKS = ("three", "kws", "ic", "few_values")
CORE = "cortex-m4"
# Of the tree, here and on that core.
KERNELS = (
    (Kernels.CMSIS_NN, Kernels.CMSIS_NN_DSP)
    if (TREE / "third_party/cmsis_nn").is_dir()
    else (Kernels.REFERENCE, Kernels.REFERENCE)
)

pytestmark = [
    with_cmake,
    pytest.mark.skipif(
        "TFLITE_MICRO_TREE" not in os.environ,
        reason="TFLite Micro's sources are not part of the project: name a tree that its "
        "create_tflm_tree.py has made in TFLITE_MICRO_TREE",
    ),
]


@pytest.fixture(scope="module")
def model_files(model_file, tmp_path_factory):
    """Three operators side by side, and networks of MLPerf Tiny; one has weights of few values."""
    folder = tmp_path_factory.mktemp("networks")
    seeded = {
        name: seeded_file(f"mlperf_tiny/{name}_int8.tflite", folder) for name in ("kws", "ic")
    }
    few_values = folder / "few_values.tflite"
    few_values.write_bytes(with_few_values(seeded["ic"]))
    return {"three": model_file, **seeded, "few_values": few_values}


def with_few_values(file):
    """The network of a file with weights that are multiples of 16."""
    model = read_file(file)
    for tensor in model.main.tensors():
        if tensor.data is not None and tensor.type == TensorType.INT8:
            tensor.data = (tensor.data // 16 * 16).astype(np.int8)
    return write_model(model)


class Demos(NamedTuple):
    """Demos of all networks, built in one project, which share TFLite Micro.

    Attributes:
        folder: the project's.
        artifacts: by the network's name.
        printed: by the demos, likewise.
    """

    folder: Path
    artifacts: Mapping[str, Artifact]
    printed: Mapping[str, str]


def build(model_files, folder, target, *options):
    artifacts = {
        name: tfedge.convert(file, target=target, name=name, optimize="flash")
        for name, file in model_files.items()
    }
    lines = ["cmake_minimum_required(VERSION 3.13)", "project(demos C CXX)", "enable_testing()"]
    for name, artifact in artifacts.items():
        artifact.save(folder / name, package="cmake")
        lines.append(f"add_subdirectory({name}/demo)")
    write(folder, {"CMakeLists.txt": "\n".join(lines)})
    run(["cmake", "-S", ".", "-B", "build", f"-DTFLITE_MICRO_DIR={TREE}", *options], folder)
    run(["cmake", "--build", "build"], folder)
    printed = {
        name: run(["ctest", "--test-dir", f"build/{name}/demo", "--verbose"], folder)
        for name in artifacts
    }
    return Demos(folder, artifacts, printed)


@pytest.fixture(scope="module")
def here(model_files, tmp_path_factory):
    return build(model_files, tmp_path_factory.mktemp("here"), "tflite-micro")


@pytest.fixture(scope="module")
def on_core(model_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp(CORE)
    skip_without_cpp_for(CORE, folder)
    board = f"-DCMAKE_TOOLCHAIN_FILE={folder}/kws/demo/board/toolchain.cmake"
    return build(model_files, folder, micro_target(CORE, folder), board)


def outputs(printed):
    return re.findall(r"output \d+ .*", printed)


def used_bytes(printed):
    return int(re.search(r"the interpreter took (\d+) bytes", printed)[1])


def prediction(artifact, **options):
    model = read_model(artifact.flatbuffer, restore=False)
    entries = metadata_in(artifact.flatbuffer)
    return predict_arena(model.graphs, offsets=planned_offsets(model.main, entries), **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_here_it_computes_what_generated_c_does(here, model_files, name, tmp_path):
    printed = here.printed[name]
    assert "self-test: TFEDGE_OK\n" in printed
    # The interpreter of Python, whose structures these are, has members for compressed weights.
    predicted = prediction(here.artifacts[name], kernels=KERNELS[0], layout=X86_64)
    assert used_bytes(printed) <= predicted.used
    tfedge.convert(model_files[name], target="host", name=name).save(tmp_path, package="cmake")
    run(["cmake", "-S", "demo", "-B", "build"], tmp_path)
    run(["cmake", "--build", "build"], tmp_path)
    generated = run([f"build/{name}_demo"], tmp_path)
    assert outputs(printed) == outputs(generated) != []


def test_weights_of_few_values_are_restored_by_it(here):
    operators = read_model(here.artifacts["few_values"].flatbuffer, restore=False).main.operators
    assert sum(map(is_decode, operators)) >= 6
    assert (
        len(here.artifacts["few_values"].flatbuffer) < len(here.artifacts["ic"].flatbuffer) - 20000
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_on_a_core_it_does_so_in_the_predicted_arena(here, on_core, name):
    printed = on_core.printed[name]
    assert "self-test: TFEDGE_OK\n" in printed
    assert outputs(printed) == outputs(here.printed[name])
    assert used_bytes(printed) == prediction(on_core.artifacts[name], kernels=KERNELS[1]).used


@pytest.fixture
def library(here):
    """TFLite Micro as it was built here, and the folders of its headers."""
    (archive,) = here.folder.glob("build/**/libtflite-micro.a")
    parts = ("flatbuffers/include", "gemmlowp", "kissfft", "ruy")
    return archive, [TREE, *(TREE / "third_party" / part for part in parts)]


def test_a_cube_project_takes_it_as_a_target(here, library, tmp_path):
    archive, headers = library
    cube_project(tmp_path, here.artifacts["kws"])
    write(
        tmp_path,
        {
            "micro.cmake": "add_library(tflite-micro STATIC IMPORTED GLOBAL)\n"
            f'set_target_properties(tflite-micro PROPERTIES IMPORTED_LOCATION "{archive}"\n'
            f'  INTERFACE_INCLUDE_DIRECTORIES "{";".join(map(str, headers))}"\n'
            "  INTERFACE_COMPILE_DEFINITIONS TF_LITE_STATIC_MEMORY)\n"
        },
    )
    own = f"-DCMAKE_PROJECT_cube_INCLUDE={tmp_path}/micro.cmake"
    run(["cmake", "-S", tmp_path, "-B", "build", own], tmp_path)
    run(["cmake", "--build", "build"], tmp_path)
    printed = run(["build/cube"], tmp_path)
    assert "self-test: TFEDGE_OK\n" in printed
    assert outputs(printed) == outputs(here.printed["kws"])


def test_files_of_a_pack_link_with_it(here, library, tmp_path):
    archive, headers = library
    here.artifacts["kws"].save(tmp_path, package="cmsis-pack")
    package = pack_description(tmp_path)
    includes = [f"-I{folder}" for folder in (*listed(package, "include"), *headers)]
    for source in listed(package, "sourceC"):
        run(["cc", "-std=c99", *includes, "-c", source], tmp_path)
    flags = ["-std=c++17", "-fno-rtti", "-fno-exceptions", "-DTF_LITE_STATIC_MEMORY"]
    objects = sorted(tmp_path.glob("*.o"))
    sources = listed(package, "sourceCpp")
    run(["c++", *flags, *includes, *sources, *objects, archive, "-o", "demo/run"], tmp_path)
    printed = run(["demo/run"], tmp_path)
    assert outputs(printed) == outputs(here.printed["kws"])
