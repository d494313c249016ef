"""Which tensor lives where and when: the bridge from lowered operators to memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tfedge.errors import UnsupportedError
from tfedge_converters.c import memory
from tfedge_converters.c.accesses import accesses_of
from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.layer import Layer
from tfedge_converters.c.lowering import lower, refuse_operators_without_kernels
from tfedge_converters.c.memories import Item, spread
from tfedge_converters.c.memory_plan import MemoryPlan, PlannedBuffer
from tfedge_converters.c.packed import NATURAL, packed
from tfedge_converters.c.streams import Stream, banded_layers, streams_around
from tfedge_converters.c.weights.choice import Preference, stored_calls
from tfedge_converters.graph.layers import layer_names, needed_operators
from tfedge_converters.graph.sequences import foreign_states, keeps_state, state_in_words
from tfedge_converters.graph.types import Graph, Tensor
from tfedge_converters.targets.memory import RAM, Memory, only_memory

# Buffers start at multiples of a word, which is what the widest element needs.
BUFFER_ALIGNMENT = 4

# The base of the arena, for kernels that load vectors.
ARENA_ALIGNMENT = 16

_LARGEST_ARENA = (1 << 31) - 1


@dataclass(frozen=True)
class _Sharing:
    """A way to have results take over the memory of operands.

    A small result keeps all of a large operand's memory as long as it lives, which a residual
    branch may do for long; and a small operand has all of a large result's from its own beginning
    on. So plans are made without the worst of this, too.

    Attributes:
        kept_share: of the memory that a result takes over, the least part that it has to fill.
        behind: whether operands may begin behind the result, and so in the memory of a larger one.
    """

    kept_share: float
    behind: bool

    def allows(self, call: KernelCall, size: int) -> bool:
        """Whether the call's result may take over an operand's memory of that size."""
        is_filled = call.output.byte_size >= self.kept_share * size
        return is_filled and (self.behind or call.operand_begins == 0)


_SHARINGS = tuple(_Sharing(share, behind) for behind in (False, True) for share in (0.0, 0.5, 1.0))


@dataclass(frozen=True)
class Arena:
    """Memory for activations.

    Attributes:
        memory: that it lies in.
        bytes: its size.
    """

    memory: Memory
    bytes: int


@dataclass(frozen=True)
class Place:
    """Where something lies: which arena of the plan, and how many bytes behind its beginning."""

    arena: int
    offset: int

    def behind(self, count: int) -> Place:
        """The place so many bytes behind."""
        return replace(self, offset=self.offset + count)


@dataclass(eq=False)
class _Storage:
    """Memory that tensors share: a value, its reshapes, and what is computed in place of it.

    Tensors begin where it does, or, by `id`, as many bytes behind as `begins` says.
    """

    size: int
    first: int
    last: int
    pinned: bool = False
    holds: list[str] = field(default_factory=list)
    begins: dict[int, int] = field(default_factory=dict)
    accesses: int = 0

    @property
    def buffer(self) -> memory.Buffer:
        return memory.Buffer(self.size, self.first, self.last)


@dataclass(frozen=True, eq=False)
class _Draft:
    """Everything that has to be placed.

    Attributes:
        storages: of root tensors, by `id`.
        scratch: of calls, and of streams for their rows, by `id`.
    """

    storages: dict[int, _Storage]
    scratch: dict[int, _Storage]

    @property
    def all(self) -> list[_Storage]:
        """Every storage once."""
        return list(
            {id(one): one for one in (*self.storages.values(), *self.scratch.values())}.values()
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that the emitter needs to know about memory.

    Attributes:
        layers: the operators that the outputs depend on, in order.
        arenas: those that something lies in, at least one.
        buffers: what lies where, for the plan's file.
        lower_bound: the largest live set, scratch included; no placement takes less.
        peak_layer: the layer at which that is reached.
        packing: for which cores kernels were chosen, see `packed.PACKED_KERNELS`.
        streams: layers that are computed together, in bands of rows.
        dense: the same layers with all weights as the usual kernels read them.
    """

    layers: tuple[Layer, ...]
    arenas: tuple[Arena, ...]
    buffers: tuple[PlannedBuffer, ...] = field(repr=False)
    lower_bound: int
    peak_layer: Layer | None
    packing: str
    streams: tuple[Stream, ...]
    dense: tuple[Layer, ...] = field(repr=False)
    _roots: dict[int, Tensor] = field(repr=False)
    _places: dict[int, Place] = field(repr=False)

    @property
    def arena_bytes(self) -> int:
        """Size of all arenas."""
        return sum(arena.bytes for arena in self.arenas)

    def root(self, tensor: Tensor) -> Tensor:
        """The tensor whose memory this one views."""
        return self._roots.get(id(tensor), tensor)

    def place(self, tensor: Tensor) -> Place:
        """Where a value computed at run time lies."""
        return self._places[id(self.root(tensor))]

    def scratch_place(self, call: KernelCall) -> Place | None:
        """Where a call's scratch memory lies, or None if it has none."""
        return self._places.get(id(call))

    def rows_place(self, stream: Stream) -> Place | None:
        """Where the rows of a stream lie, or None if it keeps none."""
        return self._places.get(id(stream))

    def places_of(self, call: KernelCall, stream: Stream | None = None) -> list[Place]:
        """Where everything lies that a call uses in arenas.

        Args:
            call: the one.
            stream: whose call it is, if it is one's.
        """
        keys = [id(self.root(tensor)) for tensor in (*call.operands, call.output)]
        keys += [id(call), id(stream)]
        return [self._places[key] for key in keys if key in self._places]


