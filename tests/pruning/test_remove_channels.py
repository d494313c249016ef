from __future__ import annotations

import channel_cases
import keras
import numpy as np
import pytest
from channel_cases import CASES, conv, random_input, shake

import tfedge
from tfedge.errors import DifferenceError, TfedgeError
from tfedge.pruning import (
    Budget,
    FilterNorm,
    LossChange,
    compare,
    cost_of,
    layer_rules,
    rebuilding,
    remove_channels,
)
from tfedge.pruning.channel_graph import channel_graph
from tfedge.pruning.rows import row

layers = keras.layers


def residual_net() -> keras.Model:
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((8, 8, 3))
    x = layers.ReLU()(layers.BatchNormalization()(conv(16, use_bias=False)(x)))
    y = layers.ReLU()(layers.BatchNormalization()(conv(16)(x)))
    x = layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(conv(16)(y))]))
    x = layers.GlobalAveragePooling2D()(x)
    return shake(keras.Model(inputs, layers.Dense(4)(x), name="net"))


def labelled(model, count=64):
    x = random_input(model, count)
    return x, (np.arange(count) % 4).astype(np.int32)


LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize("importance", ["l1", "l2", "batch_norm", LossChange(LOSS), FilterNorm(1)])
def test_half_the_macs_go_and_the_model_stays(importance):
    model = residual_net()
    weights, config = model.get_weights(), model.to_json()
    smaller = remove_channels(model, "50% macs", importance=importance, calibration=labelled(model))
    before, after = cost_of(model), cost_of(smaller)
    assert 0.25 * before.total.macs < after.total.macs <= 0.5 * before.total.macs
    widths = [layer.filters for layer in smaller.layers if hasattr(layer, "filters")]
    assert all(width % 4 == 0 for width in widths)
    assert config == model.to_json()
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("target", "of"),
    [
        ("60% parameters", lambda cost: cost.total.parameters),
        ("70% ram", lambda cost: cost.ram),
        (Budget(0.6, "instructions", "cortex-m0"), lambda cost: cost.total.macs),
        (0.5, lambda cost: cost.total.parameters),
        ("2500 ram", lambda cost: cost.ram),
    ],
)
def test_targets_are_met(target, of):
    model = residual_net()
    before, after = of(cost_of(model)), of(cost_of(remove_channels(model, target)))
    limit = 2500 if target == "2500 ram" else 0.7 * before
    assert after <= limit


def test_the_least_important_go():
    model = residual_net()
    kernel, *rest = model.layers[4].get_weights()
    kernel[..., [1, 5, 6, 12]] *= 0.01
    model.layers[4].set_weights([kernel, *rest])
    smaller = remove_channels(model, 0.9, importance="l1")
    kept = np.delete(rest[0], [1, 5, 6, 12])
    np.testing.assert_array_equal(smaller.layers[4].bias.numpy(), kept)


def test_the_first_order_is_what_the_loss_loses():
    """For a linear model and a linear loss the first order is exact."""
    i = keras.Input((5,))
    model = keras.Model(i, layers.Dense(3)(layers.Dense(6, bias_initializer="normal")(i)))
    x, y = np.random.default_rng(0).normal(size=(2, 8, 5)).astype(np.float32)

    def loss(labels, outputs):
        return keras.ops.sum(outputs, -1)

    graph = channel_graph(model)
    scores = LossChange(loss).scores(model, graph, (x, y))
    kernel, bias = model.layers[1].get_weights()
    hidden = x @ kernel + bias
    change = hidden.mean(0) * model.layers[2].kernel.numpy().sum(1)
    np.testing.assert_allclose(scores[graph.families[0].groups], change**2, rtol=1e-4)


def test_the_model_saves_trains_and_becomes_exact_c(tmp_path):
    smaller = remove_channels(residual_net(), "50% macs")
    x, y = labelled(smaller)
    smaller.save(tmp_path / "smaller.keras")
    loaded = keras.models.load_model(tmp_path / "smaller.keras")
    np.testing.assert_array_equal(smaller(x, training=False), loaded(x, training=False))
    loaded.compile("adam", LOSS)
    first = loaded.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert first[-1] < first[0]
    artifact = tfedge.convert(loaded, calibration=x)
    assert artifact.source.plan.lower_bound == cost_of(loaded).ram
    artifact.save(tmp_path)
    assert tfedge.verify(tmp_path / "net.tflite").passed


