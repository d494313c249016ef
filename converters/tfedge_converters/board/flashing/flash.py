"""From a folder to a board that serves the link: built by the platform's tool, and flashed."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfedge.errors import MissingToolError, TfedgeError
from tfedge.file_sets import write_set
from tfedge.near_names import near
from tfedge.result import Result
from tfedge_converters.board.boards import Board, find_board
from tfedge_converters.board.flashing.commands import Commands
from tfedge_converters.board.flashing.images import flash_image
from tfedge_converters.board.flashing.platforms import (
    PLATFORMS,
    Platform,
    filled_in,
    platform_named,
    platform_of,
)
from tfedge_converters.board.flashing.sketch import sketch_files
from tfedge_converters.execute.program import CProgram

# The kind of the set of files that a generated project is.
SKETCH = "sketch"

_OF_SKETCHES = ("arduino", "platformio")


@dataclass(frozen=True, repr=False)
class Flashed(Result):
    """A board that was flashed.

    Attributes:
        folder: what it serves.
        board: its name.
        commands: what was run for that, as one would type it.
        port: of the board, if it was given.
    """

    folder: Path
    board: str
    commands: tuple[str, ...]
    port: str | None = None

    def headline(self) -> str:
        """Say what was flashed."""
        return f"{self.board} is flashed"

    def sections(self) -> Iterable[str]:
        """Return the commands, and what to do next."""
        yield "\n".join(f"$ {command}" for command in self.commands)
        folder, port = shlex.quote(str(self.folder)), self.port or "/dev/tty..."
        yield f"{self.board} is flashed; next: tfedge verify {folder} --port {port}"


def flash(
    folder: Path,
    program: Callable[[], CProgram],
    board: str,
    *,
    port: str | None = None,
    image: Path | None = None,
    tool: str | None = None,
    project: Path | None = None,
) -> Flashed:
    """Build what serves a model's link on a board, and flash it.

    Args:
        folder: a project of one of `PLATFORMS`, which is built as it is; or what `convert` wrote,
            of which a sketch for Arduino's core of the board is made.
        program: finds the generated C in such a folder.
        board: its name.
        port: its serial port, where a tool needs one.
        image: an image to flash instead of building one.
        tool: what flashes, a name of `TOOLS`, or the platform's own; None for what is installed.
        project: where the sketch is kept; None to forget it.

    Raises:
        MissingToolError: a tool is not installed; the message has what to type once it is.
        ExecutionError: a tool failed; the message has its words.
        TfedgeError: the board or the tool is unknown, is one of QEMU's, or has no name for the
            platform; the folder is no project, or a port is missing.
    """
    known = find_board(board)
    if known.emulated_core is not None:
        raise TfedgeError(
            f"board '{board}' is one of QEMU's, which needs no flashing: "
            f"tfedge run {folder} --board {board}"
        )
    _check_tool(known, tool)
    commands = Commands()
    with tempfile.TemporaryDirectory(prefix="tfedge-") as scratch:
        if image is not None:
            flash_image(commands, known, [image], port, tool, Path(scratch))
        else:
            with _project(folder, program, known, project) as (built_of, platform):
                _build_and_flash(commands, built_of, platform, known, port, tool, Path(scratch))
    return Flashed(folder, board, tuple(commands.typed), port)


@contextmanager
def _project(
    folder: Path, find_program: Callable[[], CProgram], board: Board, kept: Path | None
) -> Iterator[tuple[Path, Platform]]:
    """The project to build: the folder itself, or a sketch of the model in it."""
    platform = platform_of(folder)
    if platform is not None:
        yield folder, platform
        return
    program, able = find_program(), _platforms_of_sketches(board)
    installed = next((each for each in able if shutil.which(each.program)), None)
    with tempfile.TemporaryDirectory(prefix="tfedge-") as scratch:
        # Arduino wants the folder to be called as the sketch is.
        place = (kept or Path(scratch)) / program.name
        write_set(place, SKETCH, sketch_files(program, board), {"name": program.name})
        if installed is None:
            raise _nothing_builds(able, board, folder, None if kept is None else place)
        yield place, installed


def _platforms_of_sketches(board: Board) -> list[Platform]:
    able = [platform_named(each) for each in _OF_SKETCHES if each in board.platforms]
    if not able:
        raise TfedgeError(
            f"board '{board.name}' has no Arduino core, for which tfedge makes a project by "
            "itself: give the folder of your own project, with the files that 'tfedge link' "
            "writes, or --image"
        )
    return able


def _nothing_builds(
    able: Sequence[Platform], board: Board, folder: Path, place: Path | None
) -> MissingToolError:
    """The error where no tool is installed that builds the sketch, which lies at a place or not."""
    ways = "; ".join(_by_hand(platform, board, place or Path("SKETCH")) for platform in able)
    keep = f"tfedge flash {shlex.quote(str(folder))} --board {board.name} --project DIR"
    sketch = "" if place is not None else f"; SKETCH is a folder that this makes: {keep}"
    return MissingToolError(
        f"nothing is installed that builds for board '{board.name}'; with one of these, type: "
        f"{ways}{sketch}"
    )


def _build_and_flash(
    commands: Commands,
    folder: Path,
    platform: Platform,
    board: Board,
    port: str | None,
    tool: str | None,
    out: Path,
) -> None:
    program = _require_tool(platform, board, folder)
    values = {
        "folder": str(folder.absolute()),
        "out": str(out),
        "board": _name_of_board(platform, board),
        "port": port or "",
    }
    own = _uploads_itself(platform, board, port, tool)
    for words in platform.build:
        commands.run([program, *filled_in(words, **values)])
    if own:
        words = platform.upload + (platform.port if port else ())
        commands.run([program, *filled_in(words, **values)])
        return
    images = [path for pattern in platform.images for path in _matching(pattern, values)]
    flash_image(commands, board, images, port, tool, out)


def _name_of_board(platform: Platform, board: Board) -> str:
    if not any("{board}" in word for words in platform.build for word in words):
        return ""
    if platform.name not in board.platforms:
        raise TfedgeError(
            f"tfedge does not know what {platform.name} calls board '{board.name}': build the "
            "project with its own tool, and give the image: --image FILE"
        )
    return board.platforms[platform.name]


def _uploads_itself(platform: Platform, board: Board, port: str | None, tool: str | None) -> bool:
    """Whether the platform's own upload is what flashes."""
    if tool is not None:
        wants = tool in (platform.name, platform.program)
    else:
        wants = bool(platform.upload) and (bool(port) or platform.finds_port or not board.flash)
    if wants and not platform.upload:
        raise TfedgeError(f"{platform.program} flashes nothing: leave --tool out")
    if wants and not port and not platform.finds_port:
        raise TfedgeError(
            f"{platform.program} has to be told where board '{board.name}' is: --port /dev/ttyACM0"
        )
    return wants


