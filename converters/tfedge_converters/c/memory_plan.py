"""A plan of memory as a file: what lies where, to be read, kept and given back.

The file of a model `kws` is `kws_plan.json`. Buffers are memory of an arena: which tensors and
scratch memory they hold, from which step to which (a step is a call of a kernel), how often they
are accessed in an inference (an estimate), in which memory they lie and where. Of constants it
says the memory; where they lie there, the linker decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tfedge.errors import TfedgeError
from tfedge.json_form import Form
from tfedge_converters.c.memory import Buffer
from tfedge_converters.targets.memory import Memory

# What buffers hold, their sizes and their lives.
Contents = Sequence[tuple[tuple[str, ...], Buffer]]

_Draft = TypeVar("_Draft")

_VERSION = 1
_LARGEST = 1 << 40

_NAME = {"type": "string", "maxLength": 1000, "description": "a name"}
_COUNT = {
    "type": "integer",
    "minimum": 0,
    "maximum": _LARGEST,
    "description": "a whole number from 0 on",
}
_ACCESSES = {**_COUNT, "maximum": 1 << 60}


def _list_of(items: str, **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "array",
        "maxItems": 100_000,
        "description": f"a list of {items}",
        "items": {
            "type": "object",
            "description": "an object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }


_FORM = Form(
    {
        "type": "object",
        "description": "an object",
        "properties": {
            "version": {"type": "integer", "enum": [_VERSION], "description": f"{_VERSION}"},
            "model": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "the SHA-256 of a model's file in 64 digits",
            },
            "kernels": _NAME,
            "buffers": _list_of(
                "buffers",
                holds={
                    "type": "array",
                    "minItems": 1,
                    "items": _NAME,
                    "description": "a list of names",
                },
                bytes=_COUNT,
                first_step=_COUNT,
                last_step=_COUNT,
                accesses=_ACCESSES,
                memory=_NAME,
                offset=_COUNT,
            ),
            "constants": _list_of(
                "constants", name=_NAME, bytes=_COUNT, accesses=_ACCESSES, memory=_NAME
            ),
        },
        "required": ["version", "model", "kernels", "buffers", "constants"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class PlannedBuffer:
    """Memory of an arena.

    Attributes:
        holds: tensors, one after the other, or scratch memory, in words.
        buffer: its size, and from which step to which it holds something.
        accesses: reads and writes in an inference, about.
        memory: the name of the memory that it lies in.
        offset: in bytes, in the arena there.
    """

    holds: tuple[str, ...]
    buffer: Buffer
    accesses: int
    memory: str
    offset: int

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"the buffer of {self.holds[0]}"


@dataclass(frozen=True)
class PlannedConstant:
    """A constant array of generated C, and the name of the memory that it lies in."""

    name: str
    bytes: int
    accesses: int
    memory: str


@dataclass(frozen=True)
class MemoryPlan:
    """Memories and offsets of all that a program has.

    Attributes:
        source: where it comes from, for messages.
        model: the SHA-256 of the .tflite file that it was made for.
        kernels: for which cores kernels were chosen, see `packed.PACKED_KERNELS`.
        buffers: of the arenas.
        constants: of all kernels.
    """

    source: str
    model: str
    kernels: str
    buffers: tuple[PlannedBuffer, ...]
    constants: tuple[PlannedConstant, ...]

    def text(self) -> str:
        """The content of its file, with a line for each buffer and each constant."""
        head = {"version": _VERSION, "model": self.model, "kernels": self.kernels}
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
        lists = (
            ("buffers", [_buffer_fields(buffer) for buffer in self.buffers]),
            ("constants", [vars(constant) for constant in self.constants]),
        )
        texts = [f"  {json.dumps(name)}: {_lines(items)}" for name, items in lists]
        return "\n".join(["{", *lines, ",\n".join(texts), "}", ""])

    def check_model(self, model: str) -> None:
        """Refuse to be used for another model.

        Args:
            model: the SHA-256 of its .tflite file.

        Raises:
            TfedgeError: it is another.
        """
        if model != self.model:
            raise TfedgeError(
                f"{self.source}: is the plan of another model (sha256 {self.model[:12]}…, not "
                f"{model[:12]}…): give the plan that was written with this one, or none"
            )

    def nearest(self, drafts: Sequence[_Draft], contents: Callable[[_Draft], Contents]) -> _Draft:
        """The draft whose buffers this plan has, or the one of which it has most.

        Args:
            drafts: ways in which tensors can share buffers.
            contents: what the buffers of one hold, their sizes and their lives.
        """
        own = {(planned.holds, planned.buffer) for planned in self.buffers}
        return max(drafts, key=lambda draft: len(own & set(contents(draft))))

    def places(
        self,
        needed: Contents,
        memories: Sequence[Memory],
        alignment: int,
    ) -> list[tuple[int, int]]:
        """Give each buffer its memory, by its place among `memories`, and its offset.

        Args:
            needed: what each buffer holds, its size and its life.
            memories: of the target.
            alignment: of offsets.

        Raises:
            TfedgeError: the plan is for other buffers, names a memory that the target has not,
                or lets something overlap or leave its memory.
        """
        known = self._matched(needed)
        names = [memory.name for memory in memories]
        for planned in known:
            self._check_memory(planned.title, planned.memory, memories)
            self._check_room(planned, memories[names.index(planned.memory)], alignment)
        self._check_overlaps(known)
        return [(names.index(planned.memory), planned.offset) for planned in known]

    def memory_of_constants(
        self, needed: Mapping[str, int], memories: Sequence[Memory]
    ) -> dict[str, str]:
        """Give each constant the name of its memory.

        Args:
            needed: the bytes of each constant, by its name.
            memories: of the target.

        Raises:
            TfedgeError: the plan is for other constants, names a memory that the target has not,
                or fills one beyond its end.
        """
        found = {constant.name: constant for constant in self.constants}
        sizes = {constant.name: constant.bytes for constant in self.constants}
        for name in [*needed, *sizes]:
            if needed.get(name) != sizes.get(name):
                raise TfedgeError(
                    f"{self.source}: constant {name} has {_bytes(sizes.get(name))} there, and "
                    f"{_bytes(needed.get(name))} in this conversion: {_AGAIN}"
                )
        for memory in memories:
            used = sum(item.bytes for item in self.constants if item.memory == memory.name)
            if memory.bytes is not None and used > memory.bytes:
                raise TfedgeError(
                    f"{self.source}: puts {used:,} bytes of constants into {memory.name}, which "
                    f"has {memory.bytes:,}"
                )
        for name, constant in found.items():
            self._check_memory(f"constant {name}", constant.memory, memories)
        return {name: constant.memory for name, constant in found.items()}

    def _matched(self, needed: Contents) -> list[PlannedBuffer]:
        """The plan's buffers in the order of those that are needed."""
        by_content = {planned.holds: planned for planned in self.buffers}
        missing = next((holds for holds, _ in needed if holds not in by_content), None)
        if missing is not None:
            raise TfedgeError(
                f"{self.source}: has no buffer that holds just {', '.join(missing)}: {_AGAIN}"
            )
        if len(by_content) < len(self.buffers) or len(needed) < len(self.buffers):
            known = [holds for holds, _ in needed]
            surplus = next(
                (b for i, b in enumerate(self.buffers) if b.holds not in known),
                self.buffers[-1],
            )
            raise TfedgeError(
                f"{self.source}: {surplus.title} is none of this conversion: {_AGAIN}"
            )
        for holds, buffer in needed:
            if by_content[holds].buffer != buffer:
                raise TfedgeError(
                    f"{self.source}: {by_content[holds].title} has "
                    f"{_life(by_content[holds].buffer)}, and {_life(buffer)} in this conversion: "
                    f"{_AGAIN}"
                )
        return [by_content[holds] for holds, _ in needed]

    def _check_memory(self, title: str, name: str, memories: Sequence[Memory]) -> None:
        names = [memory.name for memory in memories]
        if name not in names:
            raise TfedgeError(
                f"{self.source}: {title} lies in '{name}', but the target has "
                f"{', '.join(names)} for that"
            )

    def _check_room(self, planned: PlannedBuffer, memory: Memory, alignment: int) -> None:
        end = planned.offset + planned.buffer.size
        if memory.bytes is not None and end > memory.bytes:
            raise TfedgeError(
                f"{self.source}: {planned.title} ends at {end:,}, but {memory.name} has "
                f"{memory.bytes:,} bytes"
            )
        if planned.offset % alignment:
            raise TfedgeError(
                f"{self.source}: {planned.title} begins at {planned.offset:,}, which is no "
                f"multiple of {alignment}"
            )

    def _check_overlaps(self, planned: Sequence[PlannedBuffer]) -> None:
        for index, one in enumerate(planned):
            for other in planned[:index]:
                if (
                    one.memory == other.memory
                    and one.buffer.overlaps(other.buffer)
                    and one.offset < other.offset + other.buffer.size
                    and other.offset < one.offset + one.buffer.size
                ):
                    raise TfedgeError(
                        f"{self.source}: {other.title} and {one.title} hold something at the same "
                        f"time, and overlap in {one.memory}"
                    )


