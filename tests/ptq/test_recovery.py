"""Recovery without labels: what each step promises, on real graphs and real interpreters."""

from __future__ import annotations

import subprocess
import sys

import keras
import keras_models
import numpy as np
import pytest
from graph_parts import activation, constant, dense, model_of
from keras import layers

import tfedge
from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.graph import TensorType, WeightGrid, read_model, write_file, write_model
from tfedge_converters.ptq import calibrate
from tfedge_converters.ptq.recovery import (
    AdaRound,
    BiasCorrection,
    ClipSearch,
    Equalization,
    steps,
)
from tfedge_converters.ptq.recovery.adam import Adam
from tfedge_converters.ptq.recovery.equalization import find_meetings
from tfedge_converters.ptq.recovery.linear_layers import linear_layers
from tfedge_converters.ptq.recovery.session import Session
from tfedge_converters.ptq.tensor_values import TensorValues
from tfedge_converters.verify.engines import run_litert, run_litert_reference

_FAST = AdaRound(iterations=150, rows=1024, batch=128, rate=0.05)


def mobile_net():
    """conv, depthwise, conv chains with ReLU and ReLU6, an addition, a pool, a dense layer."""
    keras.utils.set_random_seed(3)
    x = image = keras.Input((12, 12, 3), batch_size=1)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", bias_initializer="normal")(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu", bias_initializer="normal")(x)
    y = layers.Conv2D(8, 1, bias_initializer="normal")(y)
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.DepthwiseConv2D((3, 2), strides=2, depth_multiplier=2, padding="same")(x)
    x = layers.Conv2D(12, 2, dilation_rate=2, padding="valid", activation="relu6")(x)
    x = layers.Conv2D(12, 3, groups=3, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(5)(x))


@pytest.fixture(scope="module")
def network():
    """The flatbuffer of a float model whose channels have uneven ranges, and samples."""
    model = mobile_net()
    rng = np.random.default_rng(5)
    for layer in model.layers:
        if "conv2d" in layer.name:
            weights, *bias = layer.get_weights()
            uneven = rng.uniform(0.2, 3, weights.shape[-2:]).astype(np.float32)
            layer.set_weights([weights * uneven, *bias])
    samples = rng.normal(size=(48, 12, 12, 3)).astype(np.float32)
    return keras_models.to_float_tflite(model), samples


def _outputs(flatbuffer, samples):
    return np.concatenate([r[0] for r in run_litert(flatbuffer, [[s[None]] for s in samples])])


def _decibels(real, found):
    return 10 * np.log10(np.square(real).sum() / np.square(real - found).sum())


def _converted(network, recovery, scheme="int4"):
    flatbuffer, samples = network
    return tfedge.convert(
        flatbuffer, target="tflite", quantization=scheme, calibration=samples, recovery=recovery,
        input_type="float32", output_type="float32",
    )  # fmt: skip


def _session(network, scheme):
    flatbuffer, samples = network
    model, rows = read_model(flatbuffer), [[sample[None]] for sample in samples]
    calibrate(model, rows, scheme=scheme)
    return Session(model, rows, scheme, progress=False)


def _values(model, samples):
    return TensorValues(model.main, {id(model.main.inputs[0]): samples[:, None]})


def test_layers_are_products_of_matrices(network):
    """Every kind of layer, computed from its rows, gives what LiteRT computes."""
    flatbuffer, samples = network
    model = read_model(flatbuffer)
    values = _values(model, samples[:4])
    found = linear_layers(model.main)
    assert len(found) == 7
    for layer in found:
        chosen = np.random.default_rng(0).permutation(layer.rows_of(4))[:60]
        product = layer.rows(values.of(layer.source), chosen) @ layer.matrices(layer.weights.data)
        results = (product + layer.by_channel(layer.bias())).clip(*layer.bounds)
        wanted = layer.results(values.of(layer.result), chosen)
        np.testing.assert_allclose(results, wanted, atol=1e-4, err_msg=layer.name)
        again = layer.constant(layer.matrices(layer.weights.data))
        np.testing.assert_array_equal(again, layer.weights.data)


