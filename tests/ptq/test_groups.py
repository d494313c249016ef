"""Which activations share one grid."""

import numpy as np
import pytest
from graph_parts import activation, concatenation, constant, plain, reshape

from tfedge.errors import UnsupportedError
from tfedge.quantization.schemes import get
from tfedge_converters.graph import Graph, Range, TensorType
from tfedge_converters.ptq.groups import Groups

INT8 = get("int8")


def names(groups):
    return sorted(sorted(tensor.name for tensor in group.tensors) for group in groups.all())


def test_operators_that_move_integers_join_their_operands():
    x, pooled = activation("x", (1, 4, 4, 2), -1, 1), activation("pooled", (1, 2, 2, 2), 0, 3)
    flat, y = activation("flat", (1, 8)), activation("y", (1, 8), 0, 9)
    graph = Graph(
        [x],
        [y],
        [plain("MAX_POOL_2D", [x], pooled), reshape(pooled, flat), plain("RELU", [flat], y)],
    )
    groups = Groups(graph, INT8)
    assert names(groups) == [["flat", "pooled", "x"], ["y"]]
    assert groups.of(x) is groups.of(flat)
    assert groups.of(flat).range() == Range(-1, 3)


def test_concatenation_joins_free_operands_and_their_other_users():
    a, b = activation("a", (1, 2), -1, 1), activation("b", (1, 2), 0, 5)
    joined, b_flat, last = (
        activation("joined", (1, 4)),
        activation("flat", (2,)),
        activation("l", (1, 6)),
    )
    constant_part = constant("c", [[-7.0, 0.5]])
    graph = Graph(
        [a, b],
        [last, b_flat],
        [
            concatenation([a, b], joined),
            concatenation([joined, constant_part], last),
            reshape(b, b_flat),
        ],
    )
    groups = Groups(graph, INT8)
    assert names(groups) == [["a", "b", "flat", "joined", "l"]]
    assert groups.of(a).range() == Range(-7, 5)
    assert groups.requantized == []


@pytest.mark.parametrize(
    ("code", "reach"), [("MINIMUM", Range(-7, 1)), ("MAXIMUM", Range(-1, 100))]
)
def test_a_constant_counts_as_far_as_it_gets_into_a_result(code, reach):
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2))
    graph = Graph([x], [y], [plain(code, [x, constant("c", [[-7.0, 100.0]])], y)])
    assert Groups(graph, INT8).of(x).range() == reach


def test_prescribed_grids_pass_reshapes_but_not_concatenations():
    a, soft, flat = activation("a", (1, 2)), activation("soft", (1, 2)), activation("flat", (1, 2))
    joined = activation("joined", (1, 4), -4, 4)
    join = concatenation([flat, a], joined)
    graph = Graph([a], [joined], [plain("SOFTMAX", [a], soft), reshape(soft, flat), join])
    groups = Groups(graph, INT8)
    assert names(groups) == [["a", "joined"], ["flat", "soft"]]
    assert groups.of(flat).fixed.scale == 1 / 256
    assert groups.of(joined).fixed is None
    assert groups.requantized == [(join, 0)]


@pytest.mark.parametrize(
    ("number", "known", "moved"),
    [(0.0, False, 0), (0.5, False, 0), (2.0, False, 1), (0.0, True, 1)],
)
def test_constants_that_lie_on_a_prescribed_grid_leave_it_alone(number, known, moved):
    a, soft = activation("a", (1, 2)), activation("soft", (1, 2))
    ends = (0, 1) if known else ()
    chosen = activation("chosen", (1, 2), *ends)
    larger = plain("MAXIMUM", [soft, constant("c", [[float(number), 0.0]])], chosen)
    groups = Groups(Graph([a], [chosen], [plain("SOFTMAX", [a], soft), larger]), INT8)
    assert len(groups.requantized) == moved
    assert (groups.of(chosen).fixed is None) == bool(moved)


def test_unknown_operators_are_named_with_their_place():
    x, y = activation("x", (1, 2)), activation("hidden", (1, 2))
    with pytest.raises(
        UnsupportedError, match=r"operator 0 \(RFFT2D\) that makes 'hidden'.*CONV_2D"
    ):
        Groups(Graph([x], [y], [plain("RFFT2D", [x], y)]), INT8)


def test_operators_on_integers_alone_are_nobodys_business():
    x, y = (activation(name, (2,), type_=TensorType.INT32) for name in "xy")
    groups = Groups(Graph([x], [y], [plain("FLOOR_MOD", [x, x], y)]), INT8)
    assert groups.all() == []


def test_mixtures_within_an_operator_are_refused():
    x, y = activation("x", (1, 2)), activation("y", (2,), type_=TensorType.INT32)
    with pytest.raises(UnsupportedError, match="mixes real and integer"):
        Groups(Graph([x], [y], [reshape(x, y)]), INT8)


def test_dense_layers_without_weights_are_refused():
    x, y = activation("x", (1, 2)), activation("y", (1, 2))
    with pytest.raises(UnsupportedError, match="cannot be quantised"):
        Groups(Graph([x], [y], [plain("FULLY_CONNECTED", [x], y)]), INT8)


def test_variables_are_refused():
    x, y, state = (activation(name, (1, 2)) for name in ("x", "y", "state"))
    state.is_variable = True
    with pytest.raises(UnsupportedError, match="reads state"):
        Groups(Graph([x], [y], [plain("ADD", [x, state], y)]), INT8)


def test_every_output_of_a_split_is_on_the_grid_of_its_input():
    x = activation("x", (1, 4), -1, 1)
    parts = [activation("a", (1, 2)), activation("b", (1, 2), -3, 3)]
    operator = plain("SPLIT", [constant("axis", 1, np.int32), x], parts[0])
    operator.outputs.append(parts[1])
    groups = Groups(Graph([x], parts, [operator]), INT8)
    assert names(groups) == [["a", "b", "x"]]
    assert groups.of(x).range() == Range(-3, 3)
