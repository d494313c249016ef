"""Worst-case stack of a generated program, from the compiler's own call graph.

What functions of the C library and of the compiler's runtime take comes on top.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tfedge_converters.execute.cores import CORES
from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.tool import run_tool
from tfedge_converters.execute.toolchain import (
    COMPILE_SECONDS,
    ScratchDirectory,
    excerpt,
    find_gcc,
)
from tfedge_converters.foreign_text.reserved import RESERVED_PREFIX

# Of functions that are merged because they are alike, the call graph has but one.
FLAGS = ("-std=c99", "-O2", "-fno-ipa-icf", "-fcallgraph-info=su", "-save-temps=obj", "-c")
ENTRIES = ("init", "input", "invoke", "output", "self_test")
# What only stateful models have.
OPTIONAL_ENTRIES = ("reset",)

# What gcc writes: node: { title: "f" label: "f\nfile.c:1:2\n24 bytes (static)" }
_NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]+)"')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
_BYTES = re.compile(r"(\d+) bytes \(([^)]+)\)")

# How functions of assembly begin, of whose stack gcc knows nothing.
_NAKED = "@ Naked Function"
_LABEL = re.compile(r"^(\w+):$", re.MULTILINE)
_FRAME = re.compile(r"push \{r4-r11, lr\}\n(?:\s*sub sp, sp, #(\d+)\n)?")
_PUSHED_BYTES = 9 * 4


class UnboundedStackError(ExecutionError):
    """No bound on the stack can be told from the call graph."""


@dataclass
class CallGraph:
    """Functions by gcc's titles for them.

    Attributes:
        frames: bytes of stack that each compiled function takes.
        calls: what each calls.
        shared: titles of weak functions, which gcc has the file's name in, by what callers call
            them. Of several the linker keeps one.
    """

    frames: dict[str, int] = field(default_factory=dict)
    calls: dict[str, list[str]] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Add one .ci file.

        Raises:
            UnboundedStackError: a function's frame grows at run time.
        """
        for title, label in _NODE.findall(text):
            found = _BYTES.search(label)
            if found and found[2] != "static":
                raise UnboundedStackError(f"{title} takes {found[2]} stack")
            if found:
                self.frames[title] = int(found[1])
            name = title.rpartition(":")[2]
            if name != title and name.startswith(RESERVED_PREFIX):
                self.shared[name] = title
        for caller, callee in _EDGE.findall(text):
            self.calls.setdefault(caller, []).append(callee)

    def add_assembly(self, text: str) -> None:
        """Add what functions of assembly in a .s file take.

        Raises:
            UnboundedStackError: one does not begin as the others do.
        """
        before, *bodies = text.split(_NAKED)
        for body in bodies:
            name, frame = _LABEL.findall(before)[-1], _FRAME.search(body)
            if frame is None:
                raise UnboundedStackError(f"nothing says what the assembly of {name} takes")
            title = next(t for t in self.frames if t.split(":")[-1] == name)
            self.frames[title] = _PUSHED_BYTES + int(frame[1] or 0)
            before = body

    def deepest(self, function: str, above: tuple[str, ...] = ()) -> tuple[int, tuple[str, ...]]:
        """Bytes of the deepest chain of calls from a function on, and the chain.

        Raises:
            UnboundedStackError: there is recursion, or a call through a pointer.
        """
        function = self.shared.get(function, function)
        if function in above:
            raise UnboundedStackError(f"recursion: {' > '.join((*above, function))}")
        if function == "__indirect_call":
            raise UnboundedStackError(f"{above[-1]} calls through a pointer")
        chains = [self.deepest(name, (*above, function)) for name in self.calls.get(function, ())]
        depth, chain = max(chains, default=(0, ()))
        return self.frames.get(function, 0) + depth, (function, *chain)

    def worst_case(self, name: str) -> tuple[int, tuple[str, ...]]:
        """The deepest chain from any function of a model's interface.

        Args:
            name: the model's, which its functions begin with.

        Raises:
            UnboundedStackError: there is no bound, or a function of the interface is missing.
        """
        entries = [f"{name}_{entry}" for entry in ENTRIES]
        missing = set(entries) - set(self.frames)
        if missing:
            raise UnboundedStackError(f"the call graph lacks {', '.join(sorted(missing))}")
        others = (f"{name}_{entry}" for entry in OPTIONAL_ENTRIES)
        entries += [entry for entry in others if entry in self.frames]
        return max(self.deepest(entry) for entry in entries)

    def libraries(self) -> set[str]:
        """Functions that are called and not compiled here."""
        called = {name for names in self.calls.values() for name in names}
        return called - set(self.frames) - set(self.shared)


def call_graph(program: CProgram, compiler: Sequence[str | Path]) -> CallGraph:
    """Compile a program for its call graph.

    Args:
        program: the generated C.
        compiler: gcc, and flags beside those that this takes.

    Raises:
        ExecutionError: the C does not compile.
        UnboundedStackError: a frame grows at run time.
    """
    scratch = ScratchDirectory()
    command = [compiler[0], *FLAGS, *compiler[1:], f"-I{program.directory}", *program.sources]
    title = f"the compiler {Path(compiler[0]).name}"
    run = run_tool(command, title, seconds=COMPILE_SECONDS, folder=scratch.path)
    if run.status != 0:
        raise ExecutionError(
            f"the C of model '{program.name}' does not compile: {excerpt(run.printed) or run.end}"
        )
    graph = CallGraph()
    for file in sorted(scratch.path.glob("*.ci")):
        graph.add(file.read_text("utf-8", "replace"))
    for file in sorted(scratch.path.glob("*.s")):
        graph.add_assembly(file.read_text("utf-8", "replace"))
    return graph


def stack_bound(program: CProgram, core: str, flags: Sequence[str] = ()) -> int | None:
    """Bytes of stack that no call of a model's functions goes beyond.

    None where the core's compiler is not gcc, for others write no call graph.

    Args:
        program: the generated C.
        core: a key of `CORES`.
        flags: of the compiler, put behind those for the core.

    Raises:
        MissingToolError: the cross compiler is not installed.
        ExecutionError: the C does not compile, or has no bound.
    """
    chosen = CORES[core]
    if chosen.toolchain.clang is not None:
        return None
    gcc = find_gcc(chosen.toolchain)
    compiler = [gcc, *chosen.toolchain.flags, *chosen.flags, *flags]
    return call_graph(program, compiler).worst_case(program.name)[0]
