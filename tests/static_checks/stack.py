"""Worst-case stack of generated programs, from the compiler's own call graph.

    make static

Fails on recursion, on frames whose size is not known when compiling, on calls through pointers,
and beyond LIMIT_BYTES. What functions of the C library and of the compiler's runtime take comes
on top; the table names those that a program calls.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hostile.bases import network
from seeded_models import mlperf_tiny, seeded_file
from static_checks.models import every_operator, every_stateful_operator

from tfedge_converters import targets
from tfedge_converters.c import OPTIMIZATIONS, Options, generate
from tfedge_converters.execute.cores import CORES
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
# Of functions that are merged because they are alike, the call graph has but one.
FLAGS = ("-std=c99", "-O2", "-fno-ipa-icf", "-fcallgraph-info=su", "-save-temps=obj", "-c")
ENTRIES = ("model_init", "model_input", "model_invoke", "model_output", "model_self_test")
# What only stateful models have.
OPTIONAL_ENTRIES = ("model_reset",)

# What gcc writes: node: { title: "f" label: "f\nfile.c:1:2\n24 bytes (static)" }
_NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]+)"')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
_BYTES = re.compile(r"(\d+) bytes \(([^)]+)\)")

# How functions of assembly begin, of whose stack gcc knows nothing.
_NAKED = "@ Naked Function"
_LABEL = re.compile(r"^(\w+):$", re.MULTILINE)
_FRAME = re.compile(r"push \{r4-r11, lr\}\n\s*sub sp, sp, #(\d+)\n")
_PUSHED_BYTES = 9 * 4


class UnboundedStackError(Exception):
    """No bound on the stack can be told from the call graph, or it is above the limit."""


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

    def add_assembly(self, text: str) -> None:
        """Adds what functions of assembly in a .s file take.

        Raises:
            UnboundedStackError: one does not begin as the others do.
        """
        before, *bodies = text.split(_NAKED)
        for body in bodies:
            name, frame = _LABEL.findall(before)[-1], _FRAME.search(body)
            if frame is None:
                raise UnboundedStackError(f"nothing says what the assembly of {name} takes")
            title = next(t for t in self.frames if t.split(":")[-1] == name)
            self.frames[title] = _PUSHED_BYTES + int(frame[1])
            before = body

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
    """Compiles the C of a model, named "model", for one of COMPILERS, with the kernels for it."""
    source = generate(model, Options("model", targets.load(core), optimize))
    program = source.write(folder)
    command = [*COMPILERS[core], *FLAGS, *map(str, program.sources)]
    subprocess.run(command, cwd=folder, check=True)
    graph = CallGraph()
    for file in sorted(folder.glob("*.ci")):
        graph.add(file.read_text())
    for file in sorted(folder.glob("*.s")):
        graph.add_assembly(file.read_text())
    return graph


def worst_case(graph: CallGraph) -> tuple[int, tuple[str, ...]]:
    """The deepest chain from any function of the interface, the kernels being reached from there.

    Raises:
        UnboundedStackError: there is no bound, or it is not below LIMIT_BYTES.
    """
    missing = set(ENTRIES) - set(graph.frames)
    if missing:
        raise UnboundedStackError(f"the call graph lacks {', '.join(sorted(missing))}")
    entries = [*ENTRIES, *(entry for entry in OPTIONAL_ENTRIES if entry in graph.frames)]
    depth, chain = max(graph.deepest(entry) for entry in entries)
    if depth >= LIMIT_BYTES:
        raise UnboundedStackError(f"{depth} bytes: {' > '.join(chain)}")
    return depth, chain


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
        graph = call_graph(model, core, optimize, Path(folder))
    depth, chain = worst_case(graph)
    functions = " > ".join(title.split(":")[-1] for title in chain)
    return f"{depth:>5}  {functions}; {', '.join(sorted(graph.libraries()))}"


if __name__ == "__main__":
    raise SystemExit(main())
