"""A user C module for MicroPython: the model as a module that Python imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfedge.errors import UnsupportedError
from tfedge_converters.packages.interface import Package, PackagedModel

# Elements of an input or output, as Python's array module calls them.
_TYPECODES = {
    "int8_t": "b", "uint8_t": "B", "int16_t": "h", "uint16_t": "H", "int32_t": "i",
    "uint32_t": "I", "int64_t": "q", "uint64_t": "Q", "float": "f",
}  # fmt: skip

# Modules of MicroPython and its ports (docs.micropython.org, library), which a model's would hide
# or be hidden by, and what functions of MicroPython and of its ports' boards begin with.
_TAKEN = (
    "array asyncio binascii bluetooth board btree builtins cmath collections cryptolib deflate "
    "dht ds18x20 errno esp esp32 espnow framebuf gc gzip hashlib heapq io json lwip machine "
    "math micropython mimxrt mip mp neopixel network ntptime onewire openamp os "
    "platform pyb random re requests rp2 samd select socket ssl stm struct sys time tls tusb "
    "uasyncio uctypes vfs webrepl websocket wipy zephyr zlib zsensor"
)


class MicroPython(Package):
    """The generated C, and a binding to Python, for ports that make or CMake builds."""

    def check(self, model: PackagedModel) -> None:
        """Refuse the names of MicroPython's own modules and functions too."""
        super().check(model)
        if model.name in _TAKEN.split():
            raise UnsupportedError(
                f"the package '{self.name}' makes a module of the model's name, and MicroPython "
                f"has something of its own called '{model.name}': choose another name, such as "
                f"'{model.name}_model'"
            )

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
