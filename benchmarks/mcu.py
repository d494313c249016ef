"""Instructions, RAM and flash of networks on a Cortex-M core in QEMU, in all and by layer.

    python benchmarks/mcu.py --core cortex-m4 --csv results.csv --layers-csv layers.csv
    python benchmarks/mcu.py FOLDER --baseline results.csv --fail-on-regression 1

FOLDER, if given, holds {ad,kws,ic,vww}_int8.tflite of the MLPerf Tiny reference implementation; the
networks of common/microcontroller_networks.py are made of seeds, once, in build/. Instructions
repeat from run to run; they are not cycles, and `--cycles` estimates those from what Arm has
published. Constant channels are folded, as `tfedge convert` does, unless told not to. Every
output is compared with TFLite Micro's of the file as it is. `--baseline` compares with an earlier
--csv, and what took more than PERCENT more ends the program with status 1, as a byte that differs
from TFLite Micro's does in any case.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from common import cycles as cycle_estimates
from common.firmware_runs import Run, Setting, linked, run
from common.microcontroller_networks import NETWORKS, network_file
from common.tables import Row, as_csv, show
from rich.progress import track

from tfedge.atomic_writing import write_atomically
from tfedge.errors import TfedgeError
from tfedge_converters.c import OPTIMIZATIONS
from tfedge_converters.execute import CORES
from tfedge_converters.graph import read_file
from tfedge_converters.targets.form import PACKINGS
from tfedge_converters.verify.samples import random_samples

MLPERF_TINY = ("ad", "kws", "ic", "vww")
BUILT = Path(__file__).parents[1] / "build" / "microcontroller_networks"

# What says which rows of two tables are of the same; what is compared then.
KEYS = ("model", "core", "packing", "optimize", "flags")
COMPARED = ("instructions", "cycles", "arena_bytes", "flash_bytes", "code_bytes", "stack_bytes")

# Cortex-M0+ executes what Cortex-M0 does, in other times.
_TIMED = tuple(core for core in cycle_estimates.TIMINGS if core in CORES)


def measure(path: Path, setting: Setting, wait_states: int | None) -> tuple[Row, list[Row]]:
    """A network's row, and those of its layers.

    Args:
        path: its .tflite file.
        setting: how it is generated and compiled.
        wait_states: of flash, for an estimate of cycles; None for no estimate.
    """
    timed = run(path, setting)
    sizes = timed.measured.sizes
    cycles = None if wait_states is None else _cycles(path, setting, wait_states)
    instructions = timed.result.instructions[-1]
    macs = sum(layer.macs for layer in timed.plan.layers)
    keys: Row = {
        "model": path.stem.removesuffix("_int8"),
        "core": setting.core,
        "packing": setting.target().packing,
        "optimize": setting.optimize,
        "flags": setting.flags,
    }
    row: Row = {
        **keys,
        "instructions": instructions,
        "per_mac": round(instructions / max(macs, 1), 2),
        "cycles": "" if cycles is None else cycles.total.cycles,
        "arena_bytes": timed.source.arena_bytes,
        "live_set_bytes": timed.plan.lower_bound,
        "flash_bytes": sizes.flash_bytes,
        "code_bytes": sizes.code_bytes,
        "stack_bytes": timed.result.stack_bytes,
        "mismatches": timed.mismatches,
    }
    return row, [{**keys, **layer} for layer in _layer_rows(timed, cycles)]


def _cycles(path: Path, setting: Setting, wait_states: int) -> cycle_estimates.Estimate:
    with tempfile.TemporaryDirectory() as folder:
        executed = Path(folder) / "executed"
        samples = random_samples(read_file(path).main, 1, seed=0)
        linked(path, setting, folder).run(samples, executed=executed)
        return cycle_estimates.estimate(executed, "net", setting.core, wait_states)


def _layer_rows(timed: Run, cycles: cycle_estimates.Estimate | None) -> Iterator[Row]:
    for layer, instructions in zip(timed.plan.layers, timed.layer_instructions, strict=True):
        if not layer.lowered.calls:
            continue
        yield {
            "layer": layer.index,
            "operator": layer.operator.code,
            "kernels": " ".join(dict.fromkeys(call.kernel for call in layer.lowered.calls)),
            "detail": layer.lowered.detail,
            "macs": layer.macs,
            "instructions": instructions,
            "cycles": "" if cycles is None else cycles.layers[layer.index].cycles,
        }


def changes_since(baseline: Path, rows: Sequence[Row]) -> list[Row]:
    """What differs from an earlier table: one row for each figure.

    Raises:
        TfedgeError: the file is no such table, or has none of the rows.
    """
    table = list(csv.DictReader(baseline.read_text().splitlines()))
    earlier = {tuple(row.get(key) for key in KEYS): row for row in table}
    if not any(tuple(row[key] for key in KEYS) in earlier for row in rows):
        raise TfedgeError(
            f"{baseline} has no row of the same {', '.join(KEYS)} as what was measured; give a "
            "table that --csv wrote of the same networks and settings"
        )
    return list(_changes(rows, earlier))


def _changes(
    rows: Sequence[Row], earlier: Mapping[tuple[str | None, ...], Mapping[str, str]]
) -> Iterator[Row]:
    for row in rows:
        before = earlier.get(tuple(row[key] for key in KEYS), {})
        for figure in COMPARED:
            old, new = before.get(figure) or None, row[figure]
            if old is not None and new != "" and int(old) != new:
                percent = 100 * (new - int(old)) / max(int(old), 1)
                yield {
                    **{key: row[key] for key in KEYS},
                    "figure": figure,
                    "before": int(old),
                    "now": new,
                    "percent": round(percent, 2),
                }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--model", choices=[*MLPERF_TINY, *NETWORKS], action="append")
    parser.add_argument("--core", choices=sorted(CORES), action="append")
    parser.add_argument("--optimize", choices=sorted(OPTIMIZATIONS), action="append")
    parser.add_argument("--packing", choices=PACKINGS, help="the core's own by default")
    parser.add_argument("--flags", default="-O2")
    parser.add_argument("--keep-constant-channels", action="store_true")
    parser.add_argument(
        "--cycles", action="store_true", help="estimate them, for " + ", ".join(_TIMED)
    )
    parser.add_argument("--wait-states", type=int, default=0, metavar="N", help="of flash")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--layers-csv", type=Path)
    parser.add_argument("--baseline", type=Path, metavar="FILE.csv")
    parser.add_argument("--fail-on-regression", type=float, metavar="PERCENT")
    arguments = parser.parse_args()
    arguments.core = arguments.core or ["cortex-m4"]
    if arguments.cycles and not set(arguments.core) <= set(_TIMED):
        parser.error(f"--cycles has timings for {', '.join(_TIMED)}; leave other cores out")
    if arguments.fail_on_regression is not None and arguments.baseline is None:
        parser.error("--fail-on-regression compares with a --baseline FILE.csv; give one")
    if arguments.folder is None and set(arguments.model or ()) & set(MLPERF_TINY):
        parser.error("models of MLPerf Tiny are read from FOLDER; give one")
    return arguments


def _files(arguments: argparse.Namespace) -> list[Path]:
    known = NETWORKS if arguments.folder is None else (*MLPERF_TINY, *NETWORKS)
    return [
        network_file(name, BUILT) if name in NETWORKS else arguments.folder / f"{name}_int8.tflite"
        for name in known
        if name in (arguments.model or known)
    ]


def main() -> None:
    """Measures, prints, writes, and compares."""
    arguments = _arguments()
    settings = [
        Setting(core, how, arguments.flags, arguments.packing, not arguments.keep_constant_channels)
        for core in arguments.core
        for how in arguments.optimize or ["balanced"]
    ]
    runs = [(path, setting) for setting in settings for path in _files(arguments)]
    wait_states = arguments.wait_states if arguments.cycles else None
    measured = [
        measure(path, setting, wait_states)
        for path, setting in track(runs, "measuring", transient=True)
    ]
    rows = [row for row, _ in measured]
    layers = [layer for _, layers_of_one in measured for layer in layers_of_one]
    show("networks" + (" (cycles are an estimate)" if arguments.cycles else ""), rows)
    for path, table in ((arguments.csv, rows), (arguments.layers_csv, layers)):
        if path is not None:
            write_atomically(path, as_csv(table))
    sys.exit(1 if any(row["mismatches"] for row in rows) or _is_worse(arguments, rows) else 0)


def _is_worse(arguments: argparse.Namespace, rows: Sequence[Row]) -> bool:
    """Prints what changed; whether it is more than may be."""
    if arguments.baseline is None:
        return False
    try:
        changes = changes_since(arguments.baseline, rows)
    except (TfedgeError, OSError) as error:
        sys.exit(f"error: {error}")
    if changes:
        show(f"changes since {arguments.baseline}", changes)
    limit = arguments.fail_on_regression
    return limit is not None and any(change["percent"] > limit for change in changes)


if __name__ == "__main__":
    main()
