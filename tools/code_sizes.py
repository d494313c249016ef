"""Measures what kernels take in flash on each core, and writes c/code_table.json; prints the rows
that c/code_bytes.py lacks.

Random instances of every operator, and networks, are compiled at -O2 for the kernels of each core,
once with kernels inlined into each layer and once calling the shared instance.

    python tools/code_sizes.py --core cortex-m4 --core cortex-m0 FOLDER_OF_MLPERF_TINY

Cores that are not named keep their rows. What networks have counts, and random instances, whose
shapes are smaller than usual, where networks have nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("tests", "benchmarks")]

from common.microcontroller_networks import NETWORKS, network_file
from mcu import BUILT, MLPERF_TINY
from random_graphs import OPERATORS, random_model

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import Options, code_bytes, code_size, generate
from tfedge_converters.c.kernel_variants import variant_of
from tfedge_converters.c.runtime_files import runtime_directory
from tfedge_converters.c.source import CSource
from tfedge_converters.execute import build_firmware
from tfedge_converters.execute.cores import CORES
from tfedge_converters.graph import Model, read_file
from tfedge_converters.graph.passes.constant_channels import fold_constant_channels

TABLE = Path(code_size.__file__).with_name("code_table.json")

# Layers stay functions of their own, so that each has a size.
_FLAGS = ("-std=c99", "-O2", "-ffunction-sections", "-fdata-sections", "-fno-inline")
_SEEDS = range(2)
_INSTANCES = 4
# Bytes by which a program calls a layer.
_MOST_OF_A_LAYER = 40
_SYMBOL = re.compile(r"^[0-9a-f]+ ([0-9a-f]+) ([tTrRdDvVwW]) (\S+)$", re.MULTILINE)
_CODE = re.compile(r"^model_layer_(\d+)(?:_\d+)?_[a-z]\w*(?:\.\w+)*$")
_PARAMS = re.compile(r"^model_layer_(\d+)(?:_\d+)?(?:\.\w+)*$")
"""Functions of layers, and parameters of their calls; constants lie in another file."""


@dataclass
class _Found:
    """Bytes by kernel or kernel/variant."""

    own: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    params: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def main() -> None:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--core", choices=sorted(CORES), action="append", required=True)
    parser.add_argument(
        "--others-as", metavar="CORE", help="of what no network has, take the rows of this core"
    )
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    table = json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {}
    for core in arguments.core:
        others = table[arguments.others_as] if arguments.others_as else None
        table[core] = _measured(core, list(_networks(arguments.folder)), others)
        TABLE.write_text(_as_json(table), "utf-8")
        print(*_rows_for_sharing(table[core]), sep="\n")


def _rows_for_sharing(table: Mapping[str, Any]) -> Iterator[str]:
    """Rows of kernels that `code_bytes.py` has not."""
    kernels = table["kernels"]
    for variant in sorted(kernels.keys() - code_bytes.CODE_BYTES.keys()):
        kernel = variant.split("/")[0]
        call = kernels[variant].get("calls", 0) + kernels.get(kernel, {}).get("params", 0)
        own = kernels[variant].get("own", call)
        instance = table["instances"].get(kernel, 0)
        yield f'    "{variant}": CodeBytes({instance}, {own}, {call}),'


def _networks(folder: Path) -> Iterator[Path]:
    yield from (folder / f"{name}_int8.tflite" for name in MLPERF_TINY)
    yield from (network_file(name, BUILT) for name in NETWORKS)


def _measured(
    core: str, networks: Sequence[Path], others: Mapping[str, Any] | None
) -> dict[str, Any]:
    functions = _functions(core)
    of_networks, of_operators = _Found(), _Found()
    for path in networks:
        _measure(_folded(path, core), core, of_networks)
    for name in OPERATORS if others is None else ():
        for seed in _SEEDS:
            _measure(random_model(name, seed, _INSTANCES), core, of_operators)
    kernels: dict[str, dict[str, int]] = defaultdict(dict)
    for kind in ("own", "calls", "params"):
        few, many = getattr(of_operators, kind), getattr(of_networks, kind)
        for variant in {*few, *many}:
            values = many.get(variant)
            size = statistics.mean(values) if values else statistics.median(few[variant])
            kernels[variant][kind] = round(size)
    for variant, row in (others or {"kernels": {}})["kernels"].items():
        kernels[variant] = {**row, **kernels.get(variant, {})}
    named = {variant.split("/")[0] for variant in kernels}
    table = {
        "kernels": {variant: kernels[variant] for variant in sorted(kernels)},
        "instances": {name: functions[name] for name in sorted(named & functions.keys())},
        "inner": {name: functions[name] for name in sorted(functions.keys() - named)},
        "program": 0,
        "layer": 0,
    }
    table["program"], table["layer"] = _rest(table, core, networks)
    return table


def _measure(model: Model, core: str, found: _Found) -> None:
    for optimize in ("speed", "shared"):
        try:
            source = generate(model, Options("model", targets.load(core), optimize))
        except TfedgeError as error:
            print(f"left out: {error}", file=sys.stderr)
            return
        with tempfile.TemporaryDirectory() as folder:
            source.write(folder)
            symbols = _symbols(Path(folder) / "model.c", core, Path(folder))
        code, params = _by_layer(symbols, _CODE), _by_layer(symbols, _PARAMS)
        for layer in source.plan.layers:
            calls = layer.lowered.calls
            for call in calls:
                is_own = optimize == "speed" and call.specialises
                share = code[layer.index] / len(calls)
                (found.own if is_own else found.calls)[variant_of(call)].append(share)
                if not is_own and params[layer.index]:
                    found.params[call.kernel].append(params[layer.index] / len(calls))


def _by_layer(symbols: Mapping[str, int], pattern: re.Pattern[str]) -> Mapping[int, int]:
    sizes: dict[int, int] = defaultdict(int)
    for name, size in symbols.items():
        if match := pattern.match(name):
            sizes[int(match[1])] += size
    return sizes


def _functions(core: str) -> dict[str, int]:
    """Every kernel's functions; those that only its file knows count with the last one."""
    found: dict[str, int] = {}
    folder = runtime_directory()
    for path in sorted(folder.glob("tfedge_*.c")):
        sizes = _symbols(path, core, folder)
        public = {n.removeprefix("tfedge_"): size for n, size in sizes.items() if "tfedge_" in n}
        if public:
            last = list(public)[-1]
            public[last] += sum(sizes.values()) - sum(public.values())
            found |= public
    return found


