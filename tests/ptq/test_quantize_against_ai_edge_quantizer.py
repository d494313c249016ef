"""Our int8 files against those of ai-edge-quantizer, given the same ranges.

Grids are equal to the last bit. It divides and rounds ties to even where TensorFlow and we
multiply by the reciprocal and round ties away from zero, so an integer in tens of thousands
differs by 1. Its operator versions stay 1.
"""

from __future__ import annotations

import numpy as np
import pytest
from model_comparison import quantized_pairs
from model_files import float_model
from seeded_models.mlperf_tiny import inputs_for

from tfedge_converters.graph import read_model, write_model
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq import calibrate, quantize

aeq = pytest.importorskip("ai_edge_quantizer.quantizer")
recipe = pytest.importorskip("ai_edge_quantizer.recipe")
keras_models = pytest.importorskip("keras_models")

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")


def of_ai_edge_quantizer(model):
    """Its int8 file from `model`, written by us, and the ranges in it.

    (It reads the operator code from one field only, which the published ad_float.tflite, written
    by an older converter, has not: it takes FULLY_CONNECTED for ADD there.)
    """
    ranges = {
        tensor.name: {
            "min": np.float32(tensor.range.low if tensor.range else 0),
            "max": np.float32(tensor.range.high if tensor.range else 1),
        }
        for tensor in model.main.tensors()
        if is_real_activation(tensor)
    }
    quantizer = aeq.Quantizer(bytearray(write_model(model)), recipe.static_wi8_ai8())
    return read_model(bytes(quantizer.quantize(ranges).quantized_model)).main


def assert_equal_but_for_ties(model):
    """Quantises `model` with both; integers may differ by 1 where the real value is a tie.

    A tie is what float32 cannot tell from one.
    """
    theirs = of_ai_edge_quantizer(model)
    real = {
        (id(operator), index): tensor.data
        for operator in model.main.operators
        for index, tensor in enumerate(operator.inputs)
        if tensor is not None
    }
    quantize(model)
    differing = total = 0
    for pair in quantized_pairs(model.main, theirs, versions=False):
        assert pair.scale_error == 0 and pair.same_zero_point, pair.ours.name
        if pair.ours.is_constant:
            where = pair.differences != 0
            scale = np.broadcast_to(along_axis(pair.ours), where.shape)[where]
            exact = np.abs(real[id(pair.consumer), pair.index][where] / scale)
            assert (np.abs(pair.differences) <= 1).all(), pair.ours.name
            assert (np.abs(exact % 1 - 0.5) <= exact * 2**-22).all(), pair.ours.name
            differing += np.count_nonzero(where)
            total += where.size
    assert differing < total / 500


def along_axis(tensor):
    """The scales, shaped to broadcast against the tensor."""
    shape = [1] * len(tensor.shape)
    if tensor.quantization.per_channel:
        shape[tensor.quantization.axis] = -1
    return tensor.quantization.scale.astype(np.float64).reshape(shape)


@pytest.mark.parametrize("name", ["ad", "ic", "kws"])
def test_published_networks(model_file, name):
    model = float_model(model_file, name)
    calibrate(model, inputs_for(name, 4))
    assert_equal_but_for_ties(model)


@pytest.mark.parametrize("build", [keras_models.residual_cnn, keras_models.sequence_pair])
def test_keras_networks(build):
    keras_model = build()
    model = read_model(keras_models.to_float_tflite(keras_model))
    rng = np.random.default_rng(5)
    calibrate(model, [rng.normal(size=(6, *tensor.shape[1:])) for tensor in keras_model.inputs])
    assert_equal_but_for_ties(model)


def test_biases_that_need_room(model_file):
    """Where TensorFlow and we enlarge the scale so that a bias fits, its biases overflow int32.

    The positive ones come out as -2**31.
    """
    model = float_model(model_file, "vww")
    calibrate(model, inputs_for("vww", 4))
    theirs = of_ai_edge_quantizer(model)
    quantize(model)
    wrong_sign = 0
    for pair in quantized_pairs(model.main, theirs, versions=False):
        same = pair.ours.quantization.scale == pair.theirs.quantization.scale
        if pair.kind == "bias":
            ours = pair.ours.data[~same] * pair.ours.quantization.scale[~same].astype(np.float64)
            assert (np.abs(ours) >= 2**30 * pair.theirs.quantization.scale[~same]).all()
            wrong_sign += ((pair.theirs.data[~same] == -(2**31)) & (ours > 0)).sum()
            # Theirs are quotients in float32.
            allowed = np.maximum(1, 2**-23 * np.abs(pair.theirs.data[same].astype(np.float64)))
            assert (np.abs(pair.differences[same]) <= allowed).all()
        elif pair.kind == "activation":
            assert same.all()
    assert wrong_sign > 100


def test_concatenation():
    """It moves every operand to the result's grid with a QUANTIZE of its own.

    We let the operands share that grid from the start, as TensorFlow does: one operator and one
    rounding less.
    """
    keras_model = keras_models.branches()
    model = read_model(keras_models.to_float_tflite(keras_model))
    calibrate(model, np.random.default_rng(5).normal(size=(6, 8, 8, 3)))
    theirs = of_ai_edge_quantizer(model)
    quantize(model)
    counts = [
        [operator.code for operator in graph.operators].count("QUANTIZE")
        for graph in (model.main, theirs)
    ]
    assert counts == [2, 3]
