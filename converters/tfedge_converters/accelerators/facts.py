"""Facts of an operator that the expressions of target files can use."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import ModelFileError
from tfedge.quantization.policy import OPERATORS
from tfedge_converters.accelerators.work import macs
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.graph.types import Graph, Operator, Tensor

# Constants that expressions look into are shapes, axes and paddings; others are summed up.
_MOST_VALUES = 4096


@dataclass(frozen=True)
class Wiring:
    """Who makes and who reads the tensors of a graph."""

    graph: Graph

    @cached_property
    def makers(self) -> dict[int, Operator]:
        """The operator that makes a tensor, by the tensor's id."""
        return {id(t): operator for operator in self.graph.operators for t in operator.outputs}

    @cached_property
    def readers(self) -> dict[int, list[Operator]]:
        """The operators that read a tensor, by the tensor's id."""
        found: dict[int, list[Operator]] = {}
        for operator in self.graph.operators:
            for tensor in {id(t): t for t in operator.inputs if t is not None}.values():
                found.setdefault(id(tensor), []).append(operator)
        return found


class TensorFacts:
    """Facts of a tensor: `x.shape`, `weights.per_channel`."""

    def __init__(self, tensor: Tensor, wiring: Wiring):
        self._tensor, self._wiring = tensor, wiring
        self.shape = tensor.shape
        self.rank = len(tensor.shape)
        self.type = tensor.type.name
        self.elements = tensor.elements
        self.bytes = tensor.byte_size
        self.constant = tensor.is_constant
        self.variable = tensor.is_variable
        self.dynamic = any(size < 0 for size in tensor.shape_signature or ())
        self.input = any(tensor is other for other in wiring.graph.inputs)
        self.output = any(tensor is other for other in wiring.graph.outputs)
        grid = tensor.quantization
        self.quantized = grid is not None
        self.per_channel = grid is not None and grid.per_channel
        self.scale = None if grid is None or not grid.scale.size else float(grid.scale[0])
        self.zero_point = None if grid is None or not grid.zero_point.size else _first(grid)
        self.zero_points_are_0 = grid is None or not np.any(grid.zero_point)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorFacts) and other._tensor is self._tensor

    def __hash__(self) -> int:
        return id(self._tensor)

    @cached_property
    def values(self) -> tuple[Any, ...] | None:
        """The elements of a small constant in order; None of others."""
        data = self._tensor.data
        known = data is not None and data.size <= _MOST_VALUES
        return tuple(data.reshape(-1).tolist()) if data is not None and known else None

    @cached_property
    def low(self) -> Any:
        """The least element of a constant."""
        data = self._tensor.data
        return None if data is None or not data.size else data.min().item()

    @cached_property
    def high(self) -> Any:
        """The largest element of a constant."""
        data = self._tensor.data
        return None if data is None or not data.size else data.max().item()

    @cached_property
    def largest_sum(self) -> int | None:
        """Largest sum of magnitudes, less zero points, of a channel of constant weights.

        Channels are the first dimension, or the last of a shape that begins with 1.
        """
        data = self._tensor.data
        if data is None or not data.size or data.ndim < 2:
            return None
        axis = data.ndim - 1 if data.shape[0] == 1 else 0
        flat = np.moveaxis(data.astype(np.int64), axis, 0).reshape(data.shape[axis], -1)
        return int(np.abs(flat - (self.zero_point or 0)).sum(axis=1).max())

    @cached_property
    def made_by(self) -> str | None:
        """The code of the operator that makes it; None of inputs and constants."""
        maker = self._wiring.makers.get(id(self._tensor))
        return None if maker is None else maker.code

    @cached_property
    def read_by(self) -> tuple[str, ...]:
        """The codes of the operators that read it."""
        return tuple(operator.code for operator in self._wiring.readers.get(id(self._tensor), ()))


def _first(grid: Any) -> int:
    return int(grid.zero_point[0])


class OptionFacts:
    """The schema's options of an operator, in snake case: `option.keep_dims`."""

    def __init__(self, options: Any):
        values = {} if options is None else vars(options)
        for name, value in values.items():
            setattr(self, _spelled(name), _ENUMS.get(name, _as_it_is)(value))

    def __getattr__(self, name: str) -> None:
        """Options that an operator does not have are None."""
        return


