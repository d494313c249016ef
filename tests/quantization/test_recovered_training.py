"""Training for integers that begins with what recovery without labels has found."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge.callbacks import QuantizationAwareTraining, QuantizationSchedule
from tfedge.errors import TfedgeError
from tfedge.quantization import recovery
from tfedge.quantization.schemes import LEARNED_STEP, Scheme, WeightScheme
from tfedge.recovery import AdaRound, BiasCorrection, ClipSearch, Equalization
from tfedge_converters.graph import TensorType, read_model
from tfedge_converters.ptq.quant_params import trained_integers
from tfedge_converters.ptq.recovery import training

layers = keras.layers
FAST = AdaRound(iterations=150, rows=1024, batch=128, rate=0.05)
STEPS = (FAST, BiasCorrection())


def net():
    """Convolutions with and without batch-norms and biases, a separable one, and dense layers."""
    keras.utils.set_random_seed(5)
    x = inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="first")(x)
    x = layers.ReLU(name="first_relu")(layers.BatchNormalization(name="first_norm")(x))
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.ReLU(name="depthwise_relu")(layers.BatchNormalization(name="depthwise_norm")(x))
    x = layers.Conv2D(12, (2, 3), strides=2, activation="relu", name="second")(x)
    x = layers.SeparableConv2D(10, 3, padding="same", activation="relu", name="separable")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.EinsumDense("ab,bcd->acd", (4, 3), bias_axes="cd", name="einsum")(x)
    x = layers.Flatten(name="flat")(x)
    model = keras.Model(inputs, layers.Dense(5, name="scores")(x))
    rng = np.random.default_rng(6)
    for name in ("first_norm", "depthwise_norm"):
        norm = model.get_layer(name)
        signs = rng.choice([-1, 1, 1], norm.gamma.shape)
        norm.gamma.assign(signs * rng.uniform(0.4, 2, norm.gamma.shape))
        norm.beta.assign(rng.normal(0, 0.3, norm.beta.shape))
        norm.moving_mean.assign(rng.normal(0, 0.1, norm.beta.shape))
    return model


def samples(count=64):
    return np.random.default_rng(7).normal(size=(count, 8, 8, 3)).astype(np.float32)


def decibels(real, found):
    return 10 * np.log10(np.square(real).sum() / np.square(real - found).sum())


def numbered(model):
    """The graph that recovery works on, and its layers by the numbers of the model's operators."""
    with recovery._numbered(recovery.recoverable(model)):
        prepared = training.prepare(model)
    return training._numbered_layers(prepared.model)


@pytest.fixture
def found(monkeypatch):
    """What every recovery found, as it is handed over to training."""
    results = []

    def kept(*args):
        results.append(training_recovery(*args))
        return results[-1]

    training_recovery = training.recover_for_training
    monkeypatch.setattr(training, "recover_for_training", kept)
    return results


@pytest.mark.parametrize(
    "scheme",
    ["int4", Scheme("learned", WeightScheme(3, quantizer=LEARNED_STEP))],
    ids=["int4", "learned steps of 3 bits"],
)
def test_training_begins_at_the_integers_and_biases_that_recovery_found(scheme, found):
    model, x = net(), samples()
    plain = tfedge.quantize(model, scheme, calibration=x)
    before = numbered(plain)
    real = model.predict(x, verbose=0)
    noise = [decibels(real, plain.predict(x, verbose=0))]
    recovered = plain.recover(x, STEPS, progress=False)
    assert recovered is plain
    noise.append(decibels(real, plain.predict(x, verbose=0)))
    assert noise[1] > noise[0] + 3
    (results,) = found
    after = numbered(plain)
    assert set(results) == set(after) == set(before)
    assert len(results) == 7
    moved, without = 0, []
    for number, layer in after.items():
        grid, result = layer.weights.trained_weights, results[number]
        integers = trained_integers(layer.weights.data, grid, layer.rule.axis)
        rows = np.moveaxis(integers, layer.rule.axis, -1).reshape(-1, layer.channels)
        np.testing.assert_array_equal(rows, result.integers, err_msg=layer.name)
        np.testing.assert_allclose(grid.scale, result.scale, rtol=1e-5)
        shift = layer.bias() - before[number].bias()
        if shift.any():
            np.testing.assert_allclose(shift, result.bias_shift, rtol=1e-3, atol=1e-5)
        else:
            without.append(layer.operator.code)
        nearest = trained_integers(before[number].weights.data, grid, layer.rule.axis)
        moved += int((nearest != integers).sum())
    assert moved > 20
    assert without == ["DEPTHWISE_CONV_2D"]  # the separable layer's, which has no bias


