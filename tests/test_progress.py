"""Bars are shown where somebody sees them, beside what a program prints."""

import os
import pty
import subprocess
import sys

from tfedge.progress import is_shown, tracked

CODE = (
    "from tfedge.progress import is_shown, tracked\n"
    "print(sum(tracked(iter([1, 2]), 'Adding', is_shown(None), 2)))"
)


def run(stderr: int) -> str:
    return subprocess.run(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=stderr, text=True, check=True
    ).stdout


def test_bars_are_for_terminals_and_leave_the_output_alone():
    ours, theirs = pty.openpty()
    assert run(theirs) == "3\n"
    assert b"Adding" in os.read(ours, 4096)
    reader, writer = os.pipe()
    assert run(writer) == "3\n"
    os.close(writer)
    assert os.read(reader, 4096) == b""


def test_what_was_asked_for_counts(capsys):
    assert is_shown(True) and not is_shown(False)
    items = [1, 2]
    assert tracked(items, "Adding", False) is items
    assert list(tracked(items, "Adding", True)) == items
    printed = capsys.readouterr()
    assert not printed.out and "Adding" in printed.err


def test_programs_without_a_standard_error_show_none(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert is_shown(None) is False
