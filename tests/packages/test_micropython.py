"""The package for MicroPython, built with MicroPython's own sources and imported there."""

from __future__ import annotations

import ast
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from packages.conftest import run

import tfedge
from tfedge.errors import UnsupportedError
from tfedge_converters.verify.engines import engine

TREE = os.environ.get("MICROPYTHON_TREE", "")
# What the port for this computer can do without; most of it lies in other repositories.
_LEFT_OUT = (
    "FROZEN_MANIFEST= MICROPY_PY_BTREE=0 MICROPY_PY_SSL=0 MICROPY_PY_FFI=0 MICROPY_STANDALONE=1 "
    "MICROPY_VFS_LFS1=0 MICROPY_VFS_LFS2=0"
)
with_micropython = pytest.mark.skipif(
    not TREE or shutil.which("make") is None,
    reason="needs MicroPython's sources: git clone https://github.com/micropython/micropython, and "
    "MICROPYTHON_TREE=/path/to/micropython",
)
# The last as MicroPython's makefiles call a folder of theirs.
NAMES = ("three", "four", "variant")

PROGRAM = """
from array import array
import three

network = three.Network()
network.self_test()
given = [bytes(range(1, 1 + size)) for size in {sizes}]
print([list(values) for values in network.run(*given)])
print([list(values) for values in network.predict(*given)])
reals = [array("f", [scale * (value - zero) for value in values])
         for values, (scale, zero) in zip(given, {grids})]
print(network.run(*reals) == network.run(*given))
wrong_kind = array("h", bytes({sizes}[0]))
for wrong in (b"123", array("f", [0.0] * 3), array("f", bytes({sizes}[0])), wrong_kind, 5):
    try:
        network.run(wrong, *given[1:])
    except (TypeError, ValueError) as error:
        print(error)
"""


def test_what_is_built_is_there(converted, tmp_path):
    converted("cortex-m4").save(tmp_path, package="micropython")
    sources = {path.name for path in (tmp_path / "src").glob("*.c")}
    for name in ("micropython.mk", "micropython.cmake"):
        text = (tmp_path / name).read_text()
        assert set(re.findall(r"/src/(\w+\.c)\b", text)) == sources, name
        assert "three_module.c" in text
    module = (tmp_path / "three_module.c").read_text()
    demo = ast.parse((tmp_path / "demo.py").read_text())
    owners = ("three", "network")
    used = {
        node.attr
        for node in ast.walk(demo)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in owners
    }
    assert used >= {"Network", "self_test", "predict"}
    for name in used:
        assert f"MP_ROM_QSTR(MP_QSTR_{name})" in module


def test_names_of_micropython_are_refused(model_file, tmp_path):
    artifact = tfedge.convert(model_file, target="cortex-m4", name="network")
    with pytest.raises(UnsupportedError, match="something of its own called 'network'"):
        artifact.save(tmp_path, package="micropython")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def micropython(tmp_path_factory, model_file):
    """MicroPython for this computer, with several networks."""
    folder = tmp_path_factory.mktemp("micropython")
    for name in NAMES:
        artifact = tfedge.convert(model_file, target="cortex-m4", name=name)
        artifact.save(folder / "modules" / name, package="micropython")
    options = [f"BUILD={folder / 'build'}", f"USER_C_MODULES={folder / 'modules'}", "V=1"]
    port = Path(TREE) / "ports" / "unix"
    commands = run(["make", *_LEFT_OUT.split(), "VARIANT=standard", *options], port)
    compiled = [line for line in commands.splitlines() if " -c " in line and "/three/src/" in line]
    assert compiled and all(" -O2 " in line for line in compiled)
    return folder


@with_micropython
def test_it_computes_what_the_file_does(micropython, model_file, tmp_path):
    artifact = tfedge.load(micropython / "modules" / "three")
    graph = artifact.model.main
    samples = [
        (np.arange(1, 1 + tensor.elements) % 256).astype(np.uint8).view(np.int8)
        for tensor in graph.inputs
    ]
    shaped = [
        values.reshape(tensor.shape) for values, tensor in zip(samples, graph.inputs, strict=True)
    ]
    [wanted] = engine("tflite-micro")(artifact.flatbuffer, [shaped], 1)
    grids = [
        (float(t.quantization.scale[0]), int(t.quantization.zero_point[0])) for t in graph.inputs
    ]
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(sizes=[values.size for values in samples], grids=grids))
    binary = micropython / "build" / "micropython"
    integers, reals, same, *mistakes = run([binary, program], tmp_path).splitlines()
    assert [np.array(values).tolist() for values in ast.literal_eval(integers)] == [
        values.ravel().tolist() for values in wanted
    ]
    for found, values, tensor in zip(ast.literal_eval(reals), wanted, graph.outputs, strict=True):
        grid = tensor.quantization
        real = (values.ravel().astype(np.float32) - grid.zero_point[0]) * grid.scale[0]
        np.testing.assert_allclose(found, real, rtol=1e-6)
    assert same == "True"
    size = samples[0].size
    assert mistakes == [
        f"an input of 3 bytes is not {size} elements ({size} bytes)",
        f"an input of 3 real numbers is not {size} elements",
        f"an input of {size // 4} real numbers is not {size} elements",
        "an array of 'h' for an input of 'b'",
        "object with buffer protocol required",
    ]
    for name in NAMES:
        said = run([binary, micropython / "modules" / name / "demo.py"], tmp_path)
        assert "self-test: TFEDGE_OK" in said and "output 2" in said
