"""Our int8 files against those of TensorFlow's converter, from the same model and data.

Operators, versions, types, zero points and weights are equal to the last bit. Activation scales
agree to 1e-6: TensorFlow's calibrator and LiteRT sum up in different orders. What differs beyond
that is asserted here, test by test, with the reason.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
from model_comparison import quantized_pairs

from tfedge_converters.graph import Range, read_model
from tfedge_converters.ptq import calibrate, quantize

keras_models = pytest.importorskip("keras_models")

SCALE_TOLERANCE = 1e-6
pytestmark = pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")


def samples_for(model, count=12):
    rng = np.random.default_rng(7)
    return [
        [rng.normal(size=tensor.shape).astype(np.float32) for tensor in model.inputs]
        for _ in range(count)
    ]


def calibrated(keras_model):
    model = read_model(keras_models.to_float_tflite(keras_model))
    calibrate(model, samples_for(keras_model))
    return model


def of_tensorflow(keras_model, io="int8", per_channel_dense=True):
    data = keras_models.to_int8_tflite(keras_model, samples_for(keras_model), io, per_channel_dense)
    return read_model(data).main


def input_scales(model):
    inputs = model.signatures[0].inputs.items()
    return {name: float(tensor.quantization.scale[0]) for name, tensor in inputs}


def same_grid(pair):
    return pair.scale_error <= SCALE_TOLERANCE and pair.same_zero_point


def assert_same(pair):
    assert same_grid(pair), pair.ours.name
    if pair.kind in ("weights", "operand"):
        assert not pair.differences.any(), pair.ours.name
    if pair.kind == "bias":
        # The bias follows the input's scale, so a difference of that shows in it.
        allowed = 1 + SCALE_TOLERANCE * np.abs(pair.theirs.data.astype(np.int64))
        assert (np.abs(pair.differences) <= allowed).all(), pair.ours.name


def widen_overwritten(model, theirs):
    """Gives `model` the ranges that TensorFlow's calibrator takes from overwritten tensors.

    It looks at an operand after the operator has run, when an ADD or MUL that works in place has
    put its result there. The operand's grid then has to hold the result's values as well: on a
    residual branch that can cost a bit of resolution.

    Returns:
        The codes of the operators that overwrote an operand.
    """
    quantized = copy.deepcopy(model)
    twins = {
        id(twin): tensor
        for twin, tensor in zip(quantized.main.tensors(), model.main.tensors(), strict=True)
    }
    quantize(quantized)
    overwriters = []
    for pair in quantized_pairs(quantized.main, theirs):
        if pair.kind == "activation" and not same_grid(pair):
            operand, result = twins[id(pair.ours)], twins[id(pair.consumer.outputs[0])]
            operand.range = Range(
                min(operand.range.low, result.range.low), max(operand.range.high, result.range.high)
            )
            overwriters.append(pair.consumer.code)
    return overwriters


@pytest.mark.parametrize(
    ("build", "per_channel_dense", "overwriters"),
    [
        (keras_models.residual_cnn, True, ["ADD"]),
        (keras_models.residual_cnn, False, ["ADD"]),
        (keras_models.branches, True, ["ADD"]),
        (keras_models.sequence_pair, True, []),
        (keras_models.ties, True, []),
        (keras_models.ties, False, []),
    ],
)
def test_files_are_equal(build, per_channel_dense, overwriters):
    keras_model = build()
    ours = calibrated(keras_model)
    theirs = of_tensorflow(keras_model, per_channel_dense=per_channel_dense)
    assert widen_overwritten(ours, theirs) == overwriters
    quantize(ours, "int8" if per_channel_dense else "edgetpu")
    pairs = quantized_pairs(ours.main, theirs)
    assert len(ours.main.operators) == len(theirs.operators)
    assert {pair.kind for pair in pairs} >= {"activation", "weights", "bias"}
    for pair in pairs:
        assert_same(pair)


def test_real_ends_are_equal():
    keras_model = keras_models.sequence_pair()
    ours = calibrated(keras_model)
    quantize(ours, input_type="float32", output_type="float32")
    theirs = of_tensorflow(keras_model, io="float32")
    for pair in quantized_pairs(ours.main, theirs):
        assert_same(pair)
    assert [op.code for op in ours.main.operators].count("QUANTIZE") == 2
    assert [t.name for t in ours.main.inputs] == [t.name for t in theirs.inputs]
    assert [t.name for t in ours.main.outputs] == [t.name for t in theirs.outputs]


def test_input_grids_are_equal_for_all_kinds_of_ranges():
    """The grid of an input depends on its values alone, so it is equal to the last bit."""
    rng = np.random.default_rng(0)
    scales = 10.0 ** rng.uniform(-4, 4, 40)
    shifts = scales * rng.choice([-3.0, -1.0, -0.5, 0.0, 0.01, 0.5, 1.0, 3.0], 40)
    keras_model = keras_models.many_inputs(len(scales))
    samples = [
        [
            (rng.uniform(-1, 1, (1, 4)) * scale + shift).astype(np.float32)
            for scale, shift in zip(scales, shifts, strict=True)
        ]
        for _ in range(3)
    ]
    ours = read_model(keras_models.to_float_tflite(keras_model))
    by_name = [
        {spec.name: value for spec, value in zip(keras_model.inputs, sample, strict=True)}
        for sample in samples
    ]
    calibrate(ours, by_name)
    quantize(ours)
    theirs = read_model(keras_models.to_int8_tflite(keras_model, by_name, "int8")).main
    for a, b in zip(ours.main.inputs, theirs.inputs, strict=True):
        assert a.name == b.name
        assert a.quantization.same_as(b.quantization), a.name
    assert len({int(t.quantization.zero_point[0]) for t in theirs.inputs}) > 10


def test_dead_channels():
    """Channels that TensorFlow gives a scale of at least 3.9e-9 here have none of their own.

    TensorFlow takes the span of a channel's weights for at least 1e-6. We know no such limit: the
    scale comes from the bias then, or is 1. Every other channel is equal, those whose bias needs
    room included.
    """
    keras_model = keras_models.dead_channels()
    ours = calibrated(keras_model)
    quantize(ours)
    theirs = of_tensorflow(keras_model)
    pairs = {pair.kind: pair for pair in quantized_pairs(ours.main, theirs)}
    weights, bias = pairs["weights"], pairs["bias"]
    assert not weights.differences.any()
    assert not bias.differences.any()
    ours_scale = weights.ours.quantization.scale
    theirs_scale = weights.theirs.quantization.scale
    np.testing.assert_allclose(ours_scale[[0, 2, 3, 4, 5]], theirs_scale[[0, 2, 3, 4, 5]], 1e-6)
    assert ours_scale[1] == 1
    assert theirs_scale[1] == np.float32(1e-6) / np.float32(254)
    assert np.abs(bias.ours.data).max() == 2**30


def test_tiny_and_constant_activations():
    """TensorFlow moves both ends of ranges narrower than 1e-6 outwards by 1e-6; we do not.

    Signals in tesla or farad would vanish. An activation that calibration has only seen as 0 gets
    scale 1, where TensorFlow's 8e-9 makes the kernel multiply by thousands and overflow.
    """
    keras_model = keras_models.many_inputs(2)
    values = {"in_0": np.array([[0, 1e-7, 2e-7, 3e-7]], np.float32), "in_1": np.zeros((1, 4))}
    samples = [{name: np.float32(value) for name, value in values.items()}]
    ours = read_model(keras_models.to_float_tflite(keras_model))
    calibrate(ours, samples)
    quantize(ours)
    theirs = read_model(keras_models.to_int8_tflite(keras_model, samples, "int8"))
    assert input_scales(ours) == pytest.approx({"in_0": 3e-7 / 255, "in_1": 1.0})
    assert input_scales(theirs) == pytest.approx({"in_0": (3e-7 + 2e-6) / 255, "in_1": 2e-6 / 255})
