"""The blocks that kernels in C leave out, named for their core, from training to the file."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from bright_quarters import CLASSES, compiled, images_and_labels
from pruning_cases import decay, fit

import tfedge
from tfedge.callbacks import Pruning, QuantizationAwareTraining
from tfedge.errors import TfedgeError
from tfedge.pruning import Blocks, InputBlocks, kernels, named_patterns
from tfedge_converters.graph import read_model

layers = keras.layers
SHAPE = (8, 8, 3)
# Names of layers with how many inputs they have side by side; the others stay dense.
CUT = {"odd": 6, "even": 8, "wide": 18, "scores": 32}
DENSE = ("first", "depthwise")


def net():
    """A net of which no kernel but one has rows of whole blocks."""
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="first")(x)
    x = layers.DepthwiseConv2D(5, padding="same", name="depthwise")(x)
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="odd")(x)
    x = layers.Conv2D(18, (1, 3), activation="relu", name="even")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(32, activation="relu", name="wide")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, name="scores")(x))


def blocks_of(rows, inputs):
    """Of TFLite's weights (outputs, reduction), the share of blocks with a weight.

    And that of the weights of such blocks that are not 0. Blocks are cut as a kernel walks them:
    four inputs of a tap at a time, the last ones fewer.
    """
    taps = (rows != 0).reshape(len(rows), -1, inputs)
    cut = [taps[:, :, start : start + 4] for start in range(0, inputs, 4)]
    alive = np.concatenate([part.any(axis=2) for part in cut], axis=None)
    full = np.concatenate([part[part.any(axis=2)] for part in cut], axis=None)
    return alive.mean(), full.mean()


def assert_whole_blocks(rows, inputs):
    alive, full = blocks_of(rows, inputs)
    assert abs(alive - 0.25) < 0.02
    assert full == 1


def rows_of(model, name):
    kernel = model.get_layer(name).kernel.numpy()
    return kernel.reshape(-1, kernel.shape[-1]).T


def test_blocks_survive_training_files_and_conversion(tmp_path):
    model = compiled(net())
    x, y = images_and_labels(SHAPE, 64)
    options = {"batch_size": 16, "verbose": 0}
    model.fit(x, y, epochs=2, callbacks=[Pruning(decay(0.75), "cortex-m4")], **options)
    for name, inputs in CUT.items():
        assert_whole_blocks(rows_of(model, name), inputs)
    assert all((model.get_layer(name).weights[0].numpy() != 0).all() for name in DENSE)
    model.save(tmp_path / "blocks.keras")
    model = compiled(keras.models.load_model(tmp_path / "blocks.keras"))
    model.fit(x, y, epochs=1, callbacks=[QuantizationAwareTraining("int8")], **options)
    for name, inputs in CUT.items():
        assert_whole_blocks(rows_of(model, name), inputs)
    found = integers_of(tfedge.convert(model, target="cortex-m4", calibration=x).flatbuffer)
    assert set(CUT) == set(found)
    for weights in found.values():
        alive, full = blocks_of(weights.reshape(len(weights), -1), weights.shape[-1])
        # Outputs may be gone altogether, and weights that were kept be rounded to 0.
        assert alive < 0.6
        assert full > 0.95


def integers_of(flatbuffer):
    """The integer weights, as the file has them, by the layer's name."""
    found = {}
    for operator in read_model(flatbuffer).main.operators:
        if operator.code in ("CONV_2D", "FULLY_CONNECTED"):
            names = [name for name in CUT if f"{name}/" in operator.outputs[0].name + "/"]
            found.update(dict.fromkeys(names, np.asarray(operator.inputs[1].data)))
    return found


