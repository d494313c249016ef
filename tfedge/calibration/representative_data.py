"""Representative data from wherever a user has it: arrays, files, generators, tf.data."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.array_files import arrays_in
from tfedge.errors import TfedgeError

_ACCEPTED = (
    "a numpy array whose first axis counts samples, a list or dict of such arrays for several "
    "inputs, an iterable (or a function that returns one) of samples, a tf.data.Dataset, "
    "a PyDataset, or the path of an .npz file"
)
REAL_NUMBERS = "biuf"  # kinds of dtypes; complex ones would lose a part without a word
_NPZ_KEYS = ("x", "x_train")
_TF_DATA_INFINITE = -1


@dataclass(frozen=True)
class InputSpec:
    """Shape and type that one input of a model takes.

    Attributes:
        names: what users may call it: the names of signatures, then that of the tensor.
        shape: the shape of one invocation; None for sizes that are open.
        dtype: its numpy type.
    """

    names: tuple[str, ...]
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    @property
    def sample_shape(self) -> tuple[int | None, ...]:
        """The shape without a batch axis of 1."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape


class RepresentativeData:
    """Samples for a model, one at a time: an iterable of lists of arrays, one for each input.

    The arrays have exactly the shape and type of the inputs. Data held in memory can be iterated
    more than once.

    Accepted are a numpy array whose first axis counts samples; a list, tuple or dict (by input
    name) of such arrays where the model has several inputs; an .npz file with arrays by input
    name, or for a single input with one array, or one called x or x_train; any iterable, or a
    function that returns one, of items that are an array, a list of one array for each input, a
    dict by input name, or a tuple (x, y) or (x, y, weights), of which only x is used. Items may be
    single samples, with or without a batch axis, or batches. A tf.data.Dataset is such an iterable,
    and a Keras PyDataset serves as one. All data at once may be such a tuple too: (x, y), with x as
    above and one label a sample in y.

    Attributes:
        total: how many samples there are; None where that is not known before the end.
        labels: the array y, where all data at once are (x, y); else None.

    Raises, while iterating or before:
        TfedgeError: the data are empty, endless, unreadable, not finite, or do not fit the inputs.
    """

    def __init__(self, data: Any, inputs: Sequence[InputSpec], what: str = "representative data"):
        """`what`: what messages call the data."""
        self._inputs = inputs
        self._what = f"{what}:"
        self._items, in_memory = _items(data, inputs, self._what)
        self.total = len(self._columns(self._items[0], self._what)[0]) if in_memory else None
        self.labels = _labels(data, self.total, self._what) if _is_labelled(data, inputs) else None

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        count = 0
        for number, item in enumerate(self._items):
            place = self._what if self.total is not None else f"{self._what} item {number}:"
            for sample in zip(*self._columns(item, place), strict=True):
                yield [
                    _convert(value, spec, place)
                    for value, spec in zip(sample, self._inputs, strict=True)
                ]
                count += 1
        if not count:
            raise _error(self._what, "there is not a single sample in it")

    def _columns(self, item: Any, place: str) -> list[np.ndarray]:
        """One array for each input, all with the same number of samples along the first axis."""
        values = _by_input(_without_labels(item, len(self._inputs)), self._inputs, place)
        columns = [
            _stack(value, spec, place) for value, spec in zip(values, self._inputs, strict=True)
        ]
        if len({len(column) for column in columns}) > 1:
            counts = ", ".join(
                f"{len(column)} for '{spec.names[0]}'"
                for column, spec in zip(columns, self._inputs, strict=True)
            )
            raise _error(place, f"the inputs have different numbers of samples: {counts}")
        return columns


def _error(place: str, message: str) -> TfedgeError:
    return TfedgeError(f"{place} {message}")


