"""Damaged models end in a TfedgeError, or in C that stays within its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_damaged_file_is_refused_in_words_or_works(seed):
    """A sample; `make sweep SWEEP=hostile_files` goes on for as long as asked.

    In a process of its own, whose memory is not that of whatever other tests have imported.
    """
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    command = [sys.executable, TESTS / "sweeps" / "hostile_files.py", f"--seed={seed}"]
    command += ["--count=1000", "--workers=1", "--run-share=0.1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "generate: done" in result.stdout