def _symbols(path: Path, core: str, include: Path) -> dict[str, int]:
    """Symbol to bytes, of code and of constants."""
    prefix = CORES[core].toolchain.prefix
    specs = CORES[core].toolchain.flags
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "object.o"
        flags = [*specs, *CORES[core].flags, *_FLAGS, f"-I{include}"]
        subprocess.run([f"{prefix}gcc", *flags, "-c", path, "-o", target], check=True)
        listing = subprocess.check_output([f"{prefix}nm", "-S", target], text=True)
    return {name: int(size, 16) for size, _, name in _SYMBOL.findall(listing)}


def _folded(path: Path, core: str) -> Model:
    model = read_file(path)
    fold_constant_channels(model, multiple_of=targets.load(core).channel_multiple)
    return model


def _rest(table: Mapping[str, Any], core: str, networks: Iterable[Path]) -> tuple[int, int]:
    """What linked programs take beyond their calls and kernels: in all, and for each layer.

    It is what makes the largest error least, as a part of a network's flash.
    """
    programs = []
    for path in networks:
        source = generate(_folded(path, core), Options("net", targets.load(core)))
        code = _linked(source, core)
        lacking = code - code_size.flash_of_code(source.code_parts, table)
        programs.append((lacking, source.code_parts.layers, code + source.weights_bytes))

    def largest_error(rest: tuple[int, int]) -> float:
        program, layer = rest
        return max(abs(program + layer * n - more) / flash for more, n, flash in programs)

    most = max(max(more for more, _, _ in programs), 0)
    return min(product(range(0, most + 1, 5), range(_MOST_OF_A_LAYER)), key=largest_error)


def _linked(source: CSource, core: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        firmware = build_firmware(source.write(folder), core)
        return firmware.sizes().flash_bytes - source.weights_bytes


def _as_json(table: Mapping[str, Mapping[str, Any]]) -> str:
    cores = []
    for core in sorted(table):
        parts = [f'    "{key}": {_rows(value)}' for key, value in table[core].items()]
        cores.append(f'  "{core}": {{\n' + ",\n".join(parts) + "\n  }")
    return "{\n" + ",\n".join(cores) + "\n}\n"


def _rows(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    rows = ",\n".join(f'      "{key}": {json.dumps(row)}' for key, row in value.items())
    return f"{{\n{rows}\n    }}"


if __name__ == "__main__":
    main()
