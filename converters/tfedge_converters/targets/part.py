"""Figures of real parts from data sheets, and of how fast cores execute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.json_form import line_of_text


@dataclass(frozen=True)
class Timing:
    """How many cycles a core takes, where its memory lets it wait for nothing.

    Attributes:
        cycles_per_instruction: the least and the most, of networks that tfedge generates.
        refills_per_instruction: how often the stream of instructions is broken, by a branch that is
            taken for the most part.
        source: where these come from.
    """

    cycles_per_instruction: tuple[float, float]
    refills_per_instruction: float
    source: str


@dataclass(frozen=True)
class FlashTiming:
    """How long flash lets the core wait.

    Attributes:
        wait_states: cycles at the part's clock; None where no data sheet says it as one number, as
            of flash on another chip.
        line_bytes: what is read at once.
        hidden_by: "prefetch" of what follows in sequence; "cache", which keeps loops too.
    """

    wait_states: int | None
    line_bytes: int
    hidden_by: str


@dataclass(frozen=True)
class Current:
    """Current that running takes.

    Attributes:
        microamperes_per_megahertz: of the data sheet, executing from flash.
        volts: of the supply.
        source: the data sheet, and its conditions.
    """

    microamperes_per_megahertz: float
    volts: float
    source: str

    @property
    def picojoules_per_cycle(self) -> float:
        """Energy of a cycle: 1 µA/MHz is 1 pC a cycle."""
        return self.microamperes_per_megahertz * self.volts


@dataclass(frozen=True)
class Part:
    """A microcontroller as it is sold.

    Attributes:
        vendor: who makes it.
        family: what its vendor counts it to, such as "STM32F4".
        clock_hz: the highest that its core may run at.
        source: data sheets and manuals of the figures.
        flash: None where nothing has to be waited for, or code does not run from flash.
        current: None where no data sheet says it.
        notes: what a figure does not say, each a sentence without its full stop.
    """

    vendor: str
    family: str
    clock_hz: int
    source: str
    flash: FlashTiming | None = None
    current: Current | None = None
    notes: tuple[str, ...] = ()


def timing_of(fields: Mapping[str, Any], source: str) -> Timing:
    """Read the key `timing` of a target file, which holds to its schema.

    Raises:
        TfedgeError: its bounds are in the wrong order.
    """
    low, high = fields["cycles_per_instruction"]
    if low > high:
        raise TfedgeError(
            f"{source}: timing.cycles_per_instruction: the least, {low:g}, is more than the most, "
            f"{high:g}"
        )
    return Timing((low, high), fields["refills_per_instruction"], fields["source"])


def part_of(fields: Mapping[str, Any]) -> Part:
    """Read the key `part` of a target file, which holds to its schema."""
    known = dict(fields)
    if "flash" in known:
        flash = known["flash"]
        known["flash"] = FlashTiming(
            flash.get("wait_states"), flash["line_bytes"], flash["hidden_by"]
        )
    if "current" in known:
        known["current"] = Current(**known["current"])
    return Part(**{**known, "notes": tuple(known.get("notes", ()))})


def _object(properties: Mapping[str, Any], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "an object",
        "properties": properties,
        "required": sorted(properties.keys() - set(optional)),
        "additionalProperties": False,
    }


def _number(most: float, least: float = 0) -> dict[str, Any]:
    words = f"a number from {least:g} to {most:g}"
    return {"type": "number", "minimum": least, "maximum": most, "description": words}


def _integer(most: int, least: int, what: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "description": what}


# JSON Schema of the keys `timing` and `part` of target files.
TIMING = _object(
    {
        "cycles_per_instruction": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": _number(100, 0.01),
            "description": "a list of the least and the most",
        },
        "refills_per_instruction": _number(1),
        "source": line_of_text(500),
    }
)
PART = _object(
    {
        "vendor": line_of_text(100),
        "family": line_of_text(100),
        "clock_hz": _integer(10**11, 1, "a number of hertz"),
        "source": line_of_text(500),
        "flash": _object(
            {
                "wait_states": _integer(1000, 0, "a number of cycles"),
                "line_bytes": _integer(1024, 1, "a number of bytes"),
                "hidden_by": {"type": "string", "enum": ["prefetch", "cache"]},
            },
            "wait_states",
        ),
        "current": _object(
            {
                "microamperes_per_megahertz": _number(1e5),
                "volts": _number(100),
                "source": line_of_text(500),
            }
        ),
        "notes": {
            "type": "array",
            "maxItems": 20,
            "items": line_of_text(500),
            "description": "a list of sentences",
        },
    },
    "flash",
    "current",
    "notes",
)
