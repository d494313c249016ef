"""Weights that training put on a grid arrive on exactly that grid."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from tfedge.errors import ModelFileError, TfedgeError
from tfedge.markers import mark_range, mark_weights
from tfedge_converters.export import export_keras
from tfedge_converters.graph import Range, TensorType, read_model, write_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.range_markers import consume_range_markers
from tfedge_converters.graph.passes.weight_markers import consume_weight_markers
from tfedge_converters.ptq import calibrate, quantize

RNG = np.random.default_rng(5)


class Marked(layers.Wrapper):
    """Marks what a layer returns, with scales for its output channels."""

    def __init__(self, layer, scales, bits, spread=None, **kwargs):
        super().__init__(layer, **kwargs)
        self.scales, self.bits, self.spread = np.asarray(scales, np.float32), bits, spread

    def build(self, shape):
        super().build(shape)
        self.grid = self.add_weight(shape=self.scales.shape, trainable=False)
        self.grid.assign(self.scales)
        for variable in self.layer.trainable_weights:
            values = RNG.normal(0, 0.2, variable.shape)
            np.put(values, [0, -1], [9, -9])  # beyond the largest integer
            variable.assign(values)

    def call(self, x):
        y = mark_weights(self.layer(x), self.grid, self.bits)
        return y if self.spread is None else mark_range(y, -self.spread, self.spread)


def _scales(count, bits=8):
    return RNG.uniform(0.5, 1.5, count) * 0.6 / (2 ** (bits - 1) - 1)


# Name: layer, input shape, channels, the kernel as TFLite orders it.
LAYERS = {
    "conv": (
        lambda: layers.Conv2D(6, 3, activation="relu"),
        (8, 8, 4), 6, lambda k: k.transpose(3, 0, 1, 2),
    ),
    "dilated conv": (
        lambda: layers.Conv2D(6, 3, dilation_rate=2, activation="relu"),
        (8, 8, 4), 6, lambda k: k.transpose(3, 0, 1, 2),
    ),
    "grouped conv": (
        lambda: layers.Conv2D(6, 3, groups=2, activation="swish"),
        (8, 8, 4), 6, lambda k: k.transpose(3, 0, 1, 2),
    ),
    "depthwise": (
        lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"),
        (8, 8, 3), 6, lambda k: k.reshape(1, 3, 3, 6),
    ),
    "dense": (lambda: layers.Dense(5, activation="relu"), (7,), 5, lambda k: k.T),
    "dense of rank 3": (lambda: layers.Dense(5, activation="gelu"), (3, 7), 5, lambda k: k.T),
    "conv 1d": (
        lambda: layers.Conv1D(5, 3, activation="relu"),
        (9, 7), 5, lambda k: k.transpose(2, 0, 1)[:, None],
    ),
    "causal conv 1d": (
        lambda: layers.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="tanh"),
        (9, 7), 5, lambda k: k.transpose(2, 0, 1)[:, None],
    ),
    "transposed conv": (
        lambda: layers.Conv2DTranspose(5, 3, strides=2, activation="relu"),
        (4, 4, 3), 5, lambda k: k.transpose(2, 0, 1, 3),
    ),
}  # fmt: skip


def _consumed(network):
    model = read_model(export_keras(network))
    consume_weight_markers(model)
    consume_range_markers(model)
    pipeline.run(model)
    return model


def _quantized(network):
    model = _consumed(network)
    shapes = [(4, *x.shape[1:]) for x in network.inputs]
    calibrate(model, [RNG.normal(size=shape).astype(np.float32) for shape in shapes])
    quantize(model)
    return read_model(write_model(model))


def _filters(model):
    return [
        tensor
        for tensor in model.main.tensors()
        if tensor.is_constant and tensor.type in (TensorType.INT8, TensorType.INT4)
    ]


@pytest.mark.parametrize("bits", [8, 4, 3])
@pytest.mark.parametrize("name", LAYERS)
def test_integers_and_scales_are_those_of_training(name, bits):
    make, shape, channels, ordered = LAYERS[name]
    layer, scales = make(), _scales(channels, bits).astype(np.float32)
    x = keras.Input(shape)
    (weights,) = _filters(_quantized(keras.Model(x, Marked(layer, scales, bits)(x))))
    kernel = ordered(layer.get_weights()[0])
    assert weights.quantization.scale.tobytes() == scales.tobytes()
    steps = [1] * kernel.ndim
    steps[weights.quantization.axis] = channels
    limit = 2 ** (bits - 1) - 1
    expected = np.clip(np.round(kernel / scales.reshape(steps)), -limit, limit)
    np.testing.assert_array_equal(weights.data, expected)
    assert expected.max() == limit == -expected.min()
    packed = bits <= 4 and name != "transposed conv"
    assert weights.type == (TensorType.INT4 if packed else TensorType.INT8)


def test_layers_of_different_widths_keep_their_own():
    x = keras.Input((8, 8, 3))
    y = Marked(layers.Conv2D(4, 3, activation="relu"), _scales(4), 8, spread=2.0)(x)
    y = Marked(layers.Conv2D(4, 3, activation="relu"), _scales(4, 4), 4, spread=3.0)(y)
    y = layers.Conv2D(4, 1, bias_initializer="normal")(y)
    model = _consumed(keras.Model(x, y))
    grids = [item.inputs[1].trained_weights for item in model.main.operators]
    assert [None if grid is None else grid.bits for grid in grids] == [8, 4, None]
    ranges = [item.outputs[0].range for item in model.main.operators]
    assert ranges == [Range(-2.0, 2.0), Range(-3.0, 3.0), None]


def test_equal_kernels_may_have_different_grids():
    inputs = [keras.Input((6,)), keras.Input((6,))]
    twins = [layers.Dense(3), layers.Dense(3)]
    marked = [
        Marked(twin, np.full(3, scale), 8) for twin, scale in zip(twins, (0.5, 0.25), strict=True)
    ]
    network = keras.Model(inputs, [twin(x) for twin, x in zip(marked, inputs, strict=True)])
    for twin in twins:
        twin.set_weights([np.ones((6, 3)), np.zeros(3)])
    filters = _filters(_quantized(network))
    assert sorted(float(item.quantization.scale[0]) for item in filters) == [0.25, 0.5]


def test_one_scale_for_all_channels():
    x = keras.Input((6,))
    (weights,) = _filters(_quantized(keras.Model(x, Marked(layers.Dense(3), [0.01], 8)(x))))
    assert weights.quantization.scale.tolist() == [np.float32(0.01)]


def test_an_output_keeps_its_name():
    x = keras.Input((6,))
    model = _consumed(keras.Model(x, Marked(layers.Dense(3), [0.01], 8, name="logits")(x)))
    assert model.main.outputs[0].name == "logits"
    assert model.signatures[0].outputs == {"logits": model.main.outputs[0]}


def test_a_channel_of_zeros_makes_room_for_its_bias():
    layer = layers.Dense(3)
    scales = np.array([1e-9, 0.01, 0.01], np.float32)
    x = keras.Input((6,))
    network = keras.Model(x, Marked(layer, scales, 8)(x))
    kernel = RNG.normal(0, 0.2, (6, 3))
    kernel[:, 0] = 0
    layer.set_weights([kernel, np.array([100.0, 0.1, 0.1])])
    (weights,) = _filters(_quantized(network))
    assert weights.quantization.scale[0] > scales[0]
    assert weights.quantization.scale[1:].tobytes() == scales[1:].tobytes()
    assert not weights.data[0].any()


def test_a_bias_that_overflows_is_refused_and_changes_no_scale():
    layer = layers.Dense(3)
    x = keras.Input((6,))
    network = keras.Model(x, Marked(layer, [0.01, 1e-9, 0.01], 8)(x))
    layer.set_weights([RNG.normal(0, 0.2, (6, 3)), np.array([0.1, 100.0, 0.1])])
    with pytest.raises(TfedgeError, match=r"biases of 1 channels \(the first is 1\) overflow"):
        _quantized(network)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda x: Marked(Marked(layers.Dense(4), [0.5], 8), [0.25], 8)(x),
            "is marked with other scales",
        ),
        (lambda x: Marked(layers.ReLU(), [1.0], 8)(x), "marks what 0 operators"),
        (
            lambda x: Marked(layers.Add(), [1.0], 8)([layers.Dense(4)(x), layers.Dense(4)(x)]),
            "marks what 2 operators",
        ),
        (lambda x: Marked(layers.Dense(4), [1.0] * 3, 8)(x), "has 3 scales, but .* 4 output"),
        (lambda x: Marked(layers.Dense(4), [1.0] * 4, 9)(x), "2 to 8 bits, not 9"),
        (lambda x: Marked(layers.Dense(4), [0.0] * 4, 8)(x), "finite and above 0"),
        (lambda x: Marked(layers.Dense(4), [np.nan] * 4, 8)(x), "finite|NaN"),
    ],
)
def test_marks_that_make_no_sense_are_refused(make, message):
    x = keras.Input((5,))
    with pytest.raises((ModelFileError, TfedgeError), match=message):
        _consumed(keras.Model(x, make(x)))


def test_nothing_is_emitted_outside_an_export():
    y = np.ones((1, 3), np.float32)
    assert mark_weights(y, np.ones(3), 8) is y
