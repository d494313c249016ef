"""The MLPerf Tiny networks as float graphs, with made-up but fixed inputs."""

from __future__ import annotations

import numpy as np

from tfedge_converters.graph import TensorType, read_file

NAMES = ("ad", "ic", "kws", "vww")


def float_model(shared, name):
    """The float network.

    The published kws_float.tflite is hybrid: its weights are made real again here.
    """
    model = read_file(shared(f"models/mlperf_tiny/{name}_float.tflite"))
    for tensor in model.main.tensors():
        if tensor.quantization is not None:
            assert name == "kws" and tensor.is_constant and tensor.quantization.scale.size == 1
            tensor.data = tensor.data.astype(np.float32) * tensor.quantization.scale[0]
            tensor.type, tensor.quantization = TensorType.FLOAT32, None
    return model


def inputs_for(name, count):
    """Float32 inputs of shape (count, *shape of one): smooth images, spectra, features."""
    rng = np.random.default_rng(11)
    if name == "ad":
        return rng.normal(-5, 10, (count, 640)).astype(np.float32)
    if name == "kws":
        return rng.normal(0, 12, (count, 49, 10, 1)).astype(np.float32)
    side, largest = {"ic": (32, 255), "vww": (96, 1)}[name]
    coarse = rng.random((count, 4, 4, 3)) * largest
    return np.kron(coarse, np.ones((1, side // 4, side // 4, 1))).astype(np.float32)
