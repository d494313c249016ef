"""Objects are taken again for the same C alone."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from compiled_objects import ObjectCache

from tfedge_converters.execute import toolchain
from tfedge_converters.execute.tool import run_tool

MAIN = '#include <stdio.h>\n#include "number.h"\nint main(void) { return printf("%d", N) < 0; }\n'


class Build:
    """Compiles a program of one file and a header, and counts the compiler's runs."""

    def __init__(self, folder, compiler):
        self.compiler, self._folder, self.commands = compiler, folder, []
        self.cache_folder = folder / "objects"
        self.cache_folder.mkdir()
        self.cache = ObjectCache(self.cache_folder, [compiler], self._run)

    def _run(self, command, title, **options):
        self.commands.append([str(word) for word in command])
        return run_tool(command, title, **options)

    def __call__(self, number, *flags, main=MAIN):
        """What the program prints, and how many files were compiled for it."""
        self.commands.clear()
        place = self._folder / f"place{len([*self._folder.iterdir()])}"
        place.mkdir()
        (place / "main.c").write_text(main)
        (place / "number.h").write_text(f"#define N {number}\n")
        program = place / "program"
        command = [self.compiler, "-Werror", *flags, f"-I{place}", place / "main.c"]
        done = self.cache([*command, "-lm", "-o", program], "cc", seconds=60.0)
        if done.status != 0:
            return done.printed, len(self.commands)
        compiled = sum("-c" in command for command in self.commands)
        return subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout, compiled


@pytest.fixture(params=["gcc", "clang"])
def build(request, tmp_path):
    compiler = shutil.which(request.param)
    if compiler is None:
        pytest.skip(f"{request.param} is not installed")
    return Build(tmp_path, compiler)


def test_the_same_is_compiled_once(build):
    assert build(7) == (b"7", 1)
    assert build(7) == (b"7", 0)


def test_what_tfedge_compiles_is_kept(build, monkeypatch, tmp_path):
    monkeypatch.setattr(toolchain, "run_tool", build.cache)
    source, program = tmp_path / "main.c", tmp_path / "program"
    source.write_text("int main(void) { return 0; }\n")
    for compiled in (1, 0):
        build.commands.clear()
        toolchain.compile_program([build.compiler, source, "-o", program], "net", program)
        assert sum("-c" in command for command in build.commands) == compiled


def test_another_header_flag_or_source_makes_another_object(build):
    build(7)
    assert build(8) == (b"8", 1)
    assert build(7, "-DX") == (b"7", 1)
    assert build(7, main=MAIN.replace("%d", "<%d>")) == (b"<7>", 1)


def test_what_does_not_compile_says_so_each_time(build):
    for _ in range(2):
        printed, _ = build(7, main=MAIN.replace("N)", "M)"))
        assert "main.c" in printed and "M" in printed


def test_objects_that_nobody_takes_are_forgotten(build):
    build(7)
    build.cache.forget_unused()
    assert build(7) == (b"7", 0)
    [made] = build.cache_folder.iterdir()
    os.utime(made, (0, 0))
    build.cache.forget_unused()
    assert build(7) == (b"7", 1)


def test_another_program_of_the_name_is_run_as_it_is(build):
    build(7)
    build.compiler = "/bin/echo"
    words = build.cache(["/bin/echo", "main.c", "-o", "x"], "echo", seconds=60.0).stdout
    assert words == "main.c -o x\n"
