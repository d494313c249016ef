"""The template for kernels is one: an operator from outside, by what the docs say of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate, registry, runtime_files
from tfedge_converters.execute import build_host
from tfedge_converters.graph import Quantization, TensorType

TEMPLATE = Path(__file__).resolve().parents[2] / "docs" / "kernel_template"
DEPTH, ON, OFF = 5, 90, -7


@pytest.fixture
def lowering(monkeypatch):
    """The template's kernel is registered, and unknown again behind the test."""
    monkeypatch.setattr(registry, "_KERNELS", dict(registry._KERNELS))
    spec = importlib.util.spec_from_file_location("one_hot", TEMPLATE / "one_hot.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def kernel(lowering, monkeypatch):
    """So are its C files."""
    monkeypatch.setattr(runtime_files, "_OTHER_FOLDERS", [])
    runtime_files.add_folder(TEMPLATE)


def one_hot(axis=-1):
    b = Builder(np.random.default_rng(0))
    grid = Quantization.per_tensor(0.25, OFF)
    indices = b.input((2, 3), type_=TensorType.INT32)
    indices.quantization = None
    operands = [indices, b.constant(np.array(DEPTH, np.int32))]
    operands += [b.constant(np.array(value, np.int8), grid) for value in (ON, OFF)]
    options = schema.OneHotOptionsT()
    options.axis = axis
    b.output("ONE_HOT", operands, (2, 3, DEPTH), grid, options)
    return b.model()


def code(model, optimize="speed"):
    return generate(model, Options("model", targets.load("host"), optimize))


@pytest.mark.parametrize("optimize", ["speed", "shared"])
def test_it_computes_what_numpy_does(kernel, optimize, tmp_path):
    program = build_host(code(one_hot(), optimize).write(tmp_path), sanitize=True)
    indices = np.array([[0, 4, 2], [-1, 5, 1]], np.int32)
    expected = np.where(indices[..., None] == np.arange(DEPTH), ON, OFF).astype(np.int8)
    np.testing.assert_array_equal(program.run([[indices]])[0][0], expected)


def test_it_refuses_by_its_limits(kernel):
    with pytest.raises(UnsupportedError, match=r"operator 0 \(ONE_HOT\).*the last one is"):
        code(one_hot(axis=0))
    model = one_hot()
    model.main.operators[0].inputs[1].data = None
    with pytest.raises(UnsupportedError, match=r"the depth '.*' must be constant"):
        code(model)


def test_c_files_that_lie_nowhere(lowering):
    with pytest.raises(TfedgeError, match=r"no folder of kernels has tfedge_one_hot_s8\.h"):
        code(one_hot())


def test_without_it_the_operator_has_no_kernel():
    with pytest.raises(UnsupportedError, match="has no C kernel"):
        code(one_hot())
