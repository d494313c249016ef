"""How fast ranges forget: a plain mean of the first hundred batches, then 1 % a batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfedge.calibration.methods import METHODS
from tfedge.quantization.activation_quantizers import ActivationQuantizer
from tfedge.quantization.activation_types import ACTIVATION_TYPES

FIRST, THEN = (-1.0, 4.0), (-3.0, 8.0)


def _trained(batches):
    quantizer = ActivationQuantizer(8, "x_range")
    for ends in batches:
        quantizer.observe(tf.constant(ends))
    return quantizer.known_range()


def _calibrated(batches):
    observer = METHODS["moving_average"]()
    for ends in batches:
        observer.update(np.array(ends, np.float32), *ends)
    found = observer.range(ACTIVATION_TYPES[8])
    return found.low, found.high


@pytest.mark.parametrize("follow", [_trained, _calibrated])
def test_a_hundred_batches_count_the_same_and_then_the_oldest_fade(follow):
    fresh = [FIRST] * 75 + [THEN] * 25
    mean = np.mean(fresh, axis=0)
    np.testing.assert_allclose(follow(fresh), mean, rtol=1e-5)
    kept = 0.99**40
    expected = kept * mean + (1 - kept) * np.array(THEN)
    np.testing.assert_allclose(follow(fresh + [THEN] * 40), expected, rtol=1e-4)
