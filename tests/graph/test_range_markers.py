"""The pass on graphs that no converter would write, and on broken markers."""

from __future__ import annotations

import numpy as np
import pytest
from flatbuffers import flexbuffers

from tfedge.errors import ModelFileError
from tfedge_converters.graph import Graph, Model, Operator, Range, Signature, Tensor, TensorType
from tfedge_converters.graph.passes.duplicates import merge_duplicates
from tfedge_converters.graph.passes.range_markers import consume_range_markers


def _tensor(name, data=None):
    return Tensor(name, (1, 4), TensorType.FLOAT32, data=data)


def _mark(source, name, low, high, **width):
    options = bytes(flexbuffers.Dumps({"lo": low, "hi": high, **width}))
    return Operator(
        "CUSTOM", [source], [_tensor(name)], custom_name="tfedge.Range", custom_options=options
    )


def _relu(*sources, name):
    return Operator("ADD" if len(sources) == 2 else "RELU", list(sources), [_tensor(name)])


def _model(inputs, outputs, operators):
    graph = Graph(inputs, outputs, operators)
    names = {f"y{index}": tensor for index, tensor in enumerate(outputs)}
    return Model([graph], [Signature("serving_default", {}, names, graph)])


def test_input_marked_and_read_by_several():
    x = _tensor("x")
    mark = _mark(x, "marked", -1.0, 1.0)
    first, second = _relu(mark.outputs[0], name="a"), _relu(mark.outputs[0], name="b")
    model = _model([x], [first.outputs[0], second.outputs[0]], [mark, first, second])
    consume_range_markers(model)
    assert x.range == Range(-1.0, 1.0)
    assert model.main.operators == [first, second]
    assert first.inputs == second.inputs == [x]


def test_constant():
    constant = _tensor("c", np.ones((1, 4), np.float32))
    x = _tensor("x")
    mark = _mark(constant, "marked", 0.0, 1.0)
    add = _relu(x, mark.outputs[0], name="sum")
    model = _model([x], add.outputs, [mark, add])
    consume_range_markers(model)
    assert constant.range == Range(0.0, 1.0)
    assert add.inputs == [x, constant]


def test_two_in_a_row_and_the_output():
    x = _tensor("x")
    relu = _relu(x, name="inner")
    wide = _mark(relu.outputs[0], "wide", 0.0, 10.0)
    narrow = _mark(wide.outputs[0], "logits", 0.0, 6.0)
    model = _model([x], narrow.outputs, [relu, wide, narrow])
    consume_range_markers(model)
    (made,) = relu.outputs
    assert made.range == Range(0.0, 6.0)
    assert model.main.outputs == [made]
    assert model.signatures[0].outputs == {"y0": made}
    assert made.name == "logits"


def test_an_input_marked_side_by_side_has_the_later_range():
    x = _tensor("x")
    one, two = _mark(x, "one", 0.0, 1.0), _mark(x, "two", 0.0, 2.0)
    add = _relu(one.outputs[0], two.outputs[0], name="sum")
    model = _model([x], add.outputs, [one, two, add])
    consume_range_markers(model)
    assert x.range == Range(0.0, 2.0)
    assert add.inputs == [x, x]


@pytest.mark.parametrize("high", [1.0, 2.0])
def test_what_is_marked_side_by_side_is_computed_for_each_mark(high):
    """Of equal ranges, too: what reads one of them may share a grid with others."""
    x = _tensor("x")
    relu = _relu(x, name="relu")
    one, two = _mark(relu.outputs[0], "one", 0.0, 1.0), _mark(relu.outputs[0], "two", 0.0, high)
    inner = _mark(two.outputs[0], "inner", 0.0, 3.0)
    add = _relu(one.outputs[0], inner.outputs[0], name="sum")
    model = _model([x], add.outputs, [relu, one, two, inner, add])
    consume_range_markers(model)
    first, again, last = model.main.operators
    assert (first, last) == (relu, add)
    assert (again.code, again.inputs) == ("RELU", [x])
    assert add.inputs == [relu.outputs[0], again.outputs[0]]
    assert [tensor.range for tensor in add.inputs] == [Range(0.0, 1.0), Range(0.0, 3.0)]
    assert not merge_duplicates(model)


def test_input_that_is_output_keeps_its_name():
    x = _tensor("x")
    mark = _mark(x, "y", 0, 1)
    model = _model([x], mark.outputs, [mark])
    consume_range_markers(model)
    assert model.main.outputs == [x]
    assert x.name == "x"
    assert x.range == Range(0.0, 1.0)


def test_every_subgraph_and_no_other_operator():
    x, y = _tensor("x"), _tensor("y")
    other = Operator("CUSTOM", [x], [_tensor("z")], custom_name="tfedge.Other")
    model = _model([x], other.outputs, [other])
    mark = _mark(y, "marked", 0.0, 1.0)
    model.graphs.append(Graph([y], mark.outputs, [mark], name="body"))
    consume_range_markers(model)
    assert model.main.operators == [other]
    assert model.graphs[1].operators == []
    assert model.graphs[1].outputs == [y]


@pytest.mark.parametrize(
    "options",
    [
        b"",
        b"\x00",
        b"\xff" * 9,
        bytes(flexbuffers.Dumps({"lo": 1.0})),
        bytes(flexbuffers.Dumps({"lo": "a", "hi": 1.0})),
        bytes(flexbuffers.Dumps({"lo": 2.0, "hi": 1.0})),
        bytes(flexbuffers.Dumps({"lo": 0.0, "hi": float("nan")})),
        bytes(flexbuffers.Dumps({"lo": float("-inf"), "hi": 1.0})),
        bytes(flexbuffers.Dumps([1, 2])),
    ],
)
def test_broken_attributes_are_one_error(options):
    x = _tensor("x")
    mark = _mark(x, "marked", 0.0, 1.0)
    mark.custom_options = options
    with pytest.raises(ModelFileError, match=r"operator 0 \(tfedge\.Range\) that makes 'marked'"):
        consume_range_markers(_model([x], mark.outputs, [mark]))


def test_a_marker_of_two_tensors_is_one_error():
    x = _tensor("x")
    mark = _mark(x, "marked", 0.0, 1.0)
    mark.inputs.append(x)
    with pytest.raises(ModelFileError, match="one input and one output, not 2 and 1"):
        consume_range_markers(_model([x], mark.outputs, [mark]))


def test_width():
    x = _tensor("x")
    mark = _mark(x, "marked", -1.0, 1.0, bits=16)
    relu = _relu(mark.outputs[0], name="y")
    consume_range_markers(_model([x], relu.outputs, [mark, relu]))
    assert (x.bits, relu.outputs[0].bits) == (16, None)


def test_a_width_that_no_integers_have():
    x = _tensor("x")
    mark = _mark(x, "marked", -1.0, 1.0, bits=12)
    with pytest.raises(ModelFileError, match="have 8 or 16 bits, not 12"):
        consume_range_markers(_model([x], mark.outputs, [mark]))


def test_a_marker_of_a_newer_tfedge_is_refused_by_its_place():
    x = _tensor("x")
    mark = _mark(x, "marked", 0.0, 1.0, version=99, tfedge="9.1")
    with pytest.raises(ModelFileError, match=r"makes 'marked': .* convert with tfedge 9\.1"):
        consume_range_markers(_model([x], mark.outputs, [mark]))
