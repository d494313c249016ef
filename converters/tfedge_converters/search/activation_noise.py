"""Noise at the output by rounded activations, for every choice of their widths.

Activations that share a grid share the width. 16 bits of an activation help only who computes in
16 bits: an operator computes in the width of its result, and what it reads of another width is
moved to that. The noise of an activation therefore depends on its own width and on its readers'.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from tfedge.quantization.policy import REAL_FUNCTION
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Graph, Operator, Tensor
from tfedge_converters.ptq.bit_widths import free_activations, one_width_results
from tfedge_converters.ptq.groups import Groups
from tfedge_converters.ptq.probe import Probe
from tfedge_converters.ptq.quantized_copy import QuantizedCopy
from tfedge_converters.ptq.real_functions import with_functions
from tfedge_converters.ptq.real_operators import real_activations, real_operators
from tfedge_converters.ptq.tensor_values import run_part
from tfedge_converters.search.overrides import with_activations

NARROW, WIDE = 8, 16

# Numbers of groups whose activations are wide.
Wide = frozenset[int]


@dataclass(frozen=True, eq=False)
class WidthGroup:
    """Activations that have one width.

    Attributes:
        number: its place among the groups.
        tensors: in the order of the graph.
        readers: the operators that read one of them, but for functions that stay real.
        bound: why the search does not choose the width, in words; empty if it does.
    """

    number: int
    tensors: tuple[Tensor, ...]
    readers: tuple[Operator, ...]
    bound: str

    @property
    def elements(self) -> int:
        """Elements of the largest activation: widening takes a byte for each where that lives."""
        return max(tensor.elements for tensor in self.tensors)


class ActivationNoise:
    """Noise at the output by the set of wide groups, measured where it is new.

    Attributes:
        groups: all groups of activations that an integer model has.
        scheme: with all of them narrow.
    """

    def __init__(self, probe: Probe, scheme: Scheme, refused: dict[str, str]):
        """Prepare the measurements.

        Args:
            probe: its model's ranges are known, for narrow activations and wide ones.
            scheme: with narrow activations, but for those that it asks to be wide.
            refused: names of activations that cannot be wide, with the reason.
        """
        self.scheme = scheme
        self._probe = probe
        self._graph = probe.model.main
        self._free = [
            tensor for tensor in free_activations(self._graph, scheme) if tensor.name not in refused
        ]
        widest = all_wide(self._graph, scheme, refused)
        self._copies = {
            NARROW: QuantizedCopy(probe.model, scheme),
            WIDE: QuantizedCopy(probe.model, widest),
        }
        self._functions = with_functions(self._graph, scheme)
        self.groups = self._grouped(Groups(self._functions, widest), refused)
        self._known: dict[tuple[int, int, frozenset[int]], float] = {}
        self._sums: dict[Wide, float] = {}

    @property
    def free(self) -> Wide:
        """The groups whose widths can be chosen."""
        return frozenset(group.number for group in self.groups if not group.bound)

    def names(self, wide: Wide) -> tuple[str, ...]:
        """The names of the activations in these groups."""
        return tuple(t.name for number in sorted(wide) for t in self.groups[number].tensors)

    def scheme_of(self, wide: Wide) -> Scheme:
        """The scheme with these groups wide."""
        if not wide:
            return self.scheme
        chosen = {id(t) for number in wide for t in self.groups[number].tensors}
        return with_activations(
            self.scheme, {t.name: WIDE if id(t) in chosen else NARROW for t in self._free}
        )

    def widths(self, wide: Wide) -> Groups:
        """The groups of the graph with these widths."""
        return Groups(self._functions, self.scheme_of(wide))

    def of(self, wide: Wide) -> float:
        """The sum of all groups' relative noise powers at the output."""
        if wide not in self._sums:
            found = self.widths(wide)
            self._sums[wide] = sum(self._of_group(group, found) for group in self.groups)
        return self._sums[wide]

    def alone(self, group: WidthGroup, wide: Wide) -> tuple[int, float]:
        """One group's width, and its part of the sum."""
        found = self.widths(wide)
        return found.of(group.tensors[0]).activation_type.bits, self._of_group(group, found)

    def move(self, number: int) -> Wide:
        """Return the groups to widen for a group's 16 bits to be heard: it and what is made of
        it."""
        results = {id(tensor) for r in self.groups[number].readers for tensor in r.outputs}
        heard = {
            group.number for group in self.groups if any(id(t) in results for t in group.tensors)
        }
        return frozenset(heard | {number}) & self.free

    def _grouped(self, widest: Groups, refused: dict[str, str]) -> tuple[WidthGroup, ...]:
        free = {id(tensor) for tensor in self._free}
        one_width = {id(tensor) for tensor in one_width_results(self._functions, self.scheme)}
        found: list[WidthGroup] = []
        for group in widest.all():
            tensors = [t for t in self._graph.tensors() if _is_in(t, group.tensors)]
            tensors = [t for t in tensors if self._is_made(t)]
            chosen = [t for t in tensors if id(t) in free]
            if not tensors:
                continue
            members = chosen or tensors
            readers = [
                operator
                for operator in real_operators(self._functions)
                if operator.code != REAL_FUNCTION
                and any(_is_in(t, members) for _, t in real_activations(operator))
            ]
            bound = "" if chosen else _bound(members, one_width, refused)
            found.append(WidthGroup(len(found), tuple(members), tuple(readers), bound))
        return tuple(found)

    def _is_made(self, tensor: Tensor) -> bool:
        return _is_in(tensor, self._graph.inputs) or self._copies[NARROW].makes(tensor)

    def _of_group(self, group: WidthGroup, found: Groups) -> float:
        bits = found.of(group.tensors[0]).activation_type.bits
        deaf = frozenset(
            id(reader) for reader in group.readers if found.activation_type(reader).bits < bits
        )
        key = group.number, bits, deaf
        if key not in self._known:
            self._known[key] = self._measured(group, bits, deaf)
        return self._known[key]

    def _measured(self, group: WidthGroup, bits: int, deaf: Collection[int]) -> float:
        """Noise with the group rounded, once more for readers that compute in fewer bits."""
        known = self._probe.independent_of(group.tensors[0])
        copies: dict[int, Tensor] = {}
        for tensor in group.tensors:
            (values,) = run_part(self._graph, known, [tensor])
            known[id(tensor)] = self._copies[bits].rounded(tensor, values)
            copies[id(tensor)] = dataclasses.replace(tensor, name=f"{tensor.name}_narrow")
            known[id(copies[id(tensor)])] = self._copies[NARROW].rounded(tensor, values)
        operators = [_reading(item, copies) if id(item) in deaf else item
                     for item in self._graph.operators]  # fmt: skip
        graph = Graph(self._graph.inputs, self._graph.outputs, operators)
        heard = [self._heard(tensor, copies, deaf) for tensor in self._probe.measured_outputs]
        return self._probe.noise(run_part(graph, known, heard))

    def _heard(self, tensor: Tensor, copies: dict[int, Tensor], deaf: Collection[int]) -> Tensor:
        """A measured output, as a SOFTMAX at the end reads it."""
        behind = [item for item in self._graph.operators if _is_in(tensor, item.inputs)]
        if _is_in(tensor, self._graph.outputs) or not any(id(item) in deaf for item in behind):
            return tensor
        return copies.get(id(tensor), tensor)


def all_wide(graph: Graph, scheme: Scheme, refused: Collection[str] = ()) -> Scheme:
    """The scheme with all activations wide that can be, but for some by name."""
    names = [tensor.name for tensor in free_activations(graph, scheme)]
    return with_activations(scheme, {name: WIDE for name in names if name not in refused})


def _bound(tensors: list[Tensor], one_width: Collection[int], refused: dict[str, str]) -> str:
    for tensor in tensors:
        if tensor.name in refused:
            return refused[tensor.name]
        if id(tensor) in one_width:
            return f"no kernel computes it in {WIDE} bits"
    return "training or the scheme asks for this width"


def _reading(operator: Operator, copies: dict[int, Tensor]) -> Operator:
    """The operator with some operands replaced."""
    inputs = [None if item is None else copies.get(id(item), item) for item in operator.inputs]
    return dataclasses.replace(operator, inputs=inputs)


def _is_in(tensor: Tensor, others: Collection[Tensor | None]) -> bool:
    return any(tensor is other for other in others)
