"""Inputs to verify with: given ones, or random ones that fit the model."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.array_files import arrays_in, read_array
from tfedge.errors import TfedgeError
from tfedge.files import check_readable
from tfedge_converters.graph import Graph, Tensor, TensorType
from tfedge_converters.verify.input_values import Values, values_of

# Of one random sample, of all of them, and of a sample of zeros.
_MOST_RANDOM, _MOST_IN_ALL, _MOST_ZEROS = 1 << 24, 1 << 29, 1 << 27
# A damaged scale may lead to numbers that float32 does not have.
_LARGEST = float(np.finfo(np.float32).max)


def random_samples(graph: Graph, count: int, seed: int) -> list[list[np.ndarray]]:
    """Random inputs, uniform over what each may hold, so that the model is defined on them.

    Integers are all that their type has, but indices rows of the table that they go into, and
    divisors not 0; real numbers are those that the QUANTIZE behind them can hold.

    Raises:
        TfedgeError: an input is of a type that has no numbers (strings), or there are too many
            for any device.
    """
    elements = sum(tensor.elements for tensor in graph.inputs)
    if elements > _MOST_RANDOM:
        raise TfedgeError(f"the inputs take {elements:,} values, too many to make up; give them")
    if elements * count > _MOST_IN_ALL:
        raise TfedgeError(
            f"{count:,} samples of {elements:,} values are too many to hold; ask for "
            f"{_MOST_IN_ALL // elements:,} at most"
        )
    rng = np.random.default_rng(seed)
    allowed = [values_of(graph, tensor) for tensor in graph.inputs]
    return [
        [_random(tensor, values, rng) for tensor, values in zip(graph.inputs, allowed, strict=True)]
        for _ in range(count)
    ]


def defined_sample(graph: Graph, seed: int = 3141) -> list[np.ndarray]:
    """Random values, or zeros where random ones may be invalid, as among indices.

    Raises:
        TfedgeError: not even zeros would find room.
    """
    elements = sum(tensor.elements for tensor in graph.inputs)
    if elements > _MOST_ZEROS:
        raise TfedgeError(
            f"the inputs take {elements:,} values; models are run with {_MOST_ZEROS:,} at most"
        )
    try:
        return random_samples(graph, 1, seed)[0]
    except TfedgeError:
        return [np.zeros(tensor.shape, tensor.type.dtype) for tensor in graph.inputs]


def _random(tensor: Tensor, values: Values, rng: np.random.Generator) -> np.ndarray:
    dtype = tensor.type.dtype
    if tensor.type == TensorType.BOOL:
        return rng.random(tensor.shape) < 0.5
    if tensor.type == TensorType.FLOAT32 and values.low is not None and values.high is not None:
        low, high = np.clip((values.low, values.high), -_LARGEST, _LARGEST)
        return rng.uniform(low, high, tensor.shape).astype(np.float32)
    if dtype is not None and dtype.kind in "iu":
        return _random_integers(tensor, np.iinfo(dtype), values, rng)
    raise TfedgeError(
        f"there are no random values for input '{tensor.name}' of type {tensor.type.name}; give "
        "inputs, e.g. --inputs samples.npz"
    )


def _random_integers(
    tensor: Tensor, limits: Any, values: Values, rng: np.random.Generator
) -> np.ndarray:
    low = limits.min if values.low is None else max(limits.min, math.ceil(values.low))
    high = limits.max if values.high is None else min(limits.max, math.floor(values.high))
    wide = limits.dtype if limits.bits == 64 else np.int64
    # Nothing fits where a table has no rows; what reads it refuses in words of its own.
    drawn = rng.integers(low, max(low, high), tensor.shape, wide, endpoint=True)
    drawn = drawn.astype(limits.dtype)
    if values.without is not None:
        other = values.without + (1 if values.without < high else -1)
        drawn[drawn == values.without] = other
    return drawn


def given_samples(graph: Graph, inputs: Any) -> list[list[np.ndarray]]:
    """Samples from an array (first axis: samples), a list or dict of arrays, or an .npz file.

    Raises:
        TfedgeError: a shape, type or name does not fit the model's inputs.
    """
    columns = _columns(graph, inputs)
    if not all(column.ndim for column in columns):
        raise TfedgeError("the inputs hold a single number; their first axis must count samples")
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
    check_readable(path)
    if not zipfile.is_zipfile(path):
        return read_array(path, "an .npy or .npz file")
    with arrays_in(path) as arrays:
        return dict(arrays)


def _fit(value: np.ndarray, tensor: Tensor) -> np.ndarray:
    shapes = {tensor.shape, tensor.shape[1:]} if tensor.shape[:1] == (1,) else {tensor.shape}
    if value.shape not in shapes:
        raise TfedgeError(
            f"a sample for input '{tensor.name}' has shape {value.shape}, the model {tensor.shape}"
        )
    if value.dtype != tensor.type.dtype:
        advice = (
            f"give them as {tensor.type.dtype}"
            if tensor.quantization is None
            else "quantise them first: integer = round(real / scale) + zero_point"
        )
        raise TfedgeError(
            f"input '{tensor.name}' is {tensor.type.name}, the samples are {value.dtype}; {advice}"
        )
    return np.ascontiguousarray(value.reshape(tensor.shape))
