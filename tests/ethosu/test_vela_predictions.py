"""What the target files say that Vela does with an operator is what Vela does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import random_float
from ai_edge_litert import schema_py_generated as schema
from random_graphs import OPERATORS, STATEFUL, random_model

from tfedge_converters import targets
from tfedge_converters.accelerators.mapping import map_graph
from tfedge_converters.graph import Model, write_model

pytest.importorskip("ethosu.vela", reason="Vela is not installed: pip install 'tfedge[ethosu]'")

SEED, COUNT = 7, 3

# Vela leaves these to the CPU as it should, but gives their results other names.
RENAMED = {"compare_reals"}

# Slices with new axes and means over five dimensions are placed on the NPU now and then where the
# files say CPU; so are booleans, and operands of more than four dimensions that are both repeated.
LESS_THAN_VELA = {
    "ADD",
    "BROADCAST_TO",
    "CAST",
    "MEAN",
    "MUL",
    "SQUARED_DIFFERENCE",
    "STRIDED_SLICE",
    "SUB",
}


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {
        name: random_model(name, SEED, 1 if name in STATEFUL else COUNT)
        for name in set(OPERATORS) - set(random_float.OPERATORS)
        if name not in RENAMED
    }


def _compiled(models: dict[str, Model], accelerator: str, folder: Path) -> dict[str, bool]:
    paths = {}
    for name, model in models.items():
        paths[name] = folder / f"{name}.tflite"
        paths[name].write_bytes(write_model(model))
    run = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("vela_run.py")), accelerator,
         *map(str, paths.values())],
        capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    done = json.loads(run.stdout.splitlines()[-1])
    return {name: done[str(path)] for name, path in paths.items()}


def _results_on_cpu(path: Path) -> set[str]:
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    left = [o for o in graph.operators if not model.operatorCodes[o.opcodeIndex].customCode]
    return {graph.tensors[index].name.decode() for o in left for index in o.outputs}


@pytest.mark.parametrize("accelerator", ["ethos-u55-128", "ethos-u85-256"])
def test_operators_are_placed_as_predicted(accelerator, models, tmp_path):
    described = targets.load(accelerator).accelerator
    compiled = _compiled(models, accelerator, tmp_path)
    seen, wrong, refused, unforeseen = 0, Counter(), 0, []
    for name, model in models.items():
        placements = map_graph(model.main, described).placements
        rejected = any(o.kind == "rejected" for p in placements for o in p.reasons)
        if not compiled[name]:
            refused += rejected
            unforeseen += [] if rejected else [name]
            continue
        on_cpu = _results_on_cpu(tmp_path / f"{name}_vela.tflite")
        for placement in placements:
            seen += 1
            on_npu = not any(t.name in on_cpu for t in placement.operator.outputs)
            if on_npu != placement.mapped:
                wrong[placement.operator.code, "NPU" if on_npu else "CPU"] += 1
    assert seen > 300
    assert refused >= 3
    assert set(wrong) <= {(code, "NPU") for code in LESS_THAN_VELA}, wrong
    assert wrong.total() <= seen // 100
    assert len(unforeseen) <= 3, unforeseen
