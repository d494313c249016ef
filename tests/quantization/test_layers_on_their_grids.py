"""Every supported layer becomes the operators that it should, on ranges that came from training,
and the quantised Keras model predicts what these operators compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from device_agreement import agreement, codes_behind, disturb, train
from keras import layers
from layer_cases import CASES

import tfedge
from tfedge_converters.verify.engines import engine

# Cases of layers whose weights, or those in front of them, a training step has to move.
LEARNING = ("layer_norm", "reversible", "rms_norm", "unit_norm_behind")

# What a model costs to make, train, convert and run is much the same for one layer as for a dozen:
# cases lie side by side in one, each with inputs and outputs of its own. All but this one, which is
# a model that has no symbolic inputs.
ALONE = ["subclassed"]
_OTHERS = [name for name in CASES if name not in ALONE]
GROUPS = [ALONE, *(_OTHERS[first::8] for first in range(8))]
GROUP_OF = {name: number for number, group in enumerate(GROUPS) for name in group}


def _made(name: str) -> Any:
    keras.utils.set_random_seed(1)
    return CASES[name].model()


def _side_by_side(names: Sequence[str]) -> tuple[Any, list[str], list[int]]:
    """A model of all these cases; which case each of its outputs is of; its inputs' numbers.

    Inputs are counted in each case, so that what it sees does not depend on what is beside it.
    """
    inputs, outputs, owners, numbers = [], [], [], []
    for name in names:
        model = _made(name)
        own = [keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in model.inputs]
        results = keras.tree.flatten(model(own[0] if len(own) == 1 else own))
        inputs += own
        numbers += range(len(own))
        outputs += results
        owners += [name] * len(results)
    return keras.Model(inputs, outputs), owners, numbers


@cache
def _results(number: int) -> dict[str, tuple[tuple[str, ...], list[Counter[int]]]]:
    """Of a group: what each case became, and how far its outputs are from the device's."""
    names = GROUPS[number]
    model, owners, numbers = (_made(*ALONE), ALONE, [0]) if names == ALONE else _side_by_side(names)
    quantized = tfedge.quantize(model, "int8")
    train(quantized, numbers=numbers)
    disturb(quantized)
    result = agreement(quantized, numbers=numbers)
    found = {}
    for name in names:
        mine = [index for index, owner in enumerate(owners) if owner == name]
        codes = codes_behind(result.artifact.model.main, mine)
        found[name] = codes, [result.steps[index] for index in mine]
    return found


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    codes, steps = _results(GROUP_OF[name])[name]
    assert codes == CASES[name].codes
    assert max(map(max, steps)) <= CASES[name].farthest, steps


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(LEARNING)])
def test_every_weight_learns(name):
    keras.utils.set_random_seed(1)
    quantized = tfedge.quantize(CASES[name].model(), "int8")
    disturb(quantized)
    before = [np.array(variable) for variable in quantized.trainable_variables]
    train(quantized)
    for old, variable in zip(before, quantized.trainable_variables, strict=True):
        assert (old != np.array(variable)).any(), variable.path


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_what_several_layers_read_is_on_one_grid(scheme):
    """Scores that a mask puts on another grid, and operands whose grids are joined twice."""
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 8))
    scores, wide, other = (layers.Dense(8)(x) for _ in range(3))
    causal = np.tri(6, 8)[None] > 0
    outputs = [
        layers.Softmax()(scores, mask=causal),
        layers.Dense(3)(scores),
        layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True),
        layers.Maximum()([scores, other]),
        layers.Concatenate()([wide, scores]),
    ]
    quantized = tfedge.quantize(keras.Model(x, outputs), scheme)
    train(quantized)
    farthest = agreement(quantized).farthest
    assert farthest <= (1 if scheme == "int8" else 0)


def test_half_a_sum_is_the_kernels():
    """With these weights some sums are odd, whose halves lie between two integers."""
    keras.utils.set_random_seed(2)
    quantized = tfedge.quantize(CASES["lstm_average"].model(), "int8")
    train(quantized)
    disturb(quantized)
    assert agreement(quantized).farthest == 0


def test_a_soft_cap_of_16_bits_is_integer():
    keras.utils.set_random_seed(1)
    quantized = tfedge.quantize(CASES["reversible_embedding_capped"].model(), "int16x8")
    train(quantized)
    result = agreement(quantized)
    assert result.codes[-3:] == ["FULLY_CONNECTED", "TANH", "MUL"]
    assert result.farthest == 0


def test_equal_operators_have_each_their_own_grid():
    """TensorFlow merges equal operators, though one of them shares its grid with others."""
    x = keras.Input((6,))
    shared, own, merged, again = (keras.ops.multiply(x, x) for _ in range(4))
    outputs = [keras.ops.minimum(x, shared), *(keras.ops.add(y, x) for y in (own, merged, again))]
    quantized = tfedge.quantize(keras.Model(x, outputs))
    train(quantized)
    result = agreement(quantized)
    assert result.farthest == 0
    assert result.codes.count("MUL") == 2


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_positions_of_the_largest_are_the_devices(scheme):
    """Of equal numbers the first is larger, on all of them."""
    x = keras.Input((4, 9))
    values, positions = keras.ops.top_k(x, 3)
    small = np.random.default_rng(0).integers(-2, 3, (32, 4, 9)).astype(np.float32)
    quantized = tfedge.quantize(keras.Model(x, [positions, values]), scheme, calibration=small)
    artifact = tfedge.convert(quantized, input_type="float32", output_type="float32")
    found, _ = quantized.predict(small, verbose=0)
    assert found.dtype == np.int32
    for name in ("litert", "c"):
        device = engine(name)(artifact.flatbuffer, [[one[None]] for one in small])
        np.testing.assert_array_equal(np.concatenate([one[0] for one in device]), found)


def test_integers_between_a_function_and_a_product():
    """The product has an integer kernel, so that it reads the function's result on its grid."""
    x = keras.Input((6,))
    quotient = 1.25 / (keras.ops.relu(x) + 0.25)
    quantized = tfedge.quantize(keras.Model(x, keras.ops.multiply(x, quotient)))
    train(quantized)
    result = agreement(quantized)
    assert result.codes[-1] == "MUL"
    assert result.farthest == 0
