"""Learned rounding block by block: what a block is, its function and derivative, what it wins."""

from __future__ import annotations

import itertools

import keras
import keras_models
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from graph_parts import activation, constant, dense, model_of, plain
from keras import layers

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.graph import Operator, TensorType, WeightGrid, read_model
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.ptq import calibrate
from tfedge_converters.ptq.noise import noise
from tfedge_converters.ptq.quantized_copy import dequantized
from tfedge_converters.ptq.recovery import AdaRound, ClipSearch, steps
from tfedge_converters.ptq.recovery.block_function import BlockFunction
from tfedge_converters.ptq.recovery.gradients import RULES, Operation, has_rule
from tfedge_converters.ptq.recovery.linear_layers import linear_layers
from tfedge_converters.ptq.recovery.reconstruction_units import reconstruction_units
from tfedge_converters.ptq.recovery.session import Session, free_layers
from tfedge_converters.ptq.recovery.walk import Walk
from tfedge_converters.ptq.recovery.windows import Windows
from tfedge_converters.ptq.tensor_values import TensorValues

_FAST = {"iterations": 150, "rows": 1024, "batch": 128, "rate": 0.05}
_BLOCKS = AdaRound(unit="block", block_iterations=150, block_batch=8, **_FAST)
_INT4 = Scheme("int4", WeightScheme(bits=4))


