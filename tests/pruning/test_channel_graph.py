from __future__ import annotations

import channel_cases
import keras
import numpy as np
import pytest
from channel_cases import CASES, SERIES, random_input, shake, share
from keras import layers, ops

from tfedge.pruning import compare, removable_channels, remove_channels
from tfedge.pruning.channel_graph import channel_graph
from tfedge.pruning.comparison import cost_of
from tfedge.pruning.rebuilding import without_channels


def _some_removed(graph, seed):
    keep = np.ones(graph.count, bool)
    rng = np.random.default_rng(seed)
    for family in graph.families:
        gone = rng.permutation(len(family.groups))[: len(family.groups) // 2]
        keep[family.groups[gone]] = False
    return keep


def _unread(model, graph, keep):
    """The model with zeros in the weights that read what is removed."""
    for weight in graph.weights:
        if weight.consumed:
            values = np.moveaxis(weight.variable.numpy(), weight.consumed, -1)
            values = values * keep[weight.axes[weight.consumed]]
            weight.variable.assign(np.moveaxis(values, -1, weight.consumed))
    return model


@pytest.mark.parametrize("name", CASES)
def test_the_smaller_model_is_the_model_that_does_not_read_the_channels(name):
    model = shake(CASES[name]())
    graph = channel_graph(model)
    keep = _some_removed(graph, 0)
    assert not keep.all()
    smaller = without_channels(model, graph, keep)
    x = random_input(model)
    before = np.asarray(smaller(x, training=False))
    expected = np.asarray(_unread(model, graph, keep)(x, training=False))
    np.testing.assert_allclose(before, expected, rtol=1e-4, atol=1e-5)
    assert smaller.count_params() < model.count_params()
    assert cost_of(smaller).total.parameters == smaller.count_params()


def test_layers_keep_their_names_and_widths_shrink():
    model = channel_cases.plain()
    graph = channel_graph(model)
    smaller = without_channels(model, graph, _some_removed(graph, 0))
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]
    assert [layer.filters for layer in smaller.layers if hasattr(layer, "filters")] == [4, 4, 2]


def test_layer_normalisation_takes_smaller_vectors():
    i = keras.Input((5,))
    x = keras.layers.LayerNormalization()(keras.layers.Dense(8)(i))
    model = keras.Model(i, keras.layers.Dense(2)(x))
    graph = channel_graph(model)
    smaller = without_channels(model, graph, _some_removed(graph, 0))
    assert smaller.layers[2].gamma.shape == (4,)


def test_what_stays_says_why():
    model = channel_cases.unknown()
    conv = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    why = {row.layer: row for row in removable_channels(model)}
    assert "GroupNormalization" in why[conv[0]].kept_because
    assert "in groups" in why[conv[1]].kept_because
    assert "softmax" in why[conv[3]].kept_because
    assert why[conv[4]].removable == 8
    assert "output" in why[model.layers[-1].name].kept_because


class Permute(layers.Layer):
    """Not Keras' Permute."""

    def call(self, x):
        return ops.flip(x, -1)


class PReLU(layers.PReLU):
    """Not Keras' PReLU."""

    def call(self, x):
        return super().call(x) + ops.mean(x, -1, keepdims=True)


def _attend(x, **options):
    call = {key: options.pop(key) for key in ("attention_mask",) if key in options}
    return layers.MultiHeadAttention(2, 4, **options)(x, x, **call)