def test_costs_are_those_of_the_generated_c():
    model = channel_cases.CASES["depthwise"]()
    plan = tfedge.convert(model, calibration=random_input(model, 8)).source.plan
    cost = cost_of(model)
    assert cost.total.macs == sum(layer.macs for layer in plan.layers)


def test_the_table_has_layers_and_sums():
    model = residual_net()
    text = str(compare(model, remove_channels(model, "50% macs")))
    assert model.layers[1].name in text
    assert f"{cost_of(model).total.macs:,} →" in text


def test_open_sizes_do_not_keep_a_model_from_shrinking():
    i = keras.Input((None, None, 3))
    model = keras.Model(i, layers.Dense(2)(layers.GlobalMaxPooling2D()(conv(16)(i))))
    assert remove_channels(model, 0.5).layers[1].filters == 8


def _masked(model):
    """Some filters are zeros, as training with masks leaves them."""
    rng = np.random.default_rng(3)
    for layer in model._flatten_layers():
        if isinstance(layer, (layers.Conv2D, layers.Dense)) and layer is not model.layers[-1]:
            kernel, *bias = layer.get_weights()
            gone = rng.permutation(kernel.shape[-1])[: kernel.shape[-1] // 2]
            kernel[..., gone] = 0
            for values in bias:
                values[gone] = 0
            layer.set_weights([kernel, *bias])
    return model


# Where every dead filter meets a live one, or its constant is padded with zeros.
_READ_AFTER_ALL = ("Add", "Maximum", "concatenated", "depthwise", "shared and nested")


@pytest.mark.parametrize(
    "name",
    ["plain", "depthwise", "transposed", "Add", "Multiply", "Maximum", "concatenated",
     "flattened", "squeezed", "shared and nested"],
)  # fmt: skip
def test_what_masks_left_of_nothing_goes_exactly(name):
    model = _masked(shake(CASES[name]()))
    smaller = remove_channels(model, importance="masked", multiple_of=1)
    x = random_input(model)
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(smaller(x, training=False), expected, rtol=1e-5, atol=1e-6)
    if name not in _READ_AFTER_ALL:
        assert smaller.count_params() < model.count_params()


def test_constants_move_into_the_next_bias():
    """A masked filter behind a batch-norm is its beta: not zero, but always the same."""
    i = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(conv(8, use_bias=False)(i))
    x = layers.Conv2D(6, 1, use_bias=False)(layers.Activation("sigmoid")(x))
    x = layers.Conv2D(4, 3)(layers.ReLU()(layers.BatchNormalization()(x)))
    model = shake(keras.Model(i, layers.Dense(2)(layers.Flatten()(x))))
    _masked(model)
    smaller = remove_channels(model, importance="masked", multiple_of=1)
    assert [layer.filters for layer in smaller.layers if hasattr(layer, "filters")] == [4, 3, 2]
    x = random_input(model)
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(smaller(x, training=False), expected, rtol=1e-5, atol=1e-6)


def test_a_constant_stays_where_padding_would_see_it():
    i = keras.Input((8, 8, 3))
    x = layers.Activation("sigmoid")(conv(8)(i))
    model = _masked(keras.Model(i, conv(4)(x)))
    smaller = remove_channels(model, importance="masked", multiple_of=1)
    assert smaller.count_params() == model.count_params()


# What makes of a constant, and of channels, something else than a rule of its kind would say.
NOT_CONSTANT = {
    "an edge of another number": lambda x: layers.Resizing(
        8, 12, pad_to_aspect_ratio=True, fill_value=2.0
    )(x),
    "rows become channels": lambda x: layers.Permute((1, 3, 2))(x),
    "a norm along rows": lambda x: layers.BatchNormalization(axis=1)(x),
    "shares of rows": layers.Activation(channel_cases.share_of_steps),
    "shares of channels": layers.Activation(channel_cases.share),
    "a mean along channels": lambda x: keras.ops.average(x, axis=-1, weights=np.arange(1.0, 9)),
    "a bias of rows": layers.EinsumDense(
        "abcd,de->abce", (8, 8, 8), bias_axes="b", bias_initializer="normal"
    ),
    "unlike ranks": lambda x: layers.Add()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)]),
}


