"""Statistics of a model's integer weights: zeros, different values, and what is left of sharing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Model, Operator, Tensor, TensorType
from tfedge_converters.graph.layers import layer_names

_INTEGERS = frozenset({TensorType.INT4, TensorType.INT8})


@dataclass(frozen=True)
class WeightRow:
    """The weights of one operator.

    Attributes:
        operator: its code.
        name: of the layer, as everywhere.
        weights: how many.
        zeros: how many of them are 0.
        values: how many different integers they are.
        shared: how many different values the real weights had, if they shared them, or None.
    """

    operator: str
    name: str
    weights: int
    zeros: int
    values: int
    shared: int | None

    @property
    def broken(self) -> str:
        """Description of what happened to the shared values; empty if nothing did."""
        if self.shared is None or self.shared == self.values:
            return ""
        if self.values < self.shared:
            return f"{self.shared} values fell on {self.values} integers"
        return f"{self.shared} values became {self.values} integers"


def weight_table(model: Model) -> list[WeightRow]:
    """A row for every tensor of int8 or int4 weights, in the order in which they are read."""
    found: dict[int, WeightRow] = {}
    for graph in model.graphs:
        names = layer_names(graph)
        for operator in graph.operators:
            policy = OPERATORS.get(operator.code)
            for rule in policy.weights if policy is not None else ():
                tensor = operator.inputs[rule.operand]
                if tensor is not None and tensor.is_constant and tensor.type in _INTEGERS:
                    found.setdefault(id(tensor), _row(operator, tensor, names))
    return list(found.values())


def _row(operator: Operator, tensor: Tensor, names: dict[int, str]) -> WeightRow:
    values = np.asarray(tensor.data)
    return WeightRow(
        operator.code,
        names[id(operator.outputs[0])],
        values.size,
        int(np.count_nonzero(values == 0)),
        len(np.unique(values)),
        tensor.shared_values,
    )


def table_lines(rows: list[WeightRow]) -> list[str]:
    """The table as text."""
    width = max([len("weights of"), *(len(row.operator) for row in rows)])
    lines = [f"{'weights of':<{width}} {'count':>10} {'zeros':>7} {'values':>7}  name"]
    for row in rows:
        share = f"{row.zeros / row.weights:.1%}"
        note = f": {row.broken}" if row.broken else ""
        lines.append(
            f"{row.operator:<{width}} {row.weights:>10,} {share:>7} {row.values:>7}  "
            f"{row.name}{note}"
        )
    return lines
