"""Instructions, RAM and flash of the MLPerf Tiny models on a Cortex-M core in QEMU.

    python benchmarks/mlperf_tiny.py FOLDER --core cortex-m4 --csv results.csv

FOLDER holds {ad,kws,ic,vww}_int8.tflite of the MLPerf Tiny reference implementation. Instructions
repeat from run to run; they are not cycles. Constant channels are folded, as `tfedge convert` does,
unless told not to. Every output is compared with TFLite Micro's of the file as it is.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tfedge.atomic_writing import write_atomically
from tfedge_converters import targets
from tfedge_converters.c import OPTIMIZATIONS, Options, generate
from tfedge_converters.execute import CORES, build_firmware
from tfedge_converters.graph import read_file, write_model
from tfedge_converters.graph.passes.constant_channels import fold_constant_channels
from tfedge_converters.verify.engines import run_micro
from tfedge_converters.verify.samples import random_samples

MODELS = ("ad", "kws", "ic", "vww")
SAMPLES = 2
COLUMNS = (
    "model", "core", "optimize", "flags", "instructions", "per_mac", "arena_bytes",
    "live_set_bytes", "flash_bytes", "code_bytes", "stack_bytes", "mismatches",
)  # fmt: skip


def measure(
    folder: Path, name: str, core: str, optimize: str, flags: str, fold: bool
) -> dict[str, object]:
    model, target = read_file(folder / f"{name}_int8.tflite"), targets.load(core)
    samples = random_samples(model.main, SAMPLES, seed=0)
    expected = run_micro(write_model(model), samples)
    if fold:
        fold_constant_channels(model, multiple_of=target.channel_multiple)
    source = generate(model, Options(name, target, optimize))
    with tempfile.TemporaryDirectory() as directory:
        firmware = build_firmware(source.write(directory), core, flags=flags.split())
        result = firmware.run(samples)
        sizes = firmware.sizes()
    macs = sum(layer.macs for layer in source.plan.layers)
    return {
        "model": name,
        "core": core,
        "optimize": optimize,
        "flags": flags,
        "instructions": result.instructions[-1],
        "per_mac": round(result.instructions[-1] / macs, 2),
        "arena_bytes": source.arena_bytes,
        "live_set_bytes": source.plan.lower_bound,
        "flash_bytes": sizes.flash_bytes,
        "code_bytes": sizes.code_bytes,
        "stack_bytes": result.stack_bytes,
        "mismatches": sum(
            int((a != b).sum())
            for got, right in zip(result.outputs, expected, strict=True)
            for a, b in zip(got, right, strict=True)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--core", choices=sorted(CORES), default="cortex-m4")
    parser.add_argument("--optimize", choices=sorted(OPTIMIZATIONS), action="append")
    parser.add_argument("--flags", default="-O2")
    parser.add_argument("--keep-constant-channels", action="store_true")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    runs = [(name, how) for how in arguments.optimize or ["balanced"] for name in MODELS]
    rows = [
        measure(
            arguments.folder,
            name,
            arguments.core,
            how,
            arguments.flags,
            fold=not arguments.keep_constant_channels,
        )
        for name, how in track(runs, "measuring", transient=True)
    ]
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()))
    Console(width=180).print(table)
    if arguments.csv:
        lines = [COLUMNS, *(row.values() for row in rows)]
        text = "".join(",".join(map(str, line)) + "\n" for line in lines)
        write_atomically(arguments.csv, text)


if __name__ == "__main__":
    main()