_AGAIN = (
    "it was made with another optimize, or by another version of tfedge; convert without it to "
    "have a new one"
)


def read_memory_plan(path: Path) -> MemoryPlan:
    """Read a plan that a conversion wrote.

    Raises:
        TfedgeError: it cannot be read, or is no plan.
    """
    fields = _FORM.read(path)
    buffers = []
    for item in fields["buffers"]:
        if item["last_step"] < item["first_step"]:
            raise TfedgeError(
                f"{path}: the buffer of {item['holds'][0]} ends at step {item['last_step']}, "
                f"before it begins, at {item['first_step']}"
            )
        buffer = Buffer(item["bytes"], item["first_step"], item["last_step"])
        place = (item["accesses"], item["memory"], item["offset"])
        buffers.append(PlannedBuffer(tuple(item["holds"]), buffer, *place))
    constants = tuple(PlannedConstant(**item) for item in fields["constants"])
    return MemoryPlan(str(path), fields["model"], fields["kernels"], tuple(buffers), constants)


def _buffer_fields(planned: PlannedBuffer) -> dict[str, Any]:
    return {
        "holds": list(planned.holds),
        "bytes": planned.buffer.size,
        "first_step": planned.buffer.first,
        "last_step": planned.buffer.last,
        "accesses": planned.accesses,
        "memory": planned.memory,
        "offset": planned.offset,
    }


def _lines(items: Sequence[Mapping[str, Any]]) -> str:
    lines = ",\n".join(f"    {json.dumps(item)}" for item in items)
    return f"[\n{lines}\n  ]" if lines else "[]"


def _bytes(count: int | None) -> str:
    return "no place" if count is None else f"{count:,} bytes"


def _life(buffer: Buffer) -> str:
    return f"{buffer.size:,} bytes from step {buffer.first} to {buffer.last}"