@pytest.mark.parametrize("data", [False, True], ids=["by magnitude", "by least squares"])
def test_pruning_without_training_cuts_the_same_blocks(data):
    calibration = images_and_labels(SHAPE, 64)[0] if data else None
    pruned = tfedge.pruning.prune(net(), 0.75, "cortex-m55", calibration=calibration)
    for name, inputs in CUT.items():
        assert_whole_blocks(rows_of(pruned, name), inputs)
    assert all((pruned.get_layer(name).weights[0].numpy() != 0).all() for name in DENSE)


def test_short_blocks_count_by_their_average():
    pattern = InputBlocks(4, inputs=6)
    row = np.array([[1.0, 1, 1, 1, 2, 2, 0, 0, 0, 4, 5, 5]])
    np.testing.assert_array_equal(pattern.groups(row), [[1, 2, 1, 5]])
    expanded = pattern.expand(np.array([[0, 1, 0, 1]]), row.shape)
    np.testing.assert_array_equal(expanded, [[0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]])


def test_rows_of_whole_blocks_are_those_of_1x4():
    scores = np.random.default_rng(0).random((5, 24))
    ours, theirs = InputBlocks(4, inputs=8), Blocks(1, 4)
    groups = ours.groups(scores)
    np.testing.assert_allclose(groups, theirs.groups(scores))
    np.testing.assert_array_equal(
        ours.expand(groups, scores.shape), theirs.expand(groups, scores.shape)
    )


KERNELS = {
    "dense": (layers.Dense(3), (10,), 10),
    "dense of several axes": (layers.EinsumDense("abc,bcd->ad", 3), (2, 10), 20),
    "convolution": (layers.Conv2D(3, 2), (4, 4, 10), 10),
    "groups": (layers.Conv2D(4, 2, groups=2), (4, 4, 10), 5),
    "of sequences": (layers.Conv1D(3, 2), (4, 10), 10),
    "transposed": (layers.Conv2DTranspose(3, 2), (4, 4, 10), 10),
    "depthwise": (layers.DepthwiseConv2D(5), (8, 8, 10), 0),
    "recurrent": (layers.LSTM(3), (4, 20), 0),
    "embeddings": (layers.Embedding(5, 20), (4,), 0),
}


@pytest.mark.parametrize("kind", KERNELS)
def test_what_lies_side_by_side(kind):
    layer, shape, inputs = KERNELS[kind]
    layer.build((1, *shape))
    found = kernels.kernels_inside(layer)
    assert found
    assert {one.cut_by(InputBlocks()).inputs for one in found} == {inputs}
    assert all((one.problem(InputBlocks()) is None) == (inputs > 0) for one in found)


@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m55", "rv32imc", "nrf52840", "esp32-s3"])
def test_targets_that_get_generated_code_have_blocks(name):
    config = Pruning(0.5, name).get_config()
    assert Pruning.from_config(config).plan.pattern.get_config() == {"size": 4, "inputs": None}


def test_a_target_of_ones_own(tmp_path):
    own = tmp_path / "board.json"
    own.write_text('{"extends": "cortex-m4", "description": "ours"}')
    assert isinstance(named_patterns.get(str(own)), InputBlocks)


MISTAKES = {
    "no such target": ("cortex-m44", {}, "a pattern is .*; did you mean 'cortex-m4'"),
    "no pattern": (None, {}, "a pattern is .*not None$"),
    "another's kernels": ("tflite-micro", {}, "no kernels there that leave out weights"),
    "an accelerator": ("ethos-u55-128", {}, "no pattern of its own"),
    "depthwise": ("cortex-m4", {"layers": ["depthwise"]}, "leave out none of its weights"),
    "few inputs": ("cortex-m4", {"layers": ["first"]}, "3 inputs side by side, fewer than the 4"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_are_named_in_one_line(what):
    pattern, options, message = MISTAKES[what]
    with pytest.raises(TfedgeError, match=message) as error:
        fit(compiled(net()), Pruning(0.5, pattern, **options), epochs=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [1, 2.0])
def test_sizes_are_whole(size):
    with pytest.raises(TfedgeError, match="whole size from 2 on"):
        InputBlocks(size)
