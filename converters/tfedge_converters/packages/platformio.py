"""A library for PlatformIO (library.json), with a project that uses it."""

from __future__ import annotations

from tfedge_converters.packages.interface import Package

PACKAGE = Package(
    name="platformio",
    title="a library for PlatformIO",
    templates={
        "README.md": "platformio/README.md.j2",
        "library.json": "platformio/library.json.j2",
        "examples/demo/platformio.ini": "platformio/platformio.ini.j2",
        "examples/demo/src/main.cpp": "arduino/demo.ino.j2",
    },
    code_folder="src",
)