@pytest.mark.parametrize("name", NOT_CONSTANT)
def test_a_constant_is_followed_only_as_far_as_it_is_one(name):
    i = keras.Input((8, 8, 3))
    x = layers.Flatten()(NOT_CONSTANT[name](layers.Activation("sigmoid")(conv(8)(i))))
    model = _masked(shake(keras.Model(i, layers.Dense(2)(layers.Dense(4)(x)))))
    smaller = remove_channels(model, importance="masked", multiple_of=1, check=False)
    x = random_input(model)
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(smaller(x, training=False), expected, rtol=1e-5, atol=1e-6)


def test_a_product_with_0_is_none_where_a_mask_leaves_the_0_out():
    i = keras.Input((7, 5))
    dead = layers.Dense(8, name="dead")(layers.Masking()(i))
    y = layers.Multiply()([dead, layers.Dense(8, activation="relu")(i)])
    model = keras.Model(i, layers.Dense(2)(y))
    model.get_layer("dead").kernel.assign(np.zeros((5, 8)))
    smaller = remove_channels(model, importance="masked", multiple_of=1, check=False)
    x = random_input(model)
    x[:, :3] = 0
    np.testing.assert_array_equal(smaller(x), model(x))


def _other_order(trace, call):
    return [np.concatenate([trace.of(value) for value in call.inputs][::-1])]


def _other_channels(variable, axes, keep):
    values, weight = variable.numpy(), axes.get(id(variable))
    for axis, channels in weight.axes.items() if weight is not None else ():
        values = np.compress(keep[channels][::-1], values, axis)
    return values


def _mean_of_less(trace, call):
    (given,) = layer_rules._same(trace, call)
    return [np.roll(given, 1)]


# Faults of rules and of what is made by them, with weights as they are when layers are built.
FAULTS = {
    "operands in another order": lambda patch: patch.setitem(
        layer_rules._LAYERS, "Concatenate", row(_other_order, ("axis",))
    ),
    "other channels than the rule says": lambda patch: patch.setitem(
        layer_rules._LAYERS, "GlobalAveragePooling2D", row(_mean_of_less)
    ),
    "what is left of other channels": lambda patch: patch.setattr(
        rebuilding, "_left", _other_channels
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_rules_are_found(fault, monkeypatch):
    keras.utils.set_random_seed(0)
    i = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Concatenate()([conv(8)(i), conv(8)(i)]))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(x))
    model = keras.Model(i, layers.Dense(2)(x))
    weights = model.get_weights()
    remove_channels(model, "60% macs")
    FAULTS[fault](monkeypatch)
    with pytest.raises(DifferenceError, match="remove_channels would change"):
        remove_channels(model, "60% macs")
    with pytest.raises(DifferenceError, match="shrink would change"):
        tfedge.distillation.shrink(model, width=0.5)
    remove_channels(model, "60% macs", check=False)
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_dead_channels_keep_to_a_multiple():
    i = keras.Input((8, 8, 3))
    x = layers.ReLU()(conv(16)(i))
    model = keras.Model(i, conv(4)(x))
    kernel, bias = model.layers[1].get_weights()
    kernel[..., :7], bias[:7] = 0, 0
    model.layers[1].set_weights([kernel, bias])
    assert remove_channels(model, importance="masked").layers[1].filters == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "half"}, "a budget is like"),
        ({"target": "150% macs"}, "below 100"),
        ({"target": "50% speed"}, "a budget is of"),
        ({"target": "50% instructions on z80"}, "not of 'z80'"),
        ({"target": None}, "a target is needed"),
        ({"target": "1% macs"}, "at least .* remain"),
        ({"target": "10 ram"}, "at least .* remain"),
        ({"target": 0.5, "importance": "size"}, "importance is one of"),
        ({"target": 0.5, "importance": "first_order"}, "needs one loss"),
        ({"target": 0.5, "importance": LossChange("mse")}, "needs labels"),
        ({"target": 0.5, "importance": "masked"}, "leave target out"),
        ({"target": 0.5, "multiple_of": 0}, "multiple_of"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(TfedgeError, match=message):
        remove_channels(residual_net(), **arguments)


def test_other_models_are_refused():
    import tf_keras

    old = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(3,))])
    with pytest.raises(TfedgeError, match="build it with the layers of Keras 3"):
        remove_channels(old, 0.5)
    with pytest.raises(TfedgeError, match=r"before tfedge\.quantize"):
        remove_channels(tfedge.quantize(residual_net()), 0.5)
