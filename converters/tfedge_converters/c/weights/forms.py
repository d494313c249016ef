"""Forms in which weights take less flash than a byte each.

A form is a reader in the C runtime, tfedge_<form>_weights.h, and what it reads: encoders make its
parameters of a layer's weights, in whichever order their kernel reads them, and `restored` is what
the reader restores. Tiles are what is restored at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge_converters.c.constants import bytes_of
from tfedge_converters.c.kernel_call import Constant, Param
from tfedge_converters.c.weights import entropy

INT4, SHARED, SPARSE, ENTROPY = "int4", "shared", "sparse", "entropy"

# Of int4 weights, a word has so many; scratch memory for weights is filled up to them.
EIGHT = 8

_WORD_BITS = 32
_INT8_BITS = 8

# What int4 is stored with added, so that it is no negative number.
_INT4_OFFSET = 8

# Indices of more bits would save next to nothing, and their table is all of int8.
_MOST_INDEX_BITS = 6


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """Weights in a form that a reader restores.

    Attributes:
        form: a key of `FORMS`.
        params: of the tfedge_<form>_weights_params.
    """

    form: str
    params: Mapping[str, Param]

    @property
    def bytes(self) -> int:
        """Flash that they take."""
        return bytes_of(self.params)

    @property
    def words(self) -> str:
        """The form for a comment: "16 values", …"""
        return _WORDS[self.form](self.params)


# Makes parameters of int8 weights (tiles, values); None where they do not have that form.
_Encode = Callable[[np.ndarray], "dict[str, Param] | None"]


def stored(form: str, tiles: np.ndarray, *, are_words: bool) -> StoredWeights | None:
    """Store weights in a form.

    Args:
        form: a key of `FORMS`.
        tiles: int8, (tiles, values), values a multiple of 8.
        are_words: their kernel reads words of four, not bytes.

    Returns:
        None where the weights do not have that form.
    """
    params = FORMS[form](tiles)
    return None if params is None else StoredWeights(form, {"are_words": int(are_words), **params})


def may_have(form: str, weights: np.ndarray) -> bool:
    """Whether it is worth trying to store a layer's weights in a form, in whatever order."""
    return _SEEMS[form](weights)


def restored(weights: StoredWeights, tiles: int, values: int) -> np.ndarray:
    """Restore weights as the reader does: int8, (tiles, values)."""
    return _RESTORE[weights.form](weights.params, tiles, values)