def _spelled(name: str) -> str:
    """An option's name in snake case: "strideW" is "stride_w"."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _as_it_is(value: Any) -> Any:
    return tuple(value.tolist()) if isinstance(value, np.ndarray) else value


def _names_of(enumeration: type) -> Callable[[Any], str]:
    names = {number: name for name, number in vars(enumeration).items() if name[0] != "_"}
    return lambda number: names.get(number, str(number))


_ENUMS: Mapping[str, Callable[[Any], Any]] = {
    "fusedActivationFunction": _names_of(schema.ActivationFunctionType),
    "padding": _names_of(schema.Padding),
    "weightsFormat": _names_of(schema.FullyConnectedOptionsWeightsFormat),
    "inDataType": _names_of(schema.TensorType),
    "outDataType": _names_of(schema.TensorType),
}


class OperatorFacts(Mapping[str, Any]):
    """The facts of one operator by name; each is found when it is first asked for."""

    def __init__(self, operator: Operator, wiring: Wiring):
        self.operator = operator
        self.wiring = wiring
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = FACTS[name](self)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(FACTS)

    def __len__(self) -> int:
        return len(FACTS)

    def tensor(self, tensor: Tensor | None) -> TensorFacts | None:
        """The facts of a tensor; None of an operand that is left out."""
        return None if tensor is None else TensorFacts(tensor, self.wiring)

    def operand(self, position: int | None) -> TensorFacts | None:
        """The facts of an operand; None if it is left out."""
        inputs = self["inputs"]
        return inputs[position] if position is not None and position < len(inputs) else None


def _options(facts: OperatorFacts) -> OptionFacts:
    try:
        return OptionFacts(options_of(facts.wiring.graph, facts.operator))
    except ModelFileError:
        return OptionFacts(None)


def _given(facts: OperatorFacts) -> tuple[TensorFacts, ...]:
    return tuple(tensor for tensor in facts["inputs"] if tensor is not None)


def _data(facts: OperatorFacts) -> TensorFacts | None:
    """The first operand that is computed; the first of all if none is."""
    given = _given(facts)
    return next((t for t in given if not t.constant), given[0] if given else None)


def _weights(facts: OperatorFacts) -> TensorFacts | None:
    policy = OPERATORS.get(facts.operator.code)
    return facts.operand(policy.weights[0].operand) if policy and policy.weights else None


def _bias(facts: OperatorFacts) -> TensorFacts | None:
    policy = OPERATORS.get(facts.operator.code)
    return facts.operand(policy.weights[0].bias) if policy and policy.weights else None


def _kernel(dimension: int, option: str) -> Callable[[OperatorFacts], int | None]:
    def size(facts: OperatorFacts) -> int | None:
        weights = facts["weights"]
        if weights is not None and weights.rank == 4:
            return int(weights.shape[dimension])
        return _option(option)(facts)

    return size


def _option(name: str, default: Any = None) -> Callable[[OperatorFacts], Any]:
    def value(facts: OperatorFacts) -> Any:
        found = getattr(facts["option"], name)
        return default if found is None else found

    return value


# Where operators have their axes: operand or option.
_AXIS_OPERANDS = {
    "MEAN": 1, "SUM": 1, "REDUCE_MAX": 1, "REDUCE_MIN": 1, "REDUCE_PROD": 1, "ARG_MAX": 1,
    "ARG_MIN": 1, "SPLIT": 0, "SPLIT_V": 2, "EXPAND_DIMS": 1, "REVERSE_V2": 1, "CUMSUM": 1,
}  # fmt: skip


def _axes(facts: OperatorFacts) -> tuple[int, ...] | None:
    """The dimensions that it works along, counted from 0; None if it has none."""
    position = _AXIS_OPERANDS.get(facts.operator.code)
    if position is None:
        listed = [facts["option"].axis]
    else:
        operand = facts.operand(position)
        listed = [] if operand is None or operand.values is None else list(operand.values)
    shaped = facts["y"] if facts.operator.code == "PACK" else facts["x"]
    rank = 0 if shaped is None else shaped.rank
    found = [axis for axis in listed if axis is not None]
    return tuple(sorted({axis % max(rank, 1) for axis in found})) if found else None


def _parts(facts: OperatorFacts) -> tuple[tuple[int, int], ...]:
    """Where the parts of a concatenation or split begin along its axis, and their sizes."""
    joined, axes = facts.operator.code == "CONCATENATION", facts["axes"]
    pieces = facts["operands"] if joined else facts["outputs"]
    if not axes or any(piece.rank <= axes[0] for piece in pieces):
        return ()
    sizes = [piece.shape[axes[0]] for piece in pieces]
    starts = itertools.accumulate(sizes[:-1], initial=0)
    return tuple(zip(starts, sizes, strict=True))


# The names that expressions know. docs/accelerators.md lists them.
FACTS: Mapping[str, Callable[[OperatorFacts], Any]] = {
    "code": lambda facts: facts.operator.code,
    "name": lambda facts: facts.operator.name,
    "version": lambda facts: facts.operator.version,
    "macs": lambda facts: macs(facts.operator),
    "inputs": lambda facts: tuple(facts.tensor(t) for t in facts.operator.inputs),
    "outputs": lambda facts: tuple(facts.tensor(t) for t in facts.operator.outputs),
    "operands": _given,
    "tensors": lambda facts: (*facts["operands"], *facts["outputs"]),
    "activations": lambda facts: tuple(t for t in facts["operands"] if not t.constant),
    "constants": lambda facts: tuple(t for t in facts["operands"] if t.constant),
    "x": _data,
    "y": lambda facts: facts["outputs"][0] if facts["outputs"] else None,
    "weights": _weights,
    "bias": _bias,
    "option": _options,
    "activation": _option("fused_activation_function", "NONE"),
    "padding": _option("padding"),
    "kernel_h": _kernel(1, "filter_height"),
    "kernel_w": _kernel(2, "filter_width"),
    "stride_h": _option("stride_h", 1),
    "stride_w": _option("stride_w", 1),
    "dilation_h": _option("dilation_hfactor", 1),
    "dilation_w": _option("dilation_wfactor", 1),
    "axes": _axes,
    "parts": _parts,
}

# What expressions can ask of a tensor.
_TENSOR_FACTS = (
    "shape", "rank", "type", "elements", "bytes", "constant", "variable", "dynamic", "input",
    "output", "quantized", "per_channel", "scale", "zero_point", "zero_points_are_0", "values",
    "low", "high", "largest_sum", "made_by", "read_by",
)  # fmt: skip

_OPTION_TABLES = [
    table for name, table in vars(schema).items() if name.endswith("OptionsT") and name[0] != "_"
]

# What expressions can ask of tensors and of `option`.
ATTRIBUTES = frozenset(_TENSOR_FACTS) | {
    _spelled(name) for table in _OPTION_TABLES for name in vars(table())
}
