"""Which activations must have a certain width."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from graph_parts import activation, concatenation, constant, model_of, plain, reshape

from tfedge.quantization import ActivationScheme, LayerScheme, schemes
from tfedge_converters.graph import Operator, Range, TensorType
from tfedge_converters.ptq.bit_widths import bit_widths, free_activations, one_width_results

INT8, INT16 = schemes.get("int8"), schemes.get("int16x8")


def _tensor(name, bits=None, range_=None):
    return dataclasses.replace(activation(name, (1, 4)), bits=bits, range=range_)


def _widths(graph, scheme=INT8):
    by_identity = bit_widths(graph, scheme)
    return {t.name: by_identity[id(t)] for t in graph.tensors() if id(t) in by_identity}


def _moves(first, *results):
    """A graph in which a RELU's result is moved on, to its output at last."""
    x, chain = _tensor("x"), [first, *results]
    moves = [reshape(a, b) for a, b in pairwise(chain)]
    return model_of([x], [chain[-1]], [plain("RELU", [x], first), *moves]).main


KNOWN, SEEN = Range(-1, 1), Range(-1, 1, observed=True)


@pytest.mark.parametrize(
    ("first", "is_moved"),
    [
        (_tensor("first", 16, KNOWN), True),  # trained
        (_tensor("first", 16, SEEN), False),  # asked for in conversion
        (_tensor("first", 16), False),
        (_tensor("first", None, KNOWN), False),
    ],
)
def test_an_output_is_as_wide_as_what_training_moves_there(first, is_moved):
    usual = {} if is_moved else {"y": 8}
    asked = {} if first.bits is None else {"first": 16}
    assert _widths(_moves(first, _tensor("y"))) == {"x": 8, **asked, **usual}
    # However often it is moved, but for what has a range of its own.
    assert _widths(_moves(first, _tensor("between"), _tensor("y"))) == {"x": 8, **asked, **usual}
    own = _moves(first, _tensor("between", None, KNOWN), _tensor("y"))
    assert _widths(own) == {"x": 8, **asked, "y": 8}


def test_one_trained_operand_decides_for_what_is_joined():
    x, other, first, y = _tensor("x"), _tensor("other"), _tensor("first", 16, KNOWN), _tensor("y")
    join = concatenation([first, other], y)
    graph = model_of([x, other], [y], [plain("RELU", [x], first), join]).main
    assert _widths(graph) == {"x": 8, "other": 8, "first": 16}


def test_what_computes_anew_is_not_moved():
    graph = _moves(_tensor("first", 16, KNOWN))
    y = _tensor("y")
    graph.operators.append(plain("TANH", [graph.outputs[0]], y))
    graph.outputs[:] = [y]
    assert _widths(graph) == {"x": 8, "first": 16, "y": 8}


def test_only_real_activations_are_asked_for():
    x, y = _tensor("x"), _tensor("y", 16)
    integers = dataclasses.replace(_tensor("indices", 16), type=TensorType.INT32)
    weights = dataclasses.replace(constant("weights", np.ones((1, 4))), bits=16)
    graph = model_of(
        [x], [y], [plain("ADD", [x, weights], y), Operator("UNKNOWN", [x], [integers])]
    ).main
    assert _widths(graph) == {"x": 8, "y": 16}


def test_the_schemes_layers_come_behind_annotations():
    wide = LayerScheme(activations=ActivationScheme(bits=16))
    scheme = dataclasses.replace(INT8, overrides={"inner": wide, "y": wide})
    x, inner, y = _tensor("x"), _tensor("inner"), _tensor("y", 8)
    graph = model_of([x], [y], [plain("RELU", [x], inner), plain("TANH", [inner], y)]).main
    assert _widths(graph, scheme) == {"x": 8, "inner": 16, "y": 8}
    assert [t.name for t in free_activations(graph, scheme)] == ["x"]


def test_results_of_kernels_for_one_width_have_it():
    x, first, second, third, y = (_tensor(name) for name in ("x", "first", "second", "third", "y"))
    operators = [
        plain("ELU", [x], first),  # of int8 alone
        plain("TANH", [first], second),
        Operator("UNKNOWN", [second], [third]),
        plain("TANH", [third], y),
    ]
    graph = model_of([x], [y], operators).main
    assert [t.name for t in one_width_results(graph, INT8)] == ["first"]
    assert one_width_results(graph, INT16) == []
    assert _widths(graph) == {"x": 8, "first": 8, "y": 8}
    assert _widths(graph, INT16) == {"x": 16, "y": 16}
