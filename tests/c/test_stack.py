"""The stack of generated code has a bound that the compiler knows."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hostile.bases import network
from static_checks.stack import CROSS_COMPILER, CallGraph, UnboundedStackError, call_graph

NODE = 'node: { title: "%s" label: "%s\\nfile.c:1:2\\n%d bytes (%s)" }\n'
EDGE = 'edge: { sourcename: "%s" targetname: "%s" label: "file.c:3:4" }\n'


@pytest.mark.parametrize("optimize", ["speed", "size"])
def test_no_layer_recurses_or_grows_its_stack(optimize, tmp_path):
    if shutil.which(CROSS_COMPILER) is None:
        pytest.skip(f"{CROSS_COMPILER} is not installed")
    graph = call_graph(network(np.random.default_rng(0)), "cortex-m4", optimize, tmp_path)
    depth, chain = graph.deepest("model_invoke")
    assert 0 < depth < 512, chain
    assert graph.libraries() <= {"memcpy", "memset"}


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
