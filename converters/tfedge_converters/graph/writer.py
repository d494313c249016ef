"""Writer from a typed Model to a .tflite flatbuffer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.atomic_writing import write_atomically
from tfedge.errors import UnsupportedError
from tfedge_converters.graph.packing import pack
from tfedge_converters.graph.reader import FILE_IDENTIFIER
from tfedge_converters.graph.sequences import KEEPS_STATE, always_kept
from tfedge_converters.graph.types import (
    BlockQuantization,
    Graph,
    Model,
    Operator,
    Signature,
    Tensor,
    TensorType,
)

SCHEMA_VERSION = 3

# Kernels load whole words and vectors from constants: the schema asks for this alignment.
BUFFER_ALIGNMENT = 16

_MAX_BYTES = (1 << 31) - 1
_LARGEST_DEPRECATED_CODE = 127
_EMPTY_BUFFER = 0
_NO_TENSOR = -1

# Options tables that belong to the second union of the schema.
_SECOND_UNION = {
    name: number for name, number in vars(schema.BuiltinOptions2).items() if name[0].isupper()
}
_FIRST_UNION = {
    name: number for name, number in vars(schema.BuiltinOptions).items() if name[0].isupper()
}


def write_file(model: Model, path: str | Path) -> None:
    """Write `model` to `path`; the file appears whole or not at all."""
    write_atomically(Path(path), write_model(model))


def write_model(model: Model, entries: Mapping[str, bytes] | None = None) -> bytes:
    """Encode a model. The same model gives the same bytes every time.

    Args:
        model: the graph.
        entries: metadata that is true of this file alone, see `graph/metadata.py`.

    Raises:
        UnsupportedError: the constants take more than 2 GiB.
    """
    return _Writer(model, entries or {}).write()


class _Writer:
    def __init__(self, model: Model, entries: Mapping[str, bytes]):
        self.model = model
        self.entries = {**model.metadata, **entries, **_kept_states(model)}
        self.buffers: list[bytes] = [b""]
        self.buffer_index: dict[bytes, int] = {}
        self.constant_index: dict[tuple[int, int], int] = {}
        self.codes: dict[tuple[str, str, int], int] = {}
        self.block_scales: dict[int, Tensor] = {}
        self.tensors: dict[int, list[Tensor]] = {}
        self.tensor_index: dict[int, dict[int, int]] = {}
        for graph in model.graphs:
            tensors = self._listed(graph)
            self.tensors[id(graph)] = tensors
            self.tensor_index[id(graph)] = {id(t): i for i, t in enumerate(tensors)}

    def _listed(self, graph: Graph) -> list[Tensor]:
        """The tensors of a graph, and behind them the scales of blocks: tensors too in files."""
        tensors = list(graph.tensors())
        in_blocks = [tensor for tensor in tensors if tensor.blocks is not None]
        for tensor in in_blocks:
            self.block_scales.setdefault(id(tensor), _scales_of_blocks(tensor))
        return tensors + [self.block_scales[id(tensor)] for tensor in in_blocks]

    def write(self) -> bytes:
        self.builder = flatbuffers.Builder(1 << 16)
        graphs = self._offsets([self._graph(graph) for graph in self.model.graphs])
        signatures = self._offsets([self._signature(item) for item in self.model.signatures])
        metadata = self._offsets([self._metadata(*item) for item in self.entries.items()])
        codes = self._offsets([self._code(*code) for code in self.codes])
        buffers = self._offsets(self._buffers())
        description = self.builder.CreateString(self.model.description or "tfedge")
        build = self.builder
        schema.ModelStart(build)
        schema.ModelAddVersion(build, SCHEMA_VERSION)
        schema.ModelAddOperatorCodes(build, codes)
        schema.ModelAddSubgraphs(build, graphs)
        schema.ModelAddDescription(build, description)
        schema.ModelAddBuffers(build, buffers)
        if self.entries:
            schema.ModelAddMetadata(build, metadata)
        if self.model.signatures:
            schema.ModelAddSignatureDefs(build, signatures)
        build.Finish(schema.ModelEnd(build), FILE_IDENTIFIER)
        return bytes(build.Output())

    def _offsets(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def _numbers(self, values: Any, dtype: str) -> int:
        return self.builder.CreateNumpyVector(np.asarray(values, dtype).reshape(-1))

    def _bytes(self, data: bytes, alignment: int) -> int:
        build = self.builder
        build.StartVector(1, len(data), alignment)
        build.head = build.head - len(data)
        build.Bytes[build.head : build.head + len(data)] = data
        return build.EndVector()

    def _buffer(self, data: bytes) -> int:
        """The number of the buffer with this content; equal constants share one."""
        if data not in self.buffer_index:
            self.buffer_index[data] = len(self.buffers)
            self.buffers.append(data)
        return self.buffer_index[data]

    def _constant(self, tensor: Tensor) -> int:
        """The number of a constant's buffer; many tensors may have one array."""
        key = (id(tensor.data), tensor.type)
        if key not in self.constant_index:
            self.constant_index[key] = self._buffer(_constant_bytes(tensor))
        return self.constant_index[key]

    def _buffers(self) -> list[int]:
        total = sum(len(data) for data in self.buffers)
        if total > _MAX_BYTES:
            raise UnsupportedError(
                f"the model's constants take {total} bytes; a flatbuffer holds at most 2 GiB"
            )
        tables = []
        for data in self.buffers:
            offset = self._bytes(data, BUFFER_ALIGNMENT) if data else None
            schema.BufferStart(self.builder)
            if offset is not None:
                schema.BufferAddData(self.builder, offset)
            tables.append(schema.BufferEnd(self.builder))
        return tables

    def _code(self, code: str, custom_name: str, version: int) -> int:
        number = getattr(schema.BuiltinOperator, code)
        name = self.builder.CreateString(custom_name) if custom_name else None
        build = self.builder
        schema.OperatorCodeStart(build)
        # Readers from before 2020 look at the one-byte field only.
        schema.OperatorCodeAddDeprecatedBuiltinCode(build, min(number, _LARGEST_DEPRECATED_CODE))
        if name is not None:
            schema.OperatorCodeAddCustomCode(build, name)
        schema.OperatorCodeAddVersion(build, version)
        schema.OperatorCodeAddBuiltinCode(build, number)
        return schema.OperatorCodeEnd(build)

    def _graph(self, graph: Graph) -> int:
        index = self.tensor_index[id(graph)]
        tensors = self._offsets([self._tensor(tensor, index) for tensor in self.tensors[id(graph)]])
        operators = self._offsets([self._operator(item, index) for item in graph.operators])
        inputs = self._indices(graph.inputs, index)
        outputs = self._indices(graph.outputs, index)
        name = self.builder.CreateString(graph.name)
        build = self.builder
        schema.SubGraphStart(build)
        schema.SubGraphAddTensors(build, tensors)
        schema.SubGraphAddInputs(build, inputs)
        schema.SubGraphAddOutputs(build, outputs)
        schema.SubGraphAddOperators(build, operators)
        schema.SubGraphAddName(build, name)
        return schema.SubGraphEnd(build)

    def _indices(self, tensors: Sequence[Tensor | None], index: dict[int, int]) -> int:
        return self._numbers([_NO_TENSOR if t is None else index[id(t)] for t in tensors], "<i4")

    def _tensor(self, tensor: Tensor, index: dict[int, int]) -> int:
        build = self.builder
        name = build.CreateString(tensor.name)
        shape = self._numbers(tensor.shape, "<i4")
        signature = (
            None if tensor.shape_signature is None else self._numbers(tensor.shape_signature, "<i4")
        )
        quantization = self._quantization(tensor, index)
        buffer = _EMPTY_BUFFER if tensor.data is None else self._constant(tensor)
        schema.TensorStart(build)
        schema.TensorAddShape(build, shape)
        schema.TensorAddType(build, int(tensor.type))
        schema.TensorAddBuffer(build, buffer)
        schema.TensorAddName(build, name)
        schema.TensorAddIsVariable(build, tensor.is_variable)
        schema.TensorAddHasRank(build, True)
        _add_if(build, schema.TensorAddQuantization, quantization)
        _add_if(build, schema.TensorAddShapeSignature, signature)
        return schema.TensorEnd(build)

    def _quantization(self, tensor: Tensor, index: dict[int, int]) -> int | None:
        if tensor.blocks is not None:
            return self._blocks(tensor.blocks, index[id(self.block_scales[id(tensor)])])
        quantization = tensor.quantization
        if quantization is None:
            return None
        scale = self._numbers(quantization.scale, "<f4")
        zero_point = self._numbers(quantization.zero_point, "<i8")
        build = self.builder
        schema.QuantizationParametersStart(build)
        schema.QuantizationParametersAddScale(build, scale)
        schema.QuantizationParametersAddZeroPoint(build, zero_point)
        schema.QuantizationParametersAddQuantizedDimension(build, quantization.axis)
        return schema.QuantizationParametersEnd(build)

    def _blocks(self, blocks: BlockQuantization, scales: int) -> int:
        build = self.builder
        schema.BlockwiseQuantizationStart(build)
        schema.BlockwiseQuantizationAddScales(build, scales)
        schema.BlockwiseQuantizationAddZeroPoints(build, _NO_TENSOR)
        schema.BlockwiseQuantizationAddBlockSize(build, blocks.block_size)
        details = schema.BlockwiseQuantizationEnd(build)
        schema.QuantizationParametersStart(build)
        schema.QuantizationParametersAddDetailsType(
            build, schema.QuantizationDetails.BlockwiseQuantization
        )
        schema.QuantizationParametersAddDetails(build, details)
        return schema.QuantizationParametersEnd(build)

    def _operator(self, operator: Operator, index: dict[int, int]) -> int:
        build = self.builder
        key = (operator.code, operator.custom_name, operator.version)
        code = self.codes.setdefault(key, len(self.codes))
        inputs = self._indices(operator.inputs, index)
        outputs = self._indices(operator.outputs, index)
        intermediates = (
            self._indices(operator.intermediates, index) if operator.intermediates else None
        )
        mutating = (
            self._numbers(operator.mutating_inputs, "?") if operator.mutating_inputs else None
        )
        custom = self._bytes(operator.custom_options, 4) if operator.custom_options else None
        options = None if operator.options is None else operator.options.Pack(build)
        schema.OperatorStart(build)
        schema.OperatorAddOpcodeIndex(build, code)
        schema.OperatorAddInputs(build, inputs)
        schema.OperatorAddOutputs(build, outputs)
        if options is not None:
            _add_options(build, type(operator.options).__name__.removesuffix("T"), options)
        _add_if(build, schema.OperatorAddCustomOptions, custom)
        _add_if(build, schema.OperatorAddIntermediates, intermediates)
        _add_if(build, schema.OperatorAddMutatingVariableInputs, mutating)
        return schema.OperatorEnd(build)

    def _signature(self, signature: Signature) -> int:
        build = self.builder
        index = self.tensor_index[id(signature.graph)]
        inputs = self._offsets(self._names(signature.inputs, index))
        outputs = self._offsets(self._names(signature.outputs, index))
        key = build.CreateString(signature.key)
        position = [id(graph) for graph in self.model.graphs].index(id(signature.graph))
        schema.SignatureDefStart(build)
        schema.SignatureDefAddInputs(build, inputs)
        schema.SignatureDefAddOutputs(build, outputs)
        schema.SignatureDefAddSignatureKey(build, key)
        schema.SignatureDefAddSubgraphIndex(build, position)
        return schema.SignatureDefEnd(build)

    def _names(self, tensors: dict[str, Tensor], index: dict[int, int]) -> list[int]:
        tables = []
        for name, tensor in tensors.items():
            text = self.builder.CreateString(name)
            schema.TensorMapStart(self.builder)
            schema.TensorMapAddName(self.builder, text)
            schema.TensorMapAddTensorIndex(self.builder, index[id(tensor)])
            tables.append(schema.TensorMapEnd(self.builder))
        return tables

    def _metadata(self, name: str, data: bytes) -> int:
        text = self.builder.CreateString(name)
        schema.MetadataStart(self.builder)
        schema.MetadataAddName(self.builder, text)
        schema.MetadataAddBuffer(self.builder, self._buffer(data))
        return schema.MetadataEnd(self.builder)


