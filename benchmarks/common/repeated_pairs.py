"""What benchmarks have in common that time two ways of doing one thing in turns."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.progress import track

from common.tables import Row, as_csv, show
from tfedge.atomic_writing import write_atomically


def report(
    description: str, title: str, names: Iterable[str], measure: Callable[[str, int], Row]
) -> None:
    """Reads the command line, measures, prints a table and writes it.

    Args:
        description: of the program, for its help.
        title: of the table.
        names: of what is measured.
        measure: makes the row of a name from that many pairs.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    rows = [measure(name, arguments.repeats) for name in track(names, "measuring", transient=True)]
    show(title, rows)
    if arguments.csv:
        write_atomically(arguments.csv, as_csv(rows))
