"""Layers that are computed by tiles of channels, whose weights are restored to scratch memory.

A tile is a call of the same kernel with fewer channels. Its results are one run a pixel among those
of all channels, so that they go to scratch memory first, and from there to their places; where one
tile is all, or there is one row, they are written where they belong. A kernel that overwrites its
input needs a copy of it for the next tile: rows are then computed in bands, each copied before.

Scratch memory, in this order: the tile's weights; its results; the band's input; the kernel's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfedge_converters.c.constants import constants_of
from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.packed import packed_call
from tfedge_converters.c.weights.forms import EIGHT, StoredWeights, stored

# Scratch memory is laid out in words, which kernels read.
_WORD = 4

WEIGHTS = "weights"


@dataclass(frozen=True)
class Bands:
    """Rows of a matrix that are computed together.

    Attributes:
        count: of bands.
        rows: of each.
        depth: values of an input row; 0 where the input stays, and needs no copy.
        backwards: from the last band on, since outputs are wider than the rows that they overwrite.
    """

    count: int
    rows: int
    depth: int
    backwards: bool


@dataclass(frozen=True, eq=False)
class Tiling:
    """How a call is computed by tiles.

    Attributes:
        stored: its weights.
        field: of the kernel's parameters, where weights are: "matmul.weights".
        are_words: the kernel reads words.
        part: the call of one tile, with its weights as the kernel reads them.
        tiles: how many.
        channels: of each.
        values: of a tile's weights, a multiple of 8.
        steps: by other field, how many elements its constant moves on from tile to tile.
        bands: of rows.
        output_channels: of all tiles.
    """

    stored: StoredWeights
    field: str
    are_words: bool
    part: KernelCall
    tiles: int
    channels: int
    values: int
    steps: Mapping[str, int]
    bands: Bands
    output_channels: int

    @property
    def words(self) -> str:
        """The form, and how much of it is restored at a time."""
        if self.tiles == 1:
            return self.stored.words
        return f"{self.stored.words}, {self.channels} of {self.output_channels} channels at a time"

    @property
    def results_bytes(self) -> int:
        """Scratch memory for the tile's results, 0 where they are written where they belong."""
        if self.tiles == 1 or self.bands.rows == 1 == self.bands.count:
            return 0
        return _in_words(self.bands.rows * self.channels)

    @property
    def copy_bytes(self) -> int:
        """Scratch memory for the band's input."""
        return _in_words(self.bands.rows * self.bands.depth)

    @property
    def own_bytes(self) -> int:
        """Scratch memory in front of the kernel's own."""
        return self.values + self.results_bytes + self.copy_bytes


