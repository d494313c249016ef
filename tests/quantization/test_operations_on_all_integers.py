"""What `predict` computes of every integer that an operation may meet is what the device does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import tfedge
from tfedge_converters.verify.engines import run_c, run_micro

RNG = np.random.default_rng(0)
VECTOR = RNG.normal(size=(256,)).astype(np.float32)
MATRIX = RNG.normal(size=(16, 4)).astype(np.float32)
CUBE = RNG.normal(size=(16, 2, 3)).astype(np.float32)


class Weights(layers.Layer):
    """Arithmetic of an activation and a weight."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def build(self, shape):
        self.weight = self.add_weight(shape=shape[1:], initializer="normal")

    def call(self, x):
        return self.function(x, self.weight)


def square(x):
    return ops.reshape(x, (-1, 16, 16))


CONSTANTS = {
    "times a number": lambda x: x * 0.3,
    "times integers": lambda x: x * 3,
    "times a vector": lambda x: x * VECTOR,
    "times a row": lambda x: square(x) * VECTOR[:16],
    "times a pair": lambda x: ops.reshape(x, (-1, 128, 2)) * np.array([0.3, -0.7], np.float32),
    "times doubles": lambda x: x * np.linspace(-0.3, 0.7, 256),
    "divided by a number": lambda x: x / 3.0,
    "divided by a vector": lambda x: x / VECTOR,
    "plus a number": lambda x: x + 0.3,
    "plus a vector": lambda x: ops.add(VECTOR, x),
    "plus nothing": lambda x: x * VECTOR + np.zeros(256, np.float32),
    "a number less it": lambda x: 1.0 - x,
    "less a vector": lambda x: x - VECTOR,
    "a vector less it": lambda x: ops.subtract(VECTOR, x),
    "layer with a constant": lambda x: layers.Multiply()([x, ops.convert_to_tensor(VECTOR[None])]),
    "three of a layer": lambda x: layers.Add()([x, ops.convert_to_tensor(VECTOR[None]), -x]),
    "weight": lambda x: Weights(lambda x, w: x * w + w)(x),
    "what follows from a weight": lambda x: Weights(lambda x, w: x / (ops.abs(w) + 1.0))(x),
    "chain": lambda x: (x * VECTOR + VECTOR) * 0.3 - 0.2,
    "clamped": lambda x: ops.relu6(x * VECTOR + 1.0),
    "largest": lambda x: ops.maximum(x, 0.2),
    "least of a vector": lambda x: ops.minimum(x, VECTOR),
    "least of what is far": lambda x: ops.minimum(x, 100.0),
    "matrix": lambda x: ops.matmul(square(x), MATRIX),
    "einsum": lambda x: ops.einsum("bij,jk->bik", square(x), MATRIX),
    "einsum of more": lambda x: ops.einsum("bij,jkl->bikl", square(x), CUBE),
}
OPERATIONS = {
    "square": ops.square,
    "second power": lambda x: x**2,
    "product with itself": lambda x: x * x,
    "squared difference": lambda x: ops.square(x - ops.flip(x, -1)),
    "negative": ops.negative,
    "hard silu": ops.hard_silu,
    "leaky relu": ops.leaky_relu,
    "slopes": layers.PReLU(alpha_initializer="normal"),
    "sum": lambda x: ops.sum(square(x), -1),
    "mean": lambda x: ops.mean(ops.reshape(x, (-1, 8, 8, 4)), (1, 2)),
    "largest of rows": lambda x: ops.max(square(x), -1),
    "average": lambda x: layers.Average()([x, ops.flip(x, -1), ops.relu(x)]),
    "product of three": lambda x: layers.Multiply()([x, ops.flip(x, -1), ops.relu(x)]),
    "logarithm": lambda x: ops.log(ops.maximum(x, 0.05)),
    "reciprocal root": lambda x: ops.rsqrt(ops.maximum(x, 0.05)),
    "exponential": ops.exp,
}
# Of 16 bits there is no kernel, or it is one of real numbers, whose last bit is the library's.
NOT_OF_16_BITS = {"slopes", "hard silu", "logarithm", "reciprocal root", "exponential"}
# What TFLite Micro has no kernel for, so that generated C says what is right.
NOT_IN_MICRO = {"int8": {"exponential", "logarithm"}, "int16x8": {"largest of rows"}}
# Operations in one model: each with an input and an output of its own, they know nothing of each
# other, and are converted and run in a fraction of the time.
TOGETHER = 12


def models():
    for scheme in ("int8", "int16x8"):
        every = {**CONSTANTS, **OPERATIONS}
        left_out = NOT_OF_16_BITS if scheme == "int16x8" else set()
        in_micro = [name for name in every if name not in left_out | NOT_IN_MICRO[scheme]]
        groups = [in_micro[i : i + TOGETHER] for i in range(0, len(in_micro), TOGETHER)]
        groups.append([name for name in every if name in NOT_IN_MICRO[scheme] - left_out])
        for names in filter(None, groups):
            functions = {name: every[name] for name in names}
            yield pytest.param(functions, scheme, id=f"{scheme}, {names[0]} to {names[-1]}")


@pytest.mark.parametrize(("functions", "scheme"), models())
@pytest.mark.parametrize("reach", [0.31, 3.7])
def test_predict_is_the_device(functions, scheme, reach):
    keras.utils.set_random_seed(1)
    inputs = [keras.Input((256,)) for _ in functions]
    outputs = [one(x) for one, x in zip(functions.values(), inputs, strict=True)]
    seen = [RNG.permutation(np.linspace(-reach, reach, 256)) for _ in range(16)]
    quantized = tfedge.quantize(
        keras.Model(inputs, outputs), scheme=scheme, calibration=[np.float32(seen)] * len(inputs)
    )
    artifact = tfedge.convert(
        quantized, target="tflite", input_type="float32", output_type="float32"
    )
    graph = artifact.model.main
    samples = [on_the_grid(reader(graph, tensor).outputs[0]) for tensor in graph.inputs]
    expected = device(artifact.flatbuffer, samples, scheme, functions)
    found = keras.tree.flatten(quantized.predict(samples, verbose=0))
    wrong = []
    for name, one, other, tensor in zip(functions, found, expected, graph.outputs, strict=True):
        step = maker(graph, tensor).inputs[0].quantization.scale[0]
        if np.rint((one.reshape(other.shape) - other) / step).any():
            wrong.append(name)
    assert not wrong


def reader(graph, tensor):
    """The operator that puts an input on its grid."""
    return next(one for one in graph.operators if one.inputs[0] is tensor)


def maker(graph, tensor):
    """The operator that makes real numbers of an output."""
    return next(one for one in graph.operators if one.outputs[0] is tensor)


def on_the_grid(tensor):
    """Samples of every integer of 8 bits, or of many of 16."""
    scale, zero_point = tensor.quantization.scale[0], tensor.quantization.zero_point[0]
    limits = np.iinfo(tensor.type.dtype)
    if limits.max > 127:
        integers = RNG.integers(-limits.max, limits.max + 1, (8, 256))
    else:
        integers = np.array([RNG.permutation(np.arange(-128, 128)) for _ in range(8)])
    return np.float32((integers - zero_point) * scale)


def device(flatbuffer, samples, scheme, functions):
    """TFLite Micro, or generated C where that has no kernel: an array for each output."""
    run = run_c if NOT_IN_MICRO[scheme] & functions.keys() else run_micro
    given = [[x[None] for x in sample] for sample in zip(*samples, strict=True)]
    results = list(run(flatbuffer, given))
    return [np.array(one).reshape(len(results), -1) for one in zip(*results, strict=True)]
