"""What the pages show runs as it stands: blocks of Python, and lines of a console."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import keras
import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from warm_commands import run_tfedge

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/accelerators.md", "docs/profile.md", "docs/smaller_models.md")

# `tests/distribution` runs what it shows, on several devices and in several processes.
NOT_HERE = ("docs/distributed_training.md",)


def run_console(example: Example) -> None:
    """Runs every line behind a prompt, each in a process of its own."""
    lines = example.parsed.replace("\\\n>", " ").splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    assert commands
    for command in commands:
        program, *arguments = shlex.split(command, comments=True)
        assert program == "tfedge"
        status, output = run_tfedge(arguments)
        assert status == 0, f"{command}\n{output}"


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


def test_the_command_is_beside_the_interpreter():
    command = [Path(sys.executable).with_name("tfedge"), "targets"]
    assert "cortex-m4" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.backend.clear_session()  # layers are named as in a process of one's own
    examples = examples_of(page)
    assert len(examples) > 3
    for example in examples:
        with contextlib.suppress(SkipTest):
            example.evaluate()
