"""Finds how many instructions kernels take, and writes c/instruction_table.json.

    python benchmarks/mcu.py FOLDER --core cortex-m4 --core cortex-m55 --optimize shared \
        --layers-csv packed.csv
    python benchmarks/mcu.py FOLDER --core cortex-m0 --core cortex-m3 --core cortex-m4 \
        --core cortex-m55 --packing natural --optimize speed --optimize shared \
        --layers-csv natural.csv
    python tools/instruction_table.py --operators cortex-m4 operators.csv
    python tools/instruction_table.py FOLDER packed.csv natural.csv operators.csv

FOLDER holds MLPerf Tiny's int8 files. Of what the loops of a kernel count (c/kernel_work.py),
instructions are a sum with factors that are not negative; those are taken whose largest relative
errors are least in the sense of squares. Random operators, the second but last command, count for
kernels that no network has. Cores that no table has keep their rows. How far layers of networks are
off is printed: with their own network among what was fitted, and without it.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("tests", "benchmarks")]

from common.firmware_runs import Setting, plan_of
from common.microcontroller_networks import NETWORKS, network_file
from common.tables import as_csv
from mcu import BUILT
from random_graphs import OPERATORS, random_model, random_sample

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate, instructions
from tfedge_converters.c.instructions import OWN, SHARED, TYPICAL
from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.kernel_variants import timed_variant_of
from tfedge_converters.c.kernel_work import usual_work_of, work_of
from tfedge_converters.execute import build_firmware

TABLE = Path(instructions.__file__).with_name("instruction_table.json")

# Models of the table of layers that are random instances of an operator.
_OPERATOR = "operator "
_INSTANCES, _SEED = 8, 0

# Fewer different layers say no more than one factor.
_FEW = 2

# Random operators are far smaller than what matters.
_LESSER = 0.1

# Below, the resolution of the stopwatch shows.
_LEAST = 100


@dataclass(frozen=True)
class Layer:
    """Calls of one kernel, and how many instructions they took."""

    model: str
    calls: Sequence[KernelCall]
    instructions: int

    def work(self, of: object) -> np.ndarray:
        """What the calls' loops count in all."""
        return np.sum([of(call) for call in self.calls], axis=0)  # type: ignore[operator]


# Core, kernel or variant, OWN or SHARED.
Key = tuple[str, str, str]
Factors = np.ndarray


def main() -> None:
    """Measures operators, or makes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--operators", metavar="CORE", help="measure random operators")
    parser.add_argument("paths", nargs="+", type=Path)
    arguments = parser.parse_args()
    if arguments.operators:
        arguments.paths[0].write_text(as_csv(list(_measured_operators(arguments.operators))))
        return
    folder, *tables = arguments.paths
    layers = _layers(folder, tables)
    factors = {key: _fitted(group) for key, group in layers.items()}
    kept = json.loads(TABLE.read_text("utf-8"))
    TABLE.write_text(_as_json(kept | _rows(factors, _typical(layers))), "utf-8")
    print(_report("fitted", _errors(layers, lambda key, _: factors[key])))
    print(_report("without their network", _errors(layers, _fitted_without(layers))))


def _measured_operators(core: str) -> Iterable[dict[str, object]]:
    for optimize in ("shared", "speed"):
        for name in OPERATORS:
            model = random_model(name, _SEED, _INSTANCES)
            try:
                source = generate(model, Options("net", targets.load(core), optimize))
                with tempfile.TemporaryDirectory() as folder:
                    count = len(source.plan.layers)
                    firmware = build_firmware(source.write(folder), core, num_layers=count)
                    sample = random_sample(model, np.random.default_rng(_SEED))
                    (layers,) = firmware.run([sample]).layer_instructions
            except TfedgeError as error:
                print(f"{name} left out: {error}", file=sys.stderr)
                continue
            for layer, counted in enumerate(layers):
                yield {
                    "model": f"{_OPERATOR}{name}",
                    "core": core,
                    "packing": targets.load(core).packing,
                    "optimize": optimize,
                    "layer": layer,
                    "instructions": counted,
                }


def _layers(folder: Path, tables: Iterable[Path]) -> dict[Key, list[Layer]]:
    found: dict[Key, list[Layer]] = defaultdict(list)
    for table in tables:
        for row in csv.DictReader(table.read_text().splitlines()):
            calls = _calls(folder, row["model"], row["core"], row["packing"])[int(row["layer"])]
            kernels = {timed_variant_of(call) for call in calls}
            counted = int(row["instructions"])
            if len(kernels) != 1 or counted < _LEAST:
                continue
            is_own = row["optimize"] == "speed" and calls[0].specialises
            key = (row["core"], kernels.pop(), OWN if is_own else SHARED)
            found[key].append(Layer(row["model"], calls, counted))
    return {key: _of_networks(group) for key, group in found.items()}


def _of_networks(layers: Sequence[Layer]) -> list[Layer]:
    """Those of networks, or all if these are too few."""
    networks = [layer for layer in layers if not layer.model.startswith(_OPERATOR)]
    return networks if _different(networks) >= _FEW else list(layers)


def _different(layers: Iterable[Layer]) -> int:
    return len({tuple(layer.work(work_of)) for layer in layers})


@cache
def _calls(folder: Path, model: str, core: str, packing: str) -> Sequence[Sequence[KernelCall]]:
    """By the layer's index; how code is shared changes nothing of this."""
    if model.startswith(_OPERATOR):
        graph = random_model(model.removeprefix(_OPERATOR), _SEED, _INSTANCES)
        plan = generate(graph, Options("net", targets.load(core))).plan
    else:
        is_built = model in NETWORKS
        path = network_file(model, BUILT) if is_built else folder / f"{model}_int8.tflite"
        plan = plan_of(path, Setting(core, packing=packing))
    return [layer.lowered.calls for layer in plan.layers]


