"""What the documentation names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
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
    named = {"/" + (a or b).strip("/") for a, b in _NAMED.findall(page.read_text("utf-8"))}
    assert not [name for name in sorted(named) if not any(path.endswith(name) for path in paths)]
