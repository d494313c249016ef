"""Sequences of operators with 16 bits inside for GRUs and plain recurrent layers.

No runtime has integer kernels for them. All steps are alike: a quantity has one range at every
step, so that each step multiplies by the same numbers, and reads the same weights. What the input
contributes is computed for all steps at once. The state is kept in 16 bits, and if the layer is
stateful, from invocation to invocation in a memory (`graph/sequences.py`). Ranges inside follow
from the weights and need no data:

* the hidden state lies within [-1, 1], a product of weights with it within the sum of their
  magnitudes;
* sigmoid and tanh of 16 bits do not change any more beyond SIGMOID_END and TANH_END, where their
  operands are cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import ModelFileError
from tfedge.markers.gru import GRU, GruMark
from tfedge.markers.simple_rnn import SIMPLE_RNN, SimpleRnnMark
from tfedge.quantization.policy import INT16X8, INTERIOR_BITS, OPERATORS
from tfedge_converters.graph.markers import read_marker
from tfedge_converters.graph.sequences import keeps_state
from tfedge_converters.graph.types import (
    Graph,
    Model,
    Operator,
    Range,
    Tensor,
    TensorType,
    WeightGrid,
)

SIGMOID_END, TANH_END = 11.0, 6.0

_UNIT = Range(-1.0, 1.0)
_DIFFERENCE = Range(-2.0, 2.0)


def write_recurrent_markers(model: Model) -> None:
    """Make every `tfedge.GRU` and `tfedge.SimpleRNN` operators that interpreters know, in place.

    Raises:
        ModelFileError: a marker's tensors are not those of such a layer.
        UnsupportedError: only some layers keep their state.
    """
    for graph in model.graphs:
        graph.operators = [
            written
            for operator in graph.operators
            for written in _WRITERS.get(operator.custom_name, _unchanged)(graph, operator)
        ]
        keeps_state(graph)


def _unchanged(graph: Graph, operator: Operator) -> list[Operator]:
    return [operator]


@dataclass(frozen=True, eq=False)
class _Layer:
    """A marker's tensors; weights as arrays, and the scales of both kernels if training has any."""

    x: Tensor
    hidden: Tensor
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    recurrent_bias: np.ndarray
    scales: tuple[np.ndarray, ...]
    mark: GruMark | SimpleRnnMark

    @property
    def steps(self) -> int:
        return self.hidden.shape[1]

    @property
    def units(self) -> int:
        return self.hidden.shape[2]


def _layer(graph: Graph, marker: Operator, gates: int, mark: GruMark | SimpleRnnMark) -> _Layer:
    trained = mark.weight_bits is not None
    match marker.inputs, marker.outputs:
        case [Tensor() as x, *_], [Tensor() as hidden] if (
            len(x.shape) == 3
            and len(hidden.shape) == 3
            and x.shape[0] == hidden.shape[0] == 1
            and x.shape[1] == hidden.shape[1] >= 1
        ):
            depth, units = x.shape[2], hidden.shape[2]
            wide = gates * units
            shapes = [(depth, wide), (units, wide), (wide,), (wide,)] + 2 * trained * [(wide,)]
            constants = [tensor for tensor in marker.inputs[1:] if tensor is not None]
            if (
                [tensor.shape for tensor in constants] == shapes
                and all(t.type == TensorType.FLOAT32 for t in (x, hidden, *constants))
                and all(t.is_constant for t in constants)
            ):
                values = [np.asarray(tensor.data) for tensor in constants]
                kernel, recurrent_kernel, bias, recurrent_bias, *scales = values
                return _Layer(
                    x, hidden, kernel, recurrent_kernel, bias, recurrent_bias, tuple(scales), mark
                )
    raise ModelFileError(
        f"{graph.place(marker)}: a recurrent layer goes from [1, steps, depth] to "
        f"[1, steps, units] by constants of shape [depth, {gates} units], [units, {gates} units] "
        f"and [{gates} units]; export the model again"
    )


