"""`tfedge.convert` measures what it costs, and names the layer and the remedy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from keras import layers
from small_models import convolutions, detector_of

import tfedge
from tfedge.errors import QualityError, TfedgeError
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.cli import main
from tfedge_converters.graph import Operator, Tensor, TensorType, read_model, write_model
from tfedge_converters.quality.samples import CALIBRATED, EVALUATED, HELD_BACK, UNSEEN
from tfedge_converters.quantize.noise import noise
from tfedge_converters.verify.engines import run_litert, run_litert_reference

SAMPLES = np.random.default_rng(0).normal(size=(80, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def detector():
    return detector_of(lambda *parts: layers.Concatenate(name="found")(list(parts)))


def _converted(model, target="tflite", calibration=SAMPLES, **options):
    return tfedge.convert(model, target=target, calibration=calibration, name="net", **options)


def test_branches_of_an_output_are_measured_by_themselves(detector, caplog):
    with caplog.at_level("WARNING", logger="absl"):
        artifact = _converted(detector, target="cortex-m4")
    (found,) = artifact.quality.outputs
    boxes, scores = found.branches
    assert (found.name, boxes.name) == ("found", "boxes")
    assert scores.name.startswith("scores")
    assert found.snr > 30 and boxes.snr > 30 and scores.snr < 3
    assert artifact.quality.snr == scores.snr
    assert 0 < scores.low < scores.high < 1
    (layer,) = (item for item in artifact.source.plan.layers if item.name == "found")
    (warning,) = artifact.warnings
    assert f"layer {layer.index}, 'found'" in warning
    assert "return 'boxes' and 'scores" in warning and "int16x8" in warning
    assert warning in caplog.text
    assert str(artifact.quality) in artifact.summary() and warning in artifact.summary()


@pytest.mark.parametrize("target", ["cortex-m4", "tflite"])
def test_no_engine_judges_what_it_computes_wrongly(target):
    """LiteRT's reference kernel does not add int8 values up."""
    steps = np.random.default_rng(0).uniform(-1, 1, (80, 8)).astype(np.float32)
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.ops.sum(inputs, -1, keepdims=True))
    sums = model.predict(steps, verbose=0)
    options = {"evaluation_data": (steps, sums), "metric": "mean_absolute_error"}
    artifact = _converted(model, target, steps, **options)
    assert artifact.quality.snr > 25
    assert 0 < artifact.evaluation.converted < 0.1


def test_the_remedies_help(detector):
    apart = _converted(detector_of(lambda *parts: list(parts)))
    wide = _converted(detector, quantization="int16x8", strict=True)
    assert [len(item.quality.outputs) for item in (apart, wide)] == [2, 1]
    for item in (apart, wide):
        assert item.quality.snr > 25
        assert item.warnings == ()


def test_the_measured_noise_is_that_of_the_files(detector):
    """On the samples that were held back, by the definition of noise."""
    artifact = _converted(detector)
    held = [[sample[None]] for sample in SAMPLES[7::8]]
    real = np.stack([outputs[0] for outputs in run_litert(detector, held)])
    (grid,) = (tensor.quantization for tensor in artifact.model.main.inputs)
    inputs = [
        [np.clip(np.round(x / grid.scale[0]) + grid.zero_point[0], -128, 127).astype(np.int8)]
        for (x,) in held
    ]
    (end,) = (tensor.quantization for tensor in artifact.model.main.outputs)
    found = np.stack([o[0] for o in run_litert_reference(artifact.flatbuffer, inputs)])
    found = (found.astype(np.float64) - end.zero_point[0]) * end.scale[0]
    (output,) = artifact.quality.outputs
    assert artifact.quality.source == HELD_BACK and artifact.quality.samples == len(held)
    assert output.noise == pytest.approx(noise(real, found), rel=0.01)
    assert output.branches[1].noise == pytest.approx(noise(real[..., 4:], found[..., 4:]), rel=0.01)


def test_channels_of_unlike_ranges_are_measured():
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(3, name="angles")]
    )
    weights, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([weights * [1, 2000, 1], bias])
    artifact = _converted(model)
    (angles,) = artifact.quality.outputs
    assert [part.name for part in angles.channels] == ["channel 0", "channel 2"]
    assert angles.snr > 30 and all(part.snr < 5 for part in angles.channels)
    assert "return unlike channels as outputs of their own" in artifact.warnings[0]


def test_strict_writes_nothing(detector, tmp_path, capsys):
    with pytest.raises(QualityError, match=r"scores.* in output 'found' has"):
        _converted(detector, strict=True)
    assert _converted(detector, strict=True, min_snr=-20).warnings == ()
    (tmp_path / "net.tflite").write_bytes(detector)
    np.savez(tmp_path / "x.npz", SAMPLES)
    out = tmp_path / "out"
    arguments = ["convert", str(tmp_path / "net.tflite"), "--target", "tflite", "--output"]
    arguments += [str(out), "--calibration", str(tmp_path / "x.npz")]
    assert main([*arguments, "--strict"]) == 2
    assert "return 'boxes'" in capsys.readouterr().err and not out.exists()
    assert main([*arguments, "--strict", "--min-snr", "-20"]) == 0
    assert "signal to noise of 'found'" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "warning: 'scores" in capsys.readouterr().out


@pytest.fixture(scope="module")
def network():
    return convolutions()


