"""Layers that are computed together, a band of rows at a time.

Where the arena is fullest, the tensors between a few layers are most of it, and none of them has to
be there as a whole: a row of the last layer's output needs a few rows of the layer before. Such
layers become one step of the plan, with memory for the rows that are still needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.layer import Layer
from tfedge_converters.c.row_bands import Band, BandedLayer, banded_layer
from tfedge_converters.c.row_schedule import INPUT, Schedule, Stage, Turn, schedule
from tfedge_converters.graph.types import Graph, Tensor

_ALIGNMENT = 4

# Generated C counts stages, bands and rows in bytes.
_MOST = 255


@dataclass(frozen=True, eq=False)
class StreamedLayer:
    """A layer of a stream.

    Attributes:
        layer: the one.
        banded: the same, as one that is computed in bands.
        calls: of its kernel, one for each shape that a band of it has.
        sources: the layers of the stream whose rows it reads, by their places, or `INPUT`.
        offset: of the rows that are kept of it, in the memory for rows; 0 of the last one, whose
            output is whole.
    """

    layer: Layer
    banded: BandedLayer
    calls: tuple[KernelCall, ...]
    sources: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class StreamedTurn:
    """A band of a stream: see `row_schedule.Turn`; `kind` is the place of its call."""

    stage: int
    kind: int
    rows: int
    dropped: int


@dataclass(frozen=True, eq=False)
class Stream:
    """Layers that are computed together.

    Attributes:
        layers: in order.
        turns: their bands.
        call: the work as one step of the plan: its operand, its output, and scratch memory, which
            the kernels share.
        rows_bytes: memory for the rows of tensors between the layers.
    """

    layers: tuple[StreamedLayer, ...]
    turns: tuple[StreamedTurn, ...]
    call: KernelCall
    rows_bytes: int

    @property
    def row_accesses(self) -> int:
        """How often values of the rows are written and read, in all."""
        between = self.layers[:-1]
        return sum(one.banded.whole.output.elements for one in between) + sum(
            call.operands[0].elements
            for calls in self.computed().values()
            for call in calls
            if call.operands
        )

    @property
    def first(self) -> int:
        """Number of the first layer."""
        return self.layers[0].layer.index

    @property
    def last(self) -> int:
        """Number of the last layer."""
        return self.layers[-1].layer.index

    def computed(self) -> dict[int, list[KernelCall]]:
        """The calls of each layer's turns, in order, by the layer's number."""
        calls: dict[int, list[KernelCall]] = {one.layer.index: [] for one in self.layers}
        for turn in self.turns:
            one = self.layers[turn.stage]
            calls[one.layer.index].append(one.calls[turn.kind])
        return calls


# Layers, and the same as ones that are computed in bands, where they can be.
Banded = Sequence[tuple[Layer, "BandedLayer | None"]]


def banded_layers(graph: Graph, layers: Iterable[Layer], packing: str) -> Banded:
    """Look which layers can be computed in bands."""
    return [
        (
            layer,
            banded_layer(graph, layer.operator, layer.lowered.calls[0], packing)
            if len(layer.lowered.calls) == 1
            else None,
        )
        for layer in layers
    ]


def streams_around(
    peak: int, layers: Banded, taken: Iterable[Stream], graph: Graph, least: int
) -> Iterator[Stream]:
    """Ways to compute a layer together with some before it and behind it.

    Args:
        peak: number of the layer.
        layers: all of the program.
        taken: streams that there are already; no layer is in two.
        graph: where the layers stand.
        least: bytes below which a stream has to stay to be of use.
    """
    used = {one.layer.index for stream in taken for one in stream.layers}
    free = [banded is not None and layer.index not in used for layer, banded in layers]
    readers = _readers(layers, graph)
    for first in range(peak, -1, -1):
        if not free[first]:
            return
        for last in range(peak, len(layers)):
            if not free[last]:
                break
            inside = range(first, last + 1)
            outer = {key for key, found in readers.items() if not found <= {*inside}}
            stream = _stream_of([layers[index] for index in inside], outer)
            if stream is None:
                continue
            # Further layers only add rows.
            rows_and_input = stream.rows_bytes + stream.call.operands[0].byte_size
            if rows_and_input + stream.call.scratch_bytes >= least:
                break
            yield stream


def _readers(layers: Banded, graph: Graph) -> Mapping[int, set[int]]:
    """Tensor by `id` to the numbers of the layers that read it; the caller's is -1."""
    readers: dict[int, set[int]] = defaultdict(set)
    for layer, _ in layers:
        for tensor in layer.operator.inputs:
            readers[id(tensor)].add(layer.index)
    for tensor in graph.outputs:
        readers[id(tensor)].add(-1)
    return readers


