"""How far `tfedge profile` is off without a compiler and QEMU: ten networks on every core.

    python benchmarks/profile_estimates.py FOLDER --core cortex-m4 --core cortex-m0 --csv FILE.csv

FOLDER holds {ad,kws,ic,vww}_int8.tflite of the MLPerf Tiny reference implementation; the others are
made of seeds (common/microcontroller_networks.py). For each network flash and instructions by the
cost model stand beside those that are linked and counted, and RAM beside that of the firmware. More
than 2 % of flash or 10 % of instructions, or a byte of RAM, ends the program with status 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.firmware_runs import Setting, run
from common.microcontroller_networks import NETWORKS, network_file
from common.tables import Row, as_csv, show
from mcu import BUILT, MLPERF_TINY
from rich.progress import track

from tfedge.atomic_writing import write_atomically
from tfedge_converters.execute import CORES

MOST_FLASH, MOST_INSTRUCTIONS = 2.0, 10.0


def compared(path: Path, core: str, optimize: str) -> Row:
    """One network's figures, measured and by the cost model, and percent between them."""
    timed = run(path, Setting(core, optimize))
    source, sizes = timed.source, timed.measured.sizes
    estimate = source.instructions
    counted = timed.result.instructions[-1]
    flash = source.weights_bytes + source.code.bytes
    pointer = 8 if core.startswith("rv64") else 4
    return {
        "model": path.stem.removesuffix("_int8"),
        "core": core,
        "optimize": optimize,
        "flash_bytes": sizes.flash_bytes,
        "flash_estimate": flash,
        "flash_percent": _percent(flash, sizes.flash_bytes),
        "ram_bytes": sizes.ram_bytes_static,
        "ram_predicted": source.arena_bytes + source.context_bytes(pointer),
        "stack_bound": timed.measured.stack_bytes,
        "stack_taken": timed.result.stack_bytes,
        "instructions": counted,
        "instruction_estimate": "" if estimate is None else estimate.count,
        "instruction_percent": "" if estimate is None else _percent(estimate.count, counted),
        "mismatches": timed.mismatches,
    }


def _percent(estimate: int, right: int) -> float:
    return round(100 * (estimate - right) / right, 2)


def is_within(row: Row) -> bool:
    """Whether a row keeps what a profile promises."""
    return (
        abs(row["flash_percent"]) <= MOST_FLASH
        and abs(row["instruction_percent"] or 0) <= MOST_INSTRUCTIONS
        and row["ram_bytes"] == row["ram_predicted"]
        and row["stack_taken"] <= row["stack_bound"]
        and not row["mismatches"]
    )


def files(folder: Path) -> Sequence[Path]:
    """The ten networks."""
    published = [folder / f"{name}_int8.tflite" for name in MLPERF_TINY]
    return [*published, *(network_file(name, BUILT) for name in NETWORKS)]


def main() -> None:
    """Measures, prints, writes, and fails where a profile would be further off than it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--core", choices=sorted(CORES), action="append", required=True)
    parser.add_argument("--optimize", default="balanced")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    pairs = [(path, core) for core in arguments.core for path in files(arguments.folder)]
    rows = [
        compared(path, core, arguments.optimize)
        for path, core in track(pairs, "measuring", transient=True)
    ]
    show("profiles without tools", rows)
    if arguments.csv is not None:
        write_atomically(arguments.csv, as_csv(rows))
    sys.exit(0 if all(map(is_within, rows)) else 1)


if __name__ == "__main__":
    main()
