"""Layers and operations with random arguments: every row of the table is a layer that users call.

A value may be a list to choose from, or a function of the generator and the operand's shape
without its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Choice = Any

_FORMATS = ["channels_first", "channels_last"]
_PADDINGS = ["same", "valid"]
_BOTH = [False, True]
ACTIVATIONS = [
    "relu", "relu", "relu6", "sigmoid", "tanh", "linear", "softmax", "gelu", "silu", "elu", "selu",
    "softplus", "hard_sigmoid", "hard_silu", "leaky_relu", "exponential", "mish", "softsign",
    "log_softmax",
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """How a layer of one operand is called.

    Attributes:
        ranks: of its operand, the batch among them; empty for any.
        needed: arguments that are always given.
        optional: arguments that are given one time in four.
    """

    ranks: tuple[int, ...] = ()
    needed: dict[str, Choice] = field(default_factory=dict)
    optional: dict[str, Choice] = field(default_factory=dict)


def _axis(rng: np.random.Generator, shape: Shape) -> int:
    axis = int(rng.integers(1, len(shape) + 1))
    return axis if rng.random() < 0.5 else axis - len(shape) - 1


def _axes(rng: np.random.Generator, shape: Shape) -> Any:
    count = int(rng.integers(1, len(shape) + 1))
    axes = sorted(int(a) for a in rng.choice(len(shape), count, replace=False) + 1)
    return axes[0] if count == 1 and rng.random() < 0.5 else axes


def _order(rng: np.random.Generator, shape: Shape) -> tuple[int, ...]:
    return tuple(int(axis) for axis in rng.permutation(len(shape)) + 1)


def _target(rng: np.random.Generator, shape: Shape) -> tuple[int, ...]:
    total = int(np.prod(shape))
    factors = [n for n in range(1, total + 1) if total % n == 0]
    first = int(rng.choice(factors))
    return [(first, total // first), (-1,), (total,), (first, -1)][int(rng.integers(4))]


def _per_channel(rng: np.random.Generator, shape: Shape) -> list[float]:
    return [round(float(x), 2) for x in rng.uniform(0.5, 2, shape[-1])]


def _widths(rng: np.random.Generator, shape: Shape) -> list[tuple[int, int]]:
    return [(0, 0), *[(int(n), 1) for n in rng.integers(0, 3, len(shape))]]


_CONV: dict[str, Choice] = {
    "strides": [1, 2], "padding": _PADDINGS, "data_format": _FORMATS, "dilation_rate": [1, 2],
    "use_bias": _BOTH, "activation": ACTIVATIONS, "groups": [1, 2],
}  # fmt: skip
_CONV_1D = {**_CONV, "padding": [*_PADDINGS, "causal"]}
_DEPTHWISE = {name: choice for name, choice in _CONV.items() if name != "groups"}
# With channels first Keras adds the bias along another axis where sizes are equal.
_DEPTHWISE.pop("data_format", None)
_POOL: dict[str, Choice] = {
    "pool_size": [1, 2, 3], "strides": [1, 2], "padding": _PADDINGS, "data_format": _FORMATS,
}  # fmt: skip
_GLOBAL: dict[str, Choice] = {"data_format": _FORMATS, "keepdims": _BOTH}
_AFFINE: dict[str, Choice] = {"center": _BOTH, "scale": _BOTH}
_RECURRENT: dict[str, Choice] = {
    "return_sequences": _BOTH, "go_backwards": _BOTH, "use_bias": _BOTH, "return_state": _BOTH,
    "activation": ["tanh", "relu", "sigmoid"], "dropout": [0.5], "unroll": _BOTH,
}  # fmt: skip

LAYERS: dict[str, Row] = {
    "Activation": Row((), {"activation": ACTIVATIONS}),
    "ActivityRegularization": Row((), {}, {"l2": [0.1]}),
    "AlphaDropout": Row((), {"rate": [0.5]}),
    "AveragePooling1D": Row((3,), {}, _POOL),
    "AveragePooling2D": Row((4,), {}, _POOL),
    "BatchNormalization": Row(
        (2, 3, 4),
        {},
        {"axis": _axis, **_AFFINE, "epsilon": [0.001, 0.5], "trainable": _BOTH},
    ),
    "Conv1D": Row((3,), {"filters": [2, 4], "kernel_size": [1, 2, 3]}, _CONV_1D),
    "Conv2D": Row((4,), {"filters": [2, 4], "kernel_size": [1, 2, 3, (1, 3)]}, _CONV),
    "Conv1DTranspose": Row((3,), {"filters": [2, 4], "kernel_size": [1, 2, 3]}, _DEPTHWISE),
    "Conv2DTranspose": Row((4,), {"filters": [2, 4], "kernel_size": [1, 2, 3]}, _DEPTHWISE),
    "Cropping1D": Row((3,), {}, {"cropping": [1, (0, 1), (1, 0)]}),
    "Cropping2D": Row(
        (4,), {}, {"cropping": [1, (0, 1), ((1, 0), (0, 1))], "data_format": _FORMATS}
    ),
    "Dense": Row((), {"units": [2, 4, 6]}, {"activation": ACTIVATIONS, "use_bias": _BOTH}),
    "DepthwiseConv1D": Row(
        (3,), {"kernel_size": [1, 3]}, {**_DEPTHWISE, "depth_multiplier": [1, 2]}
    ),
    "DepthwiseConv2D": Row(
        (4,), {"kernel_size": [1, 3]}, {**_DEPTHWISE, "depth_multiplier": [1, 2]}
    ),
    "Dropout": Row((), {"rate": [0.5]}, {"noise_shape": [None]}),
    "ELU": Row((), {}, {"alpha": [0.5, 1.0]}),
    "Flatten": Row((), {}, {"data_format": _FORMATS}),
    "GRU": Row((3,), {"units": [2, 4]}, {**_RECURRENT, "reset_after": _BOTH}),
    "GaussianDropout": Row((), {"rate": [0.5]}),
    "GaussianNoise": Row((), {"stddev": [0.5]}),
    "GlobalAveragePooling1D": Row((3,), {}, _GLOBAL),
    "GlobalAveragePooling2D": Row((4,), {}, _GLOBAL),
    "GlobalMaxPooling1D": Row((3,), {}, _GLOBAL),
    "GlobalMaxPooling2D": Row((4,), {}, _GLOBAL),
    "GroupNormalization": Row((3, 4), {"groups": [1, 2, -1]}, {"axis": _axis}),
    "Identity": Row(),
    "LSTM": Row((3,), {"units": [2, 4]}, {**_RECURRENT, "unit_forget_bias": _BOTH}),
    "LayerNormalization": Row(
        (2, 3, 4),
        {},
        {"axis": _axes, **_AFFINE, "epsilon": [0.001, 0.1], "rms_scaling": _BOTH},
    ),
    "LeakyReLU": Row((), {}, {"negative_slope": [0.0, 0.1, 0.5, 1.5]}),
    "Masking": Row((3,), {}, {"mask_value": [0.0]}),
    "MaxPooling1D": Row((3,), {}, _POOL),
    "MaxPooling2D": Row((4,), {}, _POOL),
    "Normalization": Row(
        (2, 3, 4), {"mean": [0.5, _per_channel], "variance": [2.0, _per_channel]}, {"invert": _BOTH}
    ),
    "PReLU": Row((2, 3, 4), {}, {"shared_axes": _axes}),
    "Permute": Row((2, 3, 4), {"dims": _order}),
    "RMSNormalization": Row((2, 3, 4), {}, {"axis": _axis, "epsilon": [0.001, 0.1]}),
    "ReLU": Row(
        (), {}, {"max_value": [6, 6.0, 1, 3.5], "negative_slope": [0.1], "threshold": [0.2]}
    ),
    "RandomFlip": Row((4,), {}, {"mode": ["horizontal"]}),
    "RepeatVector": Row((2,), {"n": [2, 3]}),
    "Rescaling": Row((), {"scale": [0.5, _per_channel]}, {"offset": [0.25, _per_channel]}),
    "Reshape": Row((), {"target_shape": _target}),
    "Resizing": Row(
        (4,),
        {"height": [3, 6], "width": [4, 8]},
        {"interpolation": ["bilinear", "nearest"], "data_format": _FORMATS},
    ),
    "SeparableConv1D": Row((3,), {"filters": [2, 4], "kernel_size": [1, 3]}, _DEPTHWISE),
    "SeparableConv2D": Row((4,), {"filters": [2, 4], "kernel_size": [1, 3]}, _DEPTHWISE),
    "SimpleRNN": Row((3,), {"units": [2, 4]}, _RECURRENT),
    "Softmax": Row((), {}, {"axis": _axis}),
    "SpatialDropout1D": Row((3,), {"rate": [0.5]}),
    "SpatialDropout2D": Row((4,), {"rate": [0.5]}, {"data_format": _FORMATS}),
    "UnitNormalization": Row((), {}, {"axis": [_axis, _axes]}),
    "UpSampling1D": Row((3,), {}, {"size": [1, 2, 3]}),
    "UpSampling2D": Row(
        (4,),
        {},
        {"size": [2, (1, 3)], "interpolation": ["nearest", "bilinear"], "data_format": _FORMATS},
    ),
    "ZeroPadding1D": Row((3,), {}, {"padding": [1, (0, 2)]}),
    "ZeroPadding2D": Row(
        (4,), {}, {"padding": [1, (0, 2), ((1, 0), (0, 2))], "data_format": _FORMATS}
    ),
}

_FUNCTIONS = [
    "abs", "elu", "exp", "gelu", "hard_sigmoid", "hard_silu", "leaky_relu", "mish", "negative",
    "relu", "relu6", "selu", "sigmoid", "sign", "silu", "sin", "softplus", "softsign", "square",
    "tanh",
]  # fmt: skip
_REDUCTIONS = ["max", "mean", "min", "sum"]

# Functions of keras.ops of one tensor.
OPERATIONS: dict[str, Row] = {
    **{name: Row() for name in _FUNCTIONS},
    **{name: Row((), {"axis": [_axis, _axes]}, {"keepdims": _BOTH}) for name in _REDUCTIONS},
    "clip": Row((), {"x_min": [-1.0, 0.0], "x_max": [1.0, 2.5, 6.0]}),
    "cumsum": Row((), {"axis": _axis}),
    "expand_dims": Row((), {"axis": _axis}),
    "flip": Row((), {"axis": _axis}),
    "log_softmax": Row((), {}, {"axis": _axis}),
    "moveaxis": Row((3, 4), {"source": _axis, "destination": _axis}),
    "normalize": Row((), {}, {"axis": [_axis, _axes]}),
    "pad": Row((), {"pad_width": _widths}, {"mode": ["constant", "reflect", "symmetric"]}),
    "repeat": Row((), {"repeats": [2], "axis": _axis}),
    "reshape": Row((), {"newshape": lambda rng, shape: (-1, *_target(rng, shape)[:1])}),
    "roll": Row((), {"shift": [1, -1], "axis": _axis}),
    "softmax": Row((), {}, {"axis": _axis}),
    "split": Row((), {"indices_or_sections": [2], "axis": _axis}),
    "swapaxes": Row((3, 4), {"axis1": _axis, "axis2": _axis}),
    "take": Row((), {"indices": [0, [0, 1], [1, 0, 1]], "axis": _axis}),
    "tile": Row((), {"repeats": lambda rng, shape: [1, *rng.integers(1, 3, len(shape)).tolist()]}),
    "transpose": Row((3, 4), {"axes": lambda rng, shape: (0, *_order(rng, shape))}),
}


def arguments(row: Row, rng: np.random.Generator, shape: Shape) -> dict[str, Any]:
    """Random arguments of a row, for an operand of this shape."""
    chosen = dict(row.needed)
    chosen |= {name: choice for name, choice in row.optional.items() if rng.random() < 0.25}
    return {name: _chosen(choice, rng, shape) for name, choice in chosen.items()}


def _chosen(choice: Choice, rng: np.random.Generator, shape: Shape) -> Any:
    if isinstance(choice, list):
        choice = choice[int(rng.integers(len(choice)))]
    return choice(rng, shape) if isinstance(choice, Callable) else choice  # type: ignore[arg-type]


def text(given: dict[str, Any]) -> str:
    """Arguments as they stand in a call."""
    return ", ".join(f"{name}={value!r}" for name, value in given.items())
