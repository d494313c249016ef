"""How much memory TFLite Micro needs for a model: its tensor arena, computed ahead.

What an interpreter allocates, in its order: MicroInterpreter::AllocateTensors and
micro_allocator.cc. Persistent buffers grow down from the end of the arena, tensors and scratch
buffers lie at its beginning.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tfedge_converters.c.memory import Buffer
from tfedge_converters.graph import Graph, Operator, Tensor
from tfedge_converters.tflm.cmsis_nn import Kernels
from tfedge_converters.tflm.kernel_buffers import (
    data_type,
    is_known,
    options_type,
    prepared_buffers,
)
from tfedge_converters.tflm.planning import ALIGNMENT, greedy_size, lifetimes

ARM, LARGEST, X86_64 = "arm", "largest", "x86_64"
# Requests for scratch buffers that an operator may make: kMaxScratchBuffersPerOp.
_MOST_REQUESTS = 12
# GreedyMemoryPlanner::per_buffer_size, the same with pointers of any size.
_PLANNED_BUFFER_BYTES = 40
_INT = 4
# Kernels of convolutions take temporary tensors for themselves, and once more for what they compute
# of them.
_TIMES_SHOWN = 2
# By what TfLiteFullyConnectedParams is larger as of 2026-10.
_LATER_OPTIONS_BYTES = 16
# The interpreter of TFLite Micro's Python package records what it allocates.
_OF_RECORDING = {
    "SingleArenaBufferAllocator": "RecordingSingleArenaBufferAllocator",
    "MicroAllocator": "RecordingMicroAllocator",
}


@dataclass(frozen=True)
class Arena:
    """Bytes that an interpreter takes of its arena.

    Attributes:
        planned: tensors and scratch buffers.
        persistent: what stays of the interpreter and its kernels.
        planning: what is needed at the most while the model is prepared.
    """

    planned: int
    persistent: int
    planning: int

    @property
    def used(self) -> int:
        """Bytes that MicroInterpreter::arena_used_bytes returns."""
        return self.planned + self.persistent

    @property
    def needed(self) -> int:
        """The smallest arena, aligned to 16 bytes, in which a model is prepared and runs."""
        return -(-max(self.used, self.planning) // ALIGNMENT) * ALIGNMENT


def predict_arena(
    graphs: Sequence[Graph],
    *,
    kernels: Kernels = Kernels.REFERENCE,
    layout: str = ARM,
    offsets: Mapping[int, int] | None = None,
) -> Arena | None:
    """Compute what an interpreter takes for a model.

    Args:
        graphs: of the model, as its file has them.
        kernels: what TFLite Micro is built with.
        layout: of C++ structures: ARM, as arm-none-eabi-gcc lays them out; LARGEST, of any
            processor of 32 bits, however TFLite Micro is built; X86_64, of its Python package.
        offsets: of tensors of the main graph, by their id, that a plan in the file says.

    Returns:
        None for several graphs, or an operator whose kernel is not known.
    """
    graph = graphs[0]
    if len(graphs) != 1 or not all(is_known(op, kernels) for op in graph.operators):
        return None
    tail = _Tail(layout)
    tail.take_structures(*_INTERPRETER)
    tensors = list(graph.tensors())
    tail.take("TfLiteEvalTensor", len(tensors))
    tail.take("NodeAndRegistration", len(graph.operators))
    for operator in graph.operators:
        if options := options_type(operator):
            tail.take(options, widest=_INT)
    for operator in graph.operators:
        if data := data_type(operator, kernels):
            tail.take(data, alignment=ALIGNMENT)
    scratch: list[Buffer] = []
    preparing = 0
    for step, operator in enumerate(graph.operators, 1):
        buffers = prepared_buffers(operator, kernels)
        for persistent in buffers.persistent:
            tail.take(persistent, alignment=ALIGNMENT)
        scratch += [Buffer(size, step, step) for size in buffers.scratch]
        if buffers.pointers:
            scratch.append(Buffer(buffers.pointers * tail.pointer, step, step))
        preparing = max(preparing, tail.bytes + _preparing_bytes(tail, operator, len(scratch)))
    if scratch:
        tail.take("ScratchBufferHandle", len(scratch))
    for tensor in tensors:
        if tensor.is_variable:
            tail.take(tensor.byte_size, alignment=ALIGNMENT)
    live = lifetimes(graph)
    planning = tail.bytes + _planning_bytes(tail, len(tensors), len(live), len(scratch))
    for ends in (graph.inputs, graph.outputs):
        tail.take(len(ends) * tail.size_of("ScratchBufferHandle"), alignment=ALIGNMENT)
        for tensor in ends:
            tail.take_tensor(tensor)
    planned = greedy_size(list(live.values()), scratch, _by_index(graph, live, offsets))
    return Arena(planned, tail.bytes, max(preparing, planning))


def arena_bytes(graphs: Sequence[Graph], offsets: Mapping[int, int]) -> dict[str, int] | None:
    """How large to make an arena, for every kind of core that a header can tell.

    Sizes are for the layout of structures that takes more, and with room for what options of dense
    layers have grown by in later versions; what CMSIS-NN would take counts where it takes more.

    Args:
        graphs: of the model, as its file has them.
        offsets: of its plan, see `predict_arena`.

    Returns:
        "reference", "cmsis_nn", "cmsis_nn_dsp", "cmsis_nn_mve" and "wide", of processors with
        pointers of 64 bits, to bytes; what CMSIS-NN takes is left out where it is not known. None
        where nothing is.
    """
    room = _LATER_OPTIONS_BYTES * sum(op.code == "FULLY_CONNECTED" for op in graphs[0].operators)
    sizes: dict[str, int] = {}
    for kernels in Kernels:
        arena = predict_arena(graphs, kernels=kernels, layout=LARGEST, offsets=offsets)
        if arena is not None:
            needed = arena.needed + room
            sizes[kernels.name.lower()] = max(needed, sizes.get("reference", 0))
    wide = [
        arena.needed
        for kernels in (Kernels.REFERENCE, Kernels.CMSIS_NN)
        if (arena := predict_arena(graphs, kernels=kernels, layout=X86_64, offsets=offsets))
    ]
    return {**sizes, "wide": max(wide)} if wide else None


_INTERPRETER = (
    "SingleArenaBufferAllocator",
    "GreedyMemoryPlanner",
    "MicroAllocator",
    "MicroBuiltinDataAllocator",
    "SubgraphAllocations",
)


class _Tail:
    """Persistent buffers, each below the one before.

    Attributes:
        bytes: that they take, alignment included.
        pointer: bytes of one.
    """

    def __init__(self, layout: str) -> None:
        self.bytes = 0
        self._layout = layout
        self.pointer = 8 if layout == X86_64 else 4

    def size_of(self, what: str) -> int:
        """Bytes of a C++ type."""
        return _sizes(self._layout)[what]

    def take(
        self, what: str | int, count: int = 1, *, alignment: int | None = None, widest: int = 8
    ) -> None:
        """Allocate an array of a C++ type, or bytes.

        Args:
            what: the type, or bytes.
            count: elements.
            alignment: in bytes; None for that of the type.
            widest: member that the type has.
        """
        size = what if isinstance(what, int) else self.size_of(what)
        if alignment is None:
            alignment = math.gcd(size, min(self.pointer, widest))
        self.bytes = -(-(self.bytes + size * count) // alignment) * alignment

    def take_structures(self, *names: str) -> None:
        """Allocate one of each."""
        for name in names:
            recorded = _OF_RECORDING.get(name, name) if self._layout == X86_64 else name
            self.take(recorded)

    def bytes_of_tensor(self, tensor: Tensor) -> int:
        """Bytes of what an interpreter knows of a tensor."""
        if tensor.quantization is None:
            return self.size_of("TfLiteTensor")
        grid = self.size_of("TfLiteAffineQuantization")
        points = _INT * (1 + tensor.quantization.scale.size)
        return self.size_of("TfLiteTensor") + grid + -(-points // self.pointer) * self.pointer

    def take_tensor(self, tensor: Tensor) -> None:
        """Allocate what is known of an input or output."""
        self.take("TfLiteTensor")
        if tensor.quantization is not None:
            self.take("TfLiteAffineQuantization")
            self.take(_INT * (1 + tensor.quantization.scale.size), alignment=_INT)


def _preparing_bytes(tail: _Tail, operator: Operator, scratch: int) -> int:
    """Bytes of what a kernel is shown of its operands and results while it is prepared."""
    tensors = [tensor for tensor in operator.inputs if tensor is not None] + operator.outputs
    shown = sum(map(tail.bytes_of_tensor, tensors))
    return _request_bytes(tail, scratch) + _TIMES_SHOWN * shown + ALIGNMENT


def _request_bytes(tail: _Tail, scratch: int) -> int:
    return (scratch + _MOST_REQUESTS) * tail.size_of("ScratchBufferRequest")


def _planning_bytes(tail: _Tail, tensors: int, buffers: int, scratch: int) -> int:
    """Bytes that the planner works with, and those of the requests for scratch buffers."""
    known = tail.size_of("ScratchBufferHandle") + (tensors + scratch) * tail.size_of(
        "AllocationInfo"
    )
    planner = (buffers + scratch) * _PLANNED_BUFFER_BYTES
    return _request_bytes(tail, scratch) + known + planner + 2 * ALIGNMENT


def _by_index(
    graph: Graph, live: Mapping[int, Buffer], offsets: Mapping[int, int] | None
) -> dict[int, int]:
    if not offsets:
        return {}
    places = {key: index for index, key in enumerate(live)}
    return {places[key]: offset for key, offset in offsets.items() if key in places}


@cache
def _sizes(layout: str) -> dict[str, int]:
    document = json.loads(Path(__file__).with_name("struct_sizes.json").read_text("utf-8"))
    column = document["columns"].index(layout)
    return {name: sizes[column] for name, sizes in document["sizes"].items()}
