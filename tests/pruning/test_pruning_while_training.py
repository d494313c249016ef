"""The callback prunes plain models, to the weight, wherever plain Keras trains."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from bright_quarters import compiled
from pruning_cases import STEPS, data, decay, fit, net

import tfedge
from tfedge.callbacks import Pruning, QuantizationAwareTraining
from tfedge.errors import TfedgeError
from tfedge.pruning import Blocks, Constant, CosineDecay, OneShot, PolynomialDecay, Regrowth
from tfedge.pruning.named_patterns import get as pattern_of

PRUNED = ("first", "second", "wide", "scores")


def zeros_of(model, name):
    kernel = model.get_layer(name).kernel.numpy()
    return int((kernel == 0).sum()), kernel.size


def assert_zero_where_masked(model):
    masks = tfedge.pruning.masks_of(model)
    assert masks
    for variable in model.weights:
        if variable.path in masks:
            assert not variable.numpy()[~masks[variable.path]].any(), variable.path
    return masks


SCHEDULES = {
    "polynomial": (decay(), "magnitude"),
    "cosine": (CosineDecay(0.8, 2 * STEPS, frequency=2), "movement"),
    "from_0.1": (decay(initial_sparsity=0.1, begin=1), "first_order"),
    "constant": (Constant(0.8, begin=2, frequency=2), "first_order"),
    "one_shot": (OneShot(0.8, begin=3), "magnitude"),
    "regrowth": (Regrowth(decay(), 0.4), "movement"),
}


@pytest.mark.parametrize("case", SCHEDULES)
def test_the_sparsity_asked_for_is_reached(case):
    schedule, importance = SCHEDULES[case]
    model = compiled(net())
    history = fit(model, Pruning(schedule, importance=importance))
    masks = assert_zero_where_masked(model)
    pruned = {name: int((~masks[f"{name}/kernel"]).sum()) for name in PRUNED}
    for name, zeros in pruned.items():
        size = masks[f"{name}/kernel"].size
        assert abs(zeros - 0.8 * size) <= 1
        assert history[f"sparsity_{name}"][-1] == zeros / size
        if importance == "magnitude":
            assert zeros_of(model, name) == (zeros, size)
    size = sum(mask.size for mask in masks.values())
    assert history["sparsity"][-1] == sum(pruned.values()) / size
    assert zeros_of(model, "depthwise")[0] == 0


@pytest.mark.parametrize("distribution", ["global", "erk"])
@pytest.mark.parametrize("pattern", ["unstructured", "1x4"])
def test_layers_share_a_sparsity(distribution, pattern):
    model = compiled(net())
    history = fit(model, Pruning(decay(), pattern, distribution=distribution))
    group = {"unstructured": 1, "1x4": 4}[pattern]
    size = sum(zeros_of(model, name)[1] for name in PRUNED)
    zeros = sum(zeros_of(model, name)[0] for name in PRUNED)
    assert abs(zeros - 0.8 * size) <= group
    shares = {history[f"sparsity_{name}"][-1] for name in PRUNED}
    assert len(shares) == len(PRUNED)
    assert max(shares) <= 0.98


def test_erk_keeps_small_layers_dense():
    model = compiled(net())
    fit(model, Pruning(0.5, distribution="erk"))
    shares = {name: zeros / size for name in PRUNED for zeros, size in [zeros_of(model, name)]}
    assert shares["scores"] == 0 < shares["first"] < shares["second"]


@pytest.mark.parametrize("pattern", ["2:4", Blocks(4, 2, "max")])
def test_patterns(pattern):
    made = pattern_of(pattern)
    sparsity = 1 - made.n / made.m if isinstance(pattern, str) and ":" in pattern else 0.75
    model = compiled(net())
    fit(model, Pruning(decay(sparsity), pattern))
    for name in PRUNED:
        kernel = model.get_layer(name).kernel.numpy()
        matrix = kernel.reshape(-1, kernel.shape[-1]).T
        alive = matrix != 0
        assert abs(alive.sum() - (1 - sparsity) * alive.size) <= 4 * 4
        if isinstance(made, Blocks):
            blocks = made._cut(alive).sum(axis=(1, 3))
            assert set(np.unique(blocks)) <= {0, made.rows * made.columns}
        else:
            assert (alive.reshape(-1, made.m).sum(axis=1) == made.n).all()


def test_channels_become_constant():
    model = compiled(net())
    fit(model, Pruning(decay(0.5), "channels"))
    masks = assert_zero_where_masked(model)
    assert not any("scores" in path or "depthwise" in path for path in masks)
    dead = ~masks["first/kernel"].any(axis=(0, 1, 2))
    assert dead.sum() == 4
    inside = keras.Model(model.input, model.get_layer("first_norm").output)
    assert not inside.predict(data()[0], verbose=0)[..., dead].any()
    for name in ("second", "wide"):
        layer = model.get_layer(name)
        dead = ~layer.kernel.numpy().any(axis=tuple(range(layer.kernel.ndim - 1)))
        assert dead.sum() == layer.kernel.shape[-1] // 2
        assert not layer.bias.numpy()[dead].any()
        assert layer.bias.numpy()[~dead].any()


def test_regrown_weights_start_from_zero_and_live():
    model = compiled(net(), keras.optimizers.SGD(0.1))
    seen = []

    class Watcher(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(tfedge.pruning.masks_of(self.model)["second/kernel"])

    schedule = Regrowth(Constant(0.8, end=8, frequency=2), 0.5)
    fit(model, Pruning(schedule), Watcher())
    assert len({mask.sum() for mask in seen}) == 1
    grown = ~seen[0] & seen[-1]
    assert grown.sum() > 50
    assert model.get_layer("second").kernel.numpy()[grown].all()


def test_nothing_moves_after_the_last_update():
    """Weights after fit are those after the last step, and evaluate sees them."""
    model = compiled(net(), "adam", built=False)
    last = []

    class Watcher(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            last[:] = self.model.get_weights()

    fit(model, Pruning(decay()), Watcher())
    for seen, now in zip(last, model.get_weights(), strict=True):
        np.testing.assert_array_equal(seen, now)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.AdamW(1e-2, weight_decay=0.1, use_ema=True),
        lambda: keras.optimizers.SGD(1e-2, momentum=0.9, use_ema=True, ema_overwrite_frequency=3),
        lambda: keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2),
        lambda: keras.optimizers.Lamb(1e-2, clipnorm=0.5),
    ],
    ids=["adamw_ema", "sgd_ema", "accumulation", "lamb"],
)
def test_optimizers_do_not_bring_weights_back(optimizer):
    model = compiled(net(), optimizer())

    class Watcher(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            masks = assert_zero_where_masked(self.model)
            mine = self.model.optimizer
            for average in mine._model_variables_moving_average if mine.use_ema else ():
                for path, mask in masks.items():
                    if path.replace("/", "_") + "_" in average.path:
                        assert not average.numpy()[~mask].any()

    fit(model, Pruning(decay(), importance="first_order"), Watcher(), epochs=2)
    assert zeros_of(model, "second")[0] > 0
    assert_zero_where_masked(model)


def test_swapped_averages_are_pruned_too():
    model = compiled(net(), keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5))

    class Watcher(keras.callbacks.Callback):
        def on_test_end(self, logs=None):
            assert_zero_where_masked(self.model)

    swap = keras.callbacks.SwapEMAWeights()
    fit(model, swap, Pruning(decay()), Watcher(), validation_data=data())
    assert_zero_where_masked(model)


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"run_eagerly": True}], ids=str)
def test_compiled_steps_choose_the_same_masks(options):
    found = []
    for extra in ({}, options):
        model = compiled(net(), "sgd", **extra)
        fit(model, Pruning(decay(0.5)), epochs=2)
        found.append(assert_zero_where_masked(model))
    for path, mask in found[0].items():
        assert (mask != found[1][path]).sum() <= 2, path


def test_several_steps_per_execution():
    model = compiled(net(), steps_per_execution=3)
    fit(model, Pruning(decay()))
    for name in PRUNED:
        zeros, size = zeros_of(model, name)
        assert abs(zeros - 0.8 * size) <= 1


def test_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = compiled(net(), "adam")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    fit(model, Pruning(decay(), importance="movement"))
    assert "LossScale" in type(model.optimizer).__name__
    assert zeros_of(model, "second")[0] == round(0.8 * zeros_of(model, "second")[1])
    assert_zero_where_masked(model)


def test_constraints_of_the_user_still_hold():
    model = net()
    kernel = model.get_layer("wide").kernel
    kernel.constraint = keras.constraints.MaxNorm(0.5, axis=0)
    fit(compiled(model, keras.optimizers.Adam(0.1)), Pruning(decay()))
    assert np.linalg.norm(kernel.numpy(), axis=0).max() <= 0.5 + 1e-5
    assert_zero_where_masked(model)


def test_epochs_count_too():
    model = compiled(net())
    schedule = PolynomialDecay(0.8, 2, frequency=1, power=1, unit="epoch")
    history = fit(model, Pruning(schedule))
    np.testing.assert_allclose(history["sparsity"], [0, 0.4, 0.8], atol=0.01)


def test_zeros_survive_further_training_and_training_on_integers():
    model = compiled(net())
    fit(model, Pruning(decay()))
    before = assert_zero_where_masked(model)
    fit(model, epochs=1)
    fit(model, QuantizationAwareTraining("int8"), epochs=1)
    after = assert_zero_where_masked(model)
    for path, mask in before.items():
        np.testing.assert_array_equal(mask, after[path])
    assert tfedge.strip(model) is model
    assert not tfedge.pruning.masks_of(model)
    fit(compiled(model), epochs=1)
    assert zeros_of(model, "second")[0] < 10


def test_a_loaded_model_keeps_its_zeros(tmp_path):
    model = compiled(net())
    fit(model, Pruning(decay()))
    masks = tfedge.pruning.masks_of(model)
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name)
        assert [w.path for w in loaded.weights] == [w.path for w in net().weights]
        for mine, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        for path, mask in tfedge.pruning.masks_of(loaded).items():
            np.testing.assert_array_equal(mask, masks[path])
    plain = net()
    plain.set_weights(list(model.get_weights()))
    assert not tfedge.pruning.masks_of(plain)
    tfedge.pruning.keep_zeros(plain)
    for copy in (loaded, plain):
        fit(compiled(copy), epochs=1)
        for name in PRUNED:
            assert zeros_of(copy, name) == zeros_of(model, name)


def test_weights_files_have_the_masks(tmp_path):
    model = compiled(net())
    fit(model, Pruning(decay(), importance="movement"))
    model.save_weights(tmp_path / "pruned.weights.h5")
    other = compiled(net(seed=2))
    other.load_weights(tmp_path / "pruned.weights.h5")  # a plain model takes the weights
    Pruning(decay(), importance="movement").set_model(other)
    other.load_weights(tmp_path / "pruned.weights.h5")
    wanted, got = (tfedge.pruning.masks_of(one) for one in (model, other))
    for path, mask in wanted.items():
        np.testing.assert_array_equal(mask, got[path])
    plain = net()
    plain.save_weights(tmp_path / "plain.weights.h5")
    other.load_weights(tmp_path / "plain.weights.h5")  # and masks stay where there are none


def test_a_second_fit_goes_on():
    model, callback = compiled(net()), Pruning(decay())
    fit(model, callback, epochs=1)
    half = assert_zero_where_masked(model)
    fit(model, callback, epochs=2)
    for name in PRUNED:
        zeros, size = zeros_of(model, name)
        assert abs(zeros - 0.8 * size) <= 1
    for path, mask in assert_zero_where_masked(model).items():
        assert not (mask & ~half[path]).any()


def test_nested_and_subclassed_models():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = net()
            self.cell = keras.layers.LSTM(8, name="lstm")
            self.last = keras.layers.Dense(4)

        def call(self, x):
            wide = self.inner(x)
            return self.last(self.cell(keras.ops.reshape(x, (-1, 16, 16)))) + wide

    model = Subclassed()
    model(data()[0][:1])
    history = fit(compiled(model), Pruning(decay(), layers=["small", "lstm"]))
    assert {"sparsity_first", "sparsity_lstm_cell", "sparsity_lstm_cell_recurrent_kernel"} <= set(
        history
    )
    assert_zero_where_masked(model)


def test_wrappers_say_how_they_are_pruned(tmp_path):
    keras.utils.set_random_seed(1)
    prune = tfedge.layers.Prune
    wide = keras.layers.Dense(32, activation="relu", name="wide")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            prune(keras.layers.Conv2D(8, 3, name="conv"), decay(0.5), "channels"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Flatten(),
            prune(wide, decay(0.75), "1:4"),
            keras.layers.Dense(4, name="scores"),
        ]
    )
    model.build((None, 8, 8, 4))
    history = fit(compiled(model), Pruning())
    assert history["sparsity_conv"][-1] == 0.5
    assert history["sparsity_wide"][-1] == 0.75
    assert (model.get_layer("norm").gamma.numpy() == 0).sum() == 4
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.get_layer("wide").plan.get_config() == model.get_layer("wide").plan.get_config()
    quantized = tfedge.quantize(loaded, "int8", calibration=data()[0])
    assert len(quantized.quantized_operators()) >= 3
    plain = tfedge.strip(model)
    assert not any(isinstance(layer, prune) for layer in plain.layers)
    x = data()[0]
    np.testing.assert_array_equal(plain.predict(x, verbose=0), model.predict(x, verbose=0))


def test_callbacks_come_back_from_their_configs():
    for callback in (
        Pruning(0.8),
        Pruning(),
        Pruning(Regrowth(decay()), (2, 4), "movement", "global", ["first", "wide"]),
        Pruning(CosineDecay(0.5, 9), "2:4", "first_order"),
        Pruning(Constant(0.3, unit="epoch"), "channels", distribution="erk", layers="first"),
    ):
        config = callback.get_config()
        again = Pruning.from_config(config)
        assert again.get_config() == config
        assert keras.saving.serialize_keras_object(again) == keras.saving.serialize_keras_object(
            callback
        )


MISTAKES = {
    "unknown layer": (lambda: Pruning(0.5, layers=["frist"]), "did you mean 'first'"),
    "nothing to prune": (lambda: Pruning(0.5, layers=["mean"]), "'mean' .* has no kernels"),
    "no layer": (lambda: Pruning(0.5, layers=lambda layer: False), "no weights that"),
    "does not divide": (lambda: Pruning(0.5, "2:4", layers=["depthwise"]), "2:4 does not divide"),
    "blocks": (lambda: Pruning(0.5, (5, 1), layers=["first"]), "5x1 do not divide"),
    "no wrappers": (lambda: Pruning(), "give it a schedule"),
    "no gradients": (lambda: Pruning(0.5, importance="movement"), "begin later"),
    "pattern": (lambda: Pruning(0.5, "3:2"), "0 < N < M"),
    "no pattern": (lambda: Pruning(0.5, "diagonal"), "a pattern is"),
    "sparsity": (lambda: Pruning(1.0), "from 0 to below 1"),
    "n:m sparsity": (lambda: Pruning(0.8, "2:4"), "is a sparsity of 0.5"),
    "n:m global": (lambda: Pruning(0.5, "2:4", distribution="global"), "another pattern"),
    "n:m regrowth": (lambda: Pruning(Regrowth(decay(0.5)), "2:4"), "cannot regrow"),
    "importance": (lambda: Pruning(0.5, importance="size"), "importance is one of"),
    "schedule": (lambda: Pruning("soon"), "schedule of tfedge.pruning"),
    "endless regrowth": (lambda: Regrowth(Constant(0.5)), "give it `end`"),
    "end": (lambda: PolynomialDecay(0.5, 3, begin=5), "end is a whole number from 5"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_are_named_in_one_line(what):
    make, message = MISTAKES[what]
    with pytest.raises(TfedgeError, match=message) as error:
        fit(compiled(net()), make(), epochs=1)
    assert "\n" not in str(error.value)


def test_models_that_cannot_be_pruned_are_refused():
    with pytest.raises(TfedgeError, match="not compiled"):
        Pruning(0.5).set_model(net())
    with pytest.raises(TfedgeError, match="not built"):
        Pruning(0.5).set_model(compiled(keras.Sequential([keras.layers.Dense(4)])))
    tf_keras = pytest.importorskip("tf_keras")
    theirs = tf_keras.Sequential([tf_keras.Input((20,)), tf_keras.layers.Dense(4)])
    theirs.compile("sgd", "mse")
    with pytest.raises(TfedgeError, match="tf_keras model"):
        theirs.fit(np.zeros((4, 20)), np.zeros((4, 4)), verbose=0, callbacks=[Pruning(0.5)])
