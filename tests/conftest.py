"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
import shutil
from functools import partial
from pathlib import Path

import pytest
from compiled_objects import ObjectCache
from fast_selection import pytest_addoption as pytest_addoption
from fast_selection import pytest_collection_modifyitems as pytest_collection_modifyitems
from fast_selection import pytest_configure as pytest_configure
from model_files import PUBLISHED, SOURCES, WITHOUT_PUBLISHED
from seeded_models import seeded_file

from tfedge_converters.execute import toolchain

# One thread a process: tests run in several, and small nets lose by threads. TensorFlow and OpenMP
# read this when they are first imported, and programs that tests start inherit it.
for _variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


@pytest.fixture(scope="module", autouse=True)
def _old_objects_spared():
    """Keep full garbage collections short: Keras and the converter ask for many.

    Half a million objects of what is imported stay to the end anyway.
    """
    gc.collect()
    gc.freeze()


# Whose objects are kept. Those that a test puts in their place are run as they are.
_COMPILERS = ("cc", "gcc", "clang", "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc")


@pytest.fixture(scope="session", autouse=True)
def _same_c_compiled_once(request, tmp_path_factory):
    """Let programs with kernels in common be linked of the same objects."""
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("objects") if cache else tmp_path_factory.mktemp("objects")
    compilers = [path for path in map(shutil.which, _COMPILERS) if path]
    objects = ObjectCache(folder, compilers)
    objects.forget_unused()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toolchain, "run_tool", objects)
        yield


def _published_file(relative: str) -> Path:
    path = PUBLISHED / relative
    if not path.exists():
        pytest.skip(f"{relative}: {WITHOUT_PUBLISHED}")
    return path


@pytest.fixture(scope="session")
def _seeded_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("seeded_models")


@pytest.fixture
def seeded(_seeded_folder):
    """`seeded("mlperf_tiny/ic_int8.tflite")` gives the path of a network made from seeds."""
    return partial(seeded_file, folder=_seeded_folder)


@pytest.fixture
def published():
    """`published("mlperf_tiny/ic_int8.tflite")` gives the path, or skips the test aloud."""
    return _published_file


@pytest.fixture(params=SOURCES)
def model_file(request):
    """The one, and where published files are at hand the other."""
    return request.getfixturevalue(request.param)
