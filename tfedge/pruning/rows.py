"""Rules of pruning in tables: by the kind of a layer or operation, with what they read of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import keras

from tfedge.keras_graph.computation import Call
from tfedge.keras_graph.kinds import kind_of
from tfedge.keras_graph.reading import Reads, unread

Rule = TypeVar("Rule")


@dataclass(frozen=True)
class Row(Generic[Rule]):
    """A rule for a kind of layer or operation.

    Attributes:
        rule: what is done with a call.
        reads: the attributes and arguments that it holds for, whatever they are. It holds for no
            call with another one that is not Keras' default.
    """

    rule: Rule
    reads: Reads


def row(rule: Rule, attributes: Iterable[str] = (), arguments: Iterable[str] = ()) -> Row[Rule]:
    """A rule with the names of what it reads."""
    return Row(rule, Reads.of(attributes, arguments))


def rows(rule: Rule, kinds: Mapping[str, Iterable[str]]) -> dict[str, Row[Rule]]:
    """One rule for several kinds, each with its attributes."""
    return {kind: row(rule, attributes) for kind, attributes in kinds.items()}


@dataclass(frozen=True)
class Table(Generic[Rule]):
    """Rules by the names of Keras' classes; layers and operations may have the same names.

    Attributes:
        layers: of keras.layers.
        operations: of keras.ops.
    """

    layers: Mapping[str, Row[Rule]]
    operations: Mapping[str, Row[Rule]]

    def row_of(self, operation: Any) -> Row[Rule] | None:
        """The row of a layer or operation; None if there is none, as for a user's own class."""
        is_layer = isinstance(operation, keras.layers.Layer)
        return (self.layers if is_layer else self.operations).get(kind_of(operation) or "")

    def rule_for(self, call: Call) -> Rule | None:
        """The rule that holds for a call; None if none does."""
        found = self.row_of(call.operation)
        return None if found is None or unread(call, found.reads) else found.rule
