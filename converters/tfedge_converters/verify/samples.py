"""Inputs to verify with: given ones, or random ones that fit the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.graph import Graph, Operator, Tensor, TensorType

_MOST_ELEMENTS = 1 << 24

_INTEGERS = {TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.BOOL}


def random_samples(graph: Graph, count: int, seed: int) -> list[list[np.ndarray]]:
    """Uniform over what each input can hold; floats over what the first QUANTIZE can hold.

    Raises:
        TfedgeError: an input's valid values are unknown (indices, strings), or there are too many
            for any device.
    """
    elements = sum(tensor.elements for tensor in graph.inputs)
    if elements > _MOST_ELEMENTS:
        raise TfedgeError(f"the inputs take {elements:,} values, too many to make up; give them")
    rng = np.random.default_rng(seed)
    return [[_random(graph, tensor, rng) for tensor in graph.inputs] for _ in range(count)]


def _random(graph: Graph, tensor: Tensor, rng: np.random.Generator) -> np.ndarray:
    if tensor.type in _INTEGERS and tensor.type.dtype is not None:
        if tensor.type == TensorType.BOOL:
            return rng.random(tensor.shape) < 0.5
        limits = np.iinfo(tensor.type.dtype)
        return rng.integers(limits.min, limits.max + 1, tensor.shape).astype(tensor.type.dtype)
    if tensor.type == TensorType.FLOAT32:
        low, high = _real_range(graph, tensor)
        return rng.uniform(low, high, tensor.shape).astype(np.float32)
    raise TfedgeError(
        f"random values for input '{tensor.name}' of type {tensor.type.name} may be invalid; "
        "give inputs, e.g. --inputs samples.npz"
    )


def _real_range(graph: Graph, tensor: Tensor) -> tuple[float, float]:
    for operator in graph.operators:
        if operator.code == "QUANTIZE" and operator.inputs[0] is tensor:
            return _representable(operator)
    return -1.0, 1.0


def _representable(quantize: Operator) -> tuple[float, float]:
    output = quantize.outputs[0]
    assert output.quantization is not None and output.type.dtype is not None
    limits = np.iinfo(output.type.dtype)
    zero_point = int(output.quantization.zero_point[0])
    scale = float(output.quantization.scale[0])
    return (limits.min - zero_point) * scale, (limits.max - zero_point) * scale


def given_samples(graph: Graph, inputs: Any) -> list[list[np.ndarray]]:
    """Samples from an array (first axis: samples), a list or dict of arrays, or an .npz file.

    Raises:
        TfedgeError: a shape, type or name does not fit the model's inputs.
    """
    columns = _columns(graph, inputs)
    counts = {len(column) for column in columns}
    if len(counts) != 1 or 0 in counts:
        raise TfedgeError(f"the inputs hold {sorted(counts)} samples; give each the same number")
    return [
        [_fit(column[i], tensor) for column, tensor in zip(columns, graph.inputs, strict=True)]
        for i in range(counts.pop())
    ]


def _columns(graph: Graph, inputs: Any) -> Sequence[np.ndarray]:
    if isinstance(inputs, (str, Path)):
        inputs = _load(Path(inputs))
    if isinstance(inputs, np.ndarray):
        inputs = [inputs]
    if isinstance(inputs, Mapping):
        names = [tensor.name for tensor in graph.inputs]
        if len(inputs) == len(names) == 1:
            inputs = list(inputs.values())
        elif set(inputs) != set(names):
            raise TfedgeError(f"inputs are named {sorted(inputs)}, the model's {names}")
        else:
            inputs = [inputs[name] for name in names]
    if len(inputs) != len(graph.inputs):
        raise TfedgeError(f"{len(inputs)} inputs given for the model's {len(graph.inputs)}")
    return [np.asarray(column) for column in inputs]


def _load(path: Path) -> dict[str, np.ndarray] | np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except (OSError, ValueError, EOFError) as error:
        raise TfedgeError(f"{path}: cannot be read as .npy or .npz: {error}") from error


def _fit(value: np.ndarray, tensor: Tensor) -> np.ndarray:
    shapes = {tensor.shape, tensor.shape[1:]} if tensor.shape[:1] == (1,) else {tensor.shape}
    if value.shape not in shapes:
        raise TfedgeError(
            f"a sample for input '{tensor.name}' has shape {value.shape}, the model {tensor.shape}"
        )
    if value.dtype != tensor.type.dtype:
        raise TfedgeError(
            f"input '{tensor.name}' is {tensor.type.name}, the samples are {value.dtype}; "
            "quantise them first: integer = round(real / scale) + zero_point"
        )
    return np.ascontiguousarray(value.reshape(tensor.shape))
