"""The typed graph: what a TFLite flatbuffer says, as Python objects.

Tensors and operators are compared by identity: two tensors with the same name
are two tensors. A tensor belongs to a graph by being an input, an output or an
operand of it, so there is no list of tensors to keep up to date.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfedge.calibration.ranges import Range
from tfedge.terminal_text import readable

# An exponent in memory, see `Tensor.has_exponent`.
EXPONENT_BYTES = 4


class TensorType(enum.IntEnum):
    """Element types, with the numbers of the TFLite schema."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22

    @property
    def bits(self) -> int | None:
        """Bits that one element takes in the file; None where elements have no fixed size."""
        return _BITS.get(self)

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The numpy type of `Tensor.data`; None for types that stay raw bytes.

        Elements narrower than a byte are held unpacked, one a byte.
        """
        name = _DTYPES.get(self)
        return None if name is None else np.dtype(name)

    def byte_size(self, elements: int) -> int | None:
        """Bytes that `elements` elements take in the file or an arena; None if not fixed."""
        return None if self.bits is None else (elements * self.bits + 7) // 8


_DTYPES = {
    TensorType.FLOAT32: "<f4",
    TensorType.FLOAT16: "<f2",
    TensorType.INT32: "<i4",
    TensorType.UINT8: "u1",
    TensorType.INT64: "<i8",
    TensorType.BOOL: "?",
    TensorType.INT16: "<i2",
    TensorType.COMPLEX64: "<c8",
    TensorType.INT8: "i1",
    TensorType.FLOAT64: "<f8",
    TensorType.COMPLEX128: "<c16",
    TensorType.UINT64: "<u8",
    TensorType.UINT32: "<u4",
    TensorType.UINT16: "<u2",
    TensorType.INT4: "i1",
    TensorType.BFLOAT16: "<u2",
    TensorType.INT2: "i1",
    TensorType.UINT4: "u1",
    TensorType.FLOAT8_E4M3FN: "u1",
    TensorType.FLOAT8_E5M2: "u1",
}

_BITS = {type_: 8 * np.dtype(name).itemsize for type_, name in _DTYPES.items()} | {
    TensorType.INT4: 4,
    TensorType.UINT4: 4,
    TensorType.INT2: 2,
}


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation: real = scale * (integer - zero_point).

    Attributes:
        scale: float32 array of shape (1,) or, per channel, (channels,).
        zero_point: int64 array of the same shape as `scale`.
        axis: the dimension that channels run along; 0 when per tensor.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether channels have scales of their own."""
        return self.scale.size > 1

    @staticmethod
    def per_tensor(scale: float, zero_point: int) -> Quantization:
        """One scale (> 0) and zero point for the whole tensor."""
        return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))

    def numbers_of(self, type_: TensorType) -> tuple[float, float]:
        """Least and largest number that integers of a type stand for, per tensor."""
        assert type_.dtype is not None
        limits = np.iinfo(type_.dtype)
        zero_point, scale = int(self.zero_point[0]), float(self.scale[0])
        return (limits.min - zero_point) * scale, (limits.max - zero_point) * scale

    def same_as(self, other: Quantization | None) -> bool:
        """Whether both map every integer to the same real number."""
        return (
            other is not None
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
            and (self.axis == other.axis or not self.per_channel)
        )


@dataclass(frozen=True, eq=False)
class BlockQuantization:
    """Symmetric quantisation of the blocks of a matrix, which lie in its rows.

    real[row, column] = scale[row, column // block_size] * integer[row, column]

    Attributes:
        scale: float16 array of shape (rows, columns / block_size).
        block_size: columns of a block; divides those of the matrix.
    """

    scale: np.ndarray
    block_size: int


@dataclass(frozen=True, eq=False)
class WeightGrid:
    """The integers that training put the weights of an operator on.

    Attributes:
        scale: positive float32 array of shape (channels,) or (1,): real = scale * integer.
        bits: 2 to 8; integers lie within ±(2**(bits - 1) - 1).
        values: how many different values the weights shared in training, or None.
        number: of the operator in a model that is about to be trained, where recovery may still
            choose among the integers next to a weight; None where training has chosen.
    """

    scale: np.ndarray
    bits: int
    values: int | None = None
    number: int | None = None

    def same_as(self, other: WeightGrid) -> bool:
        """Whether both put every weight on the same integer."""
        return self.bits == other.bits and np.array_equal(self.scale, other.scale)

    @property
    def limit(self) -> int:
        """The largest integer."""
        return int(2 ** (self.bits - 1) - 1)


@dataclass(frozen=True, eq=False)
class SharedWeights:
    """Weights with few different values, but for the factors of their channels.

    Attributes:
        values: float32 of the weights' shape: weights = factors * values.
        factors: positive float32 array of shape (channels,).
    """

    values: np.ndarray
    factors: np.ndarray


