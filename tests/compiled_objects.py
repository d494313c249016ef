"""Objects that compilers made of C files, for whoever compiles the same again.

Most programs that tests build have kernels and a harness in common. With `ObjectCache` in place of
`run_tool`, every C file is compiled once for a compiler, its flags, and all that the file includes;
programs are linked each time. Objects stay in pytest's cache of this clone.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfedge_converters.execute.tool import ToolRun, run_tool

_INCLUDED = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)
_FOR_THE_LINKER = ("-l", "-L", "-Wl,", "-nostartfiles")
_UNUSED_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class _Build:
    """A command that compiles C files and links them.

    Attributes:
        compiler: its path.
        flags: for the compiler.
        includes: folders of headers.
        sources: the C files.
        linking: options for the linker alone.
        output: the program.
    """

    compiler: str
    flags: tuple[str, ...]
    includes: tuple[Path, ...]
    sources: tuple[Path, ...]
    linking: tuple[str, ...]
    output: str


class ObjectCache:
    """Runs tools as `run_tool` does; of the given compilers' objects it keeps every one.

    Args:
        folder: where objects lie; several processes may use it at once.
        compilers: paths of compilers that take gcc's options. Others are run as they are.
    """

    def __init__(
        self,
        folder: Path,
        compilers: Sequence[str],
        run: Callable[..., ToolRun] = run_tool,
    ) -> None:
        self._folder = folder
        self._compilers = {path: _identity(path) for path in compilers}
        self._run = run

    def __call__(self, command: Sequence[str | Path], title: str, **options: Any) -> ToolRun:
        """What `run_tool` returns for the command; programs are made of kept objects."""
        words = [str(word) for word in command]
        # Paths are read here, so they have to mean the same to the compiler.
        takes_time_alone = {name for name, value in options.items() if value} <= {"seconds"}
        can_be_kept = takes_time_alone and words[0] in self._compilers
        build = _build_of(words) if can_be_kept else None
        if build is None or not (objects := self._objects(build, title, **options)):
            return self._run(command, title, **options)
        link = [build.compiler, *build.flags, *objects, *build.linking, "-o", build.output]
        return self._run(link, title, **options)

    def forget_unused(self) -> None:
        """Remove objects that no run has taken for a week."""
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process may be at it too
                if path.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                    path.unlink()

    def _objects(self, build: _Build, title: str, **options: Any) -> list[Path]:
        """The object of each source, in their order; none if one does not compile."""
        objects = [self._folder / f"{self._key(build, path)}.o" for path in build.sources]
        missing = {
            made: source
            for made, source in zip(objects, build.sources, strict=True)
            if not made.exists()
        }
        for made in objects:
            if made not in missing:
                os.utime(made)
        with tempfile.TemporaryDirectory(dir=self._folder.parent) as scratch:
            for made, source in missing.items():
                new = Path(scratch) / made.name
                command = [build.compiler, *build.flags, *(f"-I{path}" for path in build.includes)]
                command += ["-c", str(source), "-o", str(new)]
                if self._run(command, title, **options).status != 0 or not new.is_file():
                    return []
                new.replace(made)
        return objects

    def _key(self, build: _Build, source: Path) -> str:
        digest = hashlib.sha256()
        for word in (build.compiler, self._compilers[build.compiler], *build.flags):
            digest.update(f"{word}\0".encode())
        for text in _texts(source, build.includes, set()):
            digest.update(text + b"\0")
        return digest.hexdigest()


def _identity(compiler: str) -> str:
    """What changes when the compiler is another one."""
    found = Path(compiler).resolve().stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _build_of(words: Sequence[str]) -> _Build | None:
    """A command's parts; None if it does something else than to make a program of C files."""
    flags, includes, sources, linking, output = [], [], [], [], ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-o":
            output = next(rest)
        elif word == "-T":
            linking += [word, next(rest)]
        elif word.startswith(_FOR_THE_LINKER):
            linking.append(word)
        elif word.startswith("-I"):
            includes.append(Path(word[2:]))
        elif word.endswith(".c"):
            sources.append(Path(word))
        elif word.startswith("-"):
            flags.append(word)
        else:
            return None
    if not (output and sources) or {"-c", "-S", "-E", "-fsyntax-only"} & set(flags):
        return None
    return _Build(words[0], *map(tuple, (flags, includes, sources, linking)), output)


def _texts(source: Path, includes: Sequence[Path], seen: set[Path]) -> Iterator[bytes]:
    """A file, and whatever it includes but for the compiler's own headers."""
    text = source.read_bytes()
    yield text
    for name in _INCLUDED.findall(text.decode()):
        for folder in (source.parent, *includes):
            header = folder / name
            if header.is_file():
                if header not in seen:
                    seen.add(header)
                    yield from _texts(header, includes, seen)
                break
