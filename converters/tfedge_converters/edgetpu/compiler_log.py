"""Reader of edgetpu_compiler's output: versions 14 to 16, with `-s`, and its _edgetpu.log files."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from tfedge.errors import TfedgeError

MAPPED = "Mapped to Edge TPU"

_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_VERSION = re.compile(r"^Edge TPU Compiler version (\S+)", re.MULTILINE)
_TIME = re.compile(r"^Model compiled successfully in (\d{1,12}) ms", re.MULTILINE)
_SIZE = re.compile(r"^([\d.]{1,20})\s*([KMG]?i?B)$")
# `CONV_2D                        36         Mapped to Edge TPU`
_ROW = re.compile(
    r"^([A-Z][A-Z0-9_]*|[\w-]*custom-op)[ \t]{2,}(\d{1,9})[ \t]{2,}(\S.*)$", re.MULTILINE
)
_HEADER = re.compile(r"^Operator\s+Count\s+Status\s*$", re.MULTILINE)
_FAILURE = re.compile(
    r"^(?:ERROR: .*|Compilation failed:.*|Internal compiler error.*|.*[Ii]nvalid model.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class LogRow:
    """One line of the table.

    Attributes:
        operator: the schema's name.
        count: operators of this name with this status.
        status: in the compiler's words.
    """

    operator: str
    count: int
    status: str


@dataclass(frozen=True)
class CompilerLog:
    """Figures printed by a compilation. What is missing is None; sizes are bytes, as rounded there.

    Attributes:
        version: of the compiler.
        milliseconds: that it took.
        input_bytes, output_bytes: sizes of the files.
        cached_bytes, remaining_bytes: on-chip memory used, and left, for parameters.
        streamed_bytes: parameters that are sent for every run.
        subgraphs: connected shares of the graph on the Edge TPU.
        operations: operators in all.
        rows: the table; empty if it was not asked for.
    """

    version: str | None
    milliseconds: int | None
    input_bytes: int | None
    output_bytes: int | None
    cached_bytes: int | None
    remaining_bytes: int | None
    streamed_bytes: int | None
    subgraphs: int | None
    operations: int | None
    rows: tuple[LogRow, ...]

    @property
    def mapped(self) -> int:
        """Operators on the Edge TPU."""
        return sum(row.count for row in self.rows if row.status == MAPPED)

    @property
    def on_cpu(self) -> int:
        """Operators on the CPU."""
        return sum(row.count for row in self.rows) - self.mapped

    def counts(self) -> Counter[tuple[str, str]]:
        """Operators by name and status."""
        found: Counter[tuple[str, str]] = Counter()
        for row in self.rows:
            found[row.operator, row.status] += row.count
        return found


def parse_log(text: str) -> CompilerLog:
    """Read what the compiler printed, a log file, or both in one text.

    Raises:
        TfedgeError: it is nothing of the kind.
    """
    text = text.replace("\r\n", "\n")
    version = _VERSION.search(text)
    if version is None:
        raise TfedgeError("this is no output of edgetpu_compiler: its version is not in it")
    took = _TIME.search(text)
    return CompilerLog(
        version=version[1],
        milliseconds=None if took is None else int(took[1]),
        input_bytes=_bytes(text, "Input size"),
        output_bytes=_bytes(text, "Output size"),
        cached_bytes=_bytes(text, "On-chip memory used for caching model parameters"),
        remaining_bytes=_bytes(text, "On-chip memory remaining for caching model parameters"),
        streamed_bytes=_bytes(text, "Off-chip memory used for streaming uncached model parameters"),
        subgraphs=_count(text, "Number of Edge TPU subgraphs"),
        operations=_count(text, "Total number of operations"),
        rows=_rows(text),
    )


def failure(text: str) -> str | None:
    """Why a compilation failed, in the compiler's words; None if it does not say."""
    found = _FAILURE.findall(text)
    return None if not found else str(found[-1]).strip()


def _rows(text: str) -> tuple[LogRow, ...]:
    """The last table: a log that is appended to what was printed says the same again."""
    tables = _HEADER.split(text)[1:]
    rows = _ROW.findall(tables[-1]) if tables else []
    return tuple(LogRow(name, int(count), status.strip()) for name, count, status in rows)


def _value(text: str, label: str) -> str | None:
    found = re.search(rf"^{re.escape(label)}: *(.+?) *$", text, re.MULTILINE)
    return None if found is None else found[1]


def _bytes(text: str, label: str) -> int | None:
    value = _value(text, label)
    size = None if value is None else _SIZE.match(value)
    if size is None or size[2] not in _UNITS or size[1].count(".") > 1:
        return None
    return round(float(size[1]) * _UNITS[size[2]]) if size[1] != "." else None


def _count(text: str, label: str) -> int | None:
    value = _value(text, label)
    return int(value) if value is not None and re.fullmatch(r"\d{1,9}", value) else None
