"""Where an accelerator keeps the parameters of what it computes, and how much it works in."""

from __future__ import annotations

from dataclasses import dataclass

from tfedge_converters.accelerators.mapping import GraphMapping, Placement
from tfedge_converters.graph.types import Graph, Tensor

# Channels of an activation are spread in groups, those of images in small ones; measured on
# compiled models.
_CHANNEL_GROUP, _IMAGE_GROUP = 16, 4


@dataclass(frozen=True)
class Parameters:
    """The parameters of one operator.

    Attributes:
        index: the operator's position in the graph.
        bytes: as the accelerator stores them.
        cached: whether they stay on the chip; others are sent for every run.
    """

    index: int
    bytes: int
    cached: bool


@dataclass(frozen=True)
class MemoryUse:
    """Memory that a mapping needs.

    Attributes:
        parameters: of every operator that has some, in the graph's order.
        cached_bytes, streamed_bytes: their sums.
        cache_bytes: room for cached ones; None if the accelerator has none of its own.
        working_bytes: an estimate of activations that one tile holds at a time.
        tile_bytes: what a tile has; None if unknown.
        peak: the operator during which most is held; None if nothing is mapped.
    """

    parameters: tuple[Parameters, ...]
    cached_bytes: int
    streamed_bytes: int
    cache_bytes: int | None
    working_bytes: int
    tile_bytes: int | None
    peak: int | None


def memory_use(mapping: GraphMapping) -> MemoryUse:
    """Give the cache to the parameters of one operator after the other, as far as they fit."""
    memory = mapping.accelerator.memory
    room = memory.parameter_cache_bytes
    parameters: list[Parameters] = []
    for placement in mapping.mapped:
        size = _parameter_bytes(placement, mapping)
        if size:
            cached = room is not None and size <= room and not _is_streamed(placement, mapping)
            room = room - size if cached and room is not None else room
            parameters.append(Parameters(placement.index, size, cached))
    working, peak = _peak(mapping)
    return MemoryUse(
        parameters=tuple(parameters),
        cached_bytes=sum(each.bytes for each in parameters if each.cached),
        streamed_bytes=sum(each.bytes for each in parameters if not each.cached),
        cache_bytes=memory.parameter_cache_bytes,
        working_bytes=working,
        tile_bytes=memory.working_bytes,
        peak=peak,
    )


def _parameter_bytes(placement: Placement, mapping: GraphMapping) -> int:
    formula = mapping.accelerator.memory.parameter_bytes.get(placement.operator.code)
    if formula is None:
        return 0
    try:
        return int(formula.value(placement.facts))
    except ValueError:
        return 0


def _is_streamed(placement: Placement, mapping: GraphMapping) -> bool:
    condition = mapping.accelerator.memory.streamed_when
    try:
        return condition is not None and bool(condition.value(placement.facts))
    except ValueError:
        return False


def _peak(mapping: GraphMapping) -> tuple[int, int | None]:
    """Most bytes of activations that a tile holds during one operator, and which operator."""
    tiles = mapping.accelerator.memory.tiles
    last = _last_reads(mapping.graph)
    live: dict[int, int] = {}
    most, where = 0, None
    for placement in mapping.placements:
        for tensor in (*placement.operator.inputs, *placement.operator.outputs):
            if tensor is not None and not tensor.is_constant:
                live[id(tensor)] = _tile_bytes(tensor, tiles)
        held = sum(live.values())
        if placement.mapped and held > most:
            most, where = held, placement.index
        live = {key: size for key, size in live.items() if last.get(key, -1) > placement.index}
    return most, where


def _last_reads(graph: Graph) -> dict[int, int]:
    """Position of the last operator that reads a tensor, by the tensor's id."""
    return {
        id(tensor): index
        for index, operator in enumerate(graph.operators)
        for tensor in operator.inputs
        if tensor is not None
    }


def _tile_bytes(tensor: Tensor, tiles: int) -> int:
    """A tile's share of an activation: a part of the image, or all of a vector."""
    if not tensor.shape or tensor.elements == tensor.shape[-1]:
        return tensor.byte_size
    group = _IMAGE_GROUP if tensor.shape[-1] <= _IMAGE_GROUP else _CHANNEL_GROUP
    channels = -(-tensor.shape[-1] // group) * group
    width = tensor.byte_size // max(tensor.elements, 1)
    return -(-tensor.elements // max(tensor.shape[-1], 1) * channels * width // tiles)
