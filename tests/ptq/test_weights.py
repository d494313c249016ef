"""Integer weights and biases of one operator."""

from __future__ import annotations

import numpy as np
import pytest
from graph_parts import activation, constant, dense, grid, model_of

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization import schemes
from tfedge.quantization.activation_types import ACTIVATION_TYPES
from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Operator, SharedWeights, TensorType, WeightGrid
from tfedge_converters.ptq import quantize
from tfedge_converters.ptq.weight_formats import weight_format

# BIAS_MAX in float32.
HIGHEST = float(1 << 30)


def _quantized(weights, bias=None):
    """Weights and bias of a dense layer whose input has the scale 1, as integers."""
    channels = weights.shape[0] if weights.shape else 1
    x = activation("x", (1, weights.shape[-1] if weights.shape else 1), -128, 127)
    y = activation("y", (1, channels), -1, 1)
    model = model_of([x], [y], [dense(x, weights, bias, y)])
    quantize(model)
    return model.main.operators[0].inputs[1:]


# By which channels of their own would round 63.5 down, or find a scale that is an ulp off.
FACTORS = np.float32([0.11, 0.31, 0.87, 1.0])


def _shared(values):
    values = np.tile(np.float32(values), (len(FACTORS), 1))
    weights = constant("w", values * FACTORS[:, None])
    weights.shared_weights = SharedWeights(values, FACTORS)
    return weights


def test_equal_values_have_equal_integers_in_all_channels():
    weights, _ = _quantized(_shared([1.0, 0.5, -0.5]))
    # 63.5 is a tie, which factors decide where they take part.
    np.testing.assert_array_equal(weights.data, np.tile([127, 64, -64], (4, 1)))
    np.testing.assert_array_equal(
        weights.quantization.scale, np.float32(1) / np.float32(127) * FACTORS
    )
    assert weights.shared_values == 3


def test_a_channel_that_makes_room_for_its_bias_has_integers_of_its_own():
    scale = 1 / 127
    weights, bias = _quantized(
        _shared([1.0, 0.5, -0.5]), constant("b", [0, 0, 0, 3 * scale * HIGHEST])
    )
    np.testing.assert_array_equal(weights.data[:3], np.tile([127, 64, -64], (3, 1)))
    np.testing.assert_array_equal(weights.data[3], [42, 21, -21])  # 127, 63.5 and -63.5 of three
    assert weights.quantization.scale[3] == pytest.approx(3 * scale)
    assert bias.data[3] == pytest.approx(HIGHEST, rel=1e-6) and not bias.data[:3].any()


def _trained(rows, scale, bits=8, values=None):
    weights = constant("w", rows)
    weights.trained_weights = WeightGrid(np.float32(scale), bits, values)
    return weights


def test_trained_weights_keep_their_grid():
    rows = [[0.5, -0.25], [2.0, 1.0]]
    weights, bias = _quantized(_trained(rows, [0.25, 0.5], values=2), constant("b", [1.0, -1.0]))
    np.testing.assert_array_equal(weights.data, [[2, -1], [4, 2]])
    np.testing.assert_array_equal(weights.quantization.scale, [0.25, 0.5])
    assert weights.shared_values == 2
    np.testing.assert_array_equal(bias.data, [4, -2])
    plain_weights, _ = _quantized(constant("w", rows))
    assert plain_weights.shared_values is None


def test_a_bias_beside_trained_scales_has_to_fit_where_there_are_weights():
    rows, scale = [[0.5, -0.25], [0.0, 0.5]], [0.25, 0.5]
    _, bias = _quantized(_trained(rows, scale), constant("b", [0.25 * HIGHEST, 0.0]))
    assert bias.data[0] == HIGHEST
    too_large = constant("b", [0.0, 1.0 * HIGHEST])
    with pytest.raises(TfedgeError, match=r"biases of 1 channels \(the first is 1\) overflow"):
        _quantized(_trained(rows, scale), too_large)
    weights, bias = _quantized(_trained([[0.5, -0.25], [0.0, 0.0]], scale), too_large)
    assert bias.data[1] == pytest.approx(HIGHEST, rel=1e-6) and not weights.data[1].any()


def _computed(bias, scale=1.0):
    """The bias beside weights that are computed, both operands on this scale."""
    x, w = (activation(name, (2, 2), -128 * scale, 127 * scale) for name in "xw")
    y = activation("y", (2, 2), -1, 1)
    operands = [x, w] if bias is None else [x, w, constant("b", bias)]
    operator = Operator("FULLY_CONNECTED", operands, [y], dense(x, w, None, y).options)
    model = model_of([x, w], [y], [operator])
    quantize(model)
    found = model.main.operators[0].inputs
    assert grid(found[1]) == pytest.approx((scale, 0))
    return found[2:]


def test_biases_beside_computed_weights():
    assert _computed(None) in ([], [None])
    (bias,) = _computed([HIGHEST, -3.0])
    assert (list(bias.data), bias.type) == ([HIGHEST, -3], TensorType.INT32)
    assert not _computed([0.0, 0.0], 1e-6)[0].data.any()
    with pytest.raises(UnsupportedError, match="bias is too large"):
        _computed([0.0, float(np.nextafter(np.float32(HIGHEST), np.float32(np.inf)))])
    with pytest.raises(UnsupportedError, match="bias is too large"):
        _computed([0.0, float(np.nextafter(np.float32(-HIGHEST), np.float32(-np.inf)))])


def test_weights_without_channels_are_refused():
    with pytest.raises(UnsupportedError, match=r"weights of shape \(\) have no axis 0"):
        _quantized(constant("w", 1.0))


def test_what_is_no_float_constant_is_no_bias():
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2), -1, 1)
    kernel = constant("w", np.eye(2))
    computed = activation("b", (2,), -1, 1)
    model = model_of([x, computed], [y], [dense(x, kernel, computed, y)])
    with pytest.raises(UnsupportedError, match="its bias must be a float32 constant"):
        quantize(model)


@pytest.mark.parametrize(("bits", "type_", "largest"), [(8, "INT8", 127), (4, "INT4", 7)])
def test_formats_are_as_wide_as_their_integers(bits, type_, largest):
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2), -1, 1)
    operator = dense(x, constant("w", np.eye(2)), None, y)
    policy, activations = OPERATORS["FULLY_CONNECTED"], ACTIVATION_TYPES[8]
    scheme = schemes.get(f"int{bits}")
    made_as = weight_format(scheme, operator, policy, None, activations)
    assert (made_as.bits, made_as.type.name, made_as.limit) == (bits, type_, largest)
    trained = WeightGrid(np.float32([1]), 3)
    chosen = weight_format(scheme, operator, policy, trained, activations)
    assert (chosen.bits, chosen.type, chosen.limit) == (3, TensorType.INT4, 3)


@pytest.mark.parametrize(("bits", "code"), [(16, "FULLY_CONNECTED"), (8, "TRANSPOSE_CONV")])
def test_four_bits_that_would_fill_a_byte_are_eight(bits, code):
    x, y = activation("x", (1, 2), -1, 1), activation("y", (1, 2), -1, 1)
    operator = dense(x, constant("w", np.eye(2)), None, y)
    scheme, policy = schemes.get("int4"), OPERATORS[code]
    made_as = weight_format(scheme, operator, policy, None, ACTIVATION_TYPES[bits])
    assert (made_as.bits, made_as.type) == (8, TensorType.INT8)
    trained = WeightGrid(np.float32([1]), 4)
    chosen = weight_format(scheme, operator, policy, trained, ACTIVATION_TYPES[bits])
    assert (chosen.bits, chosen.type) == (4, TensorType.INT8)
