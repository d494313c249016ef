"""Functions of keras.ops that models use, each as a model of one call.

Functions of two operands read `x` and `y`, others `x`. Where a function is not defined everywhere,
the expression moves its operand to where it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from keras import ops

Shape = tuple[int, ...]

# Below this something is computed that the model does not say; int8 gives single layers 30 to 45.
LEAST_SIGNAL_TO_NOISE = 20.0

_SERIES, _IMAGE = (2, 4, 6), (2, 6, 6, 3)

# The shape of every operand, and expressions of them.
EXPRESSIONS: tuple[tuple[Shape, tuple[str, ...]], ...] = (
    (
        _SERIES,
        (
            "ops.abs(x)", "ops.arccos(ops.tanh(x))", "ops.arcsin(ops.tanh(x))", "ops.arctan(x)",
            "ops.arcsinh(x)", "ops.ceil(x)", "ops.celu(x)", "ops.cos(x)", "ops.cosh(x)",
            "ops.elu(x)", "ops.erf(x)", "ops.exp(x)", "ops.expm1(x)", "ops.floor(x)",
            "ops.gelu(x)", "ops.gelu(x, approximate=False)", "ops.hard_shrink(x)",
            "ops.hard_sigmoid(x)", "ops.hard_silu(x)", "ops.hard_tanh(x)", "ops.leaky_relu(x)",
            "ops.log(ops.abs(x) + 0.5)", "ops.log10(ops.abs(x) + 0.5)",
            "ops.log1p(ops.abs(x))", "ops.log2(ops.abs(x) + 0.5)", "ops.log_sigmoid(x)",
            "ops.mish(x)", "ops.negative(x)", "ops.reciprocal(ops.abs(x) + 0.5)", "ops.relu(x)",
            "ops.relu6(3 * x)", "ops.round(3 * x)", "ops.rsqrt(ops.abs(x) + 0.5)", "ops.selu(x)",
            "ops.sigmoid(x)", "ops.sign(x)", "ops.silu(x)", "ops.sin(x)", "ops.sinh(x)",
            "ops.soft_shrink(x)", "ops.softplus(x)", "ops.softsign(x)", "ops.sqrt(ops.abs(x))",
            "ops.square(x)", "ops.squareplus(x)", "ops.tan(0.5 * ops.tanh(x))", "ops.tanh(x)",
            "ops.tanh_shrink(x)", "ops.threshold(x, 0.5, -1.0)", "ops.sparse_plus(x)",
            "ops.clip(x, -0.5, 1.0)", "ops.clip(x, 0.0, 3.0)", "ops.power(ops.abs(x), 1.5)",
            "ops.power(x, 2.0)", "ops.nan_to_num(x)", "ops.stop_gradient(x)",
            "ops.cast(x, 'float32')",
        ),
    ),
    (
        _SERIES,
        (
            "ops.add(x, y)", "ops.add(x, 0.5)", "ops.subtract(x, y)", "ops.subtract(0.5, x)",
            "ops.multiply(x, y)", "ops.multiply(2.0, x)", "ops.multiply(x, x)", "ops.add(x, x)",
            "ops.divide(x, ops.abs(y) + 1.0)", "ops.divide(x, 3.0)",
            "ops.divide(1.0, ops.abs(x) + 1.0)",
            "ops.true_divide(x, ops.abs(y) + 1.0)", "ops.maximum(x, y)", "ops.maximum(x, 0.25)",
            "ops.minimum(x, y)", "ops.minimum(0.25, x)", "ops.where(x > y, x, y)",
            "ops.where(x > 0, x, 0.1 * y)", "ops.where(x > 0.5, 1.0, 0.0)", "ops.arctan2(x, y)",
            "ops.hypot(x, y)", "ops.logaddexp(x, y)", "ops.mod(x, 1.5)", "ops.floor_divide(x, 0.5)",
            "ops.logical_and(x > 0, y > 0)",
            "ops.cast(x > y, 'float32')", "x + y * 2 - 1", "-x", "x ** 2", "abs(x)", "1 - x",
            "x / 127.5 - 1", "2 / (ops.abs(x) + 1)",
        ),
    ),
    (
        _SERIES,
        (
            *(
                f"ops.{name}(x, {arguments})"
                for name in ("sum", "mean", "max", "min", "var", "std")
                for arguments in ("axis=-1", "axis=1, keepdims=True", "axis=(1, 2)")
            ),
            "ops.prod(x, axis=1)", "ops.logsumexp(x, axis=-1)", "ops.norm(x, axis=-1)",
            "ops.amax(x, axis=-1)", "ops.average(x, axis=1)", "ops.median(x, axis=1)",
            "ops.argmax(x, axis=-1)", "ops.argmin(x, axis=1)", "ops.any(x > 1, axis=-1)",
            "ops.all(x > -1, axis=-1)", "ops.cumsum(x, axis=1)", "ops.cumprod(x, axis=1)",
            "ops.count_nonzero(x > 0, axis=-1)", "ops.softmax(x)", "ops.softmax(x, axis=1)",
            "ops.log_softmax(x)", "ops.log_softmax(x, axis=1)", "ops.sparsemax(x)", "ops.glu(x)",
            "ops.normalize(x, axis=-1)", "ops.layer_normalization(x)", "ops.rms_normalization(x)",
            "ops.top_k(x, 2)[0]", "ops.sort(x, axis=-1)", "ops.diff(x, axis=1)",
        ),
    ),
    (
        _SERIES,
        (
            "ops.reshape(x, (-1, 24))", "ops.transpose(x, (0, 2, 1))", "ops.swapaxes(x, 1, 2)",
            "ops.moveaxis(x, 1, 2)", "ops.expand_dims(x, 1)", "ops.squeeze(x[:, :1], 1)",
            "ops.flip(x, 1)", "ops.roll(x, 1, 2)", "ops.repeat(x, 2, 1)", "ops.tile(x, (1, 2, 1))",
            "ops.pad(x, ((0, 0), (1, 2), (0, 1)))",
            "ops.pad(x, ((0, 0), (1, 1), (2, 0)), 'reflect')",
            "ops.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=1.0)",
            "ops.take(x, [2, 0], axis=1)", "ops.take(x, 1, axis=2)", "ops.stack([x, y], axis=1)",
            "ops.concatenate([x, y], axis=1)", "ops.concatenate([x, y, x], axis=-1)",
            "ops.hstack([x, y])", "ops.split(x, 2, axis=1)[1]", "ops.split(x, [1, 3], axis=2)[1]",
            "ops.array_split(x, 3, axis=2)[2]", "ops.unstack(x, axis=1)[2]",
            "ops.tril(x)", "ops.triu(x)",
            "ops.diagonal(x, axis1=1, axis2=2)",
            "x[:, 1:3]", "x[:, ::2, -1]", "x[..., None]", "x[:, ::-1]",
            "ops.matmul(x, ops.transpose(y, (0, 2, 1)))", "ops.einsum('bij,bkj->bik', x, y)",
            "ops.einsum('bij,bij->bi', x, y)", "ops.dot(x, ops.ones((6, 2)))",
            "ops.tensordot(x, ops.ones((6, 2)), axes=1)", "ops.cross(x[:, :, :3], y[:, :, 3:])",
            "ops.one_hot(ops.argmax(x, axis=-1), 6)",
        ),
    ),
    (
        _IMAGE,
        (
            "ops.max_pool(x, 2)", "ops.max_pool(x, 3, 1, 'same')", "ops.average_pool(x, 2)",
            "ops.average_pool(x, 3, 1, 'same')", "ops.conv(x, ops.ones((3, 3, 3, 2)))",
            "ops.depthwise_conv(x, ops.ones((3, 3, 3, 1)))",
            "ops.depth_to_space(ops.tile(x, (1, 1, 1, 4)), 2)",
            "ops.space_to_depth(x, 2)", "ops.image.resize(x, (3, 9))",
            "ops.image.resize(x, (12, 12), interpolation='nearest')",
            "ops.image.rgb_to_grayscale(x)", "ops.image.extract_patches(x, 2)",
            "ops.image.pad_images(x, 1, 1, 1, 1)", "ops.image.crop_images(x, 1, 1, 1, 1)",
            "ops.batch_normalization(x, ops.zeros(3), ops.ones(3), -1)",
        ),
    ),
)  # fmt: skip

# Functions that jump: of numbers near a jump eight bits may see the other side.
_JUMP = re.compile(r"floor|ceil|round|sign|mod|[<>]|sort|top_k|median|argm|threshold|shrink")


def least_signal_to_noise(expression: str) -> float:
    """What eight bits leave of a function at least, in dB."""
    return 10.0 if _JUMP.search(expression) else LEAST_SIGNAL_TO_NOISE


@dataclass
class Operation:
    """What a `keras_layers` model is made of in place of a layer: an expression of its inputs."""

    expression: str

    def __call__(self, operands: Any) -> Any:
        x, *others = operands if isinstance(operands, (list, tuple)) else [operands]
        names = {"ops": ops, "x": x, "y": others[0] if others else None}
        return eval(self.expression, names)
