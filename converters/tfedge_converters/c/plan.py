"""Which tensor lives where and when: the bridge from lowered operators to memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfedge.errors import UnsupportedError
from tfedge_converters.c import memory
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.lowering import lower, refuse_operators_without_kernels
from tfedge_converters.c.packed import NATURAL, packed
from tfedge_converters.graph.layers import layer_names, needed_operators
from tfedge_converters.graph.sequences import foreign_states, keeps_state, state_in_words
from tfedge_converters.graph.types import Graph, Operator, Tensor

# Buffers start at multiples of a word, which is what the widest element needs.
BUFFER_ALIGNMENT = 4

# The base of the arena, for kernels that load vectors.
ARENA_ALIGNMENT = 16

_LARGEST_ARENA = (1 << 31) - 1


@dataclass(frozen=True, eq=False)
class Layer:
    """An operator of the graph with the kernel calls that compute it.

    Attributes:
        index: its number, see `graph.layers.layer_numbers`.
        name: of what it makes, see `graph.layers.layer_names`.
        operator: the one.
        lowered: to these calls.
    """

    index: int
    name: str
    operator: Operator
    lowered: Lowered

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one inference."""
        return sum(call.macs for call in self.lowered.calls)


@dataclass(eq=False)
class _Storage:
    """Memory that tensors share: a value, its reshapes, and what is computed in place of it."""

    size: int
    first: int
    last: int
    pinned: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that the emitter needs to know about memory.

    Attributes:
        layers: the operators that the outputs depend on, in order.
        arena_bytes: size of the arena.
        lower_bound: the largest live set, scratch included; no placement takes less.
        peak_layer: the layer at which that is reached.
        packing: for which cores kernels were chosen, see `packed.PACKED_KERNELS`.
    """

    layers: tuple[Layer, ...]
    arena_bytes: int
    lower_bound: int
    peak_layer: Layer | None
    packing: str
    _roots: dict[int, Tensor] = field(repr=False)
    _offsets: dict[int, int] = field(repr=False)
    _scratch: dict[int, int] = field(repr=False)

    def root(self, tensor: Tensor) -> Tensor:
        """The tensor whose memory this one views."""
        return self._roots.get(id(tensor), tensor)

    def offset(self, tensor: Tensor) -> int:
        """Where a value computed at run time lies in the arena."""
        return self._offsets[id(self.root(tensor))]

    def scratch_offset(self, call: KernelCall) -> int | None:
        """Where a call's scratch memory lies, or None if it has none."""
        return self._scratch.get(id(call))


def plan(graph: Graph, packing: str = NATURAL) -> Plan:
    """Lowers a graph and places its tensors.

    Args:
        graph: of integers.
        packing: for which cores kernels are chosen, see `packed.PACKED_KERNELS`.

    Raises:
        UnsupportedError: an operator has no kernel, a tensor is variable or made by nothing, or
            the arena would not fit into a 32-bit address space.
    """
    return _Planner(graph, packing).plan()


class _Planner:
    def __init__(self, graph: Graph, packing: str):
        self.graph = graph
        self.packing = packing
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
        self.layers = tuple(
            Layer(
                index,
                names[id(operator.outputs[0])],
                operator,
                packed(lower(graph, operator), packing),
            )
            for index, operator in enumerate(operators)
        )
        self.steps = [(layer, call) for layer in self.layers for call in layer.lowered.calls]
        self.roots = self._find_roots()

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
        storages = self._storages()
        self._check_made(storages)
        buffers = {id(storage): storage for storage in storages.values()}
        scratch = {
            id(call): memory.Buffer(call.scratch_bytes, step, step)
            for step, (_, call) in enumerate(self.steps)
            if call.scratch_bytes
        }
        all_buffers = [memory.Buffer(s.size, s.first, s.last) for s in buffers.values()]
        all_buffers += scratch.values()
        placement = memory.place(all_buffers, BUFFER_ALIGNMENT)
        if placement.size > _LARGEST_ARENA:
            raise UnsupportedError(f"the arena would need {placement.size} bytes")
        place_of = dict(zip([*buffers, *scratch], placement.offsets, strict=True))
        return Plan(
            layers=self.layers,
            arena_bytes=placement.size,
            lower_bound=placement.lower_bound,
            peak_layer=self._peak(all_buffers),
            packing=self.packing,
            _roots=self.roots,
            _offsets={tensor: place_of[id(storage)] for tensor, storage in storages.items()},
            _scratch={call: place_of[call] for call in scratch},
        )

    def _storages(self) -> dict[int, _Storage]:
        """Root tensor to storage, for everything that is not constant."""
        storages: dict[int, _Storage] = {}
        last_use = self._last_uses()
        end = max(len(self.steps) - 1, 0)
        pinned = {id(self._root(tensor)) for tensor in self.graph.outputs}
        for tensor in self.graph.inputs:
            storages[id(tensor)] = _Storage(tensor.byte_size, 0, last_use.get(id(tensor), 0))
        for step, (_, call) in enumerate(self.steps):
            output = id(call.output)
            if call.output.is_variable:
                continue  # the caller's context has it
            if output in storages:
                storages[output].last = max(storages[output].last, step)
                continue
            storage = self._taken_over(call, step, storages, pinned)
            if storage is None:
                storage = _Storage(call.output.byte_size, step, step)
            storage.last = max(storage.last, last_use.get(output, step))
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
        self, call: KernelCall, step: int, storages: dict[int, _Storage], pinned: set[int]
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
            ):
                storage.size = max(storage.size, call.output.byte_size)
                return storage
        return None

    def _peak(self, buffers: list[memory.Buffer]) -> Layer | None:
        return self.steps[memory.peak(buffers)[1]][0] if self.steps else None