def test_equalization_keeps_the_function(network):
    flatbuffer, samples = network
    model = read_model(flatbuffer)
    before = {layer.name: layer.weights.data.copy() for layer in linear_layers(model.main)}
    meetings = find_meetings(model.main)
    Equalization().apply(model)
    np.testing.assert_allclose(
        _outputs(write_model(model), samples), _outputs(flatbuffer, samples), rtol=1e-4, atol=1e-4
    )
    changed = [
        not np.array_equal(layer.weights.data, before[layer.name])
        for layer in linear_layers(model.main)
    ]
    assert all(changed)
    # The addition's operands and its ReLU move together; nothing passes the ReLU6.
    assert len(meetings) == 4
    assert {len(meeting.makers) for meeting in meetings} == {1, 2}
    for meeting in meetings:
        np.testing.assert_allclose(meeting.factors(), 1, rtol=0.05)


def test_equalization_leaves_alone_what_is_read_by_others():
    """A sigmoid, an output, and weights on a trained grid fix their activation."""
    x, hidden, out = activation("x", (1, 3)), activation("h", (1, 4)), activation("y", (1, 2))
    rng = np.random.default_rng(0)
    first = constant("a", rng.normal(size=(4, 3)))
    second = constant("b", rng.normal(size=(2, 4)))
    operators = [
        dense(x, first, constant("c", np.zeros(4)), hidden),
        dense(hidden, second, constant("d", np.zeros(2)), out),
    ]
    assert len(find_meetings(model_of([x], [out], operators).main)) == 1
    assert not find_meetings(model_of([x], [out, hidden], operators).main)
    first.trained_weights = WeightGrid(np.ones(1, np.float32), 4)
    assert not find_meetings(model_of([x], [out], operators).main)


def test_clip_search_errs_less(network):
    scheme = Scheme("three", WeightScheme(bits=3))
    session = _session(network, scheme)
    plain = session.quantized_copy()
    ClipSearch().apply(session)
    better = session.quantized_copy()
    for layer in session.layers:
        errors = []
        for quantized_copy in (plain, better):
            tensor = quantized_copy.operand(layer.operator, 1)
            shape = [1] * 4
            shape[tensor.quantization.axis] = -1
            scale = tensor.quantization.scale.reshape(shape[: len(tensor.shape)])
            real = tensor.data * scale
            errors.append(np.square(real - layer.weights.data).sum())
        assert errors[1] < errors[0], layer.name


def test_bias_correction_takes_the_mean_error_away(network):
    """At the output, where all layers' errors have come together."""
    flatbuffer, samples = network
    real = _outputs(flatbuffer, samples)
    three = Scheme("three", WeightScheme(bits=3))
    plain, better = (
        np.abs((_outputs(_converted(network, steps, three).flatbuffer, samples) - real).mean(0))
        for steps in ((), ["bias_correction"])
    )
    assert better.max() < 0.3 * plain.max(), (plain, better)
    assert (better < plain).mean() >= 0.8


def test_integers_that_adaround_learned_reach_the_file(network):
    """Bit by bit: the weights in the file are those that were learned, and not the nearest."""
    session = _session(network, Scheme("int4", WeightScheme(bits=4)))
    plain = session.quantized_copy()
    _FAST.apply(session)
    learned = {
        layer.name: np.rint(layer.matrices(layer.weights.data) / layer.by_channel(
            layer.weights.trained_weights.scale)) for layer in session.layers
    }  # fmt: skip
    quantized_copy = session.quantized_copy()
    moved = 0
    for layer in session.layers:
        tensor = quantized_copy.operand(layer.operator, 1)
        assert tensor.type == TensorType.INT4
        np.testing.assert_array_equal(layer.matrices(tensor.data), learned[layer.name])
        difference = tensor.data.astype(int) - plain.operand(layer.operator, 1).data
        assert np.abs(difference).max() <= 1
        moved += np.count_nonzero(difference)
    assert moved > 50