def test_the_layer_and_its_cause_are_named(network):
    narrow = Scheme("narrow", overrides={"two": WeightScheme(bits=2)})
    (warning,) = _converted(network, quantization=narrow).warnings
    assert "layer 1, 'two' (CONV_2D), whose weights have 2 bits" in warning
    dark = _converted(
        network, calibration=SAMPLES * 0.01, evaluation_data=(SAMPLES, np.arange(80) % 4)
    )
    assert any("the input 'image', whose values lie outside" in text for text in dark.warnings)
    assert "int16x8" not in dark.warnings[1]


def test_a_branch_that_is_lost_within_the_model_is_named():
    """What follows a concatenation may have learned to make much of its smaller operand."""
    keras.utils.set_random_seed(5)
    image = keras.Input((8, 8, 3), batch_size=1)
    parts = [layers.Conv2D(2, 1, name=name)(image) for name in ("large", "small")]
    x = layers.Conv2D(4, 3, name="after")(layers.Concatenate(name="joined")(parts))
    model = keras.Model(image, layers.Dense(3, name="end")(layers.Flatten()(x)))
    for name, place, factor in (("large", ..., 2_000), ("after", (..., [0, 1], slice(None)), 1e-5)):
        kernel, bias = model.get_layer(name).get_weights()
        kernel[place] *= factor
        model.get_layer(name).set_weights([kernel, bias])
    (warning,) = _converted(model).warnings
    assert "'joined' (CONCATENATION), for 'joined' puts 'large' and 'small' on one grid" in warning
    assert "scale them to like ranges, or do not concatenate them" in warning
    assert _converted(model, quantization="int16x8").warnings == ()


def test_what_is_measured_on(network):
    """Samples that were held back have no part in ranges."""
    odd = SAMPLES.copy()
    odd[7] *= 50
    plain, kept = (_converted(network, calibration=x, min_snr=0) for x in (SAMPLES, odd))
    seen = _converted(network, calibration=odd[:63])
    scales = [item.model.main.inputs[0].quantization.scale[0] for item in (plain, kept, seen)]
    assert scales[0] == scales[1] < scales[2] / 10
    assert [item.quality.source for item in (plain, kept, seen)] == [
        HELD_BACK,
        HELD_BACK,
        CALIBRATED,
    ]
    assert (plain.quality.samples, seen.quality.samples) == (10, 32)
    labelled = _converted(network, evaluation_data=(SAMPLES[:40], np.arange(40) % 4), max_loss=1)
    assert (labelled.quality.source, labelled.quality.samples) == (EVALUATED, 32)
    # Where others are measured on, all samples count for ranges.
    everything = _converted(network, calibration=odd, evaluation_data=(SAMPLES[:9], [0] * 9))
    assert everything.model.main.inputs[0].quantization.scale[0] == scales[2]
    calibrated = _converted(network, calibration=tfedge.calibrate(network, SAMPLES))
    assert calibrated.quality is None


def test_ranges_from_training_need_no_data():
    inputs = keras.Input((8,), name="x")
    model = tfedge.quantize(keras.Model(inputs, layers.Dense(3, name="y")(inputs)))
    model.compile("adam", "mse")
    data = np.random.default_rng(3).normal(size=(70, 8)).astype(np.float32)
    model.fit(data, np.zeros((70, 3)), verbose=0)
    assert tfedge.convert(model, target="tflite").quality is None
    measured = tfedge.convert(model, target="tflite", calibration=data)
    assert measured.quality.source == UNSEEN and measured.quality.snr > 20
    wrong = tfedge.convert(model, target="tflite", calibration=data * 100)
    assert "in training it was from" in wrong.warnings[0]


def test_integer_outputs_are_equal_or_not():
    """The classes that a model chooses: what differs is counted."""
    model = read_model(detector_of(lambda boxes, scores: scores))
    (scores,) = model.main.outputs
    axis = Tensor("axis", (), TensorType.INT32, data=np.int32(2))
    chosen = Tensor("class", (1, 4), TensorType.INT32)
    options = schema.ArgMaxOptionsT()
    options.outputType = schema.TensorType.INT32
    model.main.operators.append(Operator("ARG_MAX", [scores, axis], [chosen], options))
    model.main.outputs, model.signatures = [chosen], []
    chooser = write_model(model)
    good, bad = (
        _converted(chooser, quantization=Scheme("s", WeightScheme(bits=bits)), min_snr=10)
        for bits in (8, 2)
    )
    assert good.quality.outputs[0].is_integer and good.warnings == ()
    (output,) = bad.quality.outputs
    assert output.noise > 0.1
    assert f"'class' differs in {output.noise:.1%} of its values" in " ".join(bad.warnings)
    assert "Most is lost in layer" in " ".join(bad.warnings)
    assert f"{1 - output.noise:.1%} are equal" in bad.summary()


def test_what_integer_models_do_not_take_is_told(network):
    made = _converted(network)
    again = _converted(made.flatbuffer, quantization="int16x8", calibration_method="mse")
    assert again.quality is None
    assert again.notes == tuple(
        f"{name} was not used: the model computes with integers already"
        for name in ("quantization", "calibration", "calibration_method")
    )
    assert again.flatbuffer == made.flatbuffer
    with pytest.raises(TfedgeError, match="integers already; calibrate the float model"):
        tfedge.calibrate(made.flatbuffer, SAMPLES)
