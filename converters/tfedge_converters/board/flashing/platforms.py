"""Build systems that boards are programmed with: how their projects look, are built and uploaded.

Sources: the manuals of arduino-cli, PlatformIO, Zephyr's west, ESP-IDF's idf.py and CMake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Words = tuple[str, ...]

_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class Platform:
    """A build system.

    In commands, {folder} is the project's, {out} one for what is built, {board} what the platform
    calls the board, and {port} a serial port.

    Attributes:
        name: what boards.json calls it.
        program: its tool.
        source: where that is to be had, in words.
        marks: files that tell its projects, each with a text that has to stand in it; one is
            enough.
        build: commands, without the program.
        images: where images lie then, as patterns in {folder} or {out}.
        upload: the command that flashes what was built; empty if it has none.
        port: what tells that the port; empty if it needs none.
        finds_port: whether it finds the port by itself.
    """

    name: str
    program: str
    source: str
    marks: tuple[tuple[str, str], ...]
    build: tuple[Words, ...]
    images: Words
    upload: Words = ()
    port: Words = ()
    finds_port: bool = True


PLATFORMS = (
    Platform(
        "arduino",
        "arduino-cli",
        "https://arduino.github.io/arduino-cli",
        marks=(("*.ino", ""),),
        build=(("compile", "--fqbn", "{board}", "--output-dir", "{out}", "{folder}"),),
        images=("{out}/*",),
        upload=("upload", "--fqbn", "{board}", "--input-dir", "{out}", "{folder}"),
        port=("--port", "{port}"),
        finds_port=False,
    ),
    Platform(
        "platformio",
        "pio",
        "pip install platformio",
        marks=(("platformio.ini", ""),),
        build=(("run", "--project-dir", "{folder}"),),
        images=("{folder}/.pio/build/*/firmware.*",),
        upload=("run", "--project-dir", "{folder}", "--target", "upload"),
        port=("--upload-port", "{port}"),
    ),
    Platform(
        "zephyr",
        "west",
        "pip install west, and Zephyr's SDK",
        marks=(("prj.conf", ""),),
        build=(("build", "--board", "{board}", "--build-dir", "{out}", "{folder}"),),
        images=("{out}/zephyr/zephyr.*",),
        upload=("flash", "--build-dir", "{out}"),
    ),
    Platform(
        "esp-idf",
        "idf.py",
        "https://docs.espressif.com/projects/esp-idf",
        marks=(("CMakeLists.txt", "project.cmake"),),
        build=(
            ("-C", "{folder}", "-B", "{out}", "set-target", "{board}"),
            ("-C", "{folder}", "-B", "{out}", "build"),
        ),
        images=("{out}/*.bin",),
        upload=("-C", "{folder}", "-B", "{out}", "flash"),
        port=("--port", "{port}"),
    ),
    Platform(
        "cmake",
        "cmake",
        "apt-get install cmake",
        marks=(("CMakeLists.txt", "add_executable"),),
        build=(("-S", "{folder}", "-B", "{out}"), ("--build", "{out}")),
        images=("{out}/*", "{out}/*/*"),
    ),
)


def platform_of(folder: Path) -> Platform | None:
    """The build system that a project's folder is for; None if it is no project of one."""
    return next((platform for platform in PLATFORMS if _is_for(folder, platform)), None)


def platform_named(name: str) -> Platform:
    """A build system by its name in boards.json."""
    return next(platform for platform in PLATFORMS if platform.name == name)


def _is_for(folder: Path, platform: Platform) -> bool:
    return any(
        text.encode() in _head(path)
        for pattern, text in platform.marks
        for path in folder.glob(pattern)
        if path.is_file()
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def filled_in(words: Sequence[str], **values: str) -> list[str]:
    """The words of a command, with values in the places of their names."""
    return [word.format_map(values) for word in words]
