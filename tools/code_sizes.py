"""Measures what kernels take in flash, shared and specialised; prints rows of c/code_bytes.py.

Random instances of every operator are compiled for the cores of their kernels, once with the
kernels inlined into each layer and once calling the shared instance.

    python tools/code_sizes.py [-O2 | -Os [NET.tflite ...]]

Networks given by path count beside the random instances, whose shapes are smaller than usual.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from random_graphs import OPERATORS, random_model

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.code_bytes import CODE_BYTES
from tfedge_converters.c.kernel_variants import variant_of
from tfedge_converters.execute.cores import CORES
from tfedge_converters.graph import Model, read_file

_GCC = "arm-none-eabi-gcc"
# Layers stay functions of their own, so that each has a size.
_FLAGS = ("-std=c99", "-ffunction-sections", "-fdata-sections", "-fno-inline")
# Target, core, how code is shared, and what that tells; packed kernels have no code for literal
# shapes.
_BUILDS = (
    ("host", "cortex-m4", "speed", ("own",)),
    ("host", "cortex-m4", "shared", ("calls",)),
    ("cortex-m4", "cortex-m4", "shared", ("own", "calls")),
    ("cortex-m55", "cortex-m55", "shared", ("own", "calls")),
)
_SEEDS = range(3)
_INSTANCES = 4
_SYMBOL = re.compile(r"^[0-9a-f]+ ([0-9a-f]+) [tTrRdD] (\S+)$", re.MULTILINE)
_LAYER = re.compile(r"^model_layer_(\d+)(?:_\d+)?(?:_[a-z]\w*)?(?:\.\w+)*$")
"""A layer's function or the parameters of one of its calls; constants lie in another file."""


def main() -> None:
    """Prints the rows, and behind them functions that kernels do not inline."""
    level = sys.argv[1] if len(sys.argv) > 1 else "-O2"
    found = _Found()
    for model in _models():
        try:
            _measure(model, level, found)
        except TfedgeError as error:
            print(f"left out: {error}", file=sys.stderr)
    for variant in sorted(found.own):
        kernel = variant.split("/")[0]
        own, call = statistics.median(found.own[variant]), statistics.median(found.calls[variant])
        row = f"{found.functions[kernel]}, {own:.0f}, {call:.0f}"
        reaches = CODE_BYTES[variant].reaches if variant in CODE_BYTES else ()
        inner = f", {reaches}".replace("'", '"') if reaches else ""
        print(f'    "{variant}": CodeBytes({row}{inner}),')
    for name in sorted(found.functions.keys() - {variant.split("/")[0] for variant in found.own}):
        print(f'    "{name}": {found.functions[name]},')


@dataclass
class _Found:
    """Bytes: of functions, and of layers by the variant of their kernel, specialised or not."""

    functions: dict[str, int] = field(default_factory=dict)
    own: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def _models() -> Iterator[Model]:
    for path in sys.argv[2:]:
        yield read_file(path)
    for name in OPERATORS:
        for seed in _SEEDS:
            yield random_model(name, seed, _INSTANCES)


def _measure(model: Model, level: str, found: _Found) -> None:
    for target, core, optimize, bytes_of in _BUILDS:
        source = generate(model, Options("model", targets.load(target), optimize))
        with tempfile.TemporaryDirectory() as folder:
            program = source.write(folder)
            sizes = _sizes(Path(folder) / "model.c", core, level)
            for path in program.sources:
                if path.name.startswith("tfedge_") and optimize == "shared":
                    found.functions.update(_functions(path, core, level))
        of_layer: dict[int, int] = defaultdict(int)
        for symbol, size in sizes.items():
            layer = _LAYER.match(symbol)
            if layer is not None:
                of_layer[int(layer[1])] += size
        for layer in source.plan.layers:
            for call in layer.lowered.calls:
                share = of_layer[layer.index] / len(layer.lowered.calls)
                for kind in bytes_of:
                    if call.specialises == (target == "host"):
                        getattr(found, kind)[variant_of(call)].append(share)


def _functions(path: Path, core: str, level: str) -> dict[str, int]:
    """A kernel's functions; those that only its file knows count with the last one."""
    sizes = _sizes(path, core, level)
    public = {name.removeprefix("tfedge_"): n for name, n in sizes.items() if "tfedge_" in name}
    last = list(public)[-1]
    return public | {last: public[last] + sum(sizes.values()) - sum(public.values())}


def _sizes(path: Path, core: str, level: str) -> dict[str, int]:
    """Symbol to bytes, of code and of constants."""
    target = path.with_suffix(".o")
    flags = [*CORES[core].flags, *_FLAGS, level, f"-I{path.parent}"]
    subprocess.run([_GCC, *flags, "-c", path, "-o", target], check=True)
    listing = subprocess.check_output(["arm-none-eabi-nm", "-S", target], text=True)
    return {name: int(size, 16) for size, name in _SYMBOL.findall(listing)}


if __name__ == "__main__":
    main()