def _stream_of(layers: Banded, outer: Collection[int]) -> Stream | None:
    """Compute layers together; None if they cannot be.

    Args:
        layers: that follow each other, with the same as one in bands.
        outer: tensors that others than these layers need too, by `id`.
    """
    places: dict[int, int] = {}
    stages: list[Stage] = []
    for place, (_, banded) in enumerate(layers):
        if banded is None:
            return None
        sources = tuple(places.get(id(tensor), INPUT) for tensor in banded.operands)
        stages.append(Stage(banded.rows, sources, banded.band_rows))
        places[id(banded.whole.output)] = place
    if any(key in outer for key, place in places.items() if place < len(layers) - 1):
        return None
    source = _only_source([banded for _, banded in layers if banded], places)
    return None if source is None else _stream(layers, stages, source)


def _only_source(layers: Sequence[BandedLayer], inner: Collection[int]) -> Tensor | None:
    """The one tensor from outside that layers read; None if there are several."""
    found = {
        id(tensor): tensor
        for banded in layers
        for tensor in banded.operands
        if id(tensor) not in inner
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _stream(layers: Banded, stages: Sequence[Stage], source: Tensor) -> Stream | None:
    banded = [item for _, item in layers if item is not None]
    plan = schedule(stages)
    calls = [_calls(item, index, plan.turns) for index, item in enumerate(banded)]
    if not all(calls):
        return None
    sizes = [
        _aligned(capacity * _row_bytes(item.whole.output))
        for item, capacity in zip(banded, plan.capacities, strict=True)
    ]
    sizes[-1] = 0  # it is an output of the step
    offsets = [sum(sizes[:index]) for index in range(len(sizes))]
    kinds = [{band: kind for kind, band in enumerate(known)} for known in calls]
    turns = tuple(
        StreamedTurn(
            turn.stage,
            kinds[turn.stage][banded[turn.stage].band(turn.first, turn.last)],
            turn.last - turn.first,
            turn.dropped,
        )
        for turn in plan.turns
    )
    if max(len(stages), *(max(t.kind, t.rows, t.dropped) for t in turns)) > _MOST:
        return None
    streamed = tuple(
        StreamedLayer(layer, item, tuple(known.values()), stage.sources, offset)
        for (layer, _), item, known, stage, offset in zip(
            layers, banded, calls, stages, offsets, strict=True
        )
    )
    step = KernelCall(
        kernel="row_stream",
        header="row_stream",
        struct="row_stream",
        params={},
        operands=(source,),
        output=banded[-1].whole.output,
        takes_scratch=True,
        scratch_bytes=max(call.scratch_bytes for one in streamed for call in one.calls),
        in_place=(0,),
        resizes=True,
        operand_begins=_aligned(_lead(plan, source, banded[-1].whole.output)),
        macs=sum(item.whole.macs for item in banded),
    )
    return Stream(streamed, turns, step, sum(sizes))


def _calls(banded: BandedLayer, index: int, turns: Sequence[Turn]) -> Mapping[Band, KernelCall]:
    """A call for each shape of the layer's bands; none if one of them has none."""
    bands = dict.fromkeys(banded.band(t.first, t.last) for t in turns if t.stage == index)
    found = {band: banded.call(band) for band in bands}
    calls = {band: call for band, call in found.items() if call is not None}
    return calls if len(calls) == len(found) else {}


def _lead(plan: Schedule, source: Tensor, output: Tensor) -> int:
    """How far behind the output the input has to begin, so that nothing unread is overwritten."""
    written, read = _row_bytes(output), _row_bytes(source)
    return max(0, *(done * written - oldest * read for done, oldest in plan.lead))


def _row_bytes(tensor: Tensor) -> int:
    return tensor.byte_size // tensor.shape[1]


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
