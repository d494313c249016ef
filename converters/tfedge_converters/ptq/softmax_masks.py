"""Ranges of masked scores: those far below a row's largest are all the same to a SOFTMAX.

To a masked REDUCE_MAX, whatever is masked is.

Masks put sentinels there, -1e9 or the least float32. Grids that held these would have no steps left
for the scores. So all that a mask makes counts as clipped where it cannot matter, in calibration
and in constants; kernels saturate there.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.policy import OPERATORS, REAL_FUNCTION, OutputRange
from tfedge.quantization.schemes import Scheme
from tfedge.quantization.softmax_depth import softmax_depth
from tfedge_converters.graph import Graph, Operator, Range, Tensor, TensorType
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq.groups import Groups

# What adds a mask to scores, or puts one in their place.
_MASKING = frozenset({"ADD", "SELECT", "SELECT_V2", "SUB"})

_READERS = frozenset({"REDUCE_MAX", "SOFTMAX"})

# Kernels that share one grid but compute new values.
_AVERAGING = frozenset({"AVERAGE_POOL_2D", "RESIZE_BILINEAR"})

# A row is masked altogether where its largest score lies below the sentinels in use, or so far
# below the largest of another row; its probabilities mean nothing.
_MASKED_SCORE, _MASKED_DISTANCE = -5000.0, 500.0

# Constants from here on may be such that a function leaves what QUANTIZE defines.
_SENTINEL = 1000.0

_NO_LIMIT = Range(-math.inf, math.inf)

# Values of a tensor, least and largest.
Ends = Callable[[Tensor], Range]


class MaskedScores:
    """The parts of a graph in which masks of SOFTMAX are made and added.

    Attributes:
        tensors: the activations whose values may be clipped, by identity.
    """

    def __init__(self, graph: Graph, groups: Groups):
        """Find the masked scores of a graph.

        Args:
            graph: a float graph, with functions of one activation as one operator each.
            groups: its groups.
        """
        self._outputs = {id(tensor) for tensor in graph.outputs}
        self._readers: dict[int, list[Operator]] = {}
        for operator in graph.operators:
            for tensor in operator.inputs:
                self._readers.setdefault(id(tensor), []).append(operator)
        self._types = {
            id(operator): groups.activation_type(operator)
            for operator in graph.operators
            if operator.code == "SOFTMAX"
        }
        self._operators: list[Operator] = []
        self.tensors: dict[int, Tensor] = {}
        for operator in reversed(graph.operators):
            self._add(operator)
        masks = any(operator.code in _MASKING for operator in self._operators)
        if not masks:
            self._operators, self.tensors = [], {}

    @property
    def asked(self) -> list[Tensor]:
        """The tensors whose values `limits` asks for, but for constants."""
        return [
            tensor
            for operator in self._operators
            for tensor in operator.inputs
            if tensor is not None and tensor.data is None
        ]

    def _add(self, operator: Operator) -> None:
        """Add an operator whose results are all known to be masked scores, or parts of masks."""
        made = all(id(tensor) in self.tensors for tensor in operator.outputs)
        if operator.code not in _READERS and not (made and operator.code in _OPERAND_LIMITS):
            return
        self._operators.append(operator)
        if operator.code == "REDUCE_MAX":  # whose result is on its operand's grid
            self.tensors.update((id(tensor), tensor) for tensor in operator.outputs)
        for tensor in filter(is_real_activation, operator.inputs):
            assert tensor is not None
            others = [
                reader
                for reader in self._readers[id(tensor)]
                if not any(reader is known for known in self._operators)
            ]
            if id(tensor) not in self._outputs and not others:
                self.tensors[id(tensor)] = tensor

    def limits(self, values: Callable[[Tensor], np.ndarray]) -> dict[int, Range]:
        """Between which values every tensor matters to some SOFTMAX, by identity.

        Args:
            values: what a tensor holds after the float model has run.
        """
        found: dict[int, Range] = {}
        for operator in self._operators:
            if operator.code == "SOFTMAX":
                low = _least_score(values(_first(operator)), self._types[id(operator)])
                parts = [Range(low, math.inf)]
            elif operator.code == "REDUCE_MAX":
                parts = [Range(_least_kept(values(_first(operator))), math.inf)]
                found.update((id(tensor), parts[0]) for tensor in operator.outputs)
            else:
                results = [found.get(id(tensor), _NO_LIMIT) for tensor in operator.outputs]
                limits = _OPERAND_LIMITS[operator.code]
                parts = limits(operator, _union(results), lambda tensor: _seen(values(tensor)))
            for tensor, part in zip(operator.inputs, parts, strict=False):
                if id(tensor) in self.tensors:
                    found[id(tensor)] = _union([part, found.get(id(tensor), part)])
        return found

    def bounded(self, operators: list[Operator]) -> list[Operator]:
        """The operators with constants that their results' ranges can show.

        Functions in real numbers that make a mask end with the range's ends, for interpreters leave
        undefined what QUANTIZE makes of sentinels.

        Args:
            operators: of a graph whose ranges are known.
        """
        found = [(operator, self._result_range(operator)) for operator in operators]
        return [
            operator if known is None else _bounded(operator, known) for operator, known in found
        ]

    def _result_range(self, operator: Operator) -> Range | None:
        """Return the range of scores or parts of masks, as far as it matters, or None."""
        results = operator.outputs
        if not results or not all(id(tensor) in self.tensors for tensor in results):
            return None
        known = [tensor.range for tensor in results if tensor.range is not None]
        if known:
            return _union(known)
        # Training gives scores a range before they are masked.
        chosen = [tensor for tensor in operator.inputs if is_real_activation(tensor)]
        ranges = [tensor.range for tensor in chosen if tensor and tensor.range is not None]
        if not traits_of(operator.code).selects or not ranges or len(ranges) < len(chosen):
            return None
        scores = _union(ranges)
        last = results[0].shape[-1]
        depths = (softmax_depth(activation_type, last) for activation_type in self._types.values())
        depth = max(depths, default=0.0)
        return Range(scores.low - depth, scores.high)


def masked_scores(graph: Graph, scheme: Scheme) -> MaskedScores:
    """The masked scores of a float graph, with functions of one activation as one operator each."""
    return MaskedScores(graph, Groups(graph, scheme))


def _least_score(scores: np.ndarray, activation_type: ActivationType) -> float:
    """Below this, scores of no row that is not masked altogether matter."""
    rows = scores.reshape(-1, scores.shape[-1])
    largest = rows.max(axis=1)
    alive = largest[largest > max(largest.max() - _MASKED_DISTANCE, _MASKED_SCORE)]
    return float(alive.min() if alive.size else 0.0) - softmax_depth(activation_type, rows.shape[1])


def _least_kept(values: np.ndarray) -> float:
    """Below this there are only sentinels; minus infinity where there are none."""
    kept = values[values > _MASKED_SCORE]
    return float(kept.min(initial=0.0)) if kept.size < values.size else -math.inf


def _seen(values: np.ndarray) -> Range:
    return Range(float(values.min(initial=0.0)), float(values.max(initial=0.0)))


def _union(ranges: list[Range]) -> Range:
    return Range(min(item.low for item in ranges), max(item.high for item in ranges))


def _first(operator: Operator) -> Tensor:
    first = operator.inputs[0]
    assert first is not None
    return first


def _data_movement(operator: Operator, result: Range, _ends: Ends) -> list[Range]:
    return [result] * len(operator.inputs)


def _summands(operator: Operator, result: Range, ends: Ends) -> list[Range]:
    first, second = operator.inputs
    if _is_fused(operator) or first is None or second is None:
        return [_NO_LIMIT] * 2
    a, b = ends(first), ends(second)
    return [
        Range(result.low - b.high, result.high - b.low),
        Range(result.low - a.high, result.high - a.low),
    ]


def _difference(operator: Operator, result: Range, ends: Ends) -> list[Range]:
    first, second = operator.inputs
    if _is_fused(operator) or first is None or second is None:
        return [_NO_LIMIT] * 2
    a, b = ends(first), ends(second)
    return [
        Range(result.low + b.low, result.high + b.high),
        Range(a.low - result.high, a.high - result.low),
    ]


def _product(operator: Operator, result: Range, ends: Ends) -> list[Range]:
    """Bound a product's constants by what one step of the activation can show in the result.

    The activation keeps its range: kernels do not multiply by such factors as would be needed.
    """
    first, second = operator.inputs
    if _is_fused(operator) or first is None or second is None:
        return [_NO_LIMIT] * 2
    limits = []
    for tensor, other in ((first, second), (second, first)):
        known = ends(other)
        step = (known.high - known.low) / _STEPS
        reach = max(abs(result.low), abs(result.high)) / step if step > 0 else math.inf
        limits.append(Range(-reach, reach) if tensor.is_constant else _NO_LIMIT)
    return limits


def _is_fused(operator: Operator) -> bool:
    return bool(getattr(operator.options, "fusedActivationFunction", 0))


# Of an activation that a sentinel multiplies: more would overflow products of 16 bits.
_STEPS = 2.0**14

# Operator to what of its operands matters if no more than a range of its result does.
_OPERAND_LIMITS: Mapping[str, Callable[[Operator, Range, Ends], list[Range]]] = {
    **{
        code: _data_movement
        for code, policy in OPERATORS.items()
        if policy.output is OutputRange.SHARED and code not in _AVERAGING
    },
    "ADD": _summands,
    "SUB": _difference,
    "MUL": _product,
}


def _bounded(operator: Operator, result: Range) -> Operator:
    if operator.code == REAL_FUNCTION:
        return _saturating(operator, result) if _has_sentinels(operator) else operator
    if operator.code not in _OPERAND_LIMITS:
        return operator
    parts = _OPERAND_LIMITS[operator.code](operator, result, _known_ends)
    inputs = [_within(tensor, part) for tensor, part in zip(operator.inputs, parts, strict=True)]
    if all(a is b for a, b in zip(inputs, operator.inputs, strict=True)):
        return operator
    return dataclasses.replace(operator, inputs=inputs)


def _known_ends(tensor: Tensor) -> Range:
    if tensor.data is not None:
        return _seen(np.asarray(tensor.data))
    return tensor.range or _NO_LIMIT


def _within(tensor: Tensor | None, part: Range) -> Tensor | None:
    """A float constant, clipped if that changes it; anything else as it is."""
    if tensor is None or tensor.data is None or tensor.type != TensorType.FLOAT32:
        return tensor
    data = np.clip(tensor.data, part.low, part.high).astype(np.float32)
    return tensor if np.array_equal(data, tensor.data) else dataclasses.replace(tensor, data=data)


def _has_sentinels(function: Operator) -> bool:
    constants = [
        t for step in function.steps for t in step.inputs if t is not None and t.is_constant
    ]
    return any(np.abs(np.asarray(t.data)).max(initial=0) >= _SENTINEL for t in constants)


def _saturating(function: Operator, limits: Range) -> Operator:
    (result,) = function.outputs
    inner = dataclasses.replace(result, name=f"{result.name}_unbounded", range=None)
    last = dataclasses.replace(function.steps[-1], outputs=[inner])
    steps = [*function.steps[:-1], last]
    for code, end in (("MAXIMUM", limits.low), ("MINIMUM", limits.high)):
        name = f"{result.name}_{code.lower()}"
        bound = Tensor(f"{name}_of", (), TensorType.FLOAT32, data=np.array(end, np.float32))
        made = result if code == "MINIMUM" else dataclasses.replace(inner, name=name)
        steps.append(
            Operator(code, [steps[-1].outputs[0], bound], [made], schema.MaximumMinimumOptionsT())
        )
    return dataclasses.replace(function, steps=tuple(steps))