def _int4(tiles: np.ndarray) -> dict[str, Param] | None:
    if tiles.min() < -_INT4_OFFSET or tiles.max() >= _INT4_OFFSET:
        return None
    halves = (tiles.astype(np.int16) + _INT4_OFFSET).astype(np.uint8).reshape(-1, 2, EIGHT // 2)
    words = (halves[:, 0] | halves[:, 1] << 4).reshape(-1).view("<i4").astype(np.int32)
    return {"words": Constant("weights", words, "eight weights a word")}


def _from_int4(params: Mapping[str, Any], tiles: int, values: int) -> np.ndarray:
    data = params["words"].values.astype("<i4").view(np.uint8).reshape(-1, EIGHT // 2)
    halves = np.stack([data & 15, data >> 4], axis=1).astype(np.int16) - _INT4_OFFSET
    return halves.astype(np.int8).reshape(tiles, values)


def _shared(tiles: np.ndarray) -> dict[str, Param] | None:
    found, indices = np.unique(tiles, return_inverse=True)
    bits = _index_bits(found.size)
    if bits > _MOST_INDEX_BITS:
        return None
    words = np.concatenate([_codes(row, bits) for row in indices.reshape(tiles.shape)])
    return {
        "bits": bits,
        "values": Constant("values", found, "that weights share"),
        "words": Constant("weights", words, f"indices of {bits} bits"),
    }


def _from_shared(params: Mapping[str, Any], tiles: int, values: int) -> np.ndarray:
    rows = params["words"].values.reshape(tiles, -1)
    indices = np.stack([_from_codes(row, params["bits"])[:values] for row in rows])
    table: np.ndarray = params["values"].values
    return table[indices]


def _sparse(tiles: np.ndarray) -> dict[str, Param] | None:
    if not (tiles == 0).any():
        return None
    filled = np.pad(tiles, ((0, 0), (0, -tiles.shape[1] % _WORD_BITS)))
    masks = np.packbits(filled.reshape(-1) != 0, bitorder="little")
    left = filled[filled != 0]
    found, indices = np.unique(left, return_inverse=True)
    width = _index_bits(found.size)
    table: Param = 0
    bits_of_one, codes = _INT8_BITS, left.view(np.uint8)
    if found.size and width <= _MOST_INDEX_BITS:
        table = Constant("values", found, "that weights share")
        bits_of_one, codes = width, indices.reshape(-1)
    words = _codes(codes, bits_of_one) if codes.size else np.zeros(1, np.int32)
    return {
        "bits": bits_of_one,
        "values": table,
        "masks": Constant("masks", masks.view("<i4").astype(np.int32), "a bit for each weight"),
        "words": Constant("weights", words, "those that are not 0"),
    }


def _from_sparse(params: Mapping[str, Any], tiles: int, values: int) -> np.ndarray:
    masks = params["masks"].values.astype("<i4").view(np.uint8)
    where = np.unpackbits(masks, bitorder="little").astype(bool)
    codes = _from_codes(params["words"].values, params["bits"])[: where.sum()]
    table = params["values"]
    data = np.zeros(where.size, np.int8)
    data[where] = table.values[codes] if table else codes.astype(np.uint8).view(np.int8)
    return data.reshape(tiles, -1)[:, :values]


def _entropy(tiles: np.ndarray) -> dict[str, Param] | None:
    coded = entropy.encode(tiles.reshape(-1))
    if coded is None:
        return None
    return {
        "values": Constant("values", coded.values, "from the most frequent on"),
        "begins": Constant("begins", coded.begins, "of their shares"),
        "bytes": Constant("weights", coded.stream, "stream of an entropy coder"),
    }


def _from_entropy(params: Mapping[str, Any], tiles: int, values: int) -> np.ndarray:
    coded = entropy.Coded(params["values"].values, params["begins"].values, params["bytes"].values)
    return entropy.decode(coded, tiles * values).reshape(tiles, values)


def _index_bits(count: int) -> int:
    """Bits of an index into so many values."""
    return max(1, (max(count, 1) - 1).bit_length())


def _codes(codes: np.ndarray, bits: int) -> np.ndarray:
    """Numbers of so many bits, as many a word as fit whole, the first in the lowest bits."""
    per_word = _WORD_BITS // bits
    filled = np.pad(codes.astype(np.uint64), (0, -codes.size % per_word)).reshape(-1, per_word)
    shifts = np.arange(per_word, dtype=np.uint64) * np.uint64(bits)
    return (filled << shifts).sum(axis=1).astype(np.uint32).view(np.int32)


def _from_codes(words: np.ndarray, bits: int) -> np.ndarray:
    shifts = np.arange(_WORD_BITS // bits, dtype=np.uint32) * np.uint32(bits)
    codes = words.view(np.uint32)[:, np.newaxis] >> shifts & np.uint32((1 << bits) - 1)
    return codes.reshape(-1)


# In words for comments of generated C and for summaries.
_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    INT4: lambda _: "int4",
    SHARED: lambda params: f"{params['values'].values.size} values",
    SPARSE: lambda params: (
        f"sparse, {params['values'].values.size} values" if params["values"] else "sparse"
    ),
    ENTROPY: lambda _: "entropy-coded",
}

FORMS: Mapping[str, _Encode] = {
    INT4: _int4,
    SHARED: _shared,
    SPARSE: _sparse,
    ENTROPY: _entropy,
}

# Of fewer zeros, masks save nothing.
_LEAST_ZEROS = 0.3

_SEEMS: Mapping[str, Callable[[np.ndarray], bool]] = {
    INT4: lambda weights: bool(weights.min() >= -_INT4_OFFSET and weights.max() < _INT4_OFFSET),
    SHARED: lambda weights: np.unique(weights).size < 1 << _MOST_INDEX_BITS,
    SPARSE: lambda weights: bool((weights == 0).mean() >= _LEAST_ZEROS),
    ENTROPY: lambda weights: True,
}

_RESTORE: Mapping[str, Callable[[Mapping[str, Any], int, int], np.ndarray]] = {
    INT4: _from_int4,
    SHARED: _from_shared,
    SPARSE: _from_sparse,
    ENTROPY: _from_entropy,
}