def test_every_step_wins_something_back(network):
    """In decibels at the output, with weights of 4 bits."""
    flatbuffer, samples = network
    real = _outputs(flatbuffer, samples)
    found = {
        name: _decibels(real, _outputs(_converted(network, recovery).flatbuffer, samples))
        for name, recovery in {
            "nothing": (),
            "bias": ["bias_correction"],
            "adaround": [_FAST],
            "all": ["equalization", "clip_search", _FAST, "bias_correction"],
        }.items()
    }
    assert found["bias"] > found["nothing"] + 1, found
    assert found["adaround"] > found["nothing"] + 4, found
    assert found["all"] > found["nothing"] + 4, found


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_other_schemes_do_not_lose(network, scheme):
    flatbuffer, samples = network
    real = _outputs(flatbuffer, samples)
    plain, better = (
        _decibels(real, _outputs(_converted(network, recovery, scheme).flatbuffer, samples))
        for recovery in ((), [_FAST, "bias_correction"])
    )
    assert better > plain - 0.5


def test_the_same_seed_gives_the_same_file(network):
    one, two = (_converted(network, ["clip_search", _FAST]).flatbuffer for _ in range(2))
    assert one == two


def test_what_training_put_on_a_grid_stays(network):
    """A marked layer keeps its integers through every step."""
    flatbuffer, samples = network
    model = read_model(flatbuffer)
    layer = linear_layers(model.main)[2]
    scale = np.full(layer.channels, 0.11, np.float32)
    layer.weights.trained_weights = WeightGrid(scale, 4)
    rows = [[sample[None]] for sample in samples]
    wanted = np.rint(layer.weights.data / 0.11).clip(-7, 7)
    Equalization().apply(model)
    calibrate(model, rows, scheme="int4")
    session = Session(model, rows, Scheme("int4", WeightScheme(bits=4)), progress=False)
    for step in (ClipSearch(), _FAST, BiasCorrection()):
        step.apply(session)
    quantized_copy = session.quantized_copy()
    np.testing.assert_array_equal(quantized_copy.operand(layer.operator, 1).data, wanted)


def test_steps_run_in_the_order_in_which_they_build_on_each_other():
    given = ["bias_correction", _FAST, "equalization", "clip_search"]
    assert [type(step) for step in steps(given)] == [
        Equalization, ClipSearch, AdaRound, BiasCorrection,
    ]  # fmt: skip


def test_mistakes_are_told_in_words(network):
    flatbuffer, samples = network
    with pytest.raises(TfedgeError, match=r"recovery compares .* \(calibration=…"):
        tfedge.convert(flatbuffer, recovery=["adaround"])
    with pytest.raises(TfedgeError, match=r"'adaroud' is no step .* equalization, clip_search"):
        tfedge.convert(flatbuffer, recovery=["adaroud"], calibration=samples)
    with pytest.raises(TfedgeError, match="each step once"):
        tfedge.convert(flatbuffer, recovery=["adaround", AdaRound()], calibration=samples)
    integer = _converted(network, ()).flatbuffer
    with pytest.raises(TfedgeError, match="recovery is for float models"):
        tfedge.convert(integer, target="tflite", recovery=["adaround"], calibration=samples)


def test_a_generator_is_enough(network):
    flatbuffer, samples = network
    given = (sample for sample in samples)
    artifact = tfedge.convert(
        flatbuffer, target="tflite", calibration=given, recovery=["bias_correction"]
    )
    run_litert_reference(artifact.flatbuffer, [[np.zeros((1, 12, 12, 3), np.int8)]])


def test_the_command_line_recovers_without_tensorflow(network, tmp_path):
    flatbuffer, samples = network
    write_file(read_model(flatbuffer), tmp_path / "net.tflite")
    np.savez(tmp_path / "x.npz", x=samples)
    script = (
        "import sys\n"
        "from tfedge_converters.cli import main\n"
        "assert main(['convert', 'net.tflite', '--output', 'out', '--calibration', 'x.npz',\n"
        "    '--quantization', 'int4', '--recovery', 'equalization,bias_correction']) == 0\n"
        "print({'tensorflow', 'keras', 'tf_keras'} & set(sys.modules))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "set()"
    assert "--recovery equalization,bias_correction" in (tmp_path / "out" / "net.h").read_text()


def test_adam_takes_the_step_of_the_paper():
    """Two steps by hand: with constant gradients the bias-corrected step is the rate."""
    parameters = np.array([1.0, -2.0], np.float32)
    adam = Adam(parameters, 0.1)
    for _ in range(2):
        adam.step(np.array([0.5, -3.0], np.float32))
    np.testing.assert_allclose(parameters, [0.8, -1.8], atol=1e-5)
