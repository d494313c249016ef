"""How a layer becomes several thin ones.

All arrays of weights are seen as (positions, inputs, outputs): one position for dense layers and
tables of embeddings, those of the kernel for convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfedge.factorization.decompositions import cp, cp_product, svd, tensor_train, tucker_2
from tfedge.factorization.ranks import RankRule
from tfedge.keras_graph.computation import Call
from tfedge.keras_graph.kinds import kind_of, may_have_weights
from tfedge.keras_graph.reading import Reads, unread_attribute
from tfedge.pruning.tracing import positions

Ranks = tuple[int, ...]
Factors = Sequence[np.ndarray]

CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
# What parts have of their layer, by its kind; a layer with something else is not factorised.
_READS = {
    "Dense": Reads.of(("activation", "units", "use_bias")),
    "Embedding": Reads.of(("input_dim", "mask_zero", "output_dim")),
    **dict.fromkeys(
        CONVOLUTIONS,
        Reads.of(("activation", "dilation_rate", "filters", "kernel_size", "padding", "strides",
                  "use_bias")),
    ),
}  # fmt: skip
_LAST = ("activation", "activity_regularizer", "bias_constraint", "bias_initializer",
         "bias_regularizer", "use_bias")  # fmt: skip


@dataclass(eq=False)
class Part:
    """One of the layers that take another's place.

    Attributes:
        kind: the name of its class in keras.layers.
        settings: of its configuration.
        kernel: its weights but for the bias, which only the last part has.
        uses: multiply-accumulates that an element of the kernel takes part in, an inference.
    """

    kind: str
    settings: dict[str, Any]
    kernel: np.ndarray
    uses: int


@dataclass(frozen=True)
class Method:
    """A way to factorise.

    Attributes:
        applies: to a layer, or not.
        full: ranks of a layer that lose nothing.
        choose: ranks by a rule.
        factors: of a layer's kernel, of given ranks.
        parts: of a layer with its calls and factors, the layers that take its place.
        product: what factors of a layer multiply to, (positions, inputs, outputs).
    """

    applies: Callable[[Any], bool]
    full: Callable[[Any], Ranks]
    choose: Callable[[Any, RankRule], Ranks]
    factors: Callable[[Any, Ranks], Factors]
    parts: Callable[[Any, list[Call], Factors], list[Part]]
    product: Callable[[Any, Factors], np.ndarray]


def kernel_of(layer: Any) -> np.ndarray:
    """(positions, inputs, outputs) in float64."""
    variable = layer.embeddings if _is(layer, "Embedding") else layer.kernel
    values = np.asarray(keras.ops.convert_to_numpy(variable), np.float64)
    return values.reshape(-1, *values.shape[-2:])


def _is(layer: Any, *kinds: str) -> bool:
    """Whether a layer is of these kinds, with nothing that its parts would not have."""
    kind = kind_of(layer)
    return (
        kind in kinds
        and not unread_attribute(layer, _READS[kind])
        and not may_have_weights(getattr(layer, "activation", None))
    )


def _is_convolution(layer: Any) -> bool:
    return _is(layer, *CONVOLUTIONS)


def _is_matrix(layer: Any) -> bool:
    return _is(layer, "Dense", "Embedding") or (
        _is_convolution(layer) and math.prod(layer.kernel_size) == 1
    )


def _is_spatial(layer: Any) -> bool:
    return _is_convolution(layer) and math.prod(layer.kernel_size) > 1


def _used(calls: list[Call], of_results: bool) -> int:
    return sum(positions((call.results if of_results else call.operands)[0]) for call in calls)


def _thin(layer: Any, **settings: Any) -> dict[str, Any]:
    """Return the settings of a part without a bias, with those that hold for all its weights."""
    config = layer.get_config()
    shared = {key: config[key] for key in ("trainable", "dtype")}
    regularizer = config.get("kernel_regularizer")
    return {**shared, "kernel_regularizer": regularizer, "use_bias": False, **settings}


def _last(layer: Any, **settings: Any) -> dict[str, Any]:
    """Return the settings of the part that has the layer's bias and activation."""
    config = layer.get_config()
    return {**_thin(layer, **settings), **{key: config[key] for key in _LAST if key in config}}


