"""How the command ends: whatever becomes of its output, its terminal, its tools and itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from random_graphs import random_model

from tfedge_converters.graph import write_file

_PROGRAM = "import sys; from tfedge_converters.program import main; sys.exit(main())"
# The same, and an interrupt comes while a module is imported.
_INTERRUPTED = f"""\
import os, signal, sys

class Interrupts:
    @staticmethod
    def find_spec(name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts)
{_PROGRAM}
"""
_PATIENCE = 120  # seconds, for what takes two where nothing else runs
_HANGS = "#!/bin/sh\nsleep 1000 &\nwait\n"


@pytest.fixture
def model(tmp_path):
    """A model whose names are more than ASCII, and look like markup."""
    path = tmp_path / "net.tflite"
    network = random_model("conv_2d", 1, 2)
    for tensor in network.main.tensors():
        tensor.name = f"größe→[red]{tensor.name}"
    write_file(network, path)
    return path


@pytest.fixture
def start(tmp_path):
    """Starts the command in a folder, with a folder of its own for temporary files."""
    (tmp_path / "temporary").mkdir()

    def start(*arguments, variables=None, program=_PROGRAM, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        return subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(tmp_path / "temporary"), **(variables or {})},
            preexec_fn=_listen,
            **options,
        )

    return start


def _listen():
    """What runs in the background of a shell ignores interrupts, and so does all that it starts."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _ends(process):
    output, errors = process.communicate(timeout=_PATIENCE)
    assert "Traceback" not in errors
    return process.returncode, output, errors


@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [("targets", ""), ("--help", "1"), ("verify net.tflite --engine c", "")],
)
def test_output_that_nobody_reads_or_that_cannot_be_written(start, model, command, unbuffered):
    variables = {"PYTHONUNBUFFERED": unbuffered}
    reader, pipe = os.pipe()
    os.close(reader)
    processes = [start(*command.split(), stdout=pipe, variables=variables)]
    os.close(pipe)
    with Path("/dev/full").open("w") as full:
        processes.append(start(*command.split(), stdout=full, variables=variables))
    assert _ends(processes[0]) == (128 + signal.SIGPIPE, None, "")
    status, _, errors = _ends(processes[1])
    assert (status, errors) == (2, "tfedge: output cannot be written: No space left on device\n")


def test_messages_that_nobody_can_hear(start):
    with Path("/dev/full").open("w") as full:
        process = start("verify", "none.tflite", stderr=full)
        assert process.wait(_PATIENCE) == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_at_the_start(start, model, tmp_path, closed):
    """What is opened instead of them would get what compilers and interpreters print."""
    for command in ("convert net.tflite --output out", "verify out --samples 2", "--help"):
        words = [sys.executable, "-c", _PROGRAM, *command.split()]
        script = f"import os; os.execvp('sh', ['sh', '-c', '\"$@\" {closed}', 'sh', *{words!r}])"
        assert _ends(start(program=script))[0] == 0
    assert (tmp_path / "out/net.h").is_file()


def test_a_current_folder_that_is_gone(start, model, tmp_path):
    (tmp_path / "gone").mkdir()
    leaving = f"import os; os.chdir('gone'); os.rmdir('../gone')\n{_PROGRAM}"
    status, _, errors = _ends(start("verify", model, program=leaving))
    assert status == 2
    assert errors == "tfedge: the current folder is gone; change to one that exists\n"


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_terminals_that_know_ascii_alone(start, model, variables):
    processes = [
        start(*command.split(), variables=variables)
        for command in (
            "convert net.tflite --output out",
            "check net.tflite",
            "verify größe.tflite",
        )
    ]
    (converted, table, _), (checked, report, _), (status, _, errors) = map(_ends, processes)
    assert (converted, checked, status) == (0, 0, 2)
    assert "[red]" in table and "[red]" in report
    assert (table + report + errors).isascii()
    assert errors.count("\n") == 1


def _descendants(process):
    """Of a process, all that it or another of them has started."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _wait_until(condition):
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_alive(number):
    status = Path(f"/proc/{number}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found by /proc")
@pytest.mark.parametrize(
    ("number", "busy_with"),
    [
        (signal.SIGINT, "a compiler"),
        (signal.SIGTERM, "a compiler"),
        (signal.SIGINT, "an interpreter"),
        (signal.SIGHUP, "an interpreter"),
    ],
)
def test_signals(start, model, tmp_path, number, busy_with):
    variables = {}
    arguments = ["--engine", "litert", "--samples", "30000"]
    if busy_with == "a compiler":
        (tmp_path / "cc").write_text(_HANGS)
        (tmp_path / "cc").chmod(0o755)
        variables = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
        arguments = ["--engine", "c"]
    process = start("verify", "net.tflite", *arguments, variables=variables)
    wanted = "sleep" if busy_with == "a compiler" else "serve"

    def is_busy():
        lines = [Path(f"/proc/{child}/cmdline") for child in _descendants(process.pid)]
        return any(wanted in line.read_text() for line in lines if line.exists())

    _wait_until(is_busy)
    children = _descendants(process.pid)
    process.send_signal(number)
    status, output, errors = _ends(process)
    assert (status, output) == (128 + number, "")
    assert errors.startswith("tfedge: ") and errors.count("\n") == 1
    _wait_until(lambda: not any(map(_is_alive, children)))
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("module", "end"),
    [
        ("tfedge_converters.cli", (-signal.SIGINT, "")),
        ("tfedge_converters.cli.manners", (-signal.SIGINT, "")),
        ("tfedge_converters.cli.commands", (128 + signal.SIGINT, "tfedge: interrupted\n")),
        ("tfedge.errors", (128 + signal.SIGINT, "tfedge: interrupted\n")),
    ],
)
def test_interrupts_while_modules_are_imported(start, module, end):
    """Until signals are heard the system ends the process; that nobody is told is no traceback."""
    status, output, errors = _ends(start(module, "--help", program=_INTERRUPTED))
    assert ((status, errors), output) == (end, "")


def test_an_interrupt_that_is_ignored_before_signals_are_heard(start):
    ignoring = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{_INTERRUPTED}"
    status, _, errors = _ends(start("tfedge_converters.cli", program=ignoring))
    assert (status, "Traceback" in errors) == (2, False)


def test_tools_that_hang_are_not_waited_for(start, model, tmp_path):
    (tmp_path / "cc").write_text(_HANGS)
    (tmp_path / "cc").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "TFEDGE_TOOL_SECONDS": "1"}
    status, _, errors = _ends(start("verify", "net.tflite", "--engine", "c", variables=variables))
    words = "tfedge: the compiler cc was still running after 1 s; TFEDGE_TOOL_SECONDS gives it more"
    assert (status, errors) == (2, f"{words}\n")
    assert list((tmp_path / "temporary").iterdir()) == []
