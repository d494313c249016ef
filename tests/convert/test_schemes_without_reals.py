"""Networks of every kind become integers from end to end, in every integer scheme."""

from __future__ import annotations

import numpy as np
import pytest
from real_keras_models import mobilenet_v2, vision_transformer

import tfedge
from tfedge_converters.graph import TensorType

REAL = {TensorType.FLOAT16, TensorType.FLOAT32}


@pytest.mark.parametrize("network", [mobilenet_v2, vision_transformer])
def test_no_real_number_is_left(network):
    """Untrained, whose scores hardly differ."""
    model = network()
    shape = (8, *model.input_shape[1:])
    samples = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for scheme in ("int8", "int16x8", "int4"):
        artifact = tfedge.convert(model, target="tflite", quantization=scheme, calibration=samples)
        assert not {tensor.type for tensor in artifact.model.main.tensors()} & REAL
        widths = {tensor.type for tensor in artifact.model.main.tensors() if tensor.is_constant}
        assert (TensorType.INT4 in widths) == (scheme == "int4")
