"""Images, and the tool that puts one into a board's flash."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters.board.boards import Board
from tfedge_converters.board.flashing.commands import Commands
from tfedge_converters.board.flashing.tools import IMAGE, TOOLS, FlashTool


def flash_image(
    commands: Commands,
    board: Board,
    images: Sequence[Path],
    port: str | None,
    tool: str | None,
    scratch: Path,
) -> None:
    """Flash the best of some images by a tool that is installed.

    Args:
        commands: runs it.
        board: to be flashed.
        images: files, of which the tool takes one by its ending.
        port: the board's serial port, for tools that ask for one.
        tool: its name in `TOOLS`; None for the first of the board's that is installed.
        scratch: a folder for temporary files.

    Raises:
        MissingToolError: none is installed; the message has what to type with each.
        ExecutionError: the tool failed.
        TfedgeError: it takes none of the images, or no tool flashes images to the board.
    """
    chosen = _installed_tool(board, tool, port)
    image = _image_for(chosen, images)
    ending = next(ending for ending in chosen.images if image.name.endswith(ending))
    staged = scratch / "image"
    staged.mkdir()
    shutil.copy(image, staged / f"{IMAGE}{ending}")
    program = next(path for name in chosen.programs if (path := shutil.which(name)))
    arguments = chosen.arguments(board.flash[chosen.name], f"{IMAGE}{ending}", port)
    commands.run([program, *arguments], staged)


def _installed_tool(board: Board, tool: str | None, port: str | None) -> FlashTool:
    able = [TOOLS[name] for name in board.flash if tool in (None, name)]
    if not able:
        raise TfedgeError(
            f"no tool flashes an image to board '{board.name}': give the folder of its project"
        )
    for candidate in able:
        if any(map(shutil.which, candidate.programs)):
            return candidate
    ways = "; ".join(
        f"{item.programs[0]} ({item.source}): "
        + shlex.join(
            [
                item.programs[0],
                *item.arguments(board.flash[item.name], f"{IMAGE}{item.images[0]}", port),
            ]
        )
        for item in able
    )
    raise MissingToolError(
        f"nothing is installed that flashes board '{board.name}'; with one of these, type: {ways}"
    )


def _image_for(tool: FlashTool, images: Sequence[Path]) -> Path:
    """The best of some images for a tool.

    Raises:
        TfedgeError: it takes none of them.
    """
    for ending in tool.images:
        for path in images:
            if path.name.endswith(ending):
                return path
    found = ", ".join(path.name for path in images[:5]) or "nothing"
    raise TfedgeError(
        f"{tool.programs[0]} flashes {' or '.join(tool.images)} files, and there is {found}"
    )
