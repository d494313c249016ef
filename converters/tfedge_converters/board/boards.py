"""The boards that models can be run on: QEMU's, and those that firmware is flashed to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tfedge.errors import TfedgeError
from tfedge.json_form import Form, line_of_text
from tfedge.near_names import near
from tfedge_converters.execute.cores import CORES, Core

_WORDS = {"type": "string", "pattern": "^[A-Za-z0-9_@:./=, -]+$", "description": "a name"}
_FORM = Form(
    {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {
                "description": line_of_text(100),
                "emulated_core": {"type": "string", "enum": list(CORES)},
                "target": _WORDS,
                "platforms": {"type": "object", "additionalProperties": _WORDS},
                "flash": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "array",
                        "items": _WORDS,
                        "description": "a list of names",
                    },
                },
            },
            "required": ["description"],
            "additionalProperties": False,
        },
    }
)


@dataclass(frozen=True)
class Board:
    """A board by its name.

    Attributes:
        name: that it is known by.
        description: of it.
        emulated_core: the core of QEMU's machine for it, in `execute.CORES`; None of hardware.
        target: its part, as models are converted for it; empty of QEMU's.
        platforms: what build systems call it, by theirs.
        flash: what tools that flash images are told of it, by theirs.
    """

    name: str
    description: str
    emulated_core: str | None = None
    target: str = ""
    platforms: Mapping[str, str] = field(default_factory=dict)
    flash: Mapping[str, Sequence[str]] = field(default_factory=dict)


def board_names() -> list[str]:
    """All that are known."""
    return list(_boards())


def target_of(name: str) -> str:
    """The target that models for a board are converted for; empty where none is known."""
    board = _boards().get(name)
    return "" if board is None else board.target or board.emulated_core or ""


def find_board(name: str) -> Board:
    """A board by its name.

    Raises:
        TfedgeError: none is called so.
    """
    boards = _boards()
    if name not in boards:
        with_part = [other for other, board in boards.items() if board.target == name]
        hint = f"; boards with {name}: {', '.join(with_part)}" if with_part else ""
        raise TfedgeError(
            f"there is no board '{name}'; use {', '.join(boards)}{hint or near(name, list(boards))}"
        )
    return boards[name]


def emulated_core(name: str) -> Core:
    """The core of a board that QEMU has.

    Raises:
        TfedgeError: none is called so, or it is hardware.
    """
    board = find_board(name)
    if board.emulated_core is None:
        emulated = [other for other, known in _boards().items() if known.emulated_core]
        raise TfedgeError(
            f"board '{name}' is hardware: flash it ('tfedge flash'), and give the port that it is "
            f"at (--port /dev/ttyACM0); QEMU has {', '.join(emulated)}"
        )
    return CORES[board.emulated_core]


@cache
def _boards() -> dict[str, Board]:
    described = _FORM.read(Path(__file__).with_name("boards.json"))
    return {name: Board(name, **facts) for name, facts in described.items()}
