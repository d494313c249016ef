"""What the documentation names is there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
# Modules and folders in backticks, and what links lead to.
_NAMED = re.compile(r"`(?:…/)?([\w./]+(?:\.py|/))`|\]\(([\w./]+)(?:#[\w-]+)?\)")
_SOURCES = ("benchmarks", "c_runtime", "converters", "docs", "examples", "tests", "tfedge", "tools")


@pytest.fixture(scope="module")
def paths() -> list[str]:
    """Every file and folder of the sources, with a slash in front."""
    roots = [ROOT / name for name in _SOURCES]
    found = [path for root in roots for path in [root, *root.rglob("*")]]
    return [f"/{path.relative_to(ROOT).as_posix()}" for path in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_folders_exist(page, paths):
    named = _NAMED.findall(page.read_text("utf-8"))
    named = {"/" + (a or b).replace("../", "").strip("/") for a, b in named}
    assert not [name for name in sorted(named) if not any(path.endswith(name) for path in paths)]


def test_tables_of_measurements_are_those_of_their_files():
    tool = runpy.run_path(str(ROOT / "tools" / "measurement_tables.py"))
    pages = sorted(tool["PAGES"].glob("*.md"))
    assert len(pages) > 20
    for page in pages:
        assert tool["rendered"](page) == page.read_text("utf-8"), f"{page.name} is not current"


def test_every_page_of_measurements_is_in_the_table_of_claims():
    folder = ROOT / "docs" / "measurements"
    claims = (folder / "README.md").read_text("utf-8")
    assert not [
        p.name for p in folder.glob("*.md") if p.name != "README.md" and p.name not in claims
    ]


def test_the_index_of_benchmarks_names_every_script():
    folder = ROOT / "benchmarks"
    index = (folder / "README.md").read_text("utf-8")
    assert not [script.name for script in folder.glob("*.py") if f"`{script.name}`" not in index]