def _moving(layer: Any) -> dict[str, Any]:
    """Return the settings that say how a kernel moves: size, strides, padding, dilation."""
    return {
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "padding": layer.padding,
        "dilation_rate": layer.dilation_rate,
    }


def _pointwise(layer: Any, kernel: np.ndarray) -> np.ndarray:
    """(inputs, outputs) as the kernel of a convolution of one position."""
    return kernel.reshape(*([1] * len(layer.kernel_size)), *kernel.shape)


def _svd_factors(layer: Any, ranks: Ranks) -> Factors:
    return svd(kernel_of(layer)[0], ranks[0])


def _svd_parts(layer: Any, calls: list[Call], factors: Factors) -> list[Part]:
    first, second = factors
    rank = first.shape[1]
    before, behind = _used(calls, False), _used(calls, True)
    if _is(layer, "Embedding"):
        config = {**layer.get_config(), "output_dim": rank}
        dense = {key: config[key] for key in ("trainable", "dtype")}
        units = {"units": layer.output_dim, "use_bias": False}
        return [
            Part("Embedding", config, first, 0),
            Part("Dense", {**dense, **units}, second, behind),
        ]
    if _is(layer, "Dense"):
        return [
            Part("Dense", _thin(layer, units=rank), first, before),
            Part("Dense", _last(layer, units=layer.units), second, behind),
        ]
    kind, once = type(layer).__name__, _moving(layer)
    return [
        Part(kind, _thin(layer, filters=rank, **once), _pointwise(layer, first), behind),
        Part(
            kind, _last(layer, filters=layer.filters, kernel_size=1), _pointwise(layer, second),
            behind,
        ),
    ]  # fmt: skip


def _svd_product(layer: Any, factors: Factors) -> np.ndarray:
    first, second = factors
    return (first @ second)[np.newaxis]


def _between(
    layer: Any, calls: list[Call], inputs: np.ndarray, core: Part, outputs: np.ndarray
) -> list[Part]:
    """A part between two convolutions of one position, (inputs, r) and (s, outputs)."""
    kind = type(layer).__name__
    before, behind = _used(calls, False), _used(calls, True)
    thin = _thin(layer, filters=inputs.shape[1], kernel_size=1)
    last = _last(layer, filters=layer.filters, kernel_size=1)
    return [
        Part(kind, thin, _pointwise(layer, inputs), before),
        core,
        Part(kind, last, _pointwise(layer, outputs), behind),
    ]


def _tucker_factors(layer: Any, ranks: Ranks) -> Factors:
    return tucker_2(kernel_of(layer), (ranks[0], ranks[1]))


def _tucker_parts(layer: Any, calls: list[Call], factors: Factors) -> list[Part]:
    inputs, core, outputs = factors
    kernel = core.reshape(*layer.kernel_size, *core.shape[1:])
    settings = _thin(layer, filters=core.shape[2], **_moving(layer))
    part = Part(type(layer).__name__, settings, kernel, _used(calls, True))
    return _between(layer, calls, inputs, part, outputs)


def _tucker_product(layer: Any, factors: Factors) -> np.ndarray:
    inputs, core, outputs = factors
    return inputs @ core @ outputs


def _can_be_depthwise(layer: Any) -> bool:
    return (
        _is_spatial(layer)
        and _is(layer, "Conv1D", "Conv2D")
        and layer.padding in ("valid", "same")
        and len(set(layer.strides)) == 1
    )


def _cp_factors(layer: Any, ranks: Ranks) -> Factors:
    return cp(kernel_of(layer), ranks[0])


def _cp_parts(layer: Any, calls: list[Call], factors: Factors) -> list[Part]:
    kernel, inputs, outputs = factors
    shaped = kernel.reshape(*layer.kernel_size, -1, 1)
    settings = _thin(layer, **_moving(layer))
    settings["depthwise_regularizer"] = settings.pop("kernel_regularizer")
    kind = f"Depthwise{type(layer).__name__}"
    part = Part(kind, settings, shaped, _used(calls, True))
    return _between(layer, calls, inputs, part, outputs.T)


def _cp_product(layer: Any, factors: Factors) -> np.ndarray:
    return cp_product(*factors)


