"""The stack of generated code has a bound that the compiler knows."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from static_checks.models import every_operator, every_stateful_operator, wide_between_narrow
from static_checks.stack import COMPILERS, LIMIT_BYTES, bounded, graph_of

from tfedge_converters.execute.stack_bound import ENTRIES, FLAGS, CallGraph, UnboundedStackError

NODE = 'node: { title: "%s" label: "%s\\nfile.c:1:2\\n%d bytes (%s)" }\n'
EDGE = 'edge: { sourcename: "%s" targetname: "%s" label: "file.c:3:4" }\n'


@pytest.mark.parametrize("optimize", ["speed", "shared"])
@pytest.mark.parametrize("core", COMPILERS)
def test_no_operator_recurses_or_grows_its_stack(core, optimize, tmp_path):
    compiler = COMPILERS[core][0]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    graph = graph_of(every_operator(), core, optimize, tmp_path)
    depth, chain = bounded(graph)
    assert 100 < depth < LIMIT_BYTES, chain
    _calls_no_more_than_small_functions(graph)


# What generated C calls of the C library: nothing that takes much stack, or any heap.
_MEMORY = {"memcpy", "memmove", "memset"}
_REAL = {
    f"{name}f" for name in ("ceil", "cos", "erfc", "exp", "expm1", "floor", "log", "pow", "sin")
}
_REAL |= {"sqrtf", "tanhf"}


def _calls_no_more_than_small_functions(graph):
    ours = {name for name in graph.libraries() if not name.startswith("__aeabi_")}
    assert ours <= _MEMORY | _REAL


@pytest.mark.parametrize("core", COMPILERS)
def test_operators_that_keep_a_state_have_a_bound_too(core, tmp_path):
    compiler = COMPILERS[core][0]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    graph = graph_of(every_stateful_operator(), core, "speed", tmp_path)
    assert "model_reset" in graph.frames
    depth, chain = bounded(graph)
    assert 50 < depth < LIMIT_BYTES, chain
    _calls_no_more_than_small_functions(graph)


@pytest.mark.parametrize("core", COMPILERS)
def test_streams_of_rows_have_a_bound_too(core, tmp_path):
    compiler = COMPILERS[core][0]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    graph = graph_of(wide_between_narrow(), core, "ram", tmp_path)
    assert any("layers_0_to_2" in function for function in graph.frames)
    depth, chain = bounded(graph)
    assert 100 < depth < LIMIT_BYTES, chain
    _calls_no_more_than_small_functions(graph)


def test_the_deepest_chain_counts():
    graph = CallGraph()
    graph.add(NODE % ("f", "f", 8, "static") + NODE % ("g", "g", 16, "static"))
    graph.add(NODE % ("h", "h", 100, "static") + EDGE % ("f", "g") + EDGE % ("f", "h"))
    assert graph.deepest("f") == (108, ("f", "h"))


def test_recursion_and_dynamic_stack_are_found():
    graph = CallGraph()
    graph.add(NODE % ("f", "f", 8, "static") + EDGE % ("f", "f"))
    with pytest.raises(UnboundedStackError, match="recursion: f > f"):
        graph.deepest("f")
    with pytest.raises(UnboundedStackError, match="dynamic"):
        graph.add(NODE % ("g", "g", 8, "dynamic"))


def test_what_the_compiler_says_of_arrays_and_pointers_is_understood(tmp_path):
    """Real output for a frame that grows, and for a call whose callee is not known."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    sources = {
        "grows": "int g(char *); int f(int n) { char a[n]; return g(a); }\n",
        "points": "int f(int (*g)(void)) { return g() + 1; }\n",
    }
    for name, text in sources.items():
        (tmp_path / f"{name}.c").write_text(text)
        subprocess.run(["gcc", *FLAGS, f"{name}.c"], cwd=tmp_path, check=True)
    with pytest.raises(UnboundedStackError, match="f takes dynamic stack"):
        CallGraph().add((tmp_path / "grows.ci").read_text())
    graph = CallGraph()
    graph.add((tmp_path / "points.ci").read_text())
    with pytest.raises(UnboundedStackError, match="f calls through a pointer"):
        graph.deepest("f")


def test_assembly_counts_with_what_it_says():
    graph = CallGraph()
    graph.add(NODE % ("f", "f", 8, "static") + NODE % ("k.c:g", "g", 0, "static"))
    graph.add(EDGE % ("f", "k.c:g"))
    begins = "g:\n\t@ Naked Function: prologue\n\tpush {r4-r11, lr}\nsub sp, sp, #32\n"
    graph.add_assembly("h:\n\tbx lr\n" + begins)
    assert graph.deepest("f") == (8 + 36 + 32, ("f", "k.c:g"))
    with pytest.raises(UnboundedStackError, match="nothing says what the assembly of g takes"):
        graph.add_assembly("g:\n\t@ Naked Function: prologue\n\tbx lr\n")


def test_the_limit_is_a_limit():
    graph = CallGraph()
    names = [f"model_{entry}" for entry in ENTRIES]
    graph.add("".join(NODE % (name, name, 8, "static") for name in names))
    assert bounded(graph)[0] == 8
    graph.add(NODE % ("model_invoke", "model_invoke", LIMIT_BYTES, "static"))
    with pytest.raises(UnboundedStackError, match="1024 bytes: model_invoke"):
        bounded(graph)
