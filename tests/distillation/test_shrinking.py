"""Students of a teacher's family: fewer blocks, fewer channels, the teacher's weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from distilled_nets import LOSS, data, net
from keras import layers

import tfedge
from tfedge import distillation as d
from tfedge.errors import TfedgeError


def _unit(x, width):
    return layers.ReLU()(layers.BatchNormalization()(x)) if width is None else _unit(
        layers.Conv2D(width, 3, padding="same", use_bias=False)(x), None
    )  # fmt: skip


def residual(blocks):
    x = inputs = layers.Input((8, 8, 2))
    x = _unit(x, 8)
    for _ in range(blocks):
        y = layers.Conv2D(8, 3, padding="same")(_unit(x, 8))
        x = layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(y)]))
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))


def separable(blocks):
    x = inputs = layers.Input((8, 8, 2))
    x = _unit(x, 8)
    for _ in range(blocks):
        x = _unit(layers.DepthwiseConv2D(3, padding="same")(x), None)
        x = _unit(layers.Conv2D(8, 1)(x), None)
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))


def transformer(blocks):
    x = inputs = layers.Input((6, 8))
    for _ in range(blocks):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(y, y)])
        y = layers.Dense(16, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(8)(y)])
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling1D()(x)))


def recurrent(blocks):
    x = inputs = layers.Input((6, 8))
    for _ in range(blocks):
        x = layers.LSTM(8, return_sequences=True)(x)
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling1D()(x)))


def _kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("family", [residual, separable, transformer, recurrent])
@pytest.mark.parametrize(("depth", "left"), [(0.5, 2), (0.75, 3), (0.1, 1)])
def test_a_share_of_the_blocks_stays(family, depth, left):
    teacher = family(4)
    student = d.shrink(teacher, depth=depth)
    assert _kinds(student) == _kinds(family(left))
    assert {layer.name for layer in student.layers} <= {layer.name for layer in teacher.layers}
    for layer in student.layers:
        for mine, theirs in zip(layer.get_weights(), teacher.get_layer(layer.name).get_weights(),
                                strict=True):  # fmt: skip
            np.testing.assert_array_equal(mine, theirs)


def test_blocks_that_stay_compute_what_they_did():
    """A block whose last scale is 0 adds nothing; without it the outputs are the same."""
    teacher = residual(2)
    norms = [layer for layer in teacher.layers if isinstance(layer, layers.BatchNormalization)]
    norms[-1].gamma.assign(keras.ops.zeros(8))
    x, _ = data(8)
    student = d.shrink(teacher, depth=0.5)
    np.testing.assert_allclose(student(x), teacher(x), atol=1e-6)


def test_every_layer_keeps_its_share_of_channels():
    teacher = net(16)
    before = [weight.copy() for weight in teacher.get_weights()]
    student = d.shrink(teacher, width=0.5)
    assert student.get_layer("first").filters == student.get_layer("second").filters == 8
    assert student.output_shape == teacher.output_shape
    for old, new in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_both_at_once():
    student = d.shrink(residual(4), width=0.5, depth=0.5)
    assert _kinds(student) == _kinds(residual(2))
    assert {layer.filters for layer in student.layers if isinstance(layer, layers.Conv2D)} == {4}


def test_what_comes_from_the_teacher_helps():
    """With the same training a student with the teacher's weights is ahead of a fresh one."""
    teacher = net(16)
    x, y = data(256)
    teacher.compile(keras.optimizers.Adam(1e-2), LOSS)
    teacher.fit(x, y, epochs=6, verbose=0)
    shrunk = d.shrink(teacher, width=0.5)
    keras.utils.set_random_seed(3)
    fresh = keras.models.clone_model(shrunk)
    losses = {}
    for name, student in (("shrunk", shrunk), ("fresh", fresh)):
        keras.utils.set_random_seed(1)
        distiller = d.Distiller(teacher, student, d.SoftTargets(), alpha=1.0)
        distiller.compile(keras.optimizers.Adam(1e-3))
        losses[name] = distiller.fit(x, epochs=3, verbose=0).history["loss"][-1]
    assert losses["shrunk"] < losses["fresh"]


def _sequence_net(*hidden):
    return keras.Sequential([layers.Input((6, 8)), *hidden, layers.Dense(4)])


@pytest.mark.parametrize(
    ("wrapped", "macs"),
    [
        (lambda: layers.Bidirectional(layers.LSTM(8)), 2 * 6 * (8 + 8) * 32),
        (lambda: layers.RNN(layers.GRUCell(8)), 6 * (8 + 8) * 24),
        (lambda: layers.TimeDistributed(layers.Dense(8)), 6 * 8 * 8),
    ],
)
def test_layers_in_wrappers_are_counted_and_keep_their_width_in_words(wrapped, macs):
    model = _sequence_net(wrapped())
    with pytest.raises(TfedgeError, match=r"no layer .* becomes narrower.*no rule"):
        d.shrink(model, width=0.5)
    cost = tfedge.pruning.compare(model, model).before.layers[model.layers[0].name].macs
    assert cost == macs
    assert [c.removable for c in tfedge.pruning.removable_channels(model)] == [0, 0]
    more = _sequence_net(wrapped(), layers.Dense(8))
    with pytest.warns(UserWarning, match="keep their width"):
        assert d.shrink(more, width=0.5).layers[-2].units == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width is the share"),
        ({"depth": 1.5}, "depth is the share"),
        ({}, "ask for less"),
        ({"depth": 0.5}, "repeats no block"),
        ({"width": 0.5, "multiple_of": 0}, "multiple_of"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(TfedgeError, match=message):
        d.shrink(net(16), **options)
