"""All that `tfedge` and its packages list is there, in any order, and type checkers see it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfedge
from tfedge.lazy_imports import places_in

ROOT = Path(__file__).resolve().parents[1]
STUBS = sorted(ROOT.glob("tfedge/**/*.pyi"))
FACES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in STUBS
]


def stub(face: str) -> Path:
    path = ROOT.joinpath(*face.split("."))
    return path / "__init__.pyi" if path.is_dir() else path.with_suffix(".pyi")


NAMES = {face: places_in(stub(face)) for face in FACES}


def run(code: str, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'converters'}"}
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


# Whatever is asked of these first, Keras is not asked for.
WITHOUT_KERAS = """
import sys, tfedge
asked = [("tfedge", "convert"), ("tfedge", "Artifact"), ("tfedge", "Calibration"),
         ("tfedge", "Diagnosis"), ("tfedge", "CheckReport"), ("tfedge", "WidthSearch"),
         ("tfedge", "verify"), ("tfedge", "profile"), ("tfedge", "load"), ("tfedge", "Profile"),
         ("tfedge", "TfedgeError"), ("tfedge.errors", "QualityError"),
         ("tfedge.quantization", "Scheme")]
for face in ("backends", "calibration", "recovery", "targets"):
    asked += [(f"tfedge.{face}", name) for name in getattr(tfedge, face).__all__]
for face in ("callbacks", "clustering", "distillation", "factorization", "layers", "pruning"):
    assert dir(getattr(tfedge, face))
for face, name in asked:
    getattr(__import__(face, fromlist=[name]), name)
    assert not {"keras", "tensorflow", "matplotlib"} & set(sys.modules), (face, name)
"""


def test_what_needs_no_keras_does_not_import_it():
    run(WITHOUT_KERAS)


# Forked children have TensorFlow and the inside of Keras, but `keras` runs once more in each, so
# that our registration behind it finds whatever is half imported by then. Nothing old is looked at
# by their garbage collections, and what one of them compiles is there for the next.
EVERY_NAME_FIRST = """
import gc, os, sys, traceback
import keras, rich.console, fastjsonschema, jinja2, ai_edge_litert.schema_py_generated
gc.freeze()
sys.dont_write_bytecode, sys.pycache_prefix = False, sys.argv[1]
del sys.modules["keras"]
failed = []
for place in sys.argv[2:]:
    face, names = place.split(":")
    child = os.fork()
    if child == 0:
        try:
            module = __import__(face, fromlist=["_"])
            for name in names.split(","):
                getattr(module, name)
            import keras, tfedge
            if keras.saving.get_registered_object("tfedge>Prune") is not tfedge.layers.Prune:
                raise AssertionError("tfedge.layers.Prune is not registered")
            if not hasattr(keras.layers.Layer.get_weights, "tfedge_hook"):
                raise AssertionError("there are no hooks")
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(place)
sys.exit(f"failed: {failed}" if failed else 0)
"""


def test_every_name_can_be_the_first_that_a_process_asks_for(tmp_path):
    by_place: dict[tuple[str, str], list[str]] = {}
    for face, names in NAMES.items():
        for name, place in names.items():
            by_place.setdefault((face, place or name), []).append(name)
    places = [f"{face}:{','.join(names)}" for (face, _), names in by_place.items()]
    run(EVERY_NAME_FIRST, str(tmp_path), *places)


@pytest.mark.parametrize("face", FACES)
def test_listed_names_are_there_and_no_module_has_one(face):
    module = __import__(face, fromlist=["_"])
    assert set(NAMES[face]) <= set(dir(module))
    assert set(module.__all__) == set(NAMES[face])
    for name, place in NAMES[face].items():
        getattr(module, name)
        # A module's name that is imported becomes an attribute, in whose place it would be.
        assert place is None or not stub(f"{face}.{name}").with_suffix(".py").exists()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        module.nothing  # noqa: B018


_USED = re.compile(r"\btfedge((?:\.[A-Za-z]\w*)+)")
_FENCED = re.compile(r"```python\n(.*?)```", re.S)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_in_the_documentation_use_public_names(page):
    for program in _FENCED.findall(page.read_text("utf-8")):
        assert "tfedge_converters" not in program
        for dotted in _USED.findall(program):
            place, face = tfedge, "tfedge"
            for name in dotted[1:].split("."):
                if face in NAMES:
                    assert name in NAMES[face], f"{page.name}: {face}.{name}"
                place, face = getattr(place, name), f"{face}.{name}"


def test_type_checkers_know_every_name(tmp_path, monkeypatch):
    mypy = pytest.importorskip("mypy.api")
    lines = [f"import {face}" for face in FACES]
    lines += [f"reveal_type({face}.{name})" for face, names in NAMES.items() for name in names]
    snippet = tmp_path / "every_name.py"
    snippet.write_text("\n".join([*lines, ""]))
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--follow-imports=silent"]
    monkeypatch.chdir(ROOT)  # where the cache of `make lint` is
    output, errors, _ = mypy.run([*options, str(snippet)])
    told = re.findall(r'every_name\.py:(\d+): note: Revealed type is "(.*)"', output)
    assert len(told) == sum(map(len, NAMES.values())), output + errors
    assert not [lines[int(n) - 1] for n, kind in told if kind == "Any"]
    assert "error:" not in output, output
