from __future__ import annotations

import channel_cases
import keras
import numpy as np
import pytest
from channel_cases import CASES, random_input, shake

from tfedge.pruning import removable_channels
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