def _items(data: Any, inputs: Sequence[InputSpec], what: str) -> tuple[Any, bool]:
    """An iterable of items, and whether it is one item that holds all samples."""
    if isinstance(data, str | os.PathLike):
        return [_load_npz(os.fspath(data), inputs)], True
    if isinstance(data, Mapping) or _is_array(data):
        return [data], True
    if _is_array_per_input(data, len(inputs)) or _is_labelled(data, inputs):
        return [data], True
    _refuse_either(data, inputs, what)
    if not isinstance(data, Iterable) and hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return (data[place] for place in range(len(data))), False
    if not isinstance(data, Iterable) and callable(data):
        data = data()
    if not isinstance(data, Iterable):
        raise _error(what, f"a {type(data).__name__} cannot be used; give {_ACCEPTED}")
    if hasattr(data, "cardinality") and int(data.cardinality()) == _TF_DATA_INFINITE:
        raise _error(what, "the dataset never ends; give dataset.take(count)")
    return data, False


def _is_labelled(data: Any, inputs: Sequence[InputSpec]) -> bool:
    """Whether all data at once are Keras' (x, y) or (x, y, sample_weight).

    A tuple of arrays may also be one array for each input, or samples of a single one: it is (x, y)
    where y cannot be that.
    """
    if not isinstance(data, tuple) or len(data) not in (2, 3):
        return False
    x, y, *_ = data
    if isinstance(x, list | tuple | Mapping):
        several = list(x.values() if isinstance(x, Mapping) else x)
        nested = isinstance(y, list | tuple | Mapping) and any(map(_is_array, y))
        return len(several) == len(inputs) and all(map(_is_array, several)) and not nested
    (first, *others) = inputs
    return not others and _are_samples(x, first) and not _fits(y, first)


def _refuse_either(data: Any, inputs: Sequence[InputSpec], what: str) -> None:
    """Refuse a tuple that may be (x, y) as well as two batches: labels are no representative data.

    Raises:
        TfedgeError: it is one.
    """
    pair = isinstance(data, tuple) and len(data) == 2 and len(inputs) == 1
    if not pair or not all(_are_samples(value, inputs[0]) for value in data):
        return
    if len(data[0]) == len(data[1]):
        raise _error(
            what,
            f"a tuple of two arrays, both of samples of shape {inputs[0].sample_shape}, may be "
            "(x, y) or two batches: give x alone, or a list of batches",
        )


def _fits(value: Any, spec: InputSpec) -> bool:
    """Whether this is one sample of an input, or many along a first axis."""
    return _is_array(value) and (
        _are_samples(value, spec) or np.shape(value) in (spec.shape, spec.sample_shape)
    )


def _are_samples(value: Any, spec: InputSpec) -> bool:
    """Whether this is an array of samples of an input along a first axis."""
    if not _is_array(value) or np.shape(value) == spec.shape:
        return False
    return np.shape(value)[1:] in (spec.shape, spec.sample_shape)


def _labels(data: Any, samples: int | None, what: str) -> np.ndarray:
    try:
        labels = np.asarray(data[1])
    except ValueError as error:
        raise _error(what, f"the labels y of (x, y) are no array: {error}") from error
    if labels.shape[:1] != (samples,):
        raise _error(
            what,
            f"a tuple of two is (x, y), samples and their labels: {samples} samples in x, but y of "
            f"shape {labels.shape}; its first axis must count the samples",
        )
    return labels


def _is_array_per_input(data: Any, inputs: int) -> bool:
    sequence = isinstance(data, list | tuple) and len(data) == inputs
    return sequence and inputs > 1 and all(_is_array(value) for value in data)


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__")


def _without_labels(item: Any, inputs: int) -> Any:
    """x of Keras' (x, y) and (x, y, sample_weight).

    With several inputs, a flat tuple means one value for each of them.
    """
    labelled = isinstance(item, tuple) and len(item) in (2, 3)
    if labelled and (inputs == 1 or isinstance(item[0], list | tuple | Mapping)):
        return item[0]
    return item


def _by_input(item: Any, inputs: Sequence[InputSpec], place: str) -> list[Any]:
    """The item's values in the order of the inputs."""
    if isinstance(item, Mapping):
        return _by_name(item, inputs, place)
    values = list(item) if isinstance(item, list | tuple) else [item]
    if len(values) != len(inputs):
        raise _error(
            place, f"{len(values)} values for {len(inputs)} inputs; they are {_listing(inputs)}"
        )
    return values


