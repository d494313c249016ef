"""Collects random operators into one graph."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Graph, Model, Operator, Quantization, Tensor, TensorType

# Of weights within their limits, times those of activations.
_DEVIATIONS = {TensorType.INT8: 70, TensorType.INT4: 4}

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
ACTIVATIONS = [
    schema.ActivationFunctionType.NONE,
    schema.ActivationFunctionType.RELU,
    schema.ActivationFunctionType.RELU6,
    schema.ActivationFunctionType.RELU_N1_TO_1,
]


@dataclass
class Builder:
    """Collects operators into one graph.

    Attributes:
        activations: the type of what operators compute with, unless they ask for another: INT8 or
            INT16, whose zero points are 0.
        extreme_sums: whether biases of int8 operators reach +-2^30, the most that a file has, and
            output scales are far from what sums need.
    """

    rng: np.random.Generator
    activations: TensorType = TensorType.INT8
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    extreme_sums: bool = False

    def model(self) -> Model:
        return Model([Graph(self.inputs, self.outputs, self.operators)])

    def scale(self, low=1e-3, high=0.3) -> float:
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def zero_point(self) -> int:
        if self.activations == TensorType.INT16:
            return 0
        return int(self.rng.choice([-128, -5, 0, 127, self.rng.integers(-128, 128)]))

    def quantization(self) -> Quantization:
        step = 1 / 256 if self.activations == TensorType.INT16 else 1
        return Quantization.per_tensor(self.scale() * step, self.zero_point())

    def input(self, shape, quantization=None, type_=None) -> Tensor:
        type_ = self.activations if type_ is None else type_
        name = f"input_{len(self.inputs)}"
        tensor = Tensor(name, tuple(shape), type_, quantization or self.quantization())
        self.inputs.append(tensor)
        return tensor

    def constant(self, values, quantization=None, type_=None) -> Tensor:
        values = np.asarray(values)
        if type_ is None:
            type_ = TensorType.INT8 if values.dtype == np.int8 else TensorType.INT32
        name = f"constant_{len(self.operators)}_{len(values.shape)}"
        data = values.astype(type_.dtype)
        return Tensor(name, values.shape, type_, quantization, data)

    def output(self, code, inputs, shape, quantization, options=None, version=2, type_=None):
        if self.activations == TensorType.INT16:
            # What the quantiser does not make in int16 has the version that it is given.
            known = OPERATORS.get(code)
            version = version if known is None else known.versions.get("int16x8", version)
        type_ = self.activations if type_ is None else type_
        tensor = Tensor(f"output_{len(self.outputs)}", tuple(shape), type_)
        tensor.quantization = quantization
        self.operators.append(Operator(code, inputs, [tensor], options, version))
        self.outputs.append(tensor)
        return tensor

    def activation_constant(self, shape, quantization) -> Tensor:
        """Random activations, now and then at their limits."""
        limits = np.iinfo(self.activations.dtype)
        if self.rng.random() < 0.2:
            values = self.rng.choice(np.array([limits.min, limits.max]), shape)
        else:
            values = self.rng.integers(limits.min, limits.max + 1, shape)
        return self.constant(values, quantization, self.activations)

    def int8(self, shape, limit=127) -> np.ndarray:
        """Random weights, now and then at their limits."""
        if self.rng.random() < 0.2:
            return self.rng.choice(np.array([-limit, limit], np.int8), shape)
        return self.rng.integers(-limit, limit + 1, shape, dtype=np.int8)

    def weights(self, shape, axis, per_channel, type_=TensorType.INT8) -> Tensor:
        channels = shape[axis] if per_channel else 1
        limit = {TensorType.INT8: 127, TensorType.INT4: 7}[type_]
        scales = np.array([self.scale(1e-3, 2e-2) for _ in range(channels)], np.float32)
        scales *= np.float32(127 / limit)
        quantization = Quantization(scales, np.zeros(channels, np.int64), axis)
        return self.constant(self.int8(shape, limit), quantization, type_)

    def bias(self, source: Tensor, weights: Tensor, channels: int | None = None) -> Tensor | None:
        channels = channels or weights.shape[weights.quantization.axis]
        scale = source.quantization.scale[0] * weights.quantization.scale
        quantization = Quantization(scale, np.zeros(scale.size, np.int64), 0)
        if self.activations == TensorType.INT16:
            most = 1 << int(self.rng.choice([10, 22, 40]))
            values = self.rng.integers(-most, most, channels)
            return self.constant(values, quantization, TensorType.INT64)
        most = 1 << int(self.rng.choice([4, 20, 30])) if self.extreme_sums else 20_000
        values = self.rng.integers(-most, most, channels).astype(np.int32)
        return self.constant(values, quantization, TensorType.INT32)

    def activation(self) -> int:
        return int(self.rng.choice(ACTIVATIONS))

    def sums(self, source: Tensor, weights: Tensor, depth: int) -> Quantization:
        """An output scale at which sums of `depth` random products neither vanish nor saturate."""
        real = float(source.quantization.scale[0] * weights.quantization.scale.max())
        step = _DEVIATIONS[weights.type] * np.sqrt(depth) * float(self.rng.uniform(0.3, 3))
        if self.extreme_sums:
            step = self.scale(2.0**-6, 2.0**25)
        return Quantization.per_tensor(real * step, self.zero_point())


def extent(size, kernel, stride, dilation, padding):
    """Output positions of a sliding window along one axis."""
    reach = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - reach) // stride + 1


def window(b: Builder, dilate=True, largest=4):
    """Kernel, stride, dilation, padding and an input size that they fit."""
    kernel = b.rng.integers(1, largest + 1, 2).tolist()
    stride = b.rng.integers(1, largest, 2).tolist()
    dilation = b.rng.integers(1, 3, 2).tolist() if dilate and b.rng.random() < 0.3 else [1, 1]
    padding = int(b.rng.choice([SAME, VALID]))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    least = reach if padding == VALID else [1, 1]
    size = [int(n + b.rng.integers(0, 9)) for n in least]
    out = [
        extent(n, k, s, d, padding)
        for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    ]
    return kernel, stride, dilation, padding, size, out
