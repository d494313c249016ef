"""Intervals of channels are exactly as wide as what TFLite Micro computes, no wider and no closer.

Channels are folded because of them: one integer less is a wrong number, one more a lost channel.
"""

from __future__ import annotations

import numpy as np
import pytest
import random_core
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, VALID, Builder, extent
from random_graphs import OPERATORS

from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    write_model,
)
from tfedge_converters.graph.passes.constant_channels.functions import channel_function
from tfedge_converters.graph.passes.constant_channels.intervals import Intervals, whole
from tfedge_converters.graph.passes.constant_channels.joins import joined
from tfedge_converters.graph.passes.constant_channels.weighted_operators import weighted_sum
from tfedge_converters.verify.engines import run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

RELU = schema.ActivationFunctionType.RELU
BYTES = np.arange(-128, 128)


def computed(operator, *samples):
    """What TFLite Micro makes of samples, one array a sample."""
    ends = [tensor for tensor in operator.inputs if tensor is not None and tensor.data is None]
    model = Model([Graph(ends, operator.outputs, [operator])])
    data = [[np.asarray(value, np.int8) for value in sample] for sample in samples]
    return [outputs[0].astype(int) for outputs in run_micro(write_model(model), data)]


def random_intervals(rng, channels):
    low, high = np.sort(rng.integers(-128, 128, (2, channels)), axis=0)
    return Intervals(low, high)


def assert_same(found, low, high):
    np.testing.assert_array_equal(found.low, low)
    np.testing.assert_array_equal(found.high, high)


