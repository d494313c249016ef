"""What is taken out of a model changes no output, and what could change one stays."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from constant_channel_networks import Network, random_networks
from random_builder import SAME, VALID, Builder
from random_graphs import random_sample

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import Quantization, Signature, write_model
from tfedge_converters.graph.passes.constant_channels import fold_constant_channels
from tfedge_converters.graph.passes.constant_channels.zero_blocks import has_zero_blocks
from tfedge_converters.verify.engines import run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

NONE, RELU = schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU


def samples_of(model, count, seed=0):
    rng = np.random.default_rng(seed)
    return [random_sample(model, rng) for _ in range(count)]


def differing(expected, found):
    return sum(
        int((a != b).sum())
        for before, after in zip(expected, found, strict=True)
        for a, b in zip(before, after, strict=True)
    )


@pytest.mark.parametrize("seed, multiple_of", [(0, 1), (1, 1), (2, 4), (3, 1)])
def test_random_networks_compute_the_same_with_fewer_channels(seed, multiple_of, tmp_path):
    model = random_networks(seed, 6 if seed == 0 else 12)
    samples = samples_of(model, 40)
    shapes = [tensor.shape for tensor in model.main.outputs]
    right = run_micro(write_model(model), samples)
    folding = fold_constant_channels(model, multiple_of=multiple_of)
    before, after = folding.multiplications
    assert after < 0.9 * before
    assert [tensor.shape for tensor in model.main.outputs] == shapes
    assert differing(right, run_micro(write_model(model), samples)) == 0
    assert not fold_constant_channels(model, multiple_of=multiple_of).changed
    if seed == 0:
        source = generate(model, Options("model", targets.load("host"), "size"))
        program = build_host(source.write(tmp_path), sanitize=True, flags=["-O0"])
        assert differing(right, program.run(samples)) == 0


class Chain(Network):
    """Convolutions whose channels are planted one by one, behind an input of one channel."""

    def __init__(self, seed=4):
        super().__init__(Builder(np.random.default_rng(seed)), channels=1)

    def planted(self, values, activation=NONE, zero_point=-20):
        """A 1x1 convolution to these integers; None for a channel that moves."""
        channels = len(values)
        weights = self.b.weights((channels, 1, 1, 1), 0, per_channel=False)
        weights.quantization = Quantization.per_tensor(0.01, 0)
        bias = self.b.bias(self.x, weights, channels)
        unit = 1000  # of sums, one step of the result
        scale = float(self.x.quantization.scale[0]) * 0.01 * unit
        for channel, value in enumerate(values):
            weights.data[channel] = 40 if value is None else 0
            bias.data[channel] = 0 if value is None else (value - zero_point) * unit
        grid = Quantization.per_tensor(scale, zero_point)
        self._convolved("CONV_2D", weights, bias, channels, grid, VALID, activation)
        return self.b.operators[-1]

    def window(self, code, padding, channels):
        """A 3x3 convolution of random weights without an activation."""
        depth = self.x.shape[3]
        by_channel = code == "DEPTHWISE_CONV_2D"
        shape = (1, 3, 3, channels) if by_channel else (channels, 3, 3, depth)
        weights = self.b.weights(shape, 3 if by_channel else 0, per_channel=True)
        bias = self.b.bias(self.x, weights)
        grid = self.b.sums(self.x, weights, 9 * (1 if by_channel else depth))
        self._convolved(code, weights, bias, channels, grid, padding, NONE)
        return self.b.operators[-1]

    def folded(self, **options):
        """The model without what cannot change it, after checking that nothing does."""
        self.end()
        model = self.b.model()
        samples = samples_of(model, 20)
        right = run_micro(write_model(model), samples)
        folding = fold_constant_channels(model, **options)
        assert differing(right, run_micro(write_model(model), samples)) == 0
        return folding

    def _convolved(self, code, weights, bias, channels, grid, padding, activation):
        by_channel = code == "DEPTHWISE_CONV_2D"
        options = schema.DepthwiseConv2DOptionsT() if by_channel else schema.Conv2DOptionsT()
        if by_channel:
            options.depthMultiplier = 1
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
        options.padding, options.fusedActivationFunction = padding, activation
        size = [n if padding == SAME else n - weights.shape[1] + 1 for n in self.x.shape[1:3]]
        inputs = [self.x, weights, bias]
        self.made(code, inputs, (1, *size, channels), grid, options, 3)


def channels_left(folding):
    return [layer.channels[1] for layer in folding.layers]


@pytest.mark.parametrize(
    "padding, value, left",
    [(VALID, 50, 2), (SAME, 50, 3), (SAME, -20, 2)],
    ids=["no padding", "padding with another integer", "padding with the same"],
)
def test_a_constant_is_folded_unless_padding_breaks_it_at_borders(padding, value, left):
    chain = Chain()
    chain.planted([None, value, None])
    chain.window("CONV_2D", padding, 4)
    assert channels_left(chain.folded()) == [left, 4]


def test_a_constant_that_differs_from_what_is_padded_around_it_stays():
    chain = Chain()
    chain.planted([None, 50, -20])
    chain.pad()
    chain.window("CONV_2D", VALID, 4)
    assert channels_left(chain.folded()) == [2, 4]


def test_columns_that_mix_channels_can_be_what_any_of_them_can():
    """A dense layer on pairs of values, of three channels by turns, that reads the second ones."""
    chain = Chain()
    chain.planted([None, 50, None])
    weights = chain.b.weights((4, 2), 0, per_channel=False)
    weights.data[:, 0] = 0
    pairs = chain.x.elements // 2
    grid = chain.b.sums(chain.x, weights, 2)
    options = schema.FullyConnectedOptionsT()
    chain.made("FULLY_CONNECTED", [chain.x, weights, None], (pairs, 4), grid, options, 4)
    weights = chain.b.weights((2, 4), 0, per_channel=False)
    grid = chain.b.sums(chain.x, weights, 4)
    options = schema.FullyConnectedOptionsT()
    chain.made("FULLY_CONNECTED", [chain.x, weights, None], (pairs, 2), grid, options, 4)
    assert channels_left(chain.folded()) == [3, 4, 2]


def test_a_window_of_equal_sums_at_every_border_takes_any_constant():
    chain = Chain()
    chain.planted([None, 50, None])
    weights = chain.window("CONV_2D", SAME, 4).inputs[1]
    weights.data[..., 1] = 0
    weights.data[:, 1, 1, 1] = [3, 0, -5, 9]  # the middle lies within everywhere
    assert channels_left(chain.folded()) == [2, 4]


def test_a_channel_that_moves_goes_if_nobody_reads_it():
    chain = Chain()
    chain.planted([None, None, None])
    chain.window("CONV_2D", SAME, 4).inputs[1].data[..., 1] = 0
    assert channels_left(chain.folded()) == [2, 4]


def test_a_constant_that_differs_at_borders_behind_a_depthwise_layer_stays():
    chain = Chain()
    chain.planted([None, 50, -20])
    chain.window("DEPTHWISE_CONV_2D", SAME, 3)
    chain.conv(4, NONE, kernel=1)
    assert channels_left(chain.folded()) == [2, 2, 4]


def test_what_residual_sums_and_outputs_read_stays():
    chain = Chain()
    chain.planted([None, 50, -20, None])
    chain.residual()
    assert channels_left(chain.folded()) == [4, 4]
    chain = Chain()
    chain.planted([None, 50])
    chain.end()
    chain.conv(3, NONE, kernel=1)
    assert channels_left(chain.folded()) == [2, 3]


def test_a_signature_needs_its_outputs():
    chain = Chain()
    chain.planted([None, 50])
    inner = chain.x
    chain.conv(3, NONE, kernel=1)
    chain.end()
    model = chain.b.model()
    ends = {"x": model.main.inputs[0]}, {"inner": inner}
    model.signatures = [Signature("serving_default", *ends, model.main)]
    assert not fold_constant_channels(model).changed


def test_all_readers_of_a_channel_have_to_do_without_it():
    chain = Chain()
    chain.planted([None, 50, -20])
    shared = chain.x
    chain.window("CONV_2D", SAME, 2)
    chain.end()
    chain.x = shared
    chain.window("CONV_2D", VALID, 2)
    assert channels_left(chain.folded()) == [2, 2, 2]


def test_so_many_channels_stay_that_they_are_a_multiple():
    values = [None, None, -20, -20, None, -20, -20, -20, -20]
    left = []
    for multiple_of in (1, 2, 4, 8, 16):
        chain = Chain()
        chain.planted(values)
        chain.window("CONV_2D", SAME, 4)
        left.append(channels_left(chain.folded(multiple_of=multiple_of))[0])
    assert left == [3, 4, 4, 8, 9]


@pytest.mark.parametrize(
    "planted, together, left",
    [
        ([None, 50, None, None, 50, 50, 50, 50], True, 4),
        ([None, 50, None, None, 50, 50, 50, 50], False, 3),
        ([None, 50, None, None, 50, 50], True, 6),
    ],
    ids=["whole blocks", "zeros one by one", "a block that is shorter"],
)
def test_channels_that_are_read_in_blocks_of_zeros_go_in_blocks(planted, together, left):
    chain = Chain()
    chain.planted(planted)
    chain.function()
    window = chain.window("CONV_2D", VALID, 8)
    weights = window.inputs[1].data
    weights[weights == 0] = 1
    if together:
        weights[::2, ..., :4] = 0
        weights[1::2, :2, :, 4:] = 0
    else:
        weights[..., ::2] = 0
        weights[::2, ..., 2] = weights[::2, ..., 0] = 9
    folding = chain.folded()
    assert channels_left(folding) == [left, 8]


@pytest.mark.parametrize("columns", [4, 6, 16])
def test_zeros_in_blocks_are_told_from_others(columns):
    rng = np.random.default_rng(columns)
    weights = rng.integers(1, 8, (12, 9, columns))
    blocks = np.repeat(rng.random((12, 9, -(-columns // 4))) < 0.25, 4, axis=2)[..., :columns]
    assert has_zero_blocks(weights * blocks)
    assert has_zero_blocks(weights * blocks * (rng.random(weights.shape) < 0.85))
    assert not has_zero_blocks(weights * (rng.random(weights.shape) < 0.25))
    assert not has_zero_blocks(weights)
    assert not has_zero_blocks(0 * weights)
    assert not has_zero_blocks(weights * (np.arange(12) < 4)[:, None, None])
    assert not has_zero_blocks(weights * (np.arange(columns) < 4))
    assert not has_zero_blocks((weights * blocks)[..., :3])


def test_one_channel_stays_of_a_layer_that_is_all_constant():
    chain = Chain()
    chain.planted([50, -20, 7])
    chain.conv(3, NONE, kernel=1)
    assert channels_left(chain.folded())[0] == 1


def test_a_layer_without_biases_gets_them_for_what_is_folded():
    chain = Chain()
    chain.planted([None, 50, None])
    reader = chain.window("CONV_2D", VALID, 4)
    reader.inputs[2] = None
    chain.conv(2, NONE, kernel=1)
    chain.b.operators[-1].inputs[1].data[..., 1] = 0
    assert channels_left(chain.folded()) == [2, 3, 2]
    weights, bias = reader.inputs[1:]
    assert bias.data.any()
    scales = reader.inputs[0].quantization.scale * weights.quantization.scale
    np.testing.assert_array_equal(bias.quantization.scale, scales)


def test_layers_that_share_weights_lose_what_is_theirs_alone():
    chain = Chain()
    chain.planted([None, 50, None])
    source = chain.x
    first = chain.window("CONV_2D", VALID, 3)
    chain.end()
    chain.x = source
    second = chain.window("CONV_2D", VALID, 3)
    second.inputs[1:] = first.inputs[1:]
    chain.conv(2, NONE, kernel=1)
    weights = first.inputs[1]
    chain.folded()
    assert weights.shape == (3, 3, 3, 3)
    assert first.inputs[1].shape == (3, 3, 3, 2)


@pytest.mark.parametrize(
    "bias, multiplier, left",
    [(1 << 27, 0.1, 2), ((1 << 31) - 1, 0.1, 3), (1 << 27, 7.0, 2), (1 << 29, 7.0, 3)],
    ids=["within", "by itself", "within when shifted", "when shifted"],
)
def test_sums_that_may_leave_32_bits_are_left_alone(bias, multiplier, left):
    chain = Chain()
    chain.planted([None, 50, None])
    source = chain.x.quantization.scale[0]
    reader = chain.window("CONV_2D", VALID, 4)
    scales = reader.inputs[1].quantization.scale
    chain.x.quantization = Quantization.per_tensor(source * float(scales.max()) / multiplier, 0)
    reader.inputs[2].data[np.argmax(scales)] = bias
    chain.end()
    assert channels_left(fold_constant_channels(chain.b.model())) == [left, 4]


def test_other_types_and_operators_stay_as_they_are():
    chain = Chain()
    operator = chain.planted([None, 50, None])
    chain.window("CONV_2D", VALID, 4)
    chain.end()
    operator.uint8_semantics = True
    assert not fold_constant_channels(chain.b.model()).changed


def test_an_interpreter_that_rounds_otherwise_keeps_what_hangs_on_rounding():
    """Behind a ReLU, -20 is what sums far below 0 become, and 50 what rounding makes of it."""
    left = {}
    for slack in (0, 1):
        chain = Chain()
        chain.planted([None, 50, -120, None], RELU)
        chain.window("CONV_2D", VALID, 4)
        left[slack] = channels_left(chain.folded(slack=slack))
    assert left == {0: [2, 4], 1: [3, 4]}


def test_the_report_says_what_became_of_which_layer():
    chain = Chain()
    chain.planted([None, 50, None])
    chain.window("CONV_2D", VALID, 4)
    chain.x.name = "scores"
    folding = chain.folded()
    title, row = folding.lines()
    assert "of the multiplications cannot change an output" in title
    assert row.split() == ["CONV_2D", "3", "->", "2", "output_0"]
    before, after = folding.multiplications
    assert before > after
    assert not fold_constant_channels(chain.b.model()).lines()
