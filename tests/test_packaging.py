"""A built wheel holds everything that is needed, and works without the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_IN_AN_SDIST = (".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")

pytest.importorskip("setuptools", minversion="77", reason="building needs setuptools 77")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the sdist, as a package index would serve it; in a copy, to leave no traces."""
    directory = tmp_path_factory.mktemp("packaging")
    source = directory / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*NOT_IN_AN_SDIST))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, source]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    [path] = directory.glob("*.whl")
    return path


def shipped(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix() for path in files if "__pycache__" not in path.parts
    }


def test_wheel_holds_every_file_of_the_packages(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"tfedge/{name}" for name in shipped(ROOT / "tfedge")}
    expected |= shipped(ROOT / "converters")
    expected |= {
        f"tfedge_converters/c_runtime/{path.name}" for path in ROOT.glob("c_runtime/*.[ch]")
    }
    expected.add("tfedge_converters/LICENSE")
    assert expected <= names
    extra = {name for name in names - expected if ".dist-info/" not in name}
    assert not extra


def test_the_program_begins_where_interrupts_are_looked_after(wheel):
    archive = zipfile.ZipFile(wheel)
    [name] = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
    assert (
        archive.read(name).decode().split("\n", 2)[1] == "tfedge = tfedge_converters.program:main"
    )


def test_installed_wheel_finds_its_runtime(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "from tfedge_converters.c.runtime_files import runtime_directory\n"
        "print(runtime_directory())"
    )
    environment = os.environ | {"PYTHONPATH": str(site)}
    printed = subprocess.check_output(
        [sys.executable, "-c", code], text=True, cwd=tmp_path, env=environment
    )
    assert Path(printed.strip()) == site / "tfedge_converters" / "c_runtime"


def test_source_tree_has_its_runtime():
    from tfedge_converters.c.runtime_files import runtime_directory

    assert runtime_directory() == ROOT / "c_runtime"
