"""A library for the Arduino IDE and arduino-cli (library specification 1.5 and later)."""

from __future__ import annotations

from tfedge_converters.packages.interface import Package

PACKAGE = Package(
    name="arduino",
    title="a library for Arduino",
    templates={
        "README.md": "arduino/README.md.j2",
        "library.properties": "arduino/library.properties.j2",
        "examples/demo/demo.ino": "arduino/demo.ino.j2",
    },
    code_folder="src",
)