def _fitted(layers: Sequence[Layer]) -> Factors:
    work = np.array([layer.work(work_of) for layer in layers])
    if _different(layers) >= _FEW:
        return _least_squares(work, layers)
    counts = np.arange(work.shape[1])
    alone = [_least_squares(np.where(counts == one, work, 0), layers) for one in counts[1:]]
    return min(alone, key=lambda factors: float(np.abs(_off(work, factors, layers)).sum()))


def _off(work: np.ndarray, factors: Factors, layers: Sequence[Layer]) -> np.ndarray:
    """Relative errors."""
    found: np.ndarray = work @ factors / [layer.instructions for layer in layers] - 1
    return found


def _least_squares(work: np.ndarray, layers: Sequence[Layer]) -> Factors:
    """Factors of the least relative errors."""
    weights = np.where([layer.model.startswith(_OPERATOR) for layer in layers], _LESSER, 1)
    relative = work * (weights / [layer.instructions for layer in layers])[:, None]
    largest = np.maximum(relative.max(axis=0), 1e-30)
    factors: np.ndarray = nnls(relative / largest, weights)[0] / largest
    return factors


def _typical(layers: Mapping[Key, Sequence[Layer]]) -> dict[tuple[str, str], Factors]:
    """For kernels that were not measured: of all natural kernels of a core, and OWN or SHARED."""
    own = {(core, variant) for core, variant, kind in layers if kind == OWN}
    groups: dict[tuple[str, str], list[Layer]] = defaultdict(list)
    for (core, variant, kind), group in layers.items():
        if (core, variant) in own:
            groups[core, kind] += group
    return {
        key: _least_squares(np.array([layer.work(usual_work_of) for layer in group]), group)
        for key, group in groups.items()
    }


def _fitted_without(layers: Mapping[Key, Sequence[Layer]]):  # type: ignore[no-untyped-def]
    @cache
    def factors(key: Key, model: str) -> Factors | None:
        others = [layer for layer in layers[key] if layer.model != model]
        return _fitted(others) if others else None

    return factors


def _errors(layers: Mapping[Key, Sequence[Layer]], factors_of) -> list[tuple[Key, Layer, float]]:  # type: ignore[no-untyped-def]
    """Relative errors of the networks' layers, but of those whose kernel is nowhere else."""
    found = []
    for key, group in layers.items():
        for layer in group:
            factors = factors_of(key, layer.model)
            if factors is not None and not layer.model.startswith(_OPERATOR):
                error = layer.work(work_of) @ factors / layer.instructions - 1
                found.append((key, layer, float(error)))
    return found


def _report(title: str, errors: Sequence[tuple[Key, Layer, float]]) -> str:
    """Shares of layers by their error, each layer as one and by its instructions."""
    lines = [f"{title}: layers, share within 10 %, errors of 50 %, 90 %, 95 % and of all; by work"]
    for core in sorted({key[0] for key, _, _ in errors}):
        off = np.array([abs(error) for key, _, error in errors if key[0] == core])
        size = np.array([layer.instructions for key, layer, _ in errors if key[0] == core])
        quantiles = " ".join(f"{100 * np.quantile(off, q):.1f}" for q in (0.5, 0.9, 0.95, 1))
        within = off <= 0.1
        by_work = 100 * size[within].sum() / size.sum()
        lines.append(f"{core} {off.size} {100 * within.mean():.1f} | {quantiles} | {by_work:.1f}")
    worst = sorted(errors, key=lambda item: -abs(item[2]))[:12]
    lines += [f"  {key} {layer.model}: {100 * error:+.0f} %" for key, layer, error in worst]
    return "\n".join(lines)


def _rows(
    factors: Mapping[Key, Factors], typical: Mapping[tuple[str, str], Factors]
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Core, kernel or kernel/variant, OWN or SHARED: factors."""
    rows: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(dict))
    named = {**factors, **{(core, TYPICAL, kind): row for (core, kind), row in typical.items()}}
    for (core, variant, kind), row in sorted(named.items()):
        rows[core][variant][kind] = [float(f"{factor:.4g}") for factor in row]
    return rows


def _as_json(rows: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> str:
    cores = []
    for core, kernels in sorted(rows.items()):
        lines = ",\n".join(f'    "{name}": {json.dumps(row)}' for name, row in kernels.items())
        cores.append(f'  "{core}": {{\n{lines}\n  }}')
    return "{\n" + ",\n".join(cores) + "\n}\n"


if __name__ == "__main__":
    main()