def _check_tool(board: Board, tool: str | None) -> None:
    own = [name for platform in PLATFORMS for name in (platform.name, platform.program)]
    known = [*board.flash, *(name for name in own if name not in board.flash)]
    if tool is not None and tool not in known:
        raise TfedgeError(
            f"'{tool}' is no tool that flashes board '{board.name}'; use "
            f"{' or '.join([*board.flash, 'that of the project'])}{near(tool, known)}"
        )


def _require_tool(platform: Platform, board: Board, folder: Path) -> str:
    """The path of the platform's tool."""
    path = shutil.which(platform.program)
    if path is None:
        raise MissingToolError(
            f"{platform.program} not found, which builds {folder}; with it, type: "
            f"{_by_hand(platform, board, folder)}"
        )
    return path


def _by_hand(platform: Platform, board: Board, folder: Path) -> str:
    """The commands that build a project, and where their program is to be had."""
    name = board.platforms.get(platform.name, board.name)
    values = {"folder": str(folder), "out": "build/firmware", "board": name}
    commands = [
        shlex.join([platform.program, *filled_in(words, **values)]) for words in platform.build
    ]
    return f"{platform.program} ({platform.source}): {' && '.join(commands)}"


def _matching(pattern: str, values: dict[str, str]) -> list[Path]:
    """Files that match a pattern, below the folder that it begins with."""
    root, _, rest = pattern.partition("/")
    [base] = filled_in([root], **values)
    return sorted(path for path in Path(base).glob(rest) if path.is_file())
