"""Writes the tables of docs/measurements/ from the CSV files beside them.

    python tools/measurement_tables.py

A table stands behind a comment that names its file, `<!-- table: data/NAME.csv -->`, and reaches to
the next empty line. The file's first line says when, on which commit and on what it was measured;
that becomes the table's last line. Columns of numbers are aligned to the right.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

PAGES = Path(__file__).resolve().parents[1] / "docs" / "measurements"

_TABLE = re.compile(r"(<!-- table: (\S+) -->\n)(?:.+\n)*?(?:\n\*Measured .+\n)?(?=\n|\Z)")
_NUMBER = re.compile(r"[-+]?[\d,.]+(e[-+]?\d+)?( (%|dB|s)| ± [\d.]+| \(.*\))?")


def rendered(page: Path) -> str:
    """The text of a page with all its tables as their files have them."""
    return _TABLE.sub(
        lambda found: f"{found[1]}{_table(page.parent / found[2])}", page.read_text("utf-8")
    )


def _table(source: Path) -> str:
    provenance, *lines = source.read_text("utf-8").splitlines()
    header, *rows = csv.reader(lines)
    marks = ["---:" if _is_of_numbers(column) else "---" for column in zip(*rows, strict=True)]
    body = "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (header, *rows))
    first, rest = body.split("\n", 1)
    measured = provenance.removeprefix("# ")
    return f"{first}\n|{'|'.join(marks)}|\n{rest}\n\n*Measured {measured}.*\n"


def _is_of_numbers(column: tuple[str, ...]) -> bool:
    cells = [cell.strip("*") for cell in column if cell]
    return bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)


def main() -> None:
    """Writes every page."""
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(rendered(page), "utf-8")


if __name__ == "__main__":
    main()
