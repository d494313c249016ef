"""Every supported layer becomes the operators that it should, on ranges that came from training,
and the quantised Keras model predicts what these operators compute."""

from __future__ import annotations

import keras
import pytest
from device_agreement import agreement, disturb, train
from layer_cases import CASES

import tfedge


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    case = CASES[name]
    keras.utils.set_random_seed(1)
    quantized = tfedge.quantize(case.model(), "int8")
    train(quantized)
    disturb(quantized)
    result = agreement(quantized)
    assert tuple(result.codes) == case.codes
    assert result.farthest <= case.farthest, result.steps
