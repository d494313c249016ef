"""A user C module for MicroPython: the model as a module that Python imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfedge_converters.packages.interface import Package, PackagedModel

# Elements of an input or output, as Python's array module calls them.
_TYPECODES = {
    "int8_t": "b", "uint8_t": "B", "int16_t": "h", "uint16_t": "H", "int32_t": "i",
    "uint32_t": "I", "int64_t": "q", "uint64_t": "Q", "float": "f",
}  # fmt: skip


class MicroPython(Package):
    """The generated C, and a binding to Python, for ports that make or CMake builds."""

    def context(self, model: PackagedModel) -> Mapping[str, Any]:
        """Return the elements of every input and output as Python calls them."""
        sides = ("inputs", "outputs")
        return {
            f"{side}_typecodes": [_TYPECODES[end["type"]] for end in model.code.ends[side]]
            for side in sides
        }


PACKAGE = MicroPython(
    name="micropython",
    title="a module for MicroPython",
    templates={
        "README.md": "micropython/README.md.j2",
        "micropython.mk": "micropython/micropython.mk.j2",
        "micropython.cmake": "micropython/micropython.cmake.j2",
        "{name}_module.c": "micropython/module.c.j2",
        "demo.py": "micropython/demo.py.j2",
    },
    code_folder="src",
    takes_interpreter=False,
)
