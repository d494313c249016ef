"""Worst-case stack of generated programs, from the compiler's own call graph.

    make static

Fails on recursion, on frames whose size is not known when compiling, on calls through pointers,
and beyond LIMIT_BYTES. What functions of the C library and of the compiler's runtime take comes
on top; the table names those that a program calls.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hostile.bases import network
from seeded_models import mlperf_tiny, seeded_file
from static_checks.models import every_operator, every_stateful_operator

from tfedge_converters import targets
from tfedge_converters.c import OPTIMIZATIONS, Options, generate
from tfedge_converters.execute.cores import CORES
from tfedge_converters.execute.stack_bound import CallGraph, UnboundedStackError, call_graph
from tfedge_converters.graph import Model, read_file

# What every checked program stays below.
LIMIT_BYTES = 1024

_CROSS_COMPILER = "arm-none-eabi-gcc"
COMPILERS = {
    "host": ("gcc",),
    **{
        core: (_CROSS_COMPILER, *CORES[core].flags)
        for core in ("cortex-m0", "cortex-m4", "cortex-m55")
    },
}


def bounded(graph: CallGraph) -> tuple[int, tuple[str, ...]]:
    """The deepest chain from any function of the interface, the kernels being reached from there.

    Raises:
        UnboundedStackError: there is no bound, or it is not below LIMIT_BYTES.
    """
    depth, chain = graph.worst_case("model")
    if depth >= LIMIT_BYTES:
        raise UnboundedStackError(f"{depth} bytes: {' > '.join(chain)}")
    return depth, chain


def graph_of(model: Model, core: str, optimize: str, folder: Path) -> CallGraph:
    """Compiles the C of a model, named "model", for one of COMPILERS, with the kernels for it."""
    source = generate(model, Options("model", targets.load(core), optimize))
    return call_graph(source.write(folder), COMPILERS[core])


def models() -> Iterator[tuple[str, Model]]:
    """Every operator, a small network, and the MLPerf Tiny architectures."""
    yield "every operator", every_operator()
    yield "stateful", every_stateful_operator()
    yield "network", network(np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        for name in mlperf_tiny.NAMES:
            yield name, read_file(seeded_file(f"mlperf_tiny/{name}_int8.tflite", Path(folder)))


def main() -> int:
    here = [core for core, (compiler, *_) in COMPILERS.items() if shutil.which(compiler)]
    for core in COMPILERS.keys() - set(here):
        print(f"{core}: {COMPILERS[core][0]} is not installed", file=sys.stderr)
    print(f"{'model':<15} {'core':<10} {'optimize':<9} {'bytes':>5}  deepest chain; libraries")
    for name, model in models():
        for core in here:
            for optimize in OPTIMIZATIONS:
                try:
                    line = _line(model, core, optimize)
                except UnboundedStackError as error:
                    print(f"{name}, {core}, {optimize}: {error}", file=sys.stderr)
                    return 1
                print(f"{name:<15} {core:<10} {optimize:<9} {line}", flush=True)
    return 0 if len(here) == len(COMPILERS) else 1


def _line(model: Model, core: str, optimize: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        graph = graph_of(model, core, optimize, Path(folder))
    depth, chain = bounded(graph)
    functions = " > ".join(title.split(":")[-1] for title in chain)
    return f"{depth:>5}  {functions}; {', '.join(sorted(graph.libraries()))}"


if __name__ == "__main__":
    raise SystemExit(main())
