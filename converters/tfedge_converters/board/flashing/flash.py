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
from tfedge_converters.board.flashing.platforms import (
    PLATFORMS,
    Platform,
    filled_in,
    platform_named,
    platform_of,
)
from tfedge_converters.board.flashing.sketch import sketch_files
from tfedge_converters.board.flashing.tools import IMAGE, TOOLS, FlashTool
from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.tool import run_tool
from tfedge_converters.execute.toolchain import excerpt

# The kind of the set of files that a generated project is.
SKETCH = "sketch"

# A first build makes the platform's whole library.
_SECONDS = 1800.0
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
    runner = _Runner()
    with tempfile.TemporaryDirectory(prefix="tfedge-") as scratch:
        if image is not None:
            _flash_image(runner, known, [image], port, tool, Path(scratch))
        else:
            with _project(folder, program, known, project) as (built_of, platform):
                _build_and_flash(runner, built_of, platform, known, port, tool, Path(scratch))
    return Flashed(folder, board, tuple(runner.typed), port)


class _Runner:
    """Runs commands, one after the other.

    Attributes:
        typed: those that were run, as one would type them.
    """

    def __init__(self) -> None:
        self.typed: list[str] = []

    def run(self, command: Sequence[str], folder: Path | None = None) -> None:
        self.typed.append(shlex.join([Path(command[0]).name, *command[1:]]))
        title = Path(command[0]).name
        run = run_tool(command, title, seconds=_SECONDS, folder=folder)
        if run.status != 0:
            raise ExecutionError(
                f"{title} {run.end}; it was run as '{self.typed[-1]}' and said: "
                f"{excerpt(run.printed) or 'nothing'}"
            )


@contextmanager
def _project(
    folder: Path, find_program: Callable[[], CProgram], board: Board, kept: Path | None
) -> Iterator[tuple[Path, Platform]]:
    """The project to build: the folder itself, or a sketch of the model in it."""
    platform = platform_of(folder)
    if platform is not None:
        yield folder, platform
        return
    program = find_program()
    platform = _platform_of_sketch(board, program.name, folder, kept)
    with tempfile.TemporaryDirectory(prefix="tfedge-") as scratch:
        # Arduino wants the folder to be called as the sketch is.
        place = (kept or Path(scratch)) / program.name
        write_set(place, SKETCH, sketch_files(program, board), {"name": program.name})
        yield place, platform


def _platform_of_sketch(board: Board, name: str, folder: Path, kept: Path | None) -> Platform:
    """The first that is installed of those that build sketches."""
    able = [platform_named(each) for each in _OF_SKETCHES if each in board.platforms]
    if not able:
        raise TfedgeError(
            f"board '{board.name}' has no Arduino core, for which tfedge makes a project by "
            "itself: give the folder of your own project, with the files that 'tfedge link' "
            "writes, or --image"
        )
    for platform in able:
        if shutil.which(platform.program):
            return platform
    kept = kept or Path("build/sketch")
    again = f"tfedge flash {shlex.quote(str(folder))} --board {board.name} --project {kept}"
    ways = "; ".join(_by_hand(platform, board, kept / name) for platform in able)
    raise MissingToolError(
        f"nothing is installed that builds for board '{board.name}'; with one of these, type: "
        f"{ways}; the project is made by: {again}"
    )


def _build_and_flash(
    runner: _Runner,
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
        runner.run([program, *filled_in(words, **values)])
    if own:
        words = platform.upload + (platform.port if port else ())
        runner.run([program, *filled_in(words, **values)])
        return
    images = [path for pattern in platform.images for path in _matching(pattern, values)]
    _flash_image(runner, board, images, port, tool, out)


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
            f"{', '.join([*board.flash, 'or that of the project'])}{near(tool, known)}"
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


def _flash_image(
    runner: _Runner,
    board: Board,
    images: Sequence[Path],
    port: str | None,
    tool: str | None,
    scratch: Path,
) -> None:
    chosen = _installed_tool(board, tool, port)
    image = _image_for(chosen, images)
    ending = next(ending for ending in chosen.images if image.name.endswith(ending))
    staged = scratch / "image"
    staged.mkdir()
    shutil.copy(image, staged / f"{IMAGE}{ending}")
    program = next(path for name in chosen.programs if (path := shutil.which(name)))
    arguments = chosen.arguments(board.flash[chosen.name], f"{IMAGE}{ending}", port)
    runner.run([program, *arguments], staged)


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