def _kept_states(model: Model) -> dict[str, bytes]:
    implied = {id(tensor) for graph in model.graphs for tensor in always_kept(graph)}
    names = {
        tensor.name: None
        for graph in model.graphs
        for tensor in graph.tensors()
        if tensor.keeps_state and id(tensor) not in implied
    }
    return {KEEPS_STATE: json.dumps(list(names)).encode()} if names else {}


def _scales_of_blocks(tensor: Tensor) -> Tensor:
    assert tensor.blocks is not None
    scale = tensor.blocks.scale
    return Tensor(f"{tensor.name}_scales", scale.shape, TensorType.FLOAT16, data=scale)


def _constant_bytes(tensor: Tensor) -> bytes:
    assert tensor.data is not None
    if tensor.type.dtype is None:
        return tensor.data.tobytes()
    return pack(tensor.data, tensor.type)


def _add_if(build: Any, add: Callable[[Any, int], None], offset: int | None) -> None:
    if offset is not None:
        add(build, offset)


def _add_options(build: Any, name: str, offset: int) -> None:
    if name in _FIRST_UNION:
        schema.OperatorAddBuiltinOptionsType(build, _FIRST_UNION[name])
        schema.OperatorAddBuiltinOptions(build, offset)
    else:
        schema.OperatorAddBuiltinOptions2Type(build, _SECOND_UNION[name])
        schema.OperatorAddBuiltinOptions2(build, offset)
