"""What Vela makes of the MLPerf Tiny models, quantised by tfedge, on an Ethos-U.

    python benchmarks/ethos_u.py FOLDER --target ethos-u55-128 --csv results.csv

FOLDER holds {ad,kws,ic,vww}.h5 of the MLPerf Tiny reference implementation. They are calibrated
with noise: Vela's estimates depend on shapes and weights, not on activations. Which channels are
constant does depend on them, so all stay.
Needs the extra `ethosu`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common.tables import as_csv, show
from rich.progress import track

from tfedge.atomic_writing import write_atomically
from tfedge_converters import targets
from tfedge_converters.conversion import convert

SHAPES = {"ad": (640,), "kws": (49, 10, 1), "ic": (32, 32, 3), "vww": (96, 96, 3)}


def measure(folder: Path, name: str, target: str, scheme: str) -> dict[str, object]:
    noise = np.random.default_rng(0).random((16, *SHAPES[name]), np.float32)
    artifact = convert(
        folder / f"{name}.h5",
        target=target,
        quantization=scheme,
        calibration=noise,
        fold_constant_channels=False,
    )
    compiled, mapping = artifact.compiled, artifact.mapping
    assert compiled is not None and mapping is not None
    before, after = compiled.weights_bytes
    total = len(mapping.placements)
    return {
        "model": name,
        "target": target,
        "system": compiled.summary["system_config"],
        "memory_mode": compiled.summary["memory_mode"],
        "operators": total,
        "on_npu": total - len(compiled.left_to_cpu),
        "foreseen": len(mapping.mapped),
        "milliseconds": round(compiled.milliseconds, 3),
        "cycles": compiled.cycles,
        "sram_bytes": compiled.sram_bytes,
        "flash_bytes": compiled.flash_bytes,
        "weights": before,
        "encoded": after,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the MLPerf Tiny .h5 files")
    known = [name for name in targets.names() if targets.load(name).backend == "ethos-u"]
    parser.add_argument("--target", action="append", choices=known)
    parser.add_argument(
        "--quantization",
        default="int8",
        help="int8, int16x8, or edgetpu: one scale for each dense layer",
    )
    parser.add_argument("--csv", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    chosen = arguments.target or ["ethos-u55-128"]
    cases = [(name, target) for target in chosen for name in SHAPES]
    rows = [
        measure(arguments.folder, *case, arguments.quantization)
        for case in track(cases, transient=True)
    ]
    show("what Vela makes of networks", rows)
    if arguments.csv:
        write_atomically(arguments.csv, as_csv(rows))


if __name__ == "__main__":
    main()
