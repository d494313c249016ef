"""Worst-case stack of generated code, from the compiler's own call graph.

    make static

Fails on recursion, on stack whose size is not known when compiling, and on calls through pointers.
What the C library takes comes on top; the table names what is called of it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from conftest import SHARED
from hostile.bases import network

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute.cores import CORES
from tfedge_converters.graph import Model, read_file

CROSS_COMPILER = "arm-none-eabi-gcc"
_FLAGS = ("-std=c99", "-O2", "-fcallgraph-info=su", "-c")

# What gcc writes: node: { title: "f" label: "f\nfile.c:1:2\n24 bytes (static)" }
_NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]+)"')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
_BYTES = re.compile(r"(\d+) bytes \(([^)]+)\)")


class UnboundedStackError(Exception):
    """No bound on the stack can be told from the call graph."""


@dataclass
class CallGraph:
    """Functions by gcc's titles for them.

    Attributes:
        frames: bytes of stack that each compiled function takes.
        calls: what each calls.
    """

    frames: dict[str, int] = field(default_factory=dict)
    calls: dict[str, list[str]] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Adds one .ci file.

        Raises:
            UnboundedStackError: a function's frame grows at run time.
        """
        for title, label in _NODE.findall(text):
            found = _BYTES.search(label)
            if found and found[2] != "static":
                raise UnboundedStackError(f"{title} takes {found[2]} stack")
            if found:
                self.frames[title] = int(found[1])
        for caller, callee in _EDGE.findall(text):
            self.calls.setdefault(caller, []).append(callee)

    def deepest(self, function: str, above: tuple[str, ...] = ()) -> tuple[int, tuple[str, ...]]:
        """Bytes of the deepest chain of calls from a function on, and the chain.

        Raises:
            UnboundedStackError: there is recursion, or a call through a pointer.
        """
        if function in above:
            raise UnboundedStackError(f"recursion: {' > '.join((*above, function))}")
        if function == "__indirect_call":
            raise UnboundedStackError(f"{above[-1]} calls through a pointer")
        chains = [self.deepest(name, (*above, function)) for name in self.calls.get(function, ())]
        depth, chain = max(chains, default=(0, ()))
        return self.frames.get(function, 0) + depth, (function, *chain)

    def libraries(self) -> set[str]:
        """Functions that are called and not compiled here."""
        return {name for names in self.calls.values() for name in names} - set(self.frames)


def call_graph(model: Model, core: str, optimize: str, folder: Path) -> CallGraph:
    """Compiles the C of a model, named "model", for a core."""
    source = generate(model, Options("model", targets.load("host"), optimize))
    program = source.write(folder)
    command = [CROSS_COMPILER, *_FLAGS, *CORES[core].flags, *map(str, program.sources)]
    subprocess.run(command, cwd=folder, check=True)
    graph = CallGraph()
    for file in sorted(folder.glob("*.ci")):
        graph.add(file.read_text())
    return graph


def models() -> Iterator[tuple[str, Model]]:
    """A small network, and the MLPerf Tiny models where they are at hand."""
    yield "network", network(np.random.default_rng(0))
    for path in sorted(SHARED.glob("models/mlperf_tiny/*_int8.tflite")):
        yield path.stem, read_file(path)


def main() -> int:
    print(f"{'model':<12} {'core':<12} {'optimize':<9} {'stack':>6}  deepest chain; C library")
    for name, model in models():
        for core in ("cortex-m0", "cortex-m4"):
            for optimize in ("speed", "size"):
                with tempfile.TemporaryDirectory() as folder:
                    graph = call_graph(model, core, optimize, Path(folder))
                try:
                    depth, chain = graph.deepest("model_invoke")
                except UnboundedStackError as error:
                    print(f"{name}, {core}, {optimize}: {error}", file=sys.stderr)
                    return 1
                functions = " > ".join(title.split(":")[-1] for title in chain)
                libraries = ", ".join(sorted(graph.libraries()))
                print(f"{name:<12} {core:<12} {optimize:<9} {depth:>6}  {functions}; {libraries}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