def _as_train(layer: Any) -> np.ndarray:
    """(inputs, axes of the kernel, outputs)."""
    kernel = kernel_of(layer)
    shaped = kernel.reshape(*layer.kernel_size, *kernel.shape[1:])
    return np.moveaxis(shaped, -2, 0)


def _train_factors(layer: Any, ranks: Ranks) -> Factors:
    return tensor_train(_as_train(layer), ranks)


def _train_parts(layer: Any, calls: list[Call], factors: Factors) -> list[Part]:
    """One convolution along each axis, between two of one position."""
    first, *middle, last = factors
    parts = _between(layer, calls, first[0], Part("", {}, last, 0), last[..., 0])
    axes = range(len(middle))
    return [
        parts[0],
        *(_along(layer, calls, axis, core) for axis, core in zip(axes, middle, strict=True)),
        parts[2],
    ]


def _along(layer: Any, calls: list[Call], axis: int, core: np.ndarray) -> Part:
    """A core (rank before, size, rank behind) as a convolution along one axis."""

    def only(values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(value if index == axis else 1 for index, value in enumerate(values))

    size = only(layer.kernel_size)
    settings = _thin(
        layer, filters=core.shape[2], kernel_size=size, strides=only(layer.strides),
        padding=layer.padding, dilation_rate=only(layer.dilation_rate),
    )  # fmt: skip
    kernel = core.transpose(1, 0, 2).reshape(*size, core.shape[0], core.shape[2])
    uses = sum(_partly_moved(call, axis) for call in calls)
    return Part(type(layer).__name__, settings, kernel, uses)


def _partly_moved(call: Call, axis: int) -> int:
    """Positions once the axes up to this one have their final size."""
    before, behind = call.operands[0].spec.shape[1:-1], call.results[0].spec.shape[1:-1]
    return math.prod(size or 1 for size in (*behind[: axis + 1], *before[axis + 1 :]))


def _train_product(layer: Any, factors: Factors) -> np.ndarray:
    product, *cores = factors
    for core in cores:
        product = np.tensordot(product, core, 1)
    whole = np.moveaxis(product[0, ..., 0], 0, -2)
    return whole.reshape(-1, *whole.shape[-2:])


def _matrices(layer: Any) -> list[np.ndarray]:
    """Unfold the kernel for the ranks of a tensor train: the first axes against the others."""
    tensor = _as_train(layer)
    sizes = np.cumprod(tensor.shape)[:-1]
    return [tensor.reshape(size, -1) for size in sizes]


def _channel_matrices(layer: Any) -> list[np.ndarray]:
    """The inputs against all else, and the outputs."""
    kernel = kernel_of(layer)
    return [np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1) for axis in (1, 2)]


def _largest(matrices: list[np.ndarray]) -> Ranks:
    return tuple(min(matrix.shape) for matrix in matrices)


def _chosen(matrices: list[np.ndarray], rule: RankRule) -> Ranks:
    return tuple(rule.rank(matrix) for matrix in matrices)


METHODS: dict[str, Method] = {
    "svd": Method(
        _is_matrix,
        lambda layer: _largest([kernel_of(layer)[0]]),
        lambda layer, rule: _chosen([kernel_of(layer)[0]], rule),
        _svd_factors,
        _svd_parts,
        _svd_product,
    ),
    "tucker": Method(
        _is_spatial,
        lambda layer: _largest(_channel_matrices(layer)),
        lambda layer, rule: _chosen(_channel_matrices(layer), rule),
        _tucker_factors,
        _tucker_parts,
        _tucker_product,
    ),
    # The rank of a tensor is at least that of each of its matrices, and has no simple rule.
    "cp": Method(
        _can_be_depthwise,
        lambda layer: (max(_largest(_channel_matrices(layer))),),
        lambda layer, rule: (max(_chosen(_channel_matrices(layer), rule)),),
        _cp_factors,
        _cp_parts,
        _cp_product,
    ),
    "tensor_train": Method(
        _is_spatial,
        lambda layer: _largest(_matrices(layer)),
        lambda layer, rule: _chosen(_matrices(layer), rule),
        _train_factors,
        _train_parts,
        _train_product,
    ),
}
