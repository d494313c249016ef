"""What weights of fewer bits, of few values and of many zeros take in generated C, and cost.

    python benchmarks/compact_weights.py FOLDER --core cortex-m4 --csv compact_weights.csv

FOLDER holds MLPerf Tiny's int8 files. Their weights are replaced by random ones of each kind, so
that bytes and instructions are those of such a network, and say nothing of its accuracy; constant
channels stay in. Outputs are compared with TFLite Micro's, byte for byte.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from common.firmware_runs import Run, Setting, run
from common.tables import Row, as_csv, show

from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Model, Operator, Tensor, TensorType, read_file, write_model

NETWORKS = ("kws", "ic", "ad")

# Makes weights of a kind, (…, depth), for an operator.
_Make = Callable[[np.random.Generator, "tuple[int, ...]", str], np.ndarray]


def _dense(rng: np.random.Generator, shape: tuple[int, ...], code: str) -> np.ndarray:
    return rng.integers(-127, 128, shape)


def _int4(rng: np.random.Generator, shape: tuple[int, ...], code: str) -> np.ndarray:
    return rng.integers(-7, 8, shape)


def _shared(rng: np.random.Generator, shape: tuple[int, ...], code: str) -> np.ndarray:
    values = rng.choice(np.arange(-127, 128), 16, replace=False)
    return rng.choice(values, shape)


def _blocks(rng: np.random.Generator, shape: tuple[int, ...], code: str) -> np.ndarray:
    """Three of four blocks of four values along the depth are 0; depthwise kernels stay dense."""
    data = _dense(rng, shape, code)
    if code == "DEPTHWISE_CONV_2D" or shape[-1] % 4:
        return data
    kept = rng.random((*shape[:-1], shape[-1] // 4)) < 0.25
    return np.where(np.repeat(kept, 4, axis=-1), data, 0)


def _sparse(rng: np.random.Generator, shape: tuple[int, ...], code: str) -> np.ndarray:
    return np.where(rng.random(shape) < 0.8, 0, _dense(rng, shape, code))


def _sparse_and_shared(rng: np.random.Generator, shape: tuple[int, ...], code: str) -> np.ndarray:
    return np.where(rng.random(shape) < 0.8, 0, _shared(rng, shape, code))


# In words, how they are made, and for what C is generated.
KINDS: Mapping[str, tuple[_Make, str]] = {
    "int8": (_dense, "balanced"),
    "int4": (_int4, "balanced"),
    "16 values": (_shared, "balanced"),
    "16 values, size": (_shared, "size"),
    "75 % zeros in blocks of 4": (_blocks, "balanced"),
    "80 % zeros": (_sparse, "balanced"),
    "80 % zeros, 16 values": (_sparse_and_shared, "balanced"),
    "80 % zeros, 16 values, flash": (_sparse_and_shared, "flash"),
}


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--core", action="append")
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    rows = []
    for core in arguments.core or ["cortex-m4"]:
        for network in arguments.network or NETWORKS:
            rows += _rows(arguments.folder / f"{network}_int8.tflite", network, core)
    show("Weights in fewer bytes", rows)
    if arguments.csv:
        arguments.csv.write_text(as_csv(rows), "utf-8")


def _rows(path: Path, network: str, core: str) -> Iterator[Row]:
    """A row for each kind of weights, beside those of int8."""
    dense: Run | None = None
    for kind, (make, optimize) in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            changed = Path(folder) / "model.tflite"
            changed.write_bytes(write_model(_with_weights(read_file(path), make)))
            made = run(changed, Setting(core, optimize, fold=False))
        dense = dense or made
        instructions = [sum(one.layer_instructions) for one in (dense, made)]
        constants = [one.source.weights_bytes for one in (dense, made)]
        yield {
            "model": network,
            "core": core,
            "weights": kind,
            "constants": f"{constants[1]:,}",
            "of int8's": f"{constants[1] / constants[0]:.2f}",
            "instructions": f"{instructions[1]:,}",
            "times int8's": f"{instructions[1] / instructions[0]:.2f}",
            "arena": f"{made.source.arena_bytes:,}",
            "bytes that differ": str(made.mismatches),
        }


def _with_weights(model: Model, make: _Make) -> Model:
    """The model with other weights in all operators that have int8 ones."""
    rng = np.random.default_rng(0)
    for operator in model.main.operators:
        for weights in _weights(operator):
            weights.data = make(rng, weights.shape, operator.code).astype(np.int8)
    return model


def _weights(operator: Operator) -> Sequence[Tensor]:
    policy = OPERATORS.get(operator.code)
    positions = [] if policy is None else [rule.operand for rule in policy.weights]
    operands = [operator.inputs[index] for index in positions if index < len(operator.inputs)]
    return [t for t in operands if t is not None and t.is_constant and t.type == TensorType.INT8]


if __name__ == "__main__":
    main()
