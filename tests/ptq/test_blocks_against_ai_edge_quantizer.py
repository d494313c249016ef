"""Weights that kernels compute with while activations stay real, against ai-edge-quantizer's.

Scales are equal to the last bit, and integers but for ties: see
`test_quantize_against_ai_edge_quantizer`.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import tfedge
from tfedge.quantization.schemes import StorageScheme
from tfedge_converters.export import export_keras
from tfedge_converters.graph import TensorType, read_model
from tfedge_converters.ptq.quant_params import block_scale
from tfedge_converters.verify.engines import run_litert

aeq = pytest.importorskip("ai_edge_quantizer.quantizer")
recipe = pytest.importorskip("ai_edge_quantizer.recipe")

RECIPES = {
    "dynamic": "dynamic_wi8_afp32",
    "dynamic4": "dynamic_wi4_afp32",
    "dynamic4_b32": "dynamic_wi4b32_afp32",
    "dynamic4_b64": "dynamic_wi4b64_afp32",
}


@pytest.fixture(scope="module")
def network():
    """Two dense layers whose blocks of 64 inputs differ in size, some by orders of magnitude."""
    keras.utils.set_random_seed(1)
    x = keras.Input((256,))
    y = layers.Dense(128, activation="relu", bias_initializer="normal")(x)
    model = keras.Model(x, layers.Dense(24)(y))
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            w * np.repeat(np.exp(rng.normal(0, 1.5, (len(w) // 64, w.shape[1]))), 64, axis=0)
            if w.ndim == 2
            else w
            for w in model.get_weights()
        ]
    )
    return export_keras(model)


def by_ai_edge_quantizer(network, scheme):
    made = aeq.Quantizer(bytearray(network), getattr(recipe, RECIPES[scheme])())
    return bytes(made.quantize().quantized_model)


def weights_of(flatbuffer):
    return [operator.inputs[1] for operator in read_model(flatbuffer).main.operators]


def scales(tensor):
    return (tensor.blocks or tensor.quantization).scale


def outputs(flatbuffer):
    x = np.random.default_rng(2).normal(size=(32, 1, 256)).astype(np.float32)
    return np.array([y for (y,) in run_litert(flatbuffer, [[value] for value in x])])


@pytest.mark.parametrize("scheme", RECIPES)
def test_integers_scales_and_outputs(network, scheme):
    ours = tfedge.convert(network, target="tflite", quantization=scheme).flatbuffer
    theirs = by_ai_edge_quantizer(network, scheme)
    for a, b in zip(weights_of(ours), weights_of(theirs), strict=True):
        assert a.type == b.type
        np.testing.assert_array_equal(scales(a), scales(b))
        differing = np.abs(a.data.astype(int) - b.data)
        assert differing.max() <= 1 and np.count_nonzero(differing) < a.elements / 5000
    np.testing.assert_allclose(outputs(ours), outputs(theirs), atol=1e-2)
    assert abs(len(ours) - len(theirs)) < 100


def test_blocks_keep_what_channels_lose(network):
    right = outputs(network)
    found = {}
    for scheme in RECIPES:
        file = tfedge.convert(network, target="tflite", quantization=scheme).flatbuffer
        error = np.square(outputs(file).astype(np.float64) - right).mean()
        found[scheme] = 10 * np.log10(np.square(right).mean() / error)
    assert min(found["dynamic4_b32"], found["dynamic4_b64"]) > found["dynamic4"] + 1, found
    assert found["dynamic4_b32"] > 18


@pytest.mark.parametrize("size", [32, 96, 128, 256])
def test_any_multiple_of_32(network, size):
    """Channels have one scale where a layer's inputs are no multiple of the block."""
    scheme = StorageScheme("own", "int4", computed=True, block_size=size)
    file = tfedge.convert(network, target="tflite", quantization=scheme).flatbuffer
    for tensor in weights_of(file):
        assert tensor.type == TensorType.INT4
        if tensor.shape[1] % size:
            assert tensor.blocks is None and tensor.quantization.scale.shape == tensor.shape[:1]
        else:
            assert tensor.blocks.scale.shape == (tensor.shape[0], tensor.shape[1] // size)
    right = outputs(network)
    assert np.square(outputs(file) - right).mean() < 0.05 * np.square(right).mean()


def test_scales_are_rounded_as_xnnpack_holds_them():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.exp(np.random.default_rng(0).uniform(-16, 11, (50, 64))).astype(np.float32)
    wanted = (values / np.float32(7)).astype(ml_dtypes.bfloat16).astype(np.float16)
    np.testing.assert_array_equal(block_scale(values, 1, 7), wanted)