_ONE_MEMORY = (only_memory(RAM, None),)


def plan(
    graph: Graph,
    packing: str = NATURAL,
    memories: Sequence[Memory] = _ONE_MEMORY,
    given: MemoryPlan | None = None,
    *,
    streaming: bool = False,
    weights: tuple[str, Preference] | None = None,
) -> Plan:
    """Lower a graph and place its tensors.

    Args:
        graph: of integers.
        packing: for which cores kernels are chosen, see `packed.PACKED_KERNELS`.
        memories: RAMs of the target, over which tensors are spread.
        given: where they have to lie; None for where they do best.
        streaming: compute layers in bands of rows where that makes the arena smaller.
        weights: the core, and what its flash is worth, to store weights in forms that take less;
            None to leave them as kernels read them.

    Raises:
        UnsupportedError: an operator has no kernel, a tensor is variable or made by nothing, or
            the arena would not fit into a 32-bit address space.
        TfedgeError: the given plan is of something else, or contradicts itself.
    """
    planner = _Planner(graph, packing, memories, given)
    if streaming:
        planner.stream()
    if weights is not None:
        planner.store_weights(*weights)
    return planner.plan()


class _Planner:
    def __init__(
        self,
        graph: Graph,
        packing: str,
        memories: Sequence[Memory],
        given: MemoryPlan | None,
    ):
        self.graph = graph
        self.packing = packing
        self.memories = tuple(memories)
        self.given = given
        operators = needed_operators(graph)
        # What has no kernel comes first: a state is for nothing without its operator.
        refuse_operators_without_kernels(graph, operators)
        for state in foreign_states(graph):
            raise UnsupportedError(
                f"{state_in_words(graph, state)} keeps a state between invocations, and not as "
                "that of one layer, which generated C does not support"
            )
        keeps_state(graph)
        names = layer_names(graph)
        self.natural = tuple(lower(graph, operator) for operator in operators)
        self.layers = tuple(
            Layer(index, names[id(operator.outputs[0])], operator, packed(lowered, packing))
            for index, (operator, lowered) in enumerate(zip(operators, self.natural, strict=True))
        )
        self.dense = self.layers
        self._use(())
        self.roots = self._find_roots()

    def _use(self, streams: Sequence[Stream]) -> None:
        """Make the layers of streams one step each."""
        self.streams = tuple(streams)
        self.steps: list[tuple[Layer, KernelCall]] = []
        self.titles: list[str] = []
        ends = {stream.last: stream for stream in streams}
        streamed = {one.layer.index for stream in streams for one in stream.layers}
        for layer in self.layers:
            if layer.index in ends:
                self.steps.append((layer, ends[layer.index].call))
                self.titles.append(f"layers {ends[layer.index].first} to {layer.index}")
            elif layer.index not in streamed:
                self.steps += [(layer, call) for call in layer.lowered.calls]
                self.titles += _titles(layer)
        self.calls = [call for _, call in self.steps]

    def stream(self) -> None:
        """Compute layers in bands where the arena is fullest, as long as that makes it smaller.

        Of several steps that are as full, one may have to change before the next one counts; what
        turns out to have been for nothing is undone.
        """
        banded = banded_layers(self.graph, self.layers, self.packing)
        fullest, peaks = self._fullest_steps()
        while True:
            before = best = self.streams
            for peak in sorted(peaks):
                for found in streams_around(peak, banded, before, self.graph, fullest[0]):
                    self._use([*before, found])
                    now, there = self._fullest_steps()
                    if now < fullest:
                        best, fullest, peaks = self.streams, now, there
            self._use(best)
            if best == before:
                break
        for stream in self.streams:
            kept = self.streams
            self._use([one for one in kept if one is not stream])
            if self._fullest_steps()[0][0] > fullest[0]:
                self._use(kept)

    def store_weights(self, core: str, preference: Preference) -> None:
        """Store weights of layers that are not computed in bands in forms that take less flash.

        The arena may grow by no more than the preference says, whatever scratch memory they take.
        """
        streamed = {one.layer.index for stream in self.streams for one in stream.layers}
        most = self._fullest_steps()[0][0] + preference.growth

        def fits(stored: Mapping[int, KernelCall]) -> bool:
            self.layers = self._with(stored)
            self._use(self.streams)
            return self._fullest_steps()[0][0] <= most

        calls = [
            call
            for index, lowered in enumerate(self.natural)
            if index not in streamed
            for call in lowered.calls
        ]
        chosen = stored_calls(calls, self.packing, core, preference, fits)
        self.layers = self._with(chosen)
        self._use(self.streams)

    def _with(self, stored: Mapping[int, KernelCall]) -> tuple[Layer, ...]:
        """The layers with some calls' weights stored, by the `id` of the natural call."""
        return tuple(
            layer
            if not any(id(call) in stored for call in natural.calls)
            else replace(
                layer,
                lowered=replace(
                    layer.lowered,
                    calls=tuple(
                        stored.get(id(call), packed)
                        for call, packed in zip(natural.calls, layer.lowered.calls, strict=True)
                    ),
                ),
            )
            for layer, natural in zip(self.dense, self.natural, strict=True)
        )

    def _fullest_steps(self) -> tuple[list[int], set[int]]:
        """Bytes that are live at once, the most first, and the layers where ways to share peak."""
        drafts = [[storage.buffer for storage in draft.all] for draft in self._drafts()]
        peaks = filter(None, map(self._peak, drafts))
        fullest = min(memory.fullest(buffers, BUFFER_ALIGNMENT) for buffers in drafts)
        return fullest, {layer.index for layer in peaks}

    def _find_roots(self) -> dict[int, Tensor]:
        roots: dict[int, Tensor] = {}
        for layer in self.layers:
            source = layer.lowered.alias_of
            if source is not None:
                roots[id(layer.operator.outputs[0])] = roots.get(id(source), source)
        return roots

    def _root(self, tensor: Tensor) -> Tensor:
        return self.roots.get(id(tensor), tensor)

    def plan(self) -> Plan:
        """The best of a few plans, which differ in how results share memory with operands."""
        drafts = self._drafts()
        if self.given is not None:
            return self._placed(self.given.nearest(drafts, _contents))
        plans = [self._placed(draft) for draft in drafts]
        return min(plans, key=self._cost)

    def _drafts(self) -> list[_Draft]:
        """One for each way to share that makes a difference."""
        may_lie_behind = any(call.operand_begins for call in self.calls)
        return [self._draft(way) for way in _SHARINGS if may_lie_behind or not way.behind]

    def _draft(self, sharing: _Sharing) -> _Draft:
        storages = self._storages(sharing)
        self._check_made(storages)
        scratch = {
            id(call): _Storage(
                call.scratch_bytes,
                step,
                step,
                holds=[f"scratch of {title}"],
                accesses=accesses_of(call).scratch,
            )
            for step, (title, call) in enumerate(zip(self.titles, self.calls, strict=True))
            if call.scratch_bytes
        }
        for stream in self.streams:
            if stream.rows_bytes:
                step = self.calls.index(stream.call)
                scratch[id(stream)] = _Storage(
                    stream.rows_bytes,
                    step,
                    step,
                    holds=[f"rows of {self.titles[step]}"],
                    accesses=stream.row_accesses,
                )
        self._count_accesses(storages)
        return _Draft(storages, scratch)

    def _placed(self, draft: _Draft) -> Plan:
        kept = draft.all
        buffers = [storage.buffer for storage in kept]
        sizes, places = self._places(kept)
        arenas = [index for index, size in enumerate(sizes) if size] or [0]
        place_of = {
            id(storage): Place(arenas.index(index) if sizes[index] else 0, offset)
            for storage, (index, offset) in zip(kept, places, strict=True)
        }
        return Plan(
            layers=self.layers,
            arenas=tuple(Arena(self.memories[index], sizes[index]) for index in arenas),
            buffers=tuple(
                PlannedBuffer(
                    tuple(storage.holds),
                    storage.buffer,
                    storage.accesses,
                    self.memories[index].name,
                    offset,
                )
                for storage, (index, offset) in zip(kept, places, strict=True)
            ),
            lower_bound=memory.lower_bound(buffers, BUFFER_ALIGNMENT),
            peak_layer=self._peak(buffers),
            packing=self.packing,
            streams=self.streams,
            dense=self.dense,
            _roots=self.roots,
            _places={
                key: place_of[id(storage)].behind(storage.begins.get(key, 0))
                for key, storage in (*draft.storages.items(), *draft.scratch.items())
            },
        )

    def _places(self, kept: Sequence[_Storage]) -> tuple[list[int], list[tuple[int, int]]]:
        """Bytes used of each memory; each storage's memory, by its place among them, and offset."""
        buffers = [storage.buffer for storage in kept]
        if self.given is not None:
            places = self.given.places(
                [_content(storage) for storage in kept], self.memories, BUFFER_ALIGNMENT
            )
            sizes = [0] * len(self.memories)
            for buffer, (index, offset) in zip(buffers, places, strict=True):
                end = -(-(offset + buffer.size) // BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT
                sizes[index] = max(sizes[index], end)
        elif len(self.memories) > 1:
            items = [Item(storage.buffer, storage.accesses) for storage in kept]
            found = spread(items, self.memories, BUFFER_ALIGNMENT)
            sizes = list(found.sizes)
            places = list(zip(found.memories, found.offsets, strict=True))
        else:
            placement = memory.place(buffers, BUFFER_ALIGNMENT)
            sizes, places = [placement.size], [(0, offset) for offset in placement.offsets]
        if max(sizes) > _LARGEST_ARENA:
            raise UnsupportedError(f"the arena would need {max(sizes)} bytes")
        return sizes, places

    def _cost(self, made: Plan) -> tuple[float, ...]:
        """Rank a plan: by the room that it lacks, then by time, then by memory."""
        if len(self.memories) == 1:
            return (made.arena_bytes,)
        speeds = {memory.name: memory.wait_states for memory in self.memories}
        lacking = sum(
            max(0, arena.bytes - arena.memory.bytes)
            for arena in made.arenas
            if arena.memory.bytes is not None
        )
        waits = sum(buffer.accesses * speeds[buffer.memory] for buffer in made.buffers)
        return (lacking, waits, made.arena_bytes)

    def _count_accesses(self, storages: dict[int, _Storage]) -> None:
        for call in self.calls:
            counts = accesses_of(call)
            for tensor, count in (
                *((operand, counts.operand) for operand in call.operands),
                (call.output, counts.output),
            ):
                storage = storages.get(id(self._root(tensor)))
                if storage is not None:
                    storage.accesses += count

    def _storages(self, sharing: _Sharing) -> dict[int, _Storage]:
        """Root tensor to storage, for everything that is not constant."""
        storages: dict[int, _Storage] = {}
        last_use = self._last_uses()
        end = max(len(self.steps) - 1, 0)
        pinned = {id(self._root(tensor)) for tensor in self.graph.outputs}
        for index, tensor in enumerate(self.graph.inputs):
            last = last_use.get(id(tensor), 0)
            begins = {id(tensor): 0}
            storages[id(tensor)] = _Storage(
                tensor.byte_size, 0, last, holds=[f"input {index}"], begins=begins
            )
        for step, (_, call) in enumerate(self.steps):
            output = id(call.output)
            if call.output.is_variable:
                continue  # the caller's context has it
            if output in storages:
                storages[output].last = max(storages[output].last, step)
                continue
            storage = self._taken_over(call, step, storages, pinned, sharing)
            if storage is None:
                storage = _Storage(call.output.byte_size, step, step)
            storage.last = max(storage.last, last_use.get(output, step))
            storage.holds.append(self.titles[step])
            storage.begins[output] = 0
            storages[output] = storage
            if output in pinned:
                storage.last, storage.pinned = end, True
        for tensor in self.graph.inputs:
            if id(tensor) in pinned:
                storages[id(tensor)].last = end
        return storages

    def _check_made(self, storages: dict[int, _Storage]) -> None:
        used = [operand for _, call in self.steps for operand in call.operands]
        for tensor in (*used, *self.graph.outputs):
            root = self._root(tensor)
            if not (root.is_constant or root.is_variable) and id(root) not in storages:
                raise UnsupportedError(
                    f"nothing makes '{tensor.name}': it is neither an input nor a constant of the "
                    "graph, and no operator has it as a result"
                )

    def _last_uses(self) -> dict[int, int]:
        last: dict[int, int] = {}
        for step, (_, call) in enumerate(self.steps):
            for operand in call.operands:
                last[id(self._root(operand))] = step
        return last

    def _taken_over(
        self,
        call: KernelCall,
        step: int,
        storages: dict[int, _Storage],
        pinned: set[int],
        sharing: _Sharing,
    ) -> _Storage | None:
        """The memory of an operand that this call is the last to read, if it may be overwritten."""
        for index in call.in_place:
            root = self._root(call.operands[index])
            storage = storages.get(id(root))
            if (
                storage is not None
                and storage.last == step
                and not storage.pinned
                and id(root) not in pinned
                and (call.resizes or storage.size == call.output.byte_size)
                and sharing.allows(call, storage.size)
            ):
                storage.size = max(storage.size + call.operand_begins, call.output.byte_size)
                for tensor in storage.begins:
                    storage.begins[tensor] += call.operand_begins
                return storage
        return None

    def _peak(self, buffers: list[memory.Buffer]) -> Layer | None:
        return self.steps[memory.peak(buffers)[1]][0] if self.steps else None


def _titles(layer: Layer) -> list[str]:
    """Name a layer's calls in plans, by numbers: names of tensors may be anything."""
    calls, title = len(layer.lowered.calls), f"layer {layer.index} {layer.operator.code}"
    return [title] if calls == 1 else [f"{title} call {number}" for number in range(calls)]


def _content(storage: _Storage) -> tuple[tuple[str, ...], memory.Buffer]:
    return tuple(storage.holds), storage.buffer


def _contents(draft: _Draft) -> list[tuple[tuple[str, ...], memory.Buffer]]:
    return [_content(storage) for storage in draft.all]