def residual_net():
    """A chain, a block with a shortcut of stride 2, one with squeeze and excitation, and a head."""
    keras.utils.set_random_seed(3)
    x = image = keras.Input((12, 12, 3), batch_size=1)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", bias_initializer="normal")(x)
    y = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(x)
    y = layers.Conv2D(12, 3, padding="same", bias_initializer="normal")(y)
    x = layers.ReLU()(layers.Add()([layers.Conv2D(12, 1, strides=2)(x), y]))
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    s = layers.GlobalAveragePooling2D(keepdims=True)(y)
    s = layers.Conv2D(4, 1, activation="relu", bias_initializer="normal")(s)
    s = layers.Conv2D(12, 1, activation="sigmoid")(s)
    y = layers.Conv2D(12, 1)(layers.Multiply()([y, s]))
    x = layers.Add()([x, y])
    x = layers.Conv2D(8, 1)(layers.Activation("sigmoid")(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(5)(x))


@pytest.fixture(scope="module")
def network():
    """The flatbuffer of a float model, and samples."""
    samples = np.random.default_rng(5).normal(size=(48, 12, 12, 3)).astype(np.float32)
    return keras_models.to_float_tflite(residual_net()), samples


def _session(network, scheme):
    flatbuffer, samples = network
    model, rows = read_model(flatbuffer), [[sample[None]] for sample in samples]
    calibrate(model, rows, scheme=scheme)
    return Session(model, rows, scheme, progress=False)


def _blocks(model):
    return reconstruction_units(model.main, free_layers(model))


def _codes(block):
    return [operator.code for operator in block.operators]


def test_all_data_flow_passes_the_ends_of_a_block(network):
    """Chains are cut at every layer, residual additions and what scales channels are kept whole."""
    model = read_model(network[0])
    blocks = _blocks(model)
    assert [len(block.layers) for block in blocks] == [1, 3, 4, 1, 1]
    assert sorted(_codes(blocks[1])) == ["ADD", "CONV_2D", "CONV_2D", "CONV_2D"]
    assert {"DEPTHWISE_CONV_2D", "MEAN", "LOGISTIC", "MUL", "ADD"} <= set(_codes(blocks[2]))
    assert [block.is_single for block in blocks] == [True, False, False, True, True]
    for before, block in itertools.pairwise(blocks[:3]):
        assert block.sources == [before.result]
        assert block.result is block.operators[-1].outputs[0]
    found = [layer.operator for block in blocks for layer in block.layers]
    assert found == [layer.operator for layer in linear_layers(model.main)]


def _residual_graph(code="RELU", outputs=()):
    """dense, then x + dense(code(dense(x))), then dense; and its activations."""
    rng = np.random.default_rng(0)
    names = "x", "a", "b", "c", "d", "e", "f"
    x, a, b, c, d, e, f = tensors = [activation(name, (1, 4)) for name in names]

    def layer(source, result):
        bias = constant(f"{result.name}/b", rng.normal(size=4))
        return dense(source, constant(f"{result.name}/w", rng.normal(size=(4, 4))), bias, result)

    operators = [
        layer(x, a), layer(a, b), plain(code, [b], c), layer(c, d), plain("ADD", [a, d], e),
        layer(e, f),
    ]  # fmt: skip
    return model_of([x], [f, *(tensors[place] for place in outputs)], operators)


@pytest.mark.parametrize(
    "model, sizes",
    [
        (_residual_graph(), [1, 4, 1]),
        (_residual_graph("TANH"), [1, 1, 1, 1]),
        (_residual_graph(outputs=[2]), [1, 1, 1, 1]),
        # An end of a block may be an output, and read by others.
        (_residual_graph(outputs=[5]), [1, 4, 1]),
    ],
    ids=["plain", "operator without a derivative", "output inside", "output at its end"],
)
def test_layers_stand_alone_where_a_block_cannot_be_differentiated(model, sizes):
    assert [len(block.operators) for block in _blocks(model)] == sizes


def test_layers_that_training_put_on_a_grid_are_a_fixed_part_of_their_block():
    model = _residual_graph()
    inner = linear_layers(model.main)[2]
    inner.weights.trained_weights = WeightGrid(np.ones(1, np.float32), 4)
    block = _blocks(model)[1]
    assert [layer.operator for layer in block.fixed] == [inner.operator]
    assert len(block.layers) == 1


def _inputs(block, values):
    return {id(tensor): values.of(tensor) for tensor in block.sources}


def _weights(block):
    linear = (*block.layers, *block.fixed)
    return {id(layer.operator): layer.matrices(layer.weights.data) for layer in linear}


def test_a_block_computes_what_litert_does(network):
    flatbuffer, samples = network
    model = read_model(flatbuffer)
    values = TensorValues(model.main, {id(model.main.inputs[0]): samples[:4, None]})
    for block in _blocks(model):
        function = BlockFunction(model.main, block)
        run = function.run(_inputs(block, values), _weights(block))
        np.testing.assert_allclose(function.result(run), values.of(block.result), atol=1e-5)


def test_the_slopes_of_a_blocks_weights_are_differences(network):
    flatbuffer, samples = network
    model = read_model(flatbuffer)
    values = TensorValues(model.main, {id(model.main.inputs[0]): samples[:2, None]})
    rng = np.random.default_rng(0)
    for block in _blocks(model)[1:3]:
        function = BlockFunction(model.main, block)
        sources = {key: x.astype(np.float64) for key, x in _inputs(block, values).items()}
        weights = {key: w.astype(np.float64) for key, w in _weights(block).items()}
        run = function.run(sources, weights)
        gradient = rng.normal(size=function.result(run).shape)
        slopes = function.slopes(run, gradient)
        assert slopes.keys() == weights.keys()
        for key, slope in slopes.items():
            way = rng.normal(size=slope.shape)
            ends = [
                function.result(function.run(sources, {**weights, key: weights[key] + step * way}))
                for step in (1e-7, -1e-7)
            ]
            found = ((ends[0] - ends[1]) * gradient).sum() / 2e-7
            np.testing.assert_allclose((slope * way).sum(), found, rtol=1e-4, atol=1e-5)


def _operation(code):
    """An operation of each rule, with odd sizes and broadcast operands where it has some."""
    x, small = activation("x", (1, 5, 6, 3)), activation("s", (1, 1, 1, 3))
    integers = {
        "MEAN": [constant("axes", [1, -2], np.int32)],
        "PAD": [constant("pad", [[0, 0], [1, 2], [0, 1], [0, 0]], np.int32)],
        "RESHAPE": [constant("shape", [1, 90], np.int32)],
    }.get(code, [])
    shape = {
        "AVERAGE_POOL_2D": (1, 3, 3, 3),
        "MEAN": (1, 3),
        "PAD": (1, 8, 7, 3),
        "RESHAPE": (1, 90),
    }.get(code, x.shape)
    sources = [x, small] if RULES[code].operands == 2 else [x]
    operator = plain(code, [*sources, *integers], activation("y", shape))
    if code == "AVERAGE_POOL_2D":
        operator.options = options = schema.Pool2DOptionsT()
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, 2, 2
        options.filterHeight, options.filterWidth = 3, 2
    graph = model_of(sources, operator.outputs, [operator]).main
    assert has_rule(graph, operator)
    return graph, Operation(operator, options_of(graph, operator))


@pytest.mark.parametrize("code", RULES)
def test_every_rule_is_litert_and_its_own_derivative(code):
    graph, operation = _operation(code)
    rule, rng = RULES[code], np.random.default_rng(1)
    operands = [rng.normal(0, 3, (4, *tensor.shape)) for tensor in graph.inputs]
    single = {
        id(tensor): values.astype(np.float32)
        for tensor, values in zip(graph.inputs, operands, strict=True)
    }
    found = rule.forward(operation, operands)
    wanted = TensorValues(graph, single).of(graph.outputs[0])
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    gradient = rng.normal(size=found.shape)
    slopes = rule.backward(operation, operands, gradient)
    for index, slope in enumerate(slopes):
        assert slope.shape == operands[index].shape
        way = rng.normal(size=slope.shape)
        ends = []
        for step in (1e-7, -1e-7):
            moved = [*operands]
            moved[index] = operands[index] + step * way
            ends.append(rule.forward(operation, moved))
        difference = ((ends[0] - ends[1]) * gradient).sum() / 2e-7
        np.testing.assert_allclose((slope * way).sum(), difference, rtol=1e-4, atol=1e-5)


def test_operands_of_fewer_dimensions_and_constants_are_broadcast():
    x, y = activation("x", (1, 2, 3, 4)), activation("y", (1, 2, 3, 4))
    factor = constant("c", np.arange(1, 5))
    graph = model_of([x], [y], [plain("MUL", [x, factor], y)]).main
    (operator,) = graph.operators
    operation = Operation(operator, options_of(graph, operator))
    values = np.random.default_rng(0).normal(size=(5, *x.shape))
    operands = [values, factor.data[np.newaxis]]
    found = RULES["MUL"].forward(operation, operands)
    np.testing.assert_allclose(found, values * factor.data)
    slopes = RULES["MUL"].backward(operation, operands, np.ones_like(found))
    np.testing.assert_allclose(slopes[1], values.sum(axis=(0, 1, 2, 3))[np.newaxis])


def test_operators_that_no_rule_has_are_refused():
    x, y = activation("x", (1, 4)), activation("y", (1, 4))
    graph = model_of([x], [y], [plain("ADD", [x, x], y)]).main
    (operator,) = graph.operators
    assert has_rule(graph, operator)
    operator.options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    assert not has_rule(graph, operator)
    assert not has_rule(graph, plain("SOFTMAX", [x], y))
    variable = activation("axes", (1,), type_=TensorType.INT32)
    assert not has_rule(graph, Operator("MEAN", [x, variable], [y], schema.ReducerOptionsT()))


@pytest.mark.parametrize(
    "windows",
    [
        Windows((7, 6), (4, 3), (3, 2), (2, 2), (1, 1), (1, 0)),
        Windows((8, 8), (4, 6), (3, 2), (1, 1), (2, 2), (0, 0)),
        Windows((5, 5), (2, 2), (1, 1), (3, 3), (1, 1), (0, 0)),
    ],
)
def test_spreading_windows_is_the_transpose_of_cutting_them(windows):
    """<windows of x, y> = <x, y spread>."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *windows.image, 3))
    cut = windows.of(x)
    y = rng.normal(size=cut.shape)
    np.testing.assert_allclose((cut * y).sum(), (x * windows.spread(y)).sum())


def test_spreading_rows_is_the_transpose_for_every_kind_of_layer():
    """Convolutions, depthwise, in groups, dilated, and dense ones."""
    keras.utils.set_random_seed(1)
    image = x = keras.Input((9, 8, 4), batch_size=1)
    x = layers.Conv2D(6, (3, 2), strides=2, padding="same")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    x = layers.Conv2D(6, 2, dilation_rate=2)(x)
    x = layers.Conv2D(4, 1, groups=2)(x)
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))
    found = linear_layers(read_model(keras_models.to_float_tflite(model)).main)
    assert len(found) == 5
    rng = np.random.default_rng(0)
    for layer in found:
        values = rng.normal(size=(2, *layer.source.shape))
        rows = layer.rows(values)
        other = rng.normal(size=rows.shape)
        product = (values * layer.spread(other)).sum()
        np.testing.assert_allclose((rows * other).sum(), product, err_msg=layer.name)
        results = rng.normal(size=(2, *layer.result.shape))
        np.testing.assert_array_equal(layer.values(layer.results(results)), results)


def _noise_of_blocks(session, samples):
    """At the results of blocks of several layers, then at the output, of the integer model."""
    source, quantized_copy = session.model.main.inputs[0], session.quantized_copy()
    original = session.reference.main
    real = TensorValues(original, {id(original.inputs[0]): samples[:, None]})
    found = quantized_copy.activations({id(source): (source, samples[:, None])})
    makers = [b.operators[-1] for b in reconstruction_units(session.model.main, session.layers)]
    return [
        noise(
            real.of(session.original(operator).outputs[0]),
            dequantized(quantized_copy.tensor(result), found.of(quantized_copy.tensor(result))),
        )
        for operator in makers[1:3] + makers[-1:]
        for result in operator.outputs
    ]


def test_blocks_win_back_more_than_layers(network):
    """With weights of 4 bits, on samples that calibration has not seen."""
    fresh = np.random.default_rng(6).normal(size=(64, 12, 12, 3)).astype(np.float32)
    found = []
    for step in (None, AdaRound(**_FAST), _BLOCKS):
        session = _session(network, _INT4)
        if step is not None:
            step.apply(session)
        found.append(_noise_of_blocks(session, fresh))
    plain_rounding, by_layers, by_blocks = np.array(found)
    assert (by_blocks[:2] < 0.9 * by_layers[:2]).all(), found
    assert (by_blocks[:2] < 0.8 * plain_rounding[:2]).all(), found
    assert by_blocks[2] < 0.3 * plain_rounding[2], found


def test_integers_that_blocks_learned_reach_the_file(network):
    """They are not those that the layers have learned by themselves, and the same every time."""
    layerwise, session, again = (_session(network, _INT4) for _ in range(3))
    AdaRound(**_FAST).apply(layerwise)
    for blocks in (session, again):
        ClipSearch().apply(blocks)
        _BLOCKS.apply(blocks)
    quantized_copy, other = session.quantized_copy(), layerwise.quantized_copy()
    moved = 0
    for layer, plain_layer, same in zip(
        session.layers, layerwise.layers, again.layers, strict=True
    ):
        tensor = quantized_copy.operand(layer.operator, 1)
        scale = layer.by_channel(layer.weights.trained_weights.scale)
        learned = np.rint(layer.matrices(layer.weights.data) / scale)
        assert tensor.type == TensorType.INT4
        np.testing.assert_array_equal(layer.matrices(tensor.data), learned)
        np.testing.assert_array_equal(same.weights.data, layer.weights.data)
        moved += np.count_nonzero(tensor.data != other.operand(plain_layer.operator, 1).data)
    assert moved > 50


def test_a_block_learns_from_what_the_blocks_before_have_become(network, monkeypatch):
    """What entered each block while it learned is what enters it in the finished model."""
    compared, compare_block = [], Walk.compare_block

    def recorded(walk, block):
        compared.append(compare_block(walk, block))
        return compared[-1]

    monkeypatch.setattr(Walk, "compare_block", recorded)
    session = _session(network, _INT4)
    _BLOCKS.apply(session)
    source, quantized_copy = session.model.main.inputs[0], session.quantized_copy()
    values = quantized_copy.activations({id(source): (source, network[1][:, None])})
    assert len(compared) == 2
    for comparison in compared:
        for tensor in comparison.block.sources:
            found = dequantized(
                quantized_copy.tensor(tensor), values.of(quantized_copy.tensor(tensor))
            )
            np.testing.assert_array_equal(comparison.sources[id(tensor)], found)


def test_weights_that_training_put_on_a_grid_stay(network):
    flatbuffer, samples = network
    model = read_model(flatbuffer)
    layer = linear_layers(model.main)[2]
    layer.weights.trained_weights = WeightGrid(np.full(layer.channels, 0.11, np.float32), 4)
    wanted = np.rint(layer.weights.data / 0.11).clip(-7, 7)
    rows = [[sample[None]] for sample in samples]
    calibrate(model, rows, scheme="int4")
    session = Session(model, rows, _INT4, progress=False)
    _BLOCKS.apply(session)
    np.testing.assert_array_equal(session.quantized_copy().operand(layer.operator, 1).data, wanted)


def test_blocks_can_be_asked_for_by_name():
    assert steps(["bias_correction", "block_adaround"])[0] == AdaRound(unit="block")
    with pytest.raises(TfedgeError, match="each step once"):
        steps(["adaround", "block_adaround"])
    with pytest.raises(TfedgeError, match="unit is 'layer' or 'block', not 'net'"):
        AdaRound(unit="net")