@pytest.mark.parametrize("activation", [0, RELU])
def test_intervals_of_a_dense_layer_end_at_integers_that_it_computes(activation):
    """Thousands of channels, each with its scale: sums that lie halfway are among them."""
    b = Builder(np.random.default_rng(3))
    channels = 3000
    source = b.input((256, 1), Quantization.per_tensor(0.02, -7))
    weights = b.weights((channels, 1), 0, per_channel=True)
    bias = b.bias(source, weights)
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = activation
    grid = b.sums(source, weights, 4)
    b.output("FULLY_CONNECTED", [source, weights, bias], (256, channels), grid, options, 4)
    (operator,) = b.operators
    (results,) = computed(operator, [BYTES[:, None]])
    for low, high in [(-128, 127), (-90, -3), (5, 5), (17, 18)]:
        found = weighted_sum(operator).results(Intervals(np.array([low]), np.array([high])), 0)
        rows = results[low + 128 : high + 129]
        assert_same(found, rows.min(axis=0), rows.max(axis=0))
    assert found.constant.any()


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("stride, dilation", [(1, 1), (2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_intervals_of_windows_end_at_integers_that_some_position_has(
    code, padding, stride, dilation
):
    """Every position's extremes are fed to it: zero points outside, at most elsewhere."""
    b = Builder(np.random.default_rng([stride, dilation, padding]))
    depthwise = code == "DEPTHWISE_CONV_2D"
    kernel, size, channels = (3, 2), (6, 5), 40
    columns = channels if depthwise else 1
    source = b.input(
        (1, *size, columns), Quantization.per_tensor(0.02, int(b.rng.integers(-90, 90)))
    )
    shape = (1, *kernel, channels) if depthwise else (channels, *kernel, 1)
    weights = b.weights(shape, 3 if depthwise else 0, per_channel=True)
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.strideH = options.strideW = stride
    options.dilationHFactor = options.dilationWFactor = dilation
    options.padding = padding
    if depthwise:
        options.depthMultiplier = 1
    out = [extent(n, k, stride, dilation, padding) for n, k in zip(size, kernel, strict=True)]
    grid = b.sums(source, weights, 60)
    inputs = [source, weights, b.bias(source, weights)]
    b.output(code, inputs, (1, *out, channels), grid, options, 3)
    (operator,) = b.operators
    low, high = -100, 60
    found = weighted_sum(operator).results(
        Intervals(np.full(columns, low), np.full(columns, high)), 0
    )
    taps = weights.data[0] if depthwise else weights.data[..., 0].transpose(1, 2, 0)
    least, most = np.full(channels, 127), np.full(channels, -128)
    samples, places = [], []
    for position in np.ndindex(*out):
        for part in range(1 if depthwise else channels):
            rising = taps > 0 if depthwise else taps[..., part : part + 1] > 0
            for ends in ((low, high), (high, low)):
                image = np.full((1, *size, columns), low)
                _put(image[0], position, np.where(rising, ends[1], ends[0]), options, padding)
                samples.append([image])
                places.append((position, slice(None) if depthwise else slice(part, part + 1)))
    for result, (position, part) in zip(computed(operator, *samples), places, strict=True):
        values = result[0][position]
        least[part] = np.minimum(least[part], values[part])
        most[part] = np.maximum(most[part], values[part])
    assert_same(found, least, most)


def _put(image, position, values, options, padding):
    """Writes values where the taps of an output position lie, as far as they lie within."""
    for tap in np.ndindex(*values.shape[:2]):
        place = []
        for axis, kernel in enumerate(values.shape[:2]):
            size = image.shape[axis]
            reach = (kernel - 1) * options.dilationHFactor + 1
            out = extent(size, kernel, options.strideH, options.dilationHFactor, padding)
            before = (
                max((out - 1) * options.strideH + reach - size, 0) // 2 if padding == SAME else 0
            )
            place.append(
                position[axis] * options.strideH - before + tap[axis] * options.dilationHFactor
            )
        if all(0 <= at < size for at, size in zip(place, image.shape, strict=False)):
            image[tuple(place)] = values[tap]


@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
def test_intervals_of_two_operands_end_at_integers_that_a_pair_has(code):
    rng = np.random.default_rng(1)
    a, b = (Tensor(name, (256, 256), TensorType.INT8) for name in "ab")
    a.quantization, b.quantization = (
        Quantization.per_tensor(s, z) for s, z in [(0.02, 3), (0.05, -60)]
    )
    output = Tensor("y", (256, 256), TensorType.INT8, Quantization.per_tensor(0.07, -20))
    options = getattr(schema, f"{code.title()}OptionsT")()
    options.fusedActivationFunction = RELU
    operator = Operator(code, [a, b], [output], options, 2)
    (table,) = computed(operator, np.meshgrid(BYTES, BYTES, indexing="ij"))
    rows, columns = random_intervals(rng, 300), random_intervals(rng, 300)
    output.shape = (1, 300)
    found = joined(operator, [rows, columns], 0)
    boxes = [
        table[rows.low[i] + 128 : rows.high[i] + 129, columns.low[i] + 128 : columns.high[i] + 129]
        for i in range(300)
    ]
    assert_same(found, [box.min() for box in boxes], [box.max() for box in boxes])


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_intervals_of_a_concatenation_are_side_by_side_or_reach_from_one_to_another(axis):
    rng = np.random.default_rng(9)
    grid = Quantization.per_tensor(0.1, 4)
    a, b = (Tensor(name, (1, 2, 7), TensorType.INT8, grid) for name in "ab")
    shape = (1, 4, 7) if axis == 1 else (1, 2, 14)
    options = schema.ConcatenationOptionsT()
    options.axis = axis
    operator = Operator(
        "CONCATENATION", [a, b], [Tensor("y", shape, TensorType.INT8, grid)], options
    )
    left, right = random_intervals(rng, 7), random_intervals(rng, 7)
    sample = [np.stack([ends.low, ends.high])[None] for ends in (left, right)]
    rows = computed(operator, sample)[0][0]
    assert_same(joined(operator, [left, right], 0), rows.min(axis=0), rows.max(axis=0))


@pytest.mark.parametrize(
    "name",
    ["hard_swish", "leaky_relu", "logistic", "quantize_int8", "relu", "relu6", "tanh"],
)
def test_intervals_of_functions_end_at_integers_that_a_value_has(name):
    b = Builder(np.random.default_rng(5))
    OPERATORS[name](b)
    (operator,) = b.operators
    source, output = operator.inputs[0], operator.outputs[0]
    source.shape = output.shape = (1, 256)
    (table,) = computed(operator, [BYTES[None]])
    operand = random_intervals(b.rng, 256)
    found = channel_function(operator).results(operand, 0)
    parts = [table[0, operand.low[i] + 128 : operand.high[i] + 129] for i in range(256)]
    assert_same(found, [part.min() for part in parts], [part.max() for part in parts])


@pytest.mark.parametrize("code", ["MEAN", "AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_intervals_of_means_end_at_those_of_equal_values(code):
    b = Builder(np.random.default_rng(8))
    source = b.input((1, 3, 5, 256), Quantization.per_tensor(0.1, 9))
    grid = source.quantization
    if code == "MEAN":
        options, others = schema.ReducerOptionsT(), [b.constant(np.array([1, 2], np.int32))]
        options.keepDims, grid = True, Quantization.per_tensor(0.13, -4)
    else:
        options, others = schema.Pool2DOptionsT(), []
        options.filterHeight, options.filterWidth = 3, 5
        options.strideH = options.strideW = 1
        options.padding, options.fusedActivationFunction = VALID, RELU
    b.output(code, [source, *others], (1, 1, 1, 256), grid, options)
    (operator,) = b.operators
    (results,) = computed(operator, [np.broadcast_to(BYTES, source.shape)])
    operand = random_intervals(b.rng, 256)
    found = channel_function(operator).results(operand, 0)
    values = results.reshape(-1)
    assert_same(found, values[operand.low + 128], values[operand.high + 128])


def test_slack_takes_a_step_at_both_ends_where_nothing_saturates():
    b = Builder(np.random.default_rng(2))
    random_core.fully_connected(b)
    (operator,) = b.operators
    operator.options.fusedActivationFunction = 0
    reading = weighted_sum(operator)
    exact, wide = (reading.results(whole(reading.columns), slack) for slack in (0, 1))
    assert_same(wide, np.maximum(exact.low - 1, -128), np.minimum(exact.high + 1, 127))
