"""Reader from a .tflite flatbuffer to a typed Model.

The bytes are not trusted. Every reference is checked before it is followed, work
is bounded by the size of the file, and whatever is wrong ends in one
ModelFileError that says where.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import ModelFileError, TfedgeError, UnsupportedError
from tfedge.files import read_bytes
from tfedge.json_form import Form
from tfedge_converters.file_kinds import describe_foreign
from tfedge_converters.graph.lut_compression import is_decode, restored
from tfedge_converters.graph.metadata import COMPRESSION, OF_ONE_FILE
from tfedge_converters.graph.packing import unpack
from tfedge_converters.graph.sequences import KEEPS_STATE, always_kept
from tfedge_converters.graph.types import (
    BlockQuantization,
    Graph,
    Model,
    Operator,
    Quantization,
    Signature,
    Tensor,
    TensorType,
)

FILE_IDENTIFIER = b"TFL3"

_STATES = Form({"type": "array", "description": "a list of names", "items": {"type": "string"}})

_MAX_RANK = 16
_MAX_BYTES = 1 << 31
_NO_TENSOR = -1
_SHARING, _OFFSET_BYTES = 4, 4

_BLOCKWISE = schema.QuantizationDetails.BlockwiseQuantization
_READ_DETAILS = frozenset({schema.QuantizationDetails.NONE, _BLOCKWISE})
_IN_BLOCKS = frozenset({TensorType.INT8, TensorType.INT4, TensorType.INT2})

_OPERATOR_NAMES = {
    number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()
}

# What decoding a flatbuffer with wrong offsets can raise in Python.
_DECODING_ERRORS = (
    struct.error,
    IndexError,
    KeyError,
    ValueError,
    TypeError,
    OverflowError,
    AttributeError,
    AssertionError,
    MemoryError,
    RecursionError,
)

T = TypeVar("T")


def read_file(path: str | Path) -> Model:
    """Read a .tflite file.

    Raises:
        TfedgeError: the file cannot be opened.
        ModelFileError: it is not a valid TFLite flatbuffer.
    """
    return read_model(read_bytes(Path(path)), source=str(path))


def read_model(data: bytes, *, source: str = "model", restore: bool = True) -> Model:
    """Decode a TFLite flatbuffer.

    Args:
        data: the whole file. Constant tensors refer to it without a copy.
        source: what error messages call it, e.g. the file's path.
        restore: whether constants that are compressed for TFLite Micro are the graph's, instead of
            the operators that restore them.

    Raises:
        ModelFileError: the bytes are truncated, inconsistent or of another kind.
    """
    if len(data) < 8 or data[4:8] != FILE_IDENTIFIER:
        raise ModelFileError(
            f"{source}: not a TFLite flatbuffer (bytes 4 to 8 should read 'TFL3'): "
            f"{describe_foreign(data, source)}"
        )
    return _Reader(bytes(data), source, restore).read()


class _Reader:
    """One walk through the flatbuffer; `place` says where it stands when something is wrong."""

    def __init__(self, data: bytes, source: str, restore: bool):
        self.data = data
        self.source = source
        self.restore = restore
        self.was_compressed = False
        self.place: list[str] = []
        # Every number and every letter takes a byte of the file, and every table an offset. Tables
        # may be shared, but a file that asks for much more than it has reaches the same ones again
        # and again.
        self.bytes_left = _SHARING * len(data)
        self.constants: dict[tuple[int, TensorType, tuple[int, ...]], np.ndarray | None] = {}

    def read(self) -> Model:
        try:
            self.root = schema.Model.GetRootAs(self.data, 0)
            return self._model()
        except ModelFileError:
            raise
        except _DECODING_ERRORS as error:
            raise self._error(f"the file is truncated or corrupt ({error})") from error

    def _error(self, message: str) -> ModelFileError:
        place = ", ".join(self.place)
        return ModelFileError(f"{self.source}: {place + ': ' if place else ''}{message}")

    @contextmanager
    def _at(self, place: str) -> Iterator[None]:
        self.place.append(place)
        yield
        self.place.pop()

    def _spend(self, entries: int, entry_bytes: int = 1) -> int:
        self.bytes_left -= entries * entry_bytes
        if entries < 0 or self.bytes_left < 0:
            raise self._error("more entries are claimed than the file can hold")
        return entries

    def _vector(self, length: int, entry: Callable[[int], T], what: str) -> list[T]:
        items = []
        for index in range(self._spend(length, _OFFSET_BYTES)):
            with self._at(f"{what} {index}"):
                items.append(entry(index))
        return items

    def _pick(self, items: list[T], index: int, what: str) -> T:
        if not 0 <= index < len(items):
            raise self._error(f"{what} {index} does not exist (there are {len(items)})")
        return items[index]

    def _model(self) -> Model:
        root = self.root
        self.codes = self._vector(root.OperatorCodesLength(), self._code, "operator code")
        metadata = dict(self._vector(root.MetadataLength(), self._metadata, "metadata"))
        if COMPRESSION in metadata:
            raise self._error(
                "its weights are compressed for TFLite Micro; give the file that it was before"
            )
        graphs = self._vector(root.SubgraphsLength(), self._graph, "subgraph")
        if not graphs:
            raise self._error("the file holds no graph")
        self.graphs = graphs
        self._mark_states(metadata.pop(KEEPS_STATE, b"[]"))
        for name in OF_ONE_FILE & metadata.keys():
            del metadata[name]
        return Model(
            graphs=[graph for graph, _ in graphs],
            signatures=self._vector(root.SignatureDefsLength(), self._signature, "signature"),
            metadata=metadata,
            description=self._text(root.Description()),
            was_compressed=self.was_compressed,
        )

    def _code(self, index: int) -> tuple[str, str, int]:
        code = self.root.OperatorCodes(index)
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number not in _OPERATOR_NAMES:
            raise self._error(f"operator number {number} is unknown to this version of tfedge")
        return _OPERATOR_NAMES[number], self._text(code.CustomCode()), code.Version()

    def _graph(self, index: int) -> tuple[Graph, list[Tensor]]:
        table = self.root.Subgraphs(index)
        tensors = self._vector(
            table.TensorsLength(), lambda i: self._tensor(table.Tensors(i)), "tensor"
        )
        for position, tensor in enumerate(tensors):
            with self._at(f"tensor {position}"):
                tensor.blocks = self._blocks(table.Tensors(position), tensor, tensors)
        graph = Graph(
            inputs=self._tensors(tensors, table.InputsLength(), table.Inputs),
            outputs=self._tensors(tensors, table.OutputsLength(), table.Outputs),
            operators=self._vector(
                table.OperatorsLength(),
                lambda i: self._operator(table.Operators(i), tensors),
                "operator",
            ),
            name=self._text(table.Name()) or "main",
        )
        self._check_order(graph)
        if self.restore:
            self._restore_constants(graph)
        return graph, tensors

    def _restore_constants(self, graph: Graph) -> None:
        restoring = [operator for operator in graph.operators if is_decode(operator)]
        self.was_compressed |= bool(restoring)
        for operator in restoring:
            # Whatever is restored takes at least a bit there, which operators may share.
            self._spend(sum(operand.byte_size for operand in operator.inputs if operand))
            try:
                values = restored(operator)
            except UnsupportedError as error:
                raise self._error(str(error)) from None
            for tensor, value in zip(operator.outputs, values, strict=True):
                tensor.data = value
        graph.operators = [op for op in graph.operators if not is_decode(op)]

    def _tensors(
        self, tensors: list[Tensor], length: int, entry: Callable[[int], int]
    ) -> list[Tensor]:
        return [
            self._pick(tensors, int(entry(index)), "tensor") for index in range(self._spend(length))
        ]

    def _tensor(self, table: Any) -> Tensor:
        try:
            type_ = TensorType(table.Type())
        except ValueError:
            raise self._error(f"element type {table.Type()} is unknown") from None
        shape = self._shape(table.ShapeLength(), table.Shape)
        signature = tuple(
            int(table.ShapeSignature(i)) for i in range(self._spend(table.ShapeSignatureLength()))
        )
        tensor = Tensor(
            name=self._text(table.Name()),
            shape=shape,
            type=type_,
            shape_signature=signature or None,
            is_variable=bool(table.IsVariable()),
        )
        # Empty tensors too: numpy makes none whose other sizes are too large.
        if (type_.byte_size(math.prod(max(size, 1) for size in shape)) or 0) >= _MAX_BYTES:
            raise self._error(f"'{tensor.name}' of shape {shape} is larger than 2 GiB")
        tensor.quantization = self._quantization(table.Quantization(), tensor)
        if table.Sparsity() is not None:
            raise self._error(
                f"'{tensor.name}' is stored sparse, which no kernel for microcontrollers reads; "
                "convert the Keras model again without sparsity optimisation"
            )
        tensor.data = self._constant(table.Buffer(), tensor)
        return tensor

    def _shape(self, length: int, entry: Callable[[int], int]) -> tuple[int, ...]:
        if length > _MAX_RANK:
            raise self._error(f"a tensor of {length} dimensions; at most {_MAX_RANK} are possible")
        shape = tuple(int(entry(index)) for index in range(length))
        if any(size < 0 for size in shape):
            raise self._error(f"a negative size in shape {shape}")
        return shape

    def _quantization(self, table: Any, tensor: Tensor) -> Quantization | None:
        if table is None or (table.ScaleLength() == 0 and table.DetailsType() in _READ_DETAILS):
            return None
        if table.DetailsType():
            raise self._error(
                f"'{tensor.name}' is quantised in a form other than one scale a tensor, channel or "
                "block"
            )
        count = self._spend(table.ScaleLength())
        scale = np.array(table.ScaleAsNumpy(), np.float32)
        points = table.ZeroPointLength()
        zero_point = np.array(table.ZeroPointAsNumpy() if points else np.zeros(count), np.int64)
        if zero_point.size == 1:
            zero_point = np.repeat(zero_point, count)
        axis = self._axis(int(table.QuantizedDimension()), count, tensor)
        if zero_point.size != count:
            raise self._error(f"'{tensor.name}' has {count} scales but {points} zero points")
        if not (np.isfinite(scale).all() and (scale >= 0).all()):
            raise self._error(f"'{tensor.name}' has a scale that is negative or not a number")
        if count > 1 and not (0 <= axis < len(tensor.shape) and tensor.shape[axis] == count):
            raise self._error(
                f"'{tensor.name}' has {count} scales along axis {axis} of shape {tensor.shape}"
            )
        return Quantization(scale, zero_point, axis)

    def _axis(self, recorded: int, count: int, tensor: Tensor) -> int:
        """The dimension that scales run along.

        Interpreters do not read a bias's, and converters have recorded those of the weights there:
        where all elements lie along one dimension, there is but one that can be meant.
        """
        if count > 1 and count == tensor.elements and count in tensor.shape:
            return tensor.shape.index(count)
        return recorded

    def _blocks(
        self, table: Any, tensor: Tensor, tensors: list[Tensor]
    ) -> BlockQuantization | None:
        """The scales of a tensor's blocks, which are another tensor of its graph."""
        quantization = table.Quantization()
        if quantization is None or quantization.DetailsType() != _BLOCKWISE:
            return None
        details = schema.BlockwiseQuantization()
        details.Init(quantization.Details().Bytes, quantization.Details().Pos)
        if tensor.data is None or len(tensor.shape) != 2 or tensor.type not in _IN_BLOCKS:
            raise self._error(
                f"'{tensor.name}' of shape {tensor.shape} and type {tensor.type.name} has scales "
                "of blocks; a constant matrix of signed integers can have them"
            )
        if (
            details.ZeroPoints() != _NO_TENSOR
            or details.BlockShapeLength()
            or quantization.QuantizedDimension() != 0
        ):
            raise self._error(
                f"'{tensor.name}' has blocks with zero points, of two dimensions or across rows, "
                "which no kernel reads"
            )
        (rows, columns), size = tensor.shape, details.BlockSize()
        if size <= 0 or columns % size:
            raise self._error(f"'{tensor.name}' of {columns} columns has blocks of {size}")
        return BlockQuantization(
            self._block_scales(tensor, details.Scales(), tensors, (rows, columns // size)), size
        )

    def _block_scales(
        self, tensor: Tensor, index: int, tensors: list[Tensor], shape: tuple[int, int]
    ) -> np.ndarray:
        scales = self._pick(tensors, index, "tensor")
        if scales.data is None or (scales.type, scales.shape) != (TensorType.FLOAT16, shape):
            raise self._error(
                f"the blocks of '{tensor.name}' need constant scales of type FLOAT16 and shape "
                f"{shape}; '{scales.name}' is {scales.type.name} of shape {scales.shape}"
            )
        self._spend(scales.elements)
        if not (np.isfinite(scales.data).all() and (scales.data >= 0).all()):
            raise self._error(f"'{scales.name}' has a scale that is negative or not a number")
        return scales.data

    def _constant(self, index: int, tensor: Tensor) -> np.ndarray | None:
        if index == 0 or tensor.is_variable:
            return None
        key = (index, tensor.type, tensor.shape)
        if key not in self.constants:
            self.constants[key] = self._decode_constant(self._buffer(index), tensor)
        return self.constants[key]

    def _buffer(self, index: int) -> np.ndarray:
        if index >= self.root.BuffersLength():
            raise self._error(
                f"buffer {index} does not exist (there are {self.root.BuffersLength()})"
            )
        buffer = self.root.Buffers(index)
        if buffer.Offset() > 1:  # data behind the flatbuffer, as files of 2 GiB and more have it
            end = buffer.Offset() + buffer.Size()
            if end > len(self.data):
                raise self._error(f"buffer {index} ends at byte {end} of {len(self.data)}")
            return np.frombuffer(self.data, np.uint8, buffer.Size(), buffer.Offset())
        if buffer.DataLength() == 0:
            return np.empty(0, np.uint8)
        raw = buffer.DataAsNumpy()
        return np.asarray(raw, np.uint8)

    def _decode_constant(self, raw: np.ndarray, tensor: Tensor) -> np.ndarray | None:
        if tensor.type.dtype is None:
            return raw if raw.size else None
        if raw.size == 0 and tensor.elements:
            return None
        if raw.size != tensor.byte_size:
            raise self._error(
                f"'{tensor.name}' of shape {tensor.shape} and type {tensor.type.name} needs "
                f"{tensor.byte_size} bytes but its buffer has {raw.size}"
            )
        self._spend(tensor.elements if (tensor.type.bits or 8) < 8 else 0)
        return unpack(raw, tensor.type, tensor.elements).reshape(tensor.shape)

    def _operator(self, table: Any, tensors: list[Tensor]) -> Operator:
        code, custom_name, version = self._pick(self.codes, table.OpcodeIndex(), "operator code")
        inputs = [int(table.Inputs(i)) for i in range(self._spend(table.InputsLength()))]
        custom = self._spend(table.CustomOptionsLength())
        if table.LargeCustomOptionsSize():
            raise self._error("custom options outside the flatbuffer are not supported")
        return Operator(
            code=code,
            inputs=[None if i == _NO_TENSOR else self._pick(tensors, i, "tensor") for i in inputs],
            outputs=self._tensors(tensors, table.OutputsLength(), table.Outputs),
            options=self._options(table),
            version=version,
            custom_name=custom_name if code == "CUSTOM" else "",
            custom_options=bytes(table.CustomOptionsAsNumpy()) if custom else b"",
            intermediates=self._tensors(tensors, table.IntermediatesLength(), table.Intermediates),
            mutating_inputs=[
                bool(table.MutatingVariableInputs(i))
                for i in range(self._spend(table.MutatingVariableInputsLength()))
            ],
        )

    def _check_order(self, graph: Graph) -> None:
        for tensor in graph.inputs:
            if tensor.is_constant:
                raise self._error(f"the graph's input '{tensor.name}' is a constant")
        made = {id(tensor) for tensor in graph.inputs}
        for operator in graph.operators:
            for operand in operator.inputs:
                known = operand is None or operand.is_constant or operand.is_variable
                if operand is not None and not known and id(operand) not in made:
                    raise self._error(
                        f"{graph.place(operator)} reads '{operand.name}' before anything makes it"
                    )
            for tensor in operator.outputs:
                if tensor.is_constant or id(tensor) in made:
                    raise self._error(
                        f"{graph.place(operator)} writes '{tensor.name}', which has a value already"
                    )
                made.add(id(tensor))
        for tensor in graph.outputs:
            if not (id(tensor) in made or tensor.is_constant or tensor.is_variable):
                raise self._error(f"the graph's output '{tensor.name}' is never made")

    def _signature(self, index: int) -> Signature:
        table = self.root.SignatureDefs(index)
        graph, tensors = self._pick(self.graphs, table.SubgraphIndex(), "subgraph")
        return Signature(
            key=self._text(table.SignatureKey()),
            inputs=self._names(tensors, graph.inputs, table.InputsLength(), table.Inputs),
            outputs=self._names(tensors, graph.outputs, table.OutputsLength(), table.Outputs),
            graph=graph,
        )

    def _names(
        self, tensors: list[Tensor], allowed: list[Tensor], length: int, entry: Callable[[int], Any]
    ) -> dict[str, Tensor]:
        """Map argument names to tensors, of which each must be `allowed`."""
        names = {}
        for index in range(self._spend(length)):
            name = self._text(entry(index).Name())
            names[name] = self._pick(tensors, entry(index).TensorIndex(), "tensor")
            if not any(names[name] is tensor for tensor in allowed):
                raise self._error(f"'{name}' is not an input or output of the graph")
        return names

    def _metadata(self, index: int) -> tuple[str, bytes]:
        table = self.root.Metadata(index)
        value = self._buffer(table.Buffer())
        self._spend(value.size)
        return self._text(table.Name()), bytes(value)

    def _mark_states(self, listed: bytes) -> None:
        try:
            names = set(_STATES.parsed(listed, f"metadata '{KEEPS_STATE}'"))
        except TfedgeError as error:
            raise self._error(str(error)) from None
        variables = [t for _, tensors in self.graphs for t in tensors if t.is_variable]
        unknown = names - {tensor.name for tensor in variables}
        if unknown:
            raise self._error(
                f"metadata '{KEEPS_STATE}' names '{min(unknown)}', which is no variable"
            )
        for tensor in variables:
            tensor.keeps_state = tensor.name in names
        for graph, _ in self.graphs:
            for tensor in always_kept(graph):
                tensor.keeps_state = True

    def _text(self, raw: bytes | None) -> str:
        if raw is None:
            return ""
        self._spend(len(raw))
        return raw.decode("utf-8", "replace")

    def _options(self, table: Any) -> Any:
        """The options object of an operator, from whichever of the two unions holds it."""
        options = None
        if table.BuiltinOptions() is not None:
            options = schema.BuiltinOptionsCreator(
                table.BuiltinOptionsType(), table.BuiltinOptions()
            )
        elif table.BuiltinOptions2() is not None:
            options = schema.BuiltinOptions2Creator(
                table.BuiltinOptions2Type(), table.BuiltinOptions2()
            )
        self._spend(_entries(options))
        return options


def _entries(value: Any) -> int:
    """Entries of all vectors in one of the schema's objects, and in the objects that it holds."""
    if isinstance(value, list):
        return len(value) + sum(map(_entries, value))
    if isinstance(value, (np.ndarray, bytes, str)):
        return len(value)
    return sum(map(_entries, vars(value).values())) if hasattr(value, "__dict__") else 0
