"""Compilers and simulators that are broken in every way: one sentence, and no waiting."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.execute import ExecutionError, build_firmware, build_host
from tfedge_converters.execute import host as host_module
from tfedge_converters.execute import tool as tool_module
from tfedge_converters.execute import toolchain as toolchain_module
from tfedge_converters.verify import verify


@pytest.fixture
def install(tmp_path, monkeypatch):
    """`install("cc", "script")` makes a program that is found before others of its name."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def install(name: str, script: str) -> Path:
        path = tmp_path / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    return install


SILENT = "#!/bin/sh\nexit 0\n"
FAILS = "#!/bin/sh\nexit 3\n"
GARBAGE = "\x7fELF, or so it says"
HANGS = "#!/bin/sh\nsleep 1000 &\nwait\n"
CHATTERS = "#!/bin/sh\nyes\n"
MAKES_GARBAGE = '#!/bin/sh\nfor last; do :; done\necho x > "$last"\nchmod +x "$last"\n'
MAKES_CHATTER = (
    "#!/bin/sh\nfor last; do :; done\n"
    'printf "#!/bin/sh\\nexec yes >&2\\n" > "$last"\nchmod +x "$last"\n'
)
MAKES_SILENCE = (
    '#!/bin/sh\nfor last; do :; done\nprintf "#!/bin/sh\\n" > "$last"\nchmod +x "$last"\n'
)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (SILENT, "made nothing of the C of model 'negate'"),
        (FAILS, "does not compile with cc: it ended with exit code 3 and said nothing"),
        (GARBAGE, "the compiler cc cannot be run: Exec format error"),
        (HANGS, "the compiler cc was still running after 0.5 s"),
        (CHATTERS, "the compiler cc printed more than 1 MiB"),
    ],
)
def test_compilers(negate, install, monkeypatch, script, words):
    install("cc", script)
    monkeypatch.setattr(tool_module, "_MOST_PRINTED_BYTES", 1 << 20)
    monkeypatch.setattr(toolchain_module, "COMPILE_SECONDS", 0.5 if script == HANGS else 60.0)
    begin = time.monotonic()
    with pytest.raises(ExecutionError, match=words):
        build_host(negate.program())
    assert time.monotonic() - begin < 30


def test_generated_c_that_never_stops_printing(negate, install, monkeypatch):
    install("cc", MAKES_CHATTER)
    monkeypatch.setattr(host_module, "_MOST_PRINTED_BYTES", 1 << 16)
    with pytest.raises(ExecutionError, match=r"model 'negate' crashed with SIGXFSZ: y"):
        build_host(negate.program()).self_test()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (MAKES_GARBAGE, "the compiled C of model 'negate' cannot be run: Exec format error"),
        (MAKES_SILENCE, "the compiled C of model 'negate' ended with exit code 0"),
    ],
)
def test_programs_that_are_none(negate, install, script, words):
    install("cc", script)
    program = build_host(negate.program())
    with pytest.raises(ExecutionError, match=words):
        program.run(negate.samples(1))
    with pytest.raises(ExecutionError, match="compiled C of model 'negate'"):
        program.self_test()


def test_generated_c_that_never_ends_is_ended(negate, monkeypatch):
    monkeypatch.setattr(host_module, "SAMPLE_SECONDS", 0.5)
    program = build_host(negate.program())
    with pytest.raises(ExecutionError, match=r"model 'negate' gave no answer for 0\.5 s"):
        program.run([negate.mischief(negate.LOOP_FOREVER)])
    assert len(program.run(negate.samples(3))) == 3


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("arm-none-eabi-gcc", FAILS, "arm-none-eabi-gcc ended with exit code 3: it said nothing"),
        ("arm-none-eabi-gcc", SILENT, "made nothing of the C"),
        ("qemu-system-arm", SILENT, "left 0 bytes of results where 2 samples make"),
        ("qemu-system-arm", FAILS, "QEMU ended with exit code 3 and said nothing"),
        ("qemu-system-arm", GARBAGE, "cannot be run: Exec format error"),
        ("arm-none-eabi-size", SILENT, "arm-none-eabi-size lists no sections"),
    ],
)
def test_tools_for_cortex_m(negate, install, name, script, words):
    install(name, script)
    with pytest.raises(ExecutionError, match=words):
        firmware = build_firmware(negate.program(), "cortex-m4")
        firmware.sizes() if name.endswith("size") else firmware.run(negate.samples(2))


def test_verify_says_what_is_wrong_with_the_compiler(install):
    from random_graphs import random_model

    install("cc", SILENT)
    with pytest.raises(TfedgeError, match="the compiler cc made nothing"):
        verify(random_model("relu", 1, 1), samples=1, engines=["c"])


def test_programs_are_run_in_one_place():
    """With limits of time and output; workers have limits of their own."""
    packages = [Path(tfedge.__file__).parent, Path(tool_module.__file__).parents[1]]
    starts = re.compile(
        r"\b(subprocess\.(run|Popen|call|check_\w+)\(|os\.(system|popen|spawn\w+)\()"
    )
    found = {
        path.name
        for package in packages
        for path in package.rglob("*.py")
        if starts.search(path.read_text("utf-8"))
    }
    assert found == {"tool.py", "process.py"}
