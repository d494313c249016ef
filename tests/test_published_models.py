"""What is said of published models is true of them, where somebody has fetched them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from model_files import PUBLISHED, WITHOUT_PUBLISHED
from seeded_models import edgetpu, mlperf_tiny

from tfedge_converters.graph import read_file

TOOL = Path(__file__).resolve().parents[1] / "tools/fetch_published_models.py"

needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason=WITHOUT_PUBLISHED)


def _states(folder: Path) -> tuple[int, dict[str, str]]:
    ran = subprocess.run(
        [sys.executable, TOOL, "--folder", folder], capture_output=True, text=True, check=False
    )
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert all(url.startswith("https://github.com/") for *_, url in rows)
    return ran.returncode, {name: state for state, name, _ in rows}


def test_what_is_missing_or_another_is_said(tmp_path):
    (tmp_path / "mlperf_tiny").mkdir()
    (tmp_path / "mlperf_tiny/ic_int8.tflite").write_bytes(b"another")
    status, states = _states(tmp_path)
    assert status == 1
    assert states.pop("mlperf_tiny/ic_int8.tflite") == "damaged"
    assert set(states.values()) == {"missing"}
    assert [path.name for path in tmp_path.rglob("*.tflite")] == ["ic_int8.tflite"]


@needs_published
def test_published_models_are_whole(tmp_path):
    status, states = _states(PUBLISHED)
    assert status == 0
    assert set(states.values()) == {"whole"}
    shutil.copytree(PUBLISHED, tmp_path / "copy", dirs_exist_ok=True)
    next((tmp_path / "copy").rglob("kws.h5")).unlink()
    assert _states(tmp_path / "copy")[0] == 1


def _described(path: Path) -> list:
    operators = read_file(path).main.operators
    return [
        (op.code, [t and t.shape for t in op.inputs], [t.shape for t in op.outputs],
         op.options and vars(op.options))
        for op in operators
    ]  # fmt: skip


@needs_published
def test_networks_from_seeds_are_those_that_were_published(seeded, published):
    tiny = [
        f"mlperf_tiny/{name}_{kind}" for name in mlperf_tiny.NAMES for kind in ("float", "int8")
    ]
    coral = [f"edgetpu_pairs/{name}" for name in edgetpu.MODELS if "small" not in name]
    # The published kws_float is hybrid.
    for file in {*tiny, *coral} - {"mlperf_tiny/kws_float"}:
        ours, theirs = (source(f"{file}.tflite") for source in (seeded, published))
        assert _described(ours) == _described(theirs), file
