"""Writes into docs/layers.md what became of every layer as Keras' own tests configure it.

PYTHONPATH=tests python tests/sweeps/keras_layer_tests.py --report build/keras_layers.json
PYTHONPATH=tests python tools/keras_layer_table.py build/keras_layers.json
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from outcomes import REFUSED, RIGHT, WARNED, without_names

PATH = Path(__file__).resolve().parents[1] / "docs" / "layers.md"
# Where this page begins; tools/layer_table.py writes what stands before.
HEADING = "\n## Layers as Keras' own tests configure them\n"

_HEAD = """
Made by `python tools/keras_layer_table.py` from a run of `make sweep SWEEP=keras_layer_tests`; do
not edit.

Every configuration that Keras' tests give `run_layer_test`, and every operation of
`tests/keras_layers/operations.py`, as a model with random weights: trained for integers (`predict`
against the float model, the file against `predict`), and converted with calibration data (LiteRT
against the float model). A cell says how many of the configurations come out right; all others are
refused in words, or come with a warning that says how noisy they are.

"""

_TABLE = """
| layer | configurations | trained | converted | refused because |
|---|---:|---:|---:|---|
"""


def section(rows: list[dict[str, Any]]) -> str:
    """The page below its heading.

    Args:
        rows: of the sweep's report.
    """
    layers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        layers[row["layer"]].append(row)
    lines = [_line(layer, layers[layer]) for layer in sorted(layers, key=_in_order)]
    return HEADING + _HEAD + _totals(rows) + _TABLE + "".join(lines)


def _in_order(layer: str) -> tuple[bool, str]:
    """Layers before operations and operators."""
    return not layer[0].isupper(), layer.lower()


def _totals(rows: list[dict[str, Any]]) -> str:
    counts = Counter((row["road"], row["outcome"]["result"]) for row in rows)
    total = Counter(row["road"] for row in rows)
    return "".join(
        f"- {road}: of {number} configurations {counts[road, RIGHT]} right, "
        f"{counts[road, REFUSED]} refused{_warned(counts[road, WARNED])}\n"
        for road, number in total.items()
    )


def _warned(number: int) -> str:
    return f", {number} with a warning of their noise" if number else ""


def _line(layer: str, rows: list[dict[str, Any]]) -> str:
    right = Counter(row["road"] for row in rows if row["outcome"]["result"] == RIGHT)
    configurations = len({row["place"] for row in rows})
    said: dict[str, str] = {}
    for row in rows:
        if row["outcome"]["result"] == REFUSED:
            clause = _first_clause(row["outcome"]["message"])
            said.setdefault(without_names(clause), clause)
    cells = (
        f"`{layer}`" if "." in layer else layer, configurations, right["training"],
        right["conversion"], "; ".join(said.values()),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _first_clause(message: str) -> str:
    """Of a refusal, without the names of layers and tensors, as it stands in a cell."""
    clause = message.partition("; ")[0].rpartition(": ")[-1]
    return re.sub(r"'[^']*'", "…", clause).replace("|", "\\|").strip()


def main() -> None:
    """Replaces the section of the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("report", type=Path)
    rows = json.loads(parser.parse_args().report.read_text("utf-8"))
    before = PATH.read_text("utf-8").partition(HEADING)[0]
    PATH.write_text(before + section(rows), "utf-8")


if __name__ == "__main__":
    main()