def tiled(
    call: KernelCall,
    whole: KernelCall,
    packing: str,
    forms: Sequence[str],
    tiles: int,
    bands: int,
) -> Iterator[KernelCall]:
    """The call with its weights stored, in each of the forms that they have.

    Args:
        call: of a natural kernel, one that `weights_of` has some of.
        whole: the same by the kernel of the packing.
        packing: see `packed.PACKED_KERNELS`.
        forms: keys of `forms.FORMS`.
        tiles: of channels, one of `tile_counts`.
        bands: of rows, one of `band_counts`; 1 where the output may not take the input's memory.
    """
    kind = _KINDS[call.kernel]
    parts = [whole] if tiles == 1 else _parts(call, kind, packing, tiles, bands)
    merged = None if parts is None else _merged([part.params for part in parts])
    if parts is None or merged is None:
        return
    params, steps, field, weights = merged
    values = weights[0].size * weights[0].itemsize
    filled = -(-values // EIGHT) * EIGHT
    data = np.stack([_as_bytes(one) for one in weights])
    data = np.pad(data, ((0, 0), (0, filled - values)))
    are_words = weights[0].itemsize > 1
    rows = kind.rows(call)
    depth = call.operands[0].elements // rows if tiles > 1 and _overwrites(whole, kind) else 0
    channels = kind.channels(call)
    for form in forms:
        found = stored(form, data, are_words=are_words)
        if found is None:
            continue
        tiling = Tiling(
            stored=found,
            field=field,
            are_words=are_words,
            part=parts[0],
            tiles=tiles,
            channels=channels // tiles,
            values=filled,
            steps=steps,
            bands=Bands(bands, rows // bands, depth, backwards=channels > depth),
            output_channels=channels,
        )
        yield replace(
            parts[0],
            params=params,
            operands=call.operands,
            output=call.output,
            macs=call.macs,
            scratch_bytes=tiling.own_bytes + parts[0].scratch_bytes,
            in_place=whole.in_place if tiles == 1 or depth else (),
            specialises=False,
            tiling=tiling,
        )


def tile_counts(call: KernelCall) -> list[int]:
    """Into how many tiles of channels such a call can be cut, from one on."""
    kind = _KINDS[call.kernel]
    if kind.cut is None:
        return [1]
    return [n for n in _divisors(kind.channels(call)) if kind.channels(call) // n >= 2]


def weights_of(call: KernelCall) -> np.ndarray | None:
    """The weights of a natural call that can be computed by tiles; None of others."""
    if call.kernel not in _KINDS:
        return None
    return next((one.values for one in constants_of(call.params) if one.role == WEIGHTS), None)


def rows_of(call: KernelCall) -> int:
    """Rows of the product that such a call computes."""
    return _KINDS[call.kernel].rows(call)


def band_counts(call: KernelCall, whole: KernelCall) -> list[int]:
    """Into how many bands of rows it can be cut, where `whole` is the call of its packed kernel."""
    kind = _KINDS[call.kernel]
    if not _overwrites(whole, kind):
        return [1]
    rows = kind.rows(call)
    return [n for n in _divisors(rows) if rows // n >= _LEAST_BAND] or [1]


# A band of fewer rows would restore weights for few products.
_LEAST_BAND = 4


@dataclass(frozen=True)
class _Kind:
    """Facts about a natural kernel.

    Attributes:
        channels, rows: of its product.
        cut: makes the call for some channels, from the first one on, and so many rows; None where
            channels cannot be computed one by one.
        bands: rows may be computed one by one, too.
    """

    channels: Callable[[KernelCall], int]
    rows: Callable[[KernelCall], int]
    cut: Callable[[KernelCall, int, int, int], KernelCall] | None
    bands: bool = False


def _overwrites(whole: KernelCall, kind: _Kind) -> bool:
    return bool(whole.in_place) and kind.bands


def _parts(
    call: KernelCall, kind: _Kind, packing: str, tiles: int, bands: int
) -> list[KernelCall] | None:
    """The calls of all tiles, by one kernel that differs in its constants alone."""
    assert kind.cut is not None
    channels, rows = kind.channels(call) // tiles, kind.rows(call) // bands
    cut = [kind.cut(call, tile * channels, channels, rows) for tile in range(tiles)]
    for exactly in (False, True):
        parts = [packed_call(replace(one, exactly=exactly), packing) for one in cut]
        if len({_shape_of(part) for part in parts}) == 1:
            return parts
    return None


def _shape_of(call: KernelCall) -> tuple[Any, ...]:
    return call.kernel, call.scratch_bytes, *_scalars(call.params)


def _scalars(params: Mapping[str, Param]) -> Iterator[Any]:
    """All but constants, of which the number of elements counts."""
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _scalars(value)
        elif isinstance(value, Constant):
            yield name, value.values.size
        else:
            yield name, value


def _merged(
    params: Sequence[Mapping[str, Param]], before: str = ""
) -> tuple[dict[str, Param], dict[str, int], str, list[np.ndarray]] | None:
    """Parameters of all tiles: constants one after the other, without weights.

    Returns:
        The parameters of the first tile; by field, how far its constant moves on; the field of the
        weights, and they themselves, tile by tile. None where the weights are among others.
    """
    merged: dict[str, Param] = {}
    steps: dict[str, int] = {}
    field, weights = "", []
    for name, first in params[0].items():
        every: list[Any] = [one[name] for one in params]
        if isinstance(first, Mapping):
            inner = _merged(every, f"{before}{name}.")
            if inner is None:
                return None
            merged[name] = inner[0]
            steps |= inner[1]
            if inner[2]:
                field, weights = inner[2], inner[3]
        elif isinstance(first, Constant) and first.role == WEIGHTS:
            field, weights = f"{before}{name}", [one.values for one in every]
            merged[name] = 0
        elif isinstance(first, Constant):
            merged[name], step = _joined(every)
            if step:
                steps[f"{before}{name}"] = step
        else:
            merged[name] = first
    if not before and not field:
        return None
    return merged, steps, field, weights


def _joined(constants: Sequence[Constant]) -> tuple[Constant, int]:
    """One constant for all tiles, and how far it moves on from one to the next."""
    first = constants[0]
    arrays = [constant.values.reshape(-1) for constant in constants]
    if all(np.array_equal(arrays[0], array) for array in arrays[1:]):
        return first, 0
    return replace(first, values=np.concatenate(arrays)), arrays[0].size


def _as_bytes(weights: np.ndarray) -> np.ndarray:
    """The bytes of weights from the lowest on, whatever the byte order of this machine."""
    flat = weights.reshape(-1)
    return np.ascontiguousarray(flat, flat.dtype.newbyteorder("<")).view(np.int8)


def _in_words(size: int) -> int:
    return -(-size // _WORD) * _WORD


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _cut_matmul(matmul: Mapping[str, Any], first: int, channels: int) -> dict[str, Param]:
    """The product of some channels."""
    cut = dict(matmul)
    cut["channels"] = channels
    names = [WEIGHTS, "bias"] + ["multiplier", "shift"] * bool(matmul["channel_step"])
    for name in names:
        constant = matmul[name]
        cut[name] = replace(constant, values=constant.values[first : first + channels])
    return cut


def _cut_rows(call: KernelCall, first: int, channels: int, rows: int) -> KernelCall:
    params: Mapping[str, Any] = call.params
    matmul = _cut_matmul(params["matmul"], first, channels)
    depth = params["matmul"]["depth"]
    [source] = call.operands
    return replace(
        call,
        params={"rows": rows, "matmul": matmul},
        operands=(replace(source, shape=(rows, depth)),),
        output=replace(call.output, shape=(rows, channels)),
        macs=rows * channels * depth,
    )


def _cut_convolution(call: KernelCall, first: int, channels: int, rows: int) -> KernelCall:
    params: Mapping[str, Any] = call.params
    matmul = _cut_matmul(params["matmul"], first, channels)
    return replace(
        call,
        params={**params, "matmul": matmul},
        output=replace(call.output, shape=(*call.output.shape[:-1], channels)),
        macs=call.macs * channels // params["matmul"]["channels"],
    )


def _channels(call: KernelCall) -> int:
    params: Mapping[str, Any] = call.params
    return int(params["matmul"]["channels"])


def _rows(call: KernelCall) -> int:
    rows = call.params["rows"]
    assert isinstance(rows, int)
    return rows


def _pixels(call: KernelCall) -> int:
    return math.prod(call.output.shape[:-1])


def _all_channels(call: KernelCall) -> int:
    return call.output.shape[-1]


# By natural kernel.
_KINDS: Mapping[str, _Kind] = {
    "conv_2d_grouped_s8": _Kind(_all_channels, _pixels, None),
    "conv_2d_s8": _Kind(_channels, _pixels, _cut_convolution),
    "depthwise_conv_2d_s8": _Kind(_all_channels, _pixels, None),
    "fully_connected_s8": _Kind(_channels, _rows, _cut_rows, bands=True),
}
