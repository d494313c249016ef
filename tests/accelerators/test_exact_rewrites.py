"""Changes that call themselves exact, on random operators, against the reference kernels."""

import numpy as np
import pytest
from accelerators.small_graphs import Net, constant
from random_graphs import random_model, random_sample

from tfedge_converters.accelerators.rewrites import REWRITES
from tfedge_converters.graph import Graph, Model, Operator, TensorType, write_model
from tfedge_converters.verify.engines import run_litert_reference, run_micro

# Rewrite, random operator, engine. LiteRT's dense kernel rounds once, its convolution twice.
CASES = [
    ("leaky_relu_to_prelu", "leaky_relu", run_micro),
    ("leaky_relu_to_prelu", "leaky_relu", run_litert_reference),
    ("unfuse_activation", "average_pool_2d", run_litert_reference),
    ("unfuse_activation", "max_pool_2d", run_litert_reference),
    ("dense_rows_to_convolution", "fully_connected_of_any_rank", run_micro),
    ("unpack_to_split", "unpack", run_micro),
    ("split_to_slices", "split_v", run_micro),
    ("groups_to_split", "conv_2d_in_groups", run_micro),
    ("plain_slice", "strided_slice", run_litert_reference),
    ("plain_slice", "strided_slice_new_axes", run_litert_reference),
]


@pytest.mark.parametrize(
    ("change", "name", "engine"), CASES, ids=[f"{c}-{e.__name__}" for _, c, e in CASES]
)
def test_no_bit_changes(change, name, engine):
    model = random_model(name, 11, 40)
    rng = np.random.default_rng(3)
    data = [random_sample(model, rng) for _ in range(5)]
    expected = engine(write_model(model), data)
    changed = [
        REWRITES[change].make(model.main, operator) for operator in list(model.main.operators)
    ]
    assert sum(changed) >= 5
    for before, after in zip(expected, engine(write_model(model), data), strict=True):
        for left, right in zip(before, after, strict=True):
            np.testing.assert_array_equal(left, right)