# What a rule does not read, and how it is named.
BARRIERS = {
    "norm along steps": (layers.BatchNormalization(axis=1), "along another axis"),
    "norm of all": (layers.LayerNormalization(axis=[1, 2]), "along another axis"),
    "statistics of steps": (
        layers.Normalization(axis=1, mean=np.arange(7.0), variance=np.arange(1.0, 8)), "no rule",
    ),
    "softmax of all": (layers.Softmax(axis=[1, 2]), "mixes channels"),
    "masked softmax": (
        lambda x: layers.Softmax(axis=1)(x, mask=layers.Dense(8)(x) > -9), "mask=…",
    ),
    "groups": (layers.Conv1D(8, 3, groups=2), "in groups"),
    "cosines": (lambda x: layers.Dot(2, normalize=True)([x, x]), "no rule"),
    "gates": (lambda x: _attend(x, use_gate=True), "unusual form"),
    "two sizes": (lambda x: _attend(x, output_shape=(3, 2)), "unusual form"),
    "a mask with channels": (
        lambda x: _attend(layers.Dense(4)(x), attention_mask=layers.Dense(7, name="mask")(x)),
        "it is a mask",
    ),
    "a permutation": (layers.Permute((2, 1)), "another axis"),
    "a user's permutation": (Permute(), "no rule"),
    "a user's PReLU": (PReLU(), "no rule"),
    "both directions": (layers.Bidirectional(layers.LSTM(4), merge_mode="sum"), "no rule"),
    "step by step": (layers.TimeDistributed(layers.Dense(4)), "no rule"),
    "a spectral norm": (layers.SpectralNormalization(layers.Dense(4)), "no rule"),
    "gates that mix": (layers.LSTM(8, recurrent_activation="softmax"), "recurrent_activation"),
    "a function that mixes": (layers.Dense(8, activation=share), "activation of"),
    "a layer as activation": (layers.Dense(8, activation=layers.PReLU()), "activation of"),
    "an average of channels": (lambda x: ops.average(x, axis=-1), "no rule"),
    "numbers for channels": (lambda x: x + np.arange(8, dtype="float32"), "unlike shapes"),
    "dropped channels": (layers.Dropout(0.5, noise_shape=(None, 1, 8)), "noise_shape"),
    "channels first": (
        lambda x: layers.UpSampling2D(data_format="channels_first")(
            layers.Reshape((7, 8, 1))(x)
        ),
        "data_format='channels_first'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BARRIERS)
def test_what_no_rule_reads_keeps_its_channels(name):
    """The layer in front keeps them, or where channels are the layer's own, that layer does."""
    layer, message = BARRIERS[name]
    i = keras.Input(SERIES)
    made = layer(layers.Dense(8, name="before")(i))
    model = keras.Model(i, layers.Dense(2)(layers.Flatten()(made)))
    kept = [row for row in removable_channels(model) if message in row.kept_because]
    assert kept
    assert all(row.removable == 0 for row in kept)
    assert not any(layer.built for layer in _activations(model)), "looking builds no layer"
    graph = channel_graph(model)
    keep = _some_removed(graph, 0)
    if keep.all():
        return
    x = random_input(model)
    smaller = np.asarray(without_channels(model, graph, keep)(x, training=False))
    expected = np.asarray(_unread(model, graph, keep)(x, training=False))
    np.testing.assert_allclose(smaller, expected, rtol=1e-4, atol=1e-5)


def _activations(model):
    found = (getattr(layer, "activation", None) for layer in model.layers)
    return [one for one in found if isinstance(one, layers.PReLU)]


def test_an_adapter_keeps_the_channels_of_its_layer():
    i = keras.Input(SERIES)
    dense = layers.Dense(8)
    model = keras.Model(i, layers.Dense(2)(dense(layers.Dense(8)(i))))
    dense.enable_lora(2)
    first, second, _ = removable_channels(model)[:3]
    assert first.removable == second.removable == 0


class Product(layers.Layer):
    """A layer whose code can be followed."""

    def build(self, shape):
        self.factors = self.add_weight(shape=(shape[-1], 7))

    def call(self, x):
        return ops.matmul(x, self.factors)


class Hidden(Product):
    """One whose code cannot."""

    def call(self, x):
        return x.numpy() @ self.factors.numpy()

    def compute_output_spec(self, x):
        return keras.KerasTensor((*x.shape[:-1], 7))


def _on(shape, layer):
    i = keras.Input(shape)
    return keras.Model(i, layer(i))


def _twice(layer):
    return lambda x: layer(x, x)


# Multiply-accumulates of what keeps its channels, (6, 5) or as the shape says.
MACS = {
    "both directions": ((6, 5), layers.Bidirectional(layers.LSTM(4)), 2 * 6 * (5 + 4) * 16),
    "dense at steps": ((6, 5), layers.TimeDistributed(layers.Dense(4)), 6 * 5 * 4),
    "a net at steps": (
        (6, 8, 8, 3),
        layers.TimeDistributed(
            keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3),
                              layers.GlobalAveragePooling2D(), layers.Dense(2)])
        ),
        6 * (36 * 27 * 4 + 4 * 2),
    ),
    "cells": (
        (6, 5), layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)]), 6 * (9 * 16 + 7 * 9),
    ),
    "convolutions of a state": (
        (6, 8, 8, 3), layers.ConvLSTM2D(4, 3, padding="same"), 6 * 64 * (27 + 36) * 16,
    ),
    "a spectral norm": ((8, 8, 3), layers.SpectralNormalization(layers.Conv2D(4, 3)), 36 * 27 * 4),
    "gates": ((6, 8), _twice(layers.MultiHeadAttention(2, 4, use_gate=True)), 5 * 6 * 64 + 576),
    "two axes": (
        (3, 4, 8), _twice(layers.MultiHeadAttention(2, 4, attention_axes=(1, 2))),
        4 * 12 * 64 + 2 * 12 * 12 * 8,
    ),
    "grouped queries": (
        (6, 8), _twice(layers.GroupQueryAttention(4, 4, 2)), 6 * 8 * 48 + 36 * 4 * 8,
    ),
    "attention": ((6, 8), lambda x: layers.Attention()([x, x]), 2 * 36 * 8),
    "a dot product": ((6, 8), lambda x: layers.Dot(2)([x, x]), 36 * 8),
    "an equation": ((6, 8), lambda x: ops.einsum("bij,bkj->bik", x, x), 36 * 8),
    "a kernel for each step": ((6, 5), layers.EinsumDense("abc,bcd->abd", (6, 4)), 6 * 20),
    "channels first": ((3, 8, 8), layers.Conv2D(4, 3, data_format="channels_first"), 36 * 27 * 4),
    "transposed, channels first": (
        (3, 8, 8), layers.Conv2DTranspose(4, 3, data_format="channels_first"), 64 * 27 * 4,
    ),
    "a user's product": ((6, 5), Product(), 6 * 35),
}  # fmt: skip


@pytest.mark.parametrize("name", MACS)
def test_what_keeps_its_channels_is_counted(name):
    shape, layer, macs = MACS[name]
    cost = cost_of(_on(shape, layer))
    assert cost.total.macs == macs
    assert sum(row.macs for row in cost.layers.values()) == macs
    assert not cost.uncounted


def test_what_nobody_can_count_is_said():
    x = keras.Input((6, 5))
    hidden = Hidden(name="hidden")(layers.Dense(16, name="first")(x))
    model = keras.Model(x, layers.Dense(3)(layers.Dense(16)(hidden)))
    assert cost_of(model).uncounted == ("hidden",)
    assert "without the MACs of hidden" in " ".join(str(compare(model, model)).split())
    with pytest.warns(UserWarning, match=r"layer 'hidden' \(Hidden\): nobody knows"):
        remove_channels(model, "70% macs")
