"""What the pages show runs as it stands: blocks of Python, and lines of a console."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import keras
import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/accelerators.md", "docs/profile.md", "docs/smaller_models.md")

# `tests/distribution` runs what it shows, on several devices and in several processes.
NOT_HERE = ("docs/distributed_training.md",)


def run_console(example: Example) -> None:
    """Runs every line behind a prompt, with the `tfedge` of this environment in front."""
    lines = example.parsed.replace("\\\n>", " ").splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    assert commands
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in commands:
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, env={**os.environ, "PATH": paths}
        )
        assert not done.returncode, f"{command}\n{done.stdout}\n{done.stderr}"


def examples_of(page: str) -> list[Example]:
    """The blocks of a page, behind the first one of README, which makes a model and data."""
    parsers = [PythonCodeBlockParser(), CodeBlockParser("console", run_console), SkipParser()]
    document = Sybil(parsers).parse(ROOT / page)
    if page != "README.md":
        first = next(iter(Sybil([PythonCodeBlockParser()]).parse(ROOT / "README.md").examples()))
        first.evaluate()
        document.namespace.update(first.namespace)
    return list(document.examples())


def test_every_page_with_blocks_is_run():
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    blocks = ("```python\n", "```console\n")
    shown = {page for page in pages if any(b in (ROOT / page).read_text("utf-8") for b in blocks)}
    assert shown <= {*PAGES, *NOT_HERE}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.backend.clear_session()  # layers are named as in a process of one's own
    examples = examples_of(page)
    assert len(examples) > 3
    for example in examples:
        with contextlib.suppress(SkipTest):
            example.evaluate()