def _same(graph: Graph, operator: Operator, change: str, engine=run_litert_reference):
    model = Model([graph])
    rng = np.random.default_rng(0)
    shapes = [t.shape for t in graph.inputs]
    data = [[rng.integers(-128, 128, s, np.int8) for s in shapes] for _ in range(8)]
    expected = engine(write_model(model), data)
    assert REWRITES[change].make(graph, operator)
    assert not any(item is operator for item in graph.operators)
    for before, after in zip(expected, engine(write_model(model), data), strict=True):
        for left, right in zip(before, after, strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("code", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
@pytest.mark.parametrize("aligned", [False, True])
def test_a_pixel_is_repeated(code, aligned):
    net = Net(1, 1, 1, 5)
    net.add(code, [net.input, constant([3, 7])], (1, 3, 7, 5), version=2, alignCorners=aligned)
    graph = net.graph()
    _same(graph, graph.operators[0], "pixel_to_tile")
    assert [operator.code for operator in graph.operators] == ["TILE"]


@pytest.mark.parametrize(
    ("begin", "end", "masks", "shape"),
    [
        ([0, 1, 0], [1, 3, 4], {}, (1, 2, 4)),
        ([0, 2], [0, 3], {"ellipsisMask": 1}, (1, 6, 1)),
        ([0, 1], [0, 2], {"ellipsisMask": 1, "shrinkAxisMask": 2}, (1, 6)),
        ([0, 0, 1], [1, 0, 4], {"newAxisMask": 2}, (1, 1, 3, 4)),
        ([0, -3, 0], [1, -1, 0], {"endMask": 4}, (1, 2, 4)),
        ([5, 2], [0, 4], {"beginMask": 1, "endMask": 1}, (1, 2, 4)),
    ],
)
def test_slices_become_boxes(begin, end, masks, shape):
    net = Net(1, 6, 4)
    operands = [net.input, *(constant(values) for values in (begin, end, [1] * len(begin)))]
    net.add("STRIDED_SLICE", operands, shape, version=2, **masks)
    graph = net.graph()
    _same(graph, graph.operators[0], "plain_slice")
    assert "STRIDED_SLICE" not in [operator.code for operator in graph.operators]


@pytest.mark.parametrize(("indices", "axis", "shape"), [([1, 2, 3], 1, (1, 3, 4)), (2, -1, (1, 6))])
def test_indices_in_a_row_become_a_slice(indices, axis, shape):
    net = Net(1, 6, 4)
    net.add("GATHER", [net.input, constant(indices)], shape, version=2, axis=axis)
    graph = net.graph()
    _same(graph, graph.operators[0], "gather_to_slice")


@pytest.mark.parametrize(("height", "width"), [(2, 2), (1, 3), (7, 5)])
def test_repeated_pixels_are_a_resize(height, width):
    net = Net(1, 3, 4, 5)
    x = net.add("RESHAPE", [net.input, constant([1, 3, 1, 4, 5])], (1, 3, 1, 4, 5))
    x = net.add("TILE", [x, constant([1, 1, height, 1, 1])], (1, 3, height, 4, 5), version=3)
    x = net.add("RESHAPE", [x, constant([0])], (1, 3 * height, 4, 1, 5))
    x = net.add("TILE", [x, constant([1, 1, 1, width, 1])], (1, 3 * height, 4, width, 5), version=3)
    net.add("RESHAPE", [x, constant([1])], (1, 3 * height, 4 * width, 5))
    graph = net.graph()
    for operator in graph.operators:
        if operator.code == "RESHAPE":
            operator.inputs[1] = constant(operator.outputs[0].shape)
    _same(graph, graph.operators[2], "repeat_to_resize")
    assert [operator.code for operator in graph.operators] == ["RESIZE_NEAREST_NEIGHBOR"]


def test_whole_images_in_a_row_are_no_resize():
    net = Net(1, 3, 4, 5)
    net.add("TILE", [net.input, constant([1, 2, 1, 1])], (1, 6, 4, 5), version=3)
    graph = net.graph()
    assert not REWRITES["repeat_to_resize"].make(graph, graph.operators[0])


def test_a_dilation_that_does_not_matter():
    net = Net(1, 1, 16, 3)
    weights = constant(np.arange(-12, 12).reshape(4, 1, 2, 3), TensorType.INT8)
    options = {"dilationWFactor": 3, "dilationHFactor": 1, "strideH": 1, "strideW": 1}
    net.add("CONV_2D", [net.input, weights, None], (1, 1, 16, 4), version=3, **options)
    graph = net.graph()
    graph.operators[0].inputs[2] = constant(np.zeros(4))
    _same(graph, graph.operators[0], "equal_dilation")
    assert graph.operators[0].options.dilationHFactor == 3


def test_what_does_not_fit_stays():
    net = Net(1, 6, 4)
    net.add("GATHER", [net.input, constant([3, 1])], (1, 2, 4), version=2, axis=1)
    net.add("LEAKY_RELU", [net.input], (1, 6, 4), alpha=-0.5)
    strides = constant([1, 2, 1])
    operands = [net.input, constant([0, 0, 0]), constant([1, 6, 4]), strides]
    net.add("STRIDED_SLICE", operands, (1, 3, 4), version=2)
    graph = net.graph(*(operator.outputs[0] for operator in net.operators))
    wanted = ("gather_to_slice", "leaky_relu_to_prelu", "plain_slice")
    for change, operator in zip(wanted, list(graph.operators), strict=True):
        assert not REWRITES[change].make(graph, operator)
    assert len(graph.operators) == 3


def test_versions_fall_to_what_int8_needs():
    net = Net(1, 4)
    weights = constant(np.ones((3, 4)), TensorType.INT8)
    net.add("FULLY_CONNECTED", [net.input, weights, None], (1, 3), version=12)
    graph = net.graph()
    assert REWRITES["lowest_version"].make(graph, graph.operators[0])
    assert graph.operators[0].version == 4
    assert not REWRITES["lowest_version"].make(graph, graph.operators[0])