class _Writer:
    """Operators of one layer, in the order in which they run."""

    def __init__(self, layer: _Layer, bits: int):
        self.layer = layer
        self.bits = bits
        self.name = layer.hidden.name
        self.operators: list[Operator] = []
        self.memory: Tensor | None = None

    def projected(
        self, part: slice, bias: np.ndarray, known: Range | None
    ) -> Callable[[int], Tensor]:
        """Project the input: its contribution at each step, [1, columns]."""
        layer = self.layer
        rows = self.reshaped(layer.x, (layer.steps, layer.x.shape[2]), "input")
        weights = self.weights(False, part, "kernel")
        result = self.dense(rows, weights, bias, known, "projected")

        def at(step: int) -> Tensor:
            columns = weights.shape[0]
            row = self.tensor((1, columns), "row")
            begin, size = self.integers([step, 0], "begin"), self.integers([1, columns], "size")
            return self.add("SLICE", [result, begin, size], row, schema.SliceOptionsT())

        return at

    def weights(self, recurrent: bool, part: slice, name: str) -> Tensor:
        """Columns of a kernel as a dense operator has them, [columns, depth]."""
        layer = self.layer
        kernel = layer.recurrent_kernel if recurrent else layer.kernel
        tensor = self.constant(np.ascontiguousarray(kernel[:, part].T), name)
        if layer.mark.weight_bits is not None:
            scales = layer.scales[recurrent][part]
            tensor.trained_weights = WeightGrid(scales, layer.mark.weight_bits)
        return tensor

    def dense(
        self, x: Tensor, weights: Tensor, bias: np.ndarray, known: Range | None, name: str
    ) -> Tensor:
        result = self.tensor((x.shape[0], weights.shape[0]), name, known)
        operands = [x, weights, self.constant(bias, "bias")]
        return self.add("FULLY_CONNECTED", operands, result, schema.FullyConnectedOptionsT())

    def binary(self, code: str, a: Tensor, b: Tensor, name: str, known: Range | None) -> Tensor:
        result = self.tensor(a.shape, name, known)
        return self.add(code, [a, b], result, _OPTIONS[code]())

    def function(self, code: str, x: Tensor, name: str) -> Tensor:
        return self.add(code, [x], self.tensor(x.shape, name), None)

    def halves(self, x: Tensor) -> list[Tensor]:
        options = schema.SplitOptionsT()
        options.numSplits = 2
        shape = (1, x.shape[1] // 2)
        results = [self.tensor(shape, name) for name in ("update", "reset")]
        axis = self.integers(1, "axis")
        self.operators.append(Operator("SPLIT", [axis, x], results, options))
        return results

    def reshaped(self, x: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        result = Tensor(f"{self.name}/{name}", shape, TensorType.FLOAT32)
        return self.add("RESHAPE", [x, self.integers(shape, "shape")], result, options)

    def remembered(self) -> list[Tensor]:
        """The state before the first step, if it is not zeros."""
        if not self.layer.mark.keeps_state:
            return []
        before = self.tensor((1, self.layer.units), "hidden", self.layer.hidden.range)
        return [self._copied(self._memory(), before)]

    def _memory(self) -> Tensor:
        if self.memory is None:
            self.memory = Tensor(
                f"{self.name}/hidden_state", (1, self.layer.units), TensorType.FLOAT32,
                is_variable=True, keeps_state=True,
            )  # fmt: skip
        return self.memory

    def _copied(self, source: Tensor, result: Tensor) -> Tensor:
        begin, size = self.integers([0, 0], "begin"), self.integers(result.shape, "size")
        operands: list[Tensor | None] = [source, begin, size]
        version = OPERATORS["SLICE"].versions[INT16X8]
        self.operators.append(
            Operator("SLICE", operands, [result], schema.SliceOptionsT(), version)
        )
        return result

    def sequence(self, states: Sequence[Tensor]) -> None:
        """Put the states after each step side by side: what the layer returns."""
        hidden = self.layer.hidden
        if self.layer.mark.keeps_state:
            self._copied(states[-1], self._memory())
        options = schema.PackOptionsT()
        options.axis, options.valuesCount = 0, len(states)
        packed = self.tensor((len(states), *states[0].shape), "states", hidden.range)
        self.add("PACK", list(states), packed, options)
        options = schema.ReshapeOptionsT()
        options.newShape = list(hidden.shape)
        self.add("RESHAPE", [packed, self.integers(hidden.shape, "shape")], hidden, options)

    def tensor(self, shape: tuple[int, ...], name: str, known: Range | None = None) -> Tensor:
        full = f"{self.name}/{name}"
        return Tensor(full, shape, TensorType.FLOAT32, range=known, bits=self.bits)

    def constant(self, data: np.ndarray, name: str) -> Tensor:
        return Tensor(f"{self.name}/{name}", data.shape, TensorType.FLOAT32, data=data)

    def integers(self, values: Sequence[int] | int, name: str) -> Tensor:
        data = np.array(values, np.int32)
        return Tensor(f"{self.name}/{name}", data.shape, TensorType.INT32, data=data)

    def add(self, code: str, inputs: Sequence[Tensor], result: Tensor, options: object) -> Tensor:
        self.operators.append(Operator(code, list(inputs), [result], options))
        return result


_OPTIONS: dict[str, Callable[[], object]] = {
    "ADD": schema.AddOptionsT,
    "MUL": schema.MulOptionsT,
    "SUB": schema.SubOptionsT,
}


def _write_gru(graph: Graph, marker: Operator) -> list[Operator]:
    mark = read_marker(graph, marker, GRU)
    layer = _layer(graph, marker, 3, mark)
    return _Gru(_Writer(layer, INTERIOR_BITS["GRU"]), mark).written()


class _Gru:
    """hidden' = candidate + update * (hidden - candidate), see `mark_gru`.

    The gates' recurrent bias is added with the input's. With a state of zeros, the first step needs
    no products with it.
    """

    def __init__(self, write: _Writer, mark: GruMark):
        layer, units = write.layer, write.layer.units
        gates, candidate = slice(0, 2 * units), slice(2 * units, 3 * units)
        self.write = write
        self.reset_after = mark.reset_after
        self.gate_rows = write.projected(
            gates,
            layer.bias[gates] + layer.recurrent_bias[gates],
            _range(mark.gates),
        )
        self.inner_bias = layer.recurrent_bias[candidate]
        folded = np.zeros_like(self.inner_bias) if mark.reset_after else self.inner_bias
        self.candidate_rows = write.projected(
            candidate, layer.bias[candidate] + folded, _range(mark.candidate)
        )
        self.gate_weights = write.weights(True, gates, "recurrent_gates")
        self.inner_weights = write.weights(True, candidate, "recurrent_candidate")
        if not mark.reset_after:
            self.inner_bias = np.zeros_like(self.inner_bias)
        self.no_bias = np.zeros(2 * units, np.float32)
        self.gate_range = _reach(self.gate_weights, self.no_bias)
        self.inner_range = _reach(self.inner_weights, self.inner_bias)

    def written(self) -> list[Operator]:
        before = self.write.remembered()
        states = [self.next(0, *before) if before else self.first()]
        for step in range(1, self.write.layer.steps):
            states.append(self.next(step, states[-1]))
        self.write.sequence(states)
        return self.write.operators

    def first(self) -> Tensor:
        write = self.write
        update, reset = write.halves(write.function("LOGISTIC", self.gate_rows(0), "gates"))
        candidate = self.candidate_rows(0)
        if self.inner_bias.any():
            bias = write.constant(self.inner_bias[None], "recurrent_bias")
            inner = write.binary("MUL", reset, bias, "inner", self.inner_range)
            candidate = self.sum(candidate, inner, TANH_END)
        candidate = write.function("TANH", candidate, "candidate")
        kept = write.binary("MUL", update, candidate, "kept", _DIFFERENCE)
        return write.binary("SUB", candidate, kept, "hidden", self.write.layer.hidden.range)

    def next(self, step: int, hidden: Tensor) -> Tensor:
        write = self.write
        gates = write.dense(hidden, self.gate_weights, self.no_bias, self.gate_range, "recurrent")
        gates = self.sum(self.gate_rows(step), gates, SIGMOID_END)
        update, reset = write.halves(write.function("LOGISTIC", gates, "gates"))
        inner = self.inner(hidden, reset)
        candidate = self.sum(self.candidate_rows(step), inner, TANH_END)
        candidate = write.function("TANH", candidate, "candidate")
        change = write.binary("SUB", hidden, candidate, "change", _DIFFERENCE)
        kept = write.binary("MUL", update, change, "kept", _DIFFERENCE)
        return write.binary("ADD", candidate, kept, "hidden", write.layer.hidden.range)

    def inner(self, hidden: Tensor, reset: Tensor) -> Tensor:
        """Compute the hidden state's contribution to the candidate."""
        write, known = self.write, self.inner_range
        if self.reset_after:
            inner = write.dense(hidden, self.inner_weights, self.inner_bias, known, "recurrent")
            return write.binary("MUL", reset, inner, "inner", known)
        seen = write.binary("MUL", reset, hidden, "seen", _UNIT)
        return write.dense(seen, self.inner_weights, self.inner_bias, known, "inner")

    def sum(self, a: Tensor, b: Tensor, end: float) -> Tensor:
        return self.write.binary("ADD", a, b, "sum", Range(-end, end))


def _write_simple_rnn(graph: Graph, marker: Operator) -> list[Operator]:
    mark = read_marker(graph, marker, SIMPLE_RNN)
    layer = _layer(graph, marker, 1, mark)
    write = _Writer(layer, INTERIOR_BITS["SIMPLE_RNN"])
    everything = slice(0, layer.units)
    known = _range(mark.candidate)
    rows = write.projected(everything, layer.bias + layer.recurrent_bias, known)
    weights = write.weights(True, everything, "recurrent_kernel")
    bias = np.zeros(layer.units, np.float32)

    def total(step: int, before: list[Tensor]) -> Tensor:
        if not before:
            return rows(step)
        recurrent = write.dense(before[-1], weights, bias, _reach(weights, bias), "recurrent")
        return write.binary("ADD", rows(step), recurrent, "sum", Range(-TANH_END, TANH_END))

    remembered, states = write.remembered(), list[Tensor]()
    for step in range(layer.steps):
        states.append(write.function("TANH", total(step, states or remembered), "hidden"))
    write.sequence(states)
    return write.operators


def _range(ends: tuple[float, float] | None) -> Range | None:
    return None if ends is None else Range(*ends)


def _reach(weights: Tensor, bias: np.ndarray) -> Range:
    """The most that a dense operator makes of values within [-1, 1]."""
    assert weights.data is not None
    largest = float((np.abs(weights.data).sum(axis=1) + np.abs(bias)).max())
    return Range(-largest, largest)


_WRITERS: dict[str, Callable[[Graph, Operator], list[Operator]]] = {
    GRU.name: _write_gru,
    SIMPLE_RNN.name: _write_simple_rnn,
}
