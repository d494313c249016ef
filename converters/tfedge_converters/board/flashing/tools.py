"""Programs that put an image into a board's flash.

Sources: the manuals of openocd, pyocd, stlink, dfu-util, esptool and picotool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# What images are called in the folder where tools run.
IMAGE = "firmware"


@dataclass(frozen=True)
class FlashTool:
    """A program that flashes.

    Attributes:
        name: what boards.json calls it.
        programs: what it may be called.
        source: where it is to be had, in words.
        images: endings of images that it takes, the best first.
        before: of its command line, before what boards.json says of the board.
        each: before each of what boards.json says.
        behind: of its command line, behind that; {image} is the image, {board} the first of what
            boards.json says.
        port: what tells it a serial port; empty if it needs none.
    """

    name: str
    programs: tuple[str, ...]
    source: str
    images: tuple[str, ...]
    before: tuple[str, ...]
    behind: tuple[str, ...]
    each: str = ""
    port: tuple[str, ...] = ()

    def arguments(self, board: Sequence[str], image: str, port: str | None) -> list[str]:
        """The command line, without the program.

        Args:
            board: what boards.json says of it.
            image: a file's name.
            port: a serial port; None to leave it to the tool.
        """
        values = {"board": board[0] if board else "", "image": image, "port": port or ""}
        words = [*self.before, *(word for item in board if self.each for word in (self.each, item))]
        words += [*(self.port if port else ()), *self.behind]
        return [word.format_map(values) for word in words]


TOOLS = {
    tool.name: tool
    for tool in (
        FlashTool(
            "openocd",
            ("openocd",),
            "apt-get install openocd",
            (".elf", ".hex"),
            before=(),
            each="-f",
            behind=("-c", "program {image} verify reset exit"),
        ),
        FlashTool(
            "pyocd",
            ("pyocd",),
            "pip install pyocd",
            (".elf", ".hex"),
            before=("flash", "--no-wait", "--target", "{board}"),
            behind=("{image}",),
        ),
        FlashTool(
            "st-flash",
            ("st-flash",),
            "apt-get install stlink-tools",
            (".bin",),
            before=("--reset", "write"),
            behind=("{image}", "{board}"),
        ),
        FlashTool(
            "dfu-util",
            ("dfu-util",),
            "apt-get install dfu-util",
            (".bin",),
            before=("--alt", "0", "--dfuse-address", "{board}:leave"),
            behind=("--download", "{image}"),
        ),
        FlashTool(
            "esptool",
            ("esptool", "esptool.py"),
            "pip install esptool",
            (".merged.bin",),
            before=("--chip", "{board}"),
            port=("--port", "{port}"),
            behind=("write_flash", "0x0", "{image}"),
        ),
        FlashTool(
            "picotool",
            ("picotool",),
            "https://github.com/raspberrypi/picotool",
            (".uf2", ".elf"),
            before=("load", "-f", "-x"),
            behind=("{image}",),
        ),
    )
}