@dataclass(eq=False)
class Tensor:
    """One value in a graph.

    Attributes:
        name: as in the file; empty if it had none.
        shape: non-negative sizes; () is a scalar.
        type: the element type.
        quantization: None for a tensor that holds real numbers or plain integers, and for one with
            `blocks`.
        data: the constant's value (of `type.dtype` and `shape`; raw uint8 for types
            without a dtype), or None for a value computed at run time.
        shape_signature: the shape with -1 where it is dynamic, or None.
        is_variable: whether interpreters keep its value between invocations.
        keeps_state: of a variable, whether the next invocation goes on where one ended; a metadata
            entry of files, see `graph/sequences.py`.
        range: annotation for the quantiser; not stored in files.
        bits: annotation for the quantiser, the width of an activation's integers: 8, 16, or None
            where the scheme decides; not stored in files.
        trained_weights: annotation for the quantiser, of a filter; not stored in files.
        shared_weights: annotation for the quantiser, of a filter; not stored in files.
        shared_values: annotation for reports, of integer weights: how many different values the
            real ones shared, or None; not stored in files.
        blocks: of a constant matrix of integers whose blocks have scales of their own, else None.
            What reads no such weights has to refuse them: `graph.blockwise_scales.refuse_blocks`.
        has_exponent: annotation for the C generator, not stored in files: in memory an exponent,
            which its elements of 8 bits share, comes before them.
        is_unsigned: annotation for the C generator, of such a tensor: its elements have no sign.
    """

    name: str
    shape: tuple[int, ...]
    type: TensorType
    quantization: Quantization | None = None
    data: np.ndarray | None = None
    shape_signature: tuple[int, ...] | None = None
    is_variable: bool = False
    keeps_state: bool = False
    range: Range | None = None
    bits: int | None = None
    trained_weights: WeightGrid | None = None
    shared_weights: SharedWeights | None = None
    shared_values: int | None = None
    blocks: BlockQuantization | None = None
    has_exponent: bool = False
    is_unsigned: bool = False

    @property
    def elements(self) -> int:
        """The product of the shape; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def byte_size(self) -> int:
        """Bytes in the file or an arena; 0 for types without a fixed size."""
        header = EXPONENT_BYTES if self.has_exponent else 0
        return header + (self.type.byte_size(self.elements) or 0)

    @property
    def is_constant(self) -> bool:
        """Whether the value is known before the graph runs."""
        return self.data is not None


@dataclass(eq=False)
class Operator:
    """One step of a graph.

    Attributes:
        code: the schema's BuiltinOperator name, e.g. "CONV_2D", or "CUSTOM".
        inputs: operands in the schema's order; None for an omitted optional one.
        outputs: results in the schema's order.
        options: the schema's options object, e.g. Conv2DOptionsT, or None.
        version: the operator version that the file asks for.
        custom_name: the name of a custom operator, else empty.
        custom_options: a custom operator's bytes, else empty.
        intermediates: internal tensors of fused recurrent operators.
        mutating_inputs: the schema's flags for variable inputs, else empty.
        uint8_semantics: annotation for the C generator, not stored in files: its int8 tensors are
            uint8 ones less 128, and it computes what LiteRT's uint8 kernel does.
        steps: annotation for the C generator, not stored in files: the operators that compute a
            BYTE_FUNCTION's result from its operand.
        bits: annotation for the quantiser, not stored in files: the width to compute in, where that
            is not the result's, which a QUANTIZE then makes; None for the result's.
    """

    code: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None
    version: int = 1
    custom_name: str = ""
    custom_options: bytes = b""
    intermediates: list[Tensor] = field(default_factory=list)
    mutating_inputs: list[bool] = field(default_factory=list)
    uint8_semantics: bool = False
    steps: tuple[Operator, ...] = ()
    bits: int | None = None

    @property
    def name(self) -> str:
        """Name for people: the custom name, or the code."""
        return readable(self.custom_name) or self.code

    @property
    def kind(self) -> str:
        """Key for tables: the code, behind which a custom operator has its name."""
        return f"{self.code} {self.custom_name}" if self.custom_name else self.code


@dataclass(eq=False)
class Graph:
    """Operators in an order in which they can run, from `inputs` to `outputs`."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    operators: list[Operator]
    name: str = "main"

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor once, in order of first appearance."""
        seen: set[int] = set()
        for tensor in self._mentions():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                yield tensor

    def _mentions(self) -> Iterator[Tensor | None]:
        yield from self.inputs
        for operator in self.operators:
            yield from operator.inputs
            yield from operator.intermediates
            yield from operator.outputs
        yield from self.outputs

    def position(self, operator: Operator) -> int:
        """Where an operator stands among the graph's, counted from 0."""
        return next(i for i, other in enumerate(self.operators) if other is operator)

    def place(self, operator: Operator) -> str:
        """Where an operator stands, in words for an error message."""
        position = self.position(operator)
        # Converters join the names of all operators that they fused, with semicolons.
        made = readable(operator.outputs[0].name.split(";")[0]) if operator.outputs else ""
        return f"operator {position} ({operator.name})" + (f" that makes '{made}'" if made else "")


@dataclass(eq=False)
class Signature:
    """A named entry point: argument and result names of the Keras model.

    Attributes:
        key: e.g. "serving_default".
        inputs, outputs: name to tensor of `graph`.
        graph: the graph that it enters.
    """

    key: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    graph: Graph


@dataclass(eq=False)
class Model:
    """A whole .tflite file.

    Attributes:
        graphs: the subgraphs; the first is the entry point.
        signatures: named entry points, possibly none.
        metadata: name to bytes, in the file's order.
        description: free text of the tool that wrote the file.
        was_compressed: whether the file that it was read from has constants in a form that TFLite
            Micro alone restores; they are restored here.
    """

    graphs: list[Graph]
    signatures: list[Signature] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)
    description: str = ""
    was_compressed: bool = False

    @property
    def main(self) -> Graph:
        """The graph that an interpreter runs when no signature is named."""
        return self.graphs[0]
