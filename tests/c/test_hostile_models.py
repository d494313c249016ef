"""Damaged models end in a TfedgeError, or in C that stays within its memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hostile.usage import Limited, TooMuchError
from hostile.workers import run_jobs

TESTS = Path(__file__).parents[1]


def test_damaged_files_are_refused_in_words_or_work():
    """A sample; `make sweep SWEEP=hostile_files` goes on for as long as asked.

    In a process of its own, which has imported and started nothing else.
    """
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    command = [sys.executable, TESTS / "sweeps" / "hostile_files.py", "--seed=1"]
    command += ["--count=450", "--workers=1", "--run-share=0.2", "--public-share=0.15"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    for stage in (
        *("read: refused", "quantize: done", "generate: done", "sanitizers: done"),
        *("convert for .*: done", "tfedge verify: done", "tfedge verify: refused"),
    ):
        found = re.findall(rf"^ *(\d+)  .*{stage}$", result.stdout, re.MULTILINE)
        assert sum(map(int, found)) >= 10, result.stdout


def test_what_a_file_can_do_to_a_process_is_noticed():
    memory = 1 << 28

    def hangs():
        while True:
            pass

    jobs = [
        hangs,
        threading.Event().wait,
        lambda: os._exit(3),
        lambda: bytearray(2 * memory),
        lambda: bytearray(memory // 2) and 7,
    ]
    options = {"workers": 1, "timeout": lambda stage: 0.3, "memory_bytes": memory, "patience": 20}
    reports = list(run_jobs(lambda index, stage: jobs[index](), len(jobs), **options))
    assert [report.index for report in reports] == [0, 1, 2, 3, 4]
    assert reports[0].failure == reports[1].failure == "timeout"
    assert reports[2].failure == "died with exit code 3"
    assert "MemoryError" in reports[3].failure
    assert (reports[4].result, reports[4].failure) == (7, "")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("while True: pass", "s of processor time"),
        ("x = bytearray(1 << 28); print(flush=True); input()", "GiB in process"),
    ],
)
def test_what_a_file_lets_other_processes_do_is_noticed(program, words):
    def job(index, stage):
        child = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        children.append(child)
        if "input" in program:
            child.stdout.readline()
        else:
            time.sleep(1)

    children: list[subprocess.Popen] = []
    try:
        with pytest.raises(TooMuchError, match=words):
            Limited(job, 0.1 if "True:" in program else 60, 1 << 26)(0, lambda stage: None)
        Limited(lambda index, stage: 7, 5, 1 << 26)(0, lambda stage: None)
    finally:
        for child in children:
            child.kill()
            child.communicate()
