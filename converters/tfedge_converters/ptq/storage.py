"""Weights of fewer bits in a model that computes with real numbers."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.affine import quantize_symmetric, weight_scale
from tfedge.quantization.policy import OPERATORS, WeightPolicy
from tfedge.quantization.schemes import (
    FLOAT16_WEIGHTS,
    FLOAT32_WEIGHTS,
    INT4_WEIGHTS,
    INT8_WEIGHTS,
    StorageScheme,
    WeightScheme,
)
from tfedge_converters.graph import (
    BlockQuantization,
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
)
from tfedge_converters.graph.lstm_operands import ABSENT
from tfedge_converters.graph.metadata import ARITHMETIC, BFP8
from tfedge_converters.litert_kernels import takes_blocks
from tfedge_converters.ptq.constant_values import constant_values
from tfedge_converters.ptq.quant_params import block_scale, quantize_blocks, trained_integers

_BITS = {INT8_WEIGHTS: 8, INT4_WEIGHTS: 4}
_TYPES = {8: TensorType.INT8, 4: TensorType.INT4}
_STORED = frozenset({TensorType.FLOAT16, *_TYPES.values()})

# Versions of kernels that multiply weights of so many bits with activations that they round
# themselves. Of DEPTHWISE_CONV_2D it must be a scale for each channel: with one, LiteRT reads past
# its end. Those without int4 refuse it while they run (LiteRT 2.3).
_HYBRID_VERSIONS: Mapping[int, Mapping[str, int]] = {
    8: {
        "CONV_2D": 5,
        "DEPTHWISE_CONV_2D": 6,
        "FULLY_CONNECTED": 12,
        "TRANSPOSE_CONV": 2,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": 3,
    },
    4: {"CONV_2D": 7, "FULLY_CONNECTED": 12},
}

# Operands beside which weights stay real: kernels want integers for them, too, or know of none.
_REAL_BESIDE: Mapping[str, Sequence[int]] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": ABSENT}

# Operators that pick rows of a constant: the position of the constant, and the version for int8.
_LOOKUPS = {"GATHER": (0, 2)}

_LARGEST_FLOAT16 = float(np.finfo(np.float16).max)

_FLOAT16_VERSION, _PER_TENSOR_VERSION, _PER_CHANNEL_VERSION, _INT4_VERSION = 3, 2, 5, 6


def store_weights(model: Model, scheme: StorageScheme, *, per_channel: bool = True) -> None:
    """Store the weights of a float model as a scheme says, in place; activations stay in float.

    float16 is for all constants, as TensorFlow's converter does it. Integers are for the weights of
    the operators in the policy table and for tables that GATHER reads, symmetric, and on the grid
    that training gave them if it has no more bits. What GATHER reads is made real behind it, with
    one scale and 8 bits. Where no kernel computes with int4 weights, they are int8.

    Args:
        model: a float model; what is an integer already stays.
        scheme: how weights are stored.
        per_channel: False for one scale a constant, where DEQUANTIZE knows no more, as TFLite
            Micro's, which silently takes the first.

    Raises:
        TfedgeError: a weight is not finite.
    """
    if scheme.weights == FLOAT32_WEIGHTS:
        return
    for graph in model.graphs:
        storage = _Storage(graph, scheme, per_channel)
        storage.run()
    if scheme.integer_only:
        model.metadata[ARITHMETIC] = BFP8


def has_stored_weights(model: Model) -> bool:
    """Whether any constant of a model is stored in fewer bits than float32 has."""
    tensors = (tensor for graph in model.graphs for tensor in graph.tensors())
    return any(tensor.is_constant and tensor.type in _STORED for tensor in tensors)


@dataclass(frozen=True)
class _Stored:
    """A constant as it is stored, and the real one that DEQUANTIZE makes of it."""

    constant: Tensor
    real: Tensor
    operator: Operator


class _Storage:
    """Change of the stored weights of one graph."""

    def __init__(self, graph: Graph, scheme: StorageScheme, per_channel: bool):
        self.graph = graph
        self.scheme = scheme
        self.per_channel = per_channel
        self._made: dict[tuple[int, int | None, int], _Stored] = {}
        self._in_blocks: dict[int, Tensor | None] = {}

    def run(self) -> None:
        """Change the storage of the weights."""
        change = self._halve if self.scheme.weights == FLOAT16_WEIGHTS else self._round
        operators: list[Operator] = []
        for operator in self.graph.operators:
            if operator.code != "DEQUANTIZE":
                change(operator)
            operators += [operator, *self._read_as_integers(operator)]
        read = {id(tensor) for operator in operators for tensor in operator.inputs}
        used = [stored.operator for stored in self._made.values() if id(stored.real) in read]
        self.graph.operators = used + operators

    def _halve(self, operator: Operator) -> None:
        for index, tensor in enumerate(operator.inputs):
            if _is_real_constant(tensor) and _fits_float16(tensor):
                operator.inputs[index] = self._as_float16(tensor).real

    def _round(self, operator: Operator) -> None:
        weights = _weights_of(operator)
        if self.scheme.computed:
            self._let_compute(operator, weights)
            return
        for rule, tensor in weights:
            if self._is_large(tensor):
                axis = rule.axis if self.per_channel else None
                operator.inputs[rule.operand] = self._as_integers(tensor, axis, self._bits).real

    def _let_compute(
        self, operator: Operator, weights: Sequence[tuple[WeightPolicy, Tensor]]
    ) -> None:
        """Have a kernel multiply integers: all weights if one is large, since it takes one type."""
        bits = self._bits if operator.code in _HYBRID_VERSIONS[self._bits] else 8
        version = _HYBRID_VERSIONS[bits].get(operator.code)
        beside = _REAL_BESIDE.get(operator.code, ())
        is_plain = all(_operand(operator, position) is None for position in beside)
        are_real = all(_is_real_constant(tensor) for _, tensor in weights)
        is_large = any(self._is_large(tensor) for _, tensor in weights)
        if version is not None and is_plain and are_real and is_large:
            for rule, tensor in weights:
                operator.inputs[rule.operand] = self._computed(operator, rule, tensor, bits)
            operator.version = max(operator.version, version)
            _set_rounding(operator, self.scheme.asymmetric_inputs)

    def _computed(
        self, operator: Operator, rule: WeightPolicy, tensor: Tensor, bits: int
    ) -> Tensor:
        """The integers that a kernel multiplies: in blocks where the scheme and the kernel can."""
        size = self.scheme.block_size
        in_blocks = None
        if size is not None and takes_blocks(operator):
            in_blocks = self._blocks(tensor, size)
        if in_blocks is not None:
            return in_blocks
        return self._as_integers(tensor, rule.axis if rule.per_channel else None, bits).constant

    def _read_as_integers(self, operator: Operator) -> list[Operator]:
        """Let a lookup read int8; give the operator that makes its result real again."""
        position, version = _LOOKUPS.get(operator.code, (0, 0))
        table = operator.inputs[position] if version else None
        if self.scheme.weights == FLOAT16_WEIGHTS or not self._is_large(table):
            return []
        stored = self._as_integers(table, None, 8)
        (real,) = operator.outputs
        grid = stored.constant.quantization
        read = dataclasses.replace(
            real, name=f"{real.name}_int8", type=TensorType.INT8, quantization=grid
        )
        operator.inputs[position], operator.outputs = stored.constant, [read]
        operator.version = max(operator.version, version)
        return [_dequantize(read, real, _PER_TENSOR_VERSION)]

    @property
    def _bits(self) -> int:
        return _BITS[self.scheme.weights]

    def _is_large(self, tensor: Tensor | None) -> TypeGuard[Tensor]:
        return _is_real_constant(tensor) and tensor.elements >= self.scheme.minimum_elements

    def _as_float16(self, tensor: Tensor) -> _Stored:
        key = id(tensor), None, 16
        if key not in self._made:
            data = constant_values(tensor).astype(np.float16)
            half = dataclasses.replace(
                tensor, name=f"{tensor.name}_float16", type=TensorType.FLOAT16, data=data
            )
            self._made[key] = _stored(tensor, half, _FLOAT16_VERSION)
        return self._made[key]

    def _as_integers(self, tensor: Tensor, axis: int | None, bits: int) -> _Stored:
        key = id(tensor), axis, bits
        if key not in self._made:
            constant = _integers(tensor, axis, bits)
            assert constant.quantization is not None
            version = (
                _PER_CHANNEL_VERSION if constant.quantization.per_channel else _PER_TENSOR_VERSION
            )
            if bits < 8:
                version = _INT4_VERSION
            self._made[key] = _stored(tensor, constant, version)
        return self._made[key]

    def _blocks(self, tensor: Tensor, size: int) -> Tensor | None:
        if id(tensor) not in self._in_blocks:
            self._in_blocks[id(tensor)] = _integers_in_blocks(tensor, size)
        return self._in_blocks[id(tensor)]


def _weights_of(operator: Operator) -> list[tuple[WeightPolicy, Tensor]]:
    """The weights of an operator that the policy table names, whatever they are."""
    policy = OPERATORS.get(operator.code)
    rules = () if policy is None else policy.weights
    found = ((rule, _operand(operator, rule.operand)) for rule in rules)
    return [(rule, tensor) for rule, tensor in found if tensor is not None]


def _operand(operator: Operator, position: int) -> Tensor | None:
    return operator.inputs[position] if position < len(operator.inputs) else None


def _is_real_constant(tensor: Tensor | None) -> TypeGuard[Tensor]:
    return (
        tensor is not None
        and tensor.type == TensorType.FLOAT32
        and tensor.is_constant
        and not tensor.is_variable
    )


def _fits_float16(tensor: Tensor) -> bool:
    return float(np.abs(constant_values(tensor)).max(initial=0)) <= _LARGEST_FLOAT16


def _integers(tensor: Tensor, axis: int | None, bits: int) -> Tensor:
    """A constant as symmetric integers."""
    values, limit = constant_values(tensor), WeightScheme(bits).limit
    trained = tensor.trained_weights
    if (
        trained is not None
        and _is_on_grid(tensor, bits)
        and (axis is not None or trained.scale.size == 1)
    ):
        scale, data = trained.scale, trained_integers(values, trained, axis or 0)
    else:
        scale = weight_scale(values, axis, limit)
        scale = np.where(scale > 0, scale, np.float32(1))
        data = quantize_symmetric(values, scale, axis or 0, limit)
    type_ = _TYPES[bits]
    grid = Quantization(scale, np.zeros(scale.size, np.int64), axis or 0 if scale.size > 1 else 0)
    return dataclasses.replace(
        tensor,
        name=f"{tensor.name}_{type_.name.lower()}",
        type=type_,
        quantization=grid,
        data=data.astype(type_.dtype),
        trained_weights=None,
    )


def _is_on_grid(tensor: Tensor, bits: int) -> bool:
    """Whether training put the weights on scales that so many bits can keep."""
    trained = tensor.trained_weights
    return trained is not None and trained.bits <= bits


def _integers_in_blocks(tensor: Tensor, size: int) -> Tensor | None:
    """A matrix as int4 with a scale for every block, which is a part of a row.

    Returns:
        None where blocks do not divide the rows, scales are beyond float16, or training found them.
    """
    if len(tensor.shape) != 2 or tensor.shape[1] % size or _is_on_grid(tensor, _BITS[INT4_WEIGHTS]):
        return None
    values, limit = constant_values(tensor), WeightScheme(_BITS[INT4_WEIGHTS]).limit
    scale = block_scale(values, size, limit)
    if not np.isfinite(scale).all():
        return None
    scale = np.where(scale > 0, scale, np.float16(1))
    return dataclasses.replace(
        tensor,
        name=f"{tensor.name}_int4",
        type=TensorType.INT4,
        blocks=BlockQuantization(scale, size),
        data=quantize_blocks(values, scale, limit).astype(np.int8),
        trained_weights=None,
    )


def _stored(tensor: Tensor, constant: Tensor, version: int) -> _Stored:
    real = dataclasses.replace(tensor, data=None, trained_weights=None)
    return _Stored(constant, real, _dequantize(constant, real, version))


def _dequantize(source: Tensor, result: Tensor, version: int) -> Operator:
    return Operator("DEQUANTIZE", [source], [result], schema.DequantizeOptionsT(), version)


def _set_rounding(operator: Operator, asymmetric: bool) -> None:
    if hasattr(operator.options, "asymmetricQuantizeInputs"):
        operator.options = copy.copy(operator.options)
        operator.options.asymmetricQuantizeInputs = asymmetric