def _by_name(item: Mapping[str, Any], inputs: Sequence[InputSpec], place: str) -> list[Any]:
    """The values of the inputs; what else there is, such as labels, is left alone."""
    keys = [_key(spec, item) for spec in inputs]
    if None in keys:
        given = ", ".join(f"'{name}'" for name in item)
        raise _error(place, f"has values for {given}; the inputs are {_listing(inputs)}")
    return [item[key] for key in keys if key is not None]


def _key(spec: InputSpec, names: Collection[str]) -> str | None:
    """Return the input's name among `names`, or None."""
    return next((name for name in spec.names if name in names), None)


def _listing(inputs: Sequence[InputSpec]) -> str:
    return ", ".join(f"'{spec.names[0]}' {spec.shape}" for spec in inputs)


def _stack(value: Any, spec: InputSpec, place: str) -> np.ndarray:
    """The value as (samples, *shape of one invocation); a view where it is an array."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise _error(place, f"input '{spec.names[0]}' is not an array of numbers") from error
    if array.dtype.kind not in REAL_NUMBERS:
        raise _error(
            place, f"input '{spec.names[0]}' takes numbers of type {spec.dtype}, not {array.dtype}"
        )
    rank = len(spec.sample_shape)
    invocation = *spec.shape[: len(spec.shape) - rank], *array.shape[array.ndim - rank :]
    if _fits_one(array.shape, spec):
        return array.reshape(1, *invocation)
    if array.ndim and _fits_one(array.shape[1:], spec):
        return array.reshape(len(array), *invocation)
    raise _error(
        place,
        f"input '{spec.names[0]}' takes samples of shape {spec.sample_shape}, one or many along a "
        f"first axis; got {array.shape}",
    )


def _fits_one(shape: tuple[int, ...], spec: InputSpec) -> bool:
    """Whether an array of this shape is one sample, with or without a batch axis."""
    return any(
        len(shape) == len(wanted)
        and all(size in (None, given) for size, given in zip(wanted, shape, strict=True))
        for wanted in (spec.shape, spec.sample_shape)
    )


def _convert(value: np.ndarray, spec: InputSpec, place: str) -> np.ndarray:
    """One sample in the input's type, checked."""
    with np.errstate(over="ignore", invalid="ignore"):
        converted = value.astype(spec.dtype)
    if spec.dtype.kind == "f":
        if not np.isfinite(converted).all():
            raise _error(
                place, f"input '{spec.names[0]}' has values that are NaN or infinite; remove them"
            )
    elif not np.array_equal(converted, value):
        raise _error(
            place, f"input '{spec.names[0]}' takes {spec.dtype}; some values are no such numbers"
        )
    return converted


def _load_npz(path: str, inputs: Sequence[InputSpec]) -> dict[str, np.ndarray]:
    """The arrays of an .npz file that belong to the inputs, by name."""
    with arrays_in(Path(path)) as arrays:
        keys = _npz_keys(path, list(arrays), inputs)
        return {name: arrays[key] for name, key in keys.items()}


def _npz_keys(path: str, files: Sequence[str], inputs: Sequence[InputSpec]) -> dict[str, str]:
    """Which array of the file belongs to which input."""
    keys = {spec.names[0]: key for spec in inputs if (key := _key(spec, files)) is not None}
    if len(keys) == len(inputs):
        return keys
    candidates = [*(name for name in _NPZ_KEYS if name in files), *files]
    if len(inputs) == 1 and (len(files) == 1 or candidates[:1] in ([key] for key in _NPZ_KEYS)):
        return {inputs[0].names[0]: candidates[0]}
    raise TfedgeError(
        f"{path}: holds the arrays {', '.join(files) or '(none)'}; name them as the inputs are: "
        f"{_listing(inputs)}"
    )


def require_recovery_data(data: Any, ways: str = "calibration=…") -> None:
    """Refuse recovery without representative data.

    Args:
        data: what was given.
        ways: how to give some, for the message.

    Raises:
        TfedgeError: there are none.
    """
    if data is None:
        raise TfedgeError(
            "recovery compares the float model with the integer one on representative data: give "
            f"some ({ways}), or leave recovery out"
        )