def test_what_recovery_found_is_what_is_converted_and_saved(tmp_path):
    x = samples()
    qat = tfedge.quantize(net(), "int4", calibration=x, recovery=STEPS)
    predicted = qat.predict(x, verbose=0)
    qat.save(tmp_path / "recovered.keras")
    loaded = keras.models.load_model(tmp_path / "recovered.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), predicted)
    integers = [
        read_model(tfedge.convert(model, target="tflite").flatbuffer) for model in (qat, loaded)
    ]
    for one, other in zip(*(model.main.operators for model in integers), strict=True):
        for mine, theirs in zip(one.inputs, other.inputs, strict=True):
            np.testing.assert_array_equal(mine.data, theirs.data)


def test_the_start_is_as_good_as_conversion_with_recovery():
    x = samples()
    model = net()
    real = model.predict(x, verbose=0)
    artifact = tfedge.convert(
        model, target="tflite", quantization="int4", calibration=x, recovery=STEPS,
        input_type="float32", output_type="float32",
    )  # fmt: skip
    converted = decibels(real, artifact.predict(x))
    plain = tfedge.convert(
        model, target="tflite", quantization="int4", calibration=x,
        input_type="float32", output_type="float32",
    )  # fmt: skip
    qat = tfedge.quantize(model, "int4", calibration=x, recovery=STEPS)
    begun = decibels(real, qat.predict(x, verbose=0))
    assert abs(begun - converted) < 4
    assert begun > decibels(real, plain.predict(x)) + 4


@pytest.mark.parametrize("bits", [2, 3])
def test_single_layers_train_and_convert_with_few_bits(bits):
    x = samples()
    model = net()
    chosen = {"second": WeightScheme(bits), "scores": WeightScheme(bits)}
    scheme = Scheme("mixed", WeightScheme(8), overrides=chosen)
    qat = compiled(tfedge.quantize(model, scheme, calibration=x, recovery=STEPS))
    qat.fit(x, targets(), epochs=1, verbose=0)
    artifact = tfedge.convert(qat, target="tflite", input_type="float32", output_type="float32")
    narrow = [
        np.asarray(tensor.data)
        for operator in artifact.model.main.operators
        for tensor in operator.inputs
        if tensor.type == TensorType.INT4
    ]
    assert [weights.shape for weights in narrow] == [(12, 2, 3, 8), (5, 12)]
    assert {np.abs(weights).max() for weights in narrow} == {2 ** (bits - 1) - 1}
    in_c = tfedge.convert(qat, target="host", input_type="float32", output_type="float32")
    # The device's arithmetic: LiteRT's dense kernel of int4 weights is a step off in places.
    np.testing.assert_array_equal(in_c.predict(x[:8]), qat.predict(x[:8], verbose=0))
    assert tfedge.verify(in_c.flatbuffer, samples=20).passed


def compiled(model):
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def targets(count=64):
    return np.random.default_rng(8).normal(size=(count, 5)).astype(np.float32)


def test_weights_go_on_moving():
    """Neither many zeros nor few values make anybody believe that they are to be kept."""
    x = samples()
    model = net()
    qat = compiled(tfedge.quantize(model, "int4", calibration=x, recovery=STEPS))
    before = [weight.copy() for weight in model.get_weights()]
    qat.fit(x, targets(), epochs=1, verbose=0)
    assert not tfedge.pruning.masks_of(model)
    moved = [np.mean(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert min(moved) > 0.9


def test_zeros_of_pruning_stay():
    x = samples()
    pruned = tfedge.pruning.prune(net(), 0.5)
    zeros = {name: mask.copy() for name, mask in tfedge.pruning.masks_of(pruned).items()}
    assert zeros
    options = {"calibration": x, "recovery": STEPS}
    artifact = tfedge.convert(pruned, target="tflite", quantization="int4", **options)
    found = [
        np.asarray(tensor.data)
        for operator in artifact.model.main.operators
        for tensor in operator.inputs
        if tensor.shape == (12, 2, 3, 8)
    ]
    mask = next(mask for name, mask in zeros.items() if "second" in name).astype(bool)
    assert not found[0][~mask.transpose(3, 0, 1, 2)].any()
    tfedge.quantize(pruned, "int4", **options)
    weights = {weight.path: weight.numpy() for weight in pruned.weights}
    for name, kept in zeros.items():
        kernel = next(value for path, value in weights.items() if path.endswith(name))
        assert not kernel[~kept.astype(bool)].any(), name


def test_shared_and_clustered_weights_stay():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((12,))
    twice, few = layers.Dense(12, name="twice"), layers.Dense(12, name="few")
    model = keras.Model(inputs, layers.Dense(4, name="own")(few(twice(twice(inputs)))))
    values = np.random.default_rng(2).choice([-0.5, -0.1, 0.2, 0.4], (12, 12))
    few.kernel.assign(values)
    before = {layer.name: layer.kernel.numpy() for layer in model.layers[1:]}
    x = np.random.default_rng(3).normal(size=(32, 12)).astype(np.float32)
    tfedge.quantize(model, "int4", calibration=x, recovery=[FAST])
    changed = {
        name: not np.array_equal(model.get_layer(name).kernel.numpy(), kernel)
        for name, kernel in before.items()
    }
    assert changed == {"twice": False, "few": False, "own": True}


@pytest.mark.parametrize("begin", [0, 1])
def test_the_callback_recovers_once_when_rounding_begins(begin, found):
    x, model = samples(), compiled(net())
    callback = QuantizationAwareTraining("int4", begin, calibration=x, recovery=STEPS)

    class Watch(keras.callbacks.Callback):
        """How often there was recovery when each epoch had begun."""

        def on_epoch_begin(self, epoch, logs=None):
            counts.append(len(found))

    counts = []
    model.fit(x, targets(), epochs=2, verbose=0, callbacks=[callback, Watch()])
    assert counts == [1 - begin, 1]
    again = QuantizationAwareTraining("int4", calibration=x, recovery=STEPS)
    model.fit(x, targets(), epochs=1, verbose=0, callbacks=[again])
    assert len(found) == 1
    tfedge.convert(model, target="tflite")


def test_schedules_recover_models_that_are_quantised_already(found):
    x, qat = samples(), compiled(tfedge.quantize(net(), "int4"))
    schedule = QuantizationSchedule(calibration=iter(x), recovery="bias_correction")
    qat.fit(x, targets(), epochs=1, verbose=0, callbacks=[schedule])
    assert len(found) == 1


def test_callbacks_come_back_from_their_configs():
    steps = ["clip_search", AdaRound(iterations=7), BiasCorrection(samples=9)]
    for kind in (QuantizationAwareTraining, QuantizationSchedule):
        for given in ((), "adaround", steps):
            callback = kind(recovery=given)
            again = kind.from_config(callback.get_config())
            assert again.get_config() == callback.get_config()
            assert again.recovery == (list(given) if not isinstance(given, str) else [given])
    old = {k: v for k, v in QuantizationSchedule().get_config().items() if k != "recovery"}
    assert QuantizationSchedule.from_config(old).recovery == []


class Other(ClipSearch):
    """A step of a user's own."""


MISTAKES = {
    "equalization": (lambda x: {"calibration": x, "recovery": [Equalization()]}, "takes back"),
    "by name": (lambda x: {"calibration": x, "recovery": "equalization"}, "leave it out"),
    "no data": (lambda x: {"recovery": "adaround"}, "representative data"),
    "no step": (lambda x: {"calibration": x, "recovery": "adarund"}, "did you mean 'adaround'"),
    "twice": (lambda x: {"calibration": x, "recovery": [FAST, FAST]}, "each step once"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_are_named_in_one_line(what):
    make, message = MISTAKES[what]
    with pytest.raises(TfedgeError, match=message) as error:
        tfedge.quantize(net(), "int4", **make(samples(8)))
    assert "\n" not in str(error.value)


def test_what_comes_too_early_or_cannot_be_described_is_refused():
    with pytest.raises(TfedgeError, match=r"not known yet: calibrate\(data\) first"):
        tfedge.quantize(net(), "int4").recover(samples(8))
    with pytest.raises(TfedgeError, match=r"give some \(calibration=…\)"):
        callback = QuantizationAwareTraining("int4", recovery="adaround")
        compiled(net()).fit(samples(8), targets(8), verbose=0, callbacks=[callback])
    with pytest.raises(TfedgeError, match=r"no step of tfedge\.recovery"):
        QuantizationSchedule(recovery=[Other()]).get_config()
