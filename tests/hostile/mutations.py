"""Damage that a hostile or broken converter could do to a .tflite file.

A mutation changes a model in the schema's own objects, which, unlike the typed graph, can hold any
nonsense. `damage_bytes` goes below them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Rng = np.random.Generator

SIZES = (0, 1, 2, 3, 7, 255, 4096, 65_536, 1 << 30, (1 << 31) - 1, -1, -(1 << 31))
INTEGERS = (0, 1, 2, 3, 4, 5, 127, 128, 1 << 16, 1 << 30, (1 << 31) - 1, -1, -2, -5, -(1 << 31))
SCALES = (0.0, np.nan, np.inf, -np.inf, -1.0, 1e-45, 1e-38, 1e-30, 1e-9, 1.0, 64.0, 1e9, 3e38)
ZERO_POINTS = (-129, -128, -1, 0, 127, 128, 255, 1 << 31, 1 << 40, -(1 << 63), (1 << 63) - 1)
REALS = (np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, 0.0, -0.0)
NAMES = (b"", b"a", b"a_1", b"*/ #error", b'"\\', b"\xff\xfe", b"main", b"x" * 3000, "µ\n".encode())


MUTATIONS: list[Callable[[Any, Rng], None]] = []


def mutation(function: Callable[[Any, Rng], None]) -> Callable[[Any, Rng], None]:
    """Adds a function to the mutations."""
    MUTATIONS.append(function)
    return function


class NothingToDamageError(Exception):
    """The model has no such part."""


def pick(rng: Rng, items: Sequence[Any] | None) -> Any:
    item = None if items is None or len(items) == 0 else items[int(rng.integers(len(items)))]
    if item is None:
        raise NothingToDamageError
    return item


def graph_of(model: Any, rng: Rng) -> Any:
    return pick(rng, model.subgraphs)


def tensor_of(model: Any, rng: Rng) -> Any:
    return pick(rng, graph_of(model, rng).tensors)


def operator_of(model: Any, rng: Rng) -> Any:
    return pick(rng, graph_of(model, rng).operators)


def put(rng: Rng, values: Any, choices: Sequence[Any]) -> list[Any]:
    """A list with one entry replaced, added or dropped."""
    values = [] if values is None else list(values)
    how = int(rng.integers(6))
    if how == 0 or not values:
        values.insert(int(rng.integers(len(values) + 1)), pick(rng, choices))
    elif how == 1:
        values.pop(int(rng.integers(len(values))))
    else:
        values[int(rng.integers(len(values)))] = pick(rng, choices)
    return values


@mutation
def change_shape(model, rng):
    tensor = tensor_of(model, rng)
    tensor.shape = put(rng, tensor.shape, SIZES)


@mutation
def permute_shape(model, rng):
    tensor = tensor_of(model, rng)
    tensor.shape = rng.permutation(np.asarray(pick(rng, [tensor.shape]), np.int32)).tolist()


@mutation
def merge_dimensions(model, rng):
    tensor = tensor_of(model, rng)
    shape = [int(size) for size in pick(rng, [tensor.shape])]
    tensor.shape = [*shape[:-2], int(np.prod(shape[-2:], dtype=object)) & 0x7FFFFFFF]


@mutation
def swap_shapes(model, rng):
    a, b = tensor_of(model, rng), tensor_of(model, rng)
    a.shape, b.shape = b.shape, a.shape


@mutation
def no_shape(model, rng):
    tensor_of(model, rng).shape = None


@mutation
def long_shape(model, rng):
    tensor = tensor_of(model, rng)
    ones = [1] * int(rng.integers(1, 20))
    tensor.shape = [*ones, *([] if tensor.shape is None else tensor.shape)]


@mutation
def dynamic_shape(model, rng):
    tensor = tensor_of(model, rng)
    tensor.shapeSignature = put(rng, tensor.shape, (-1, 0, 5))


@mutation
def change_type(model, rng):
    tensor_of(model, rng).type = int(rng.integers(-1, 24))


@mutation
def change_all_types(model, rng):
    """Float to int8, int8 to uint8, …, and buffers of the right size."""
    graph = graph_of(model, rng)
    old, new = pick(rng, graph.tensors).type, int(rng.choice([0, 1, 2, 3, 4, 6, 7, 9, 17]))
    for tensor in graph.tensors:
        if tensor.type == old:
            tensor.type = new


@mutation
def drop_quantization(model, rng):
    tensor_of(model, rng).quantization = None


@mutation
def change_scale(model, rng):
    q = pick(rng, [tensor_of(model, rng).quantization])
    if q is None:
        raise NothingToDamageError
    scales = np.asarray([1.0] if q.scale is None else q.scale, np.float32).copy()
    scales[rng.random(scales.size) < 0.5 if scales.size > 1 else ...] = pick(rng, SCALES)
    q.scale = scales


@mutation
def change_zero_point(model, rng):
    q = tensor_of(model, rng).quantization
    if q is None:
        raise NothingToDamageError
    q.zeroPoint = put(rng, q.zeroPoint, ZERO_POINTS)


@mutation
def change_axis(model, rng):
    q = tensor_of(model, rng).quantization
    if q is None:
        raise NothingToDamageError
    q.quantizedDimension = pick(rng, INTEGERS)


@mutation
def per_channel(model, rng):
    """Scales along some axis, where there was one or another axis."""
    tensor = tensor_of(model, rng)
    shape = pick(rng, [tensor.shape])
    q = tensor.quantization = schema.QuantizationParametersT()
    q.quantizedDimension = int(rng.integers(max(len(shape), 1)))
    size = max(int(pick(rng, shape)), 0) if rng.random() < 0.2 else int(shape[q.quantizedDimension])
    size = min(max(size, 0), 1000)
    q.scale = np.exp(rng.uniform(-8, 2, size)).astype(np.float32)
    q.zeroPoint = np.zeros(size, np.int64)


@mutation
def copy_quantization(model, rng):
    a, b = tensor_of(model, rng), tensor_of(model, rng)
    a.quantization = b.quantization


@mutation
def share_quantization(model, rng):
    """One scale everywhere: what asks for equal scales then goes on."""
    graph = graph_of(model, rng)
    q = pick(rng, graph.tensors).quantization
    for tensor in graph.tensors:
        if tensor.quantization is not None:
            tensor.quantization = q


@mutation
def custom_quantization(model, rng):
    q = tensor_of(model, rng).quantization = schema.QuantizationParametersT()
    q.scale, q.zeroPoint = [0.1], [0]
    q.detailsType = schema.QuantizationDetails.CustomQuantization
    q.details = schema.CustomQuantizationT()


def buffer_of(model, rng) -> Any:
    used = [t.buffer for g in model.subgraphs or [] for t in g.tensors or [] if t.buffer]
    index = int(pick(rng, used))
    return pick(rng, [model.buffers[index]] if index < len(model.buffers) else [])


@mutation
def resize_buffer(model, rng):
    buffer = buffer_of(model, rng)
    data = np.asarray(pick(rng, [buffer.data]), np.uint8)
    by = int(rng.choice([-4, -1, 1, 4, 64, -data.size]))
    buffer.data = np.resize(data, max(data.size + by, 0)) if data.size else data


@mutation
def no_buffer(model, rng):
    tensor = tensor_of(model, rng)
    tensor.buffer = pick(rng, (0, len(model.buffers), 0xFFFFFFFF))


@mutation
def swap_buffers(model, rng):
    a, b = tensor_of(model, rng), tensor_of(model, rng)
    a.buffer, b.buffer = b.buffer, a.buffer


@mutation
def constant_from_nothing(model, rng):
    """A value computed at run time gets a constant of its size."""
    tensor = tensor_of(model, rng)
    size = int(np.prod([max(int(n), 0) for n in pick(rng, [tensor.shape])], dtype=object))
    if size > 1 << 16:
        raise NothingToDamageError
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = rng.integers(0, 256, size * int(rng.choice([1, 4])), dtype=np.uint8)
    tensor.buffer = len(model.buffers) - 1


@mutation
def external_buffer(model, rng):
    buffer = pick(rng, model.buffers)
    buffer.offset, buffer.size = pick(rng, (2, 1 << 20, (1 << 64) - 1)), 64


@mutation
def extreme_integers(model, rng):
    """Values of axes, shapes, paddings, biases."""
    buffer = buffer_of(model, rng)
    data = np.array(pick(rng, [buffer.data]), np.uint8)
    words = data[: data.size // 4 * 4].view("<i4")
    if not words.size:
        raise NothingToDamageError
    words[int(rng.integers(words.size))] = pick(rng, INTEGERS)
    buffer.data = data


@mutation
def extreme_reals(model, rng):
    buffer = buffer_of(model, rng)
    data = np.array(pick(rng, [buffer.data]), np.uint8)
    words = data[: data.size // 4 * 4].view("<f4")
    if not words.size:
        raise NothingToDamageError
    words[rng.random(words.size) < rng.random()] = pick(rng, REALS)
    buffer.data = data


@mutation
def saturated_buffer(model, rng):
    buffer = buffer_of(model, rng)
    size = len(pick(rng, [buffer.data]))
    buffer.data = np.full(size, int(rng.choice([0, 0x7F, 0x80, 0x81, 0xFF])), np.uint8)


@mutation
def make_variable(model, rng):
    tensor_of(model, rng).isVariable = True


@mutation
def rename_tensor(model, rng):
    tensor_of(model, rng).name = pick(rng, NAMES)


@mutation
def rename_all_tensors(model, rng):
    graph = graph_of(model, rng)
    for tensor in graph.tensors or []:
        tensor.name = pick(rng, NAMES)


@mutation
def sparse_tensor(model, rng):
    sparsity = tensor_of(model, rng).sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = [int(rng.integers(-1, 4))]
    sparsity.blockMap = [0]
    sparsity.dimMetadata = [schema.DimensionMetadataT()]


@mutation
def no_options(model, rng):
    operator = operator_of(model, rng)
    operator.builtinOptionsType, operator.builtinOptions = 0, None


@mutation
def foreign_options(model, rng):
    operator = operator_of(model, rng)
    kinds = [name for name in vars(schema.BuiltinOptions) if name.endswith("Options")]
    name = str(pick(rng, kinds))
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    operator.builtinOptions = getattr(schema, f"{name}T")()


@mutation
def mislabelled_options(model, rng):
    """The bytes of one table read as another."""
    operator_of(model, rng).builtinOptionsType = int(rng.integers(0, 130))


@mutation
def swap_options(model, rng):
    a, b = operator_of(model, rng), operator_of(model, rng)
    a.builtinOptionsType, b.builtinOptionsType = b.builtinOptionsType, a.builtinOptionsType
    a.builtinOptions, b.builtinOptions = b.builtinOptions, a.builtinOptions


@mutation
def change_options(model, rng):
    options = operator_of(model, rng).builtinOptions
    fields = [] if options is None else sorted(vars(options))
    name = pick(rng, fields)
    value = getattr(options, name)
    if isinstance(value, float):
        setattr(options, name, float(pick(rng, (*REALS, *SCALES))))
    elif isinstance(value, bool):
        setattr(options, name, not value)
    elif isinstance(value, int):
        byte = name in ("padding", "fusedActivationFunction", "weightsFormat", "type", "mode")
        setattr(options, name, int(rng.integers(-128, 128)) if byte else pick(rng, INTEGERS))
    else:
        setattr(options, name, put(rng, value, INTEGERS))


@mutation
def small_options(model, rng):
    """Strides, dilations, kernels and axes that are possible elsewhere."""
    options = operator_of(model, rng).builtinOptions
    fields = [] if options is None else sorted(vars(options))
    name = pick(rng, [f for f in fields if type(getattr(options, f)) is int])
    setattr(options, name, int(rng.integers(-2, 6)))


@mutation
def change_code(model, rng):
    code = pick(rng, model.operatorCodes)
    number = int(rng.integers(0, 210))
    code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)


@mutation
def familiar_code(model, rng):
    """An operator becomes another that has a kernel."""
    from tfedge_converters.c.kernels import supported_operators

    code = pick(rng, model.operatorCodes)
    # BYTE_FUNCTION and its like are made of operators, and stand in no file.
    in_files = [code for code in supported_operators() if hasattr(schema.BuiltinOperator, code)]
    number = getattr(schema.BuiltinOperator, str(pick(rng, in_files)))
    code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)


@mutation
def custom_code(model, rng):
    code = pick(rng, model.operatorCodes)
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = pick(rng, (*NAMES, b"tfedge.Range"))
    operator = operator_of(model, rng)
    operator.customOptions = rng.integers(0, 256, int(rng.integers(0, 40)), dtype=np.uint8)


@mutation
def change_version(model, rng):
    pick(rng, model.operatorCodes).version = pick(rng, INTEGERS)


@mutation
def change_opcode_index(model, rng):
    operator_of(model, rng).opcodeIndex = pick(rng, (0, 1, 2, 9, 0xFFFFFFFF))


def _places(graph) -> list[int]:
    return [*range(len(graph.tensors or [])), -1, -2, len(graph.tensors or []), (1 << 31) - 1]


@mutation
def change_operands(model, rng):
    graph = graph_of(model, rng)
    operator = pick(rng, graph.operators)
    operator.inputs = put(rng, operator.inputs, _places(graph))


@mutation
def other_operand(model, rng):
    """An operand becomes another tensor that exists."""
    graph = graph_of(model, rng)
    operator = pick(rng, graph.operators)
    inputs = list(pick(rng, [operator.inputs]))
    if not inputs:
        raise NothingToDamageError
    inputs[int(rng.integers(len(inputs)))] = int(rng.integers(len(graph.tensors)))
    operator.inputs = inputs


@mutation
def permute_operands(model, rng):
    operator = operator_of(model, rng)
    operator.inputs = rng.permutation(np.asarray(pick(rng, [operator.inputs]), np.int32)).tolist()


@mutation
def repeat_operand(model, rng):
    operator = operator_of(model, rng)
    inputs = list(pick(rng, [operator.inputs]))
    operator.inputs = [pick(rng, inputs)] * max(len(inputs), 1)


@mutation
def many_operands(model, rng):
    operator = operator_of(model, rng)
    inputs = list(pick(rng, [operator.inputs]))
    operator.inputs = inputs * int(rng.integers(2, 200))


@mutation
def change_results(model, rng):
    graph = graph_of(model, rng)
    operator = pick(rng, graph.operators)
    operator.outputs = put(rng, operator.outputs, _places(graph))


@mutation
def change_intermediates(model, rng):
    graph = graph_of(model, rng)
    operator = pick(rng, graph.operators)
    operator.intermediates = put(rng, operator.intermediates, _places(graph))
    operator.mutatingVariableInputs = [True, False]


@mutation
def change_ends(model, rng):
    graph = graph_of(model, rng)
    side = str(rng.choice(["inputs", "outputs"]))
    setattr(graph, side, put(rng, getattr(graph, side), _places(graph)))


@mutation
def any_tensor_as_end(model, rng):
    graph = graph_of(model, rng)
    side = str(rng.choice(["inputs", "outputs"]))
    ends = list(pick(rng, [getattr(graph, side)]))
    ends[int(rng.integers(len(ends)))] = int(rng.integers(len(graph.tensors)))
    if rng.random() < 0.5:
        ends.append(pick(rng, ends))
    setattr(graph, side, ends)


@mutation
def outputs_are_inputs(model, rng):
    graph = graph_of(model, rng)
    graph.outputs = graph.inputs


@mutation
def every_tensor_is_an_output(model, rng):
    graph = graph_of(model, rng)
    graph.outputs = list(range(len(graph.tensors)))


@mutation
def no_ends(model, rng):
    graph = graph_of(model, rng)
    setattr(graph, str(rng.choice(["inputs", "outputs"])), [])


@mutation
def cycle(model, rng):
    graph = graph_of(model, rng)
    first, last = pick(rng, graph.operators), pick(rng, graph.operators)
    first.inputs = [int(pick(rng, last.outputs)), *list(first.inputs)[1:]]


@mutation
def shuffle_operators(model, rng):
    graph = graph_of(model, rng)
    operators = list(pick(rng, [graph.operators]))
    rng.shuffle(operators)
    graph.operators = operators


@mutation
def drop_operator(model, rng):
    operators = graph_of(model, rng).operators
    pick(rng, operators)
    operators.pop(int(rng.integers(len(operators))))


@mutation
def repeat_operator(model, rng):
    operators = graph_of(model, rng).operators
    operators.append(pick(rng, operators))


@mutation
def second_graph(model, rng):
    model.subgraphs.append(pick(rng, model.subgraphs))


@mutation
def no_graph(model, rng):
    model.subgraphs = []


@mutation
def nonsense_signature(model, rng):
    signature = schema.SignatureDefT()
    signature.subgraphIndex = int(rng.choice([0, 1, 9]))
    signature.signatureKey = pick(rng, NAMES)
    graph = graph_of(model, rng)
    for side in ("inputs", "outputs"):
        ends = [int(end) for end in getattr(graph, side)]
        setattr(signature, side, [_map(rng, end) for end in put(rng, ends, _places(graph))])
    model.signatureDefs = [signature] * int(rng.integers(1, 3))


@mutation
def named_signature(model, rng):
    """A sound signature whose names are not."""
    signature = schema.SignatureDefT()
    signature.subgraphIndex, signature.signatureKey = 0, b"serving_default"
    graph = pick(rng, model.subgraphs[:1])
    signature.inputs = [_map(rng, int(end)) for end in graph.inputs]
    signature.outputs = [_map(rng, int(end)) for end in graph.outputs]
    model.signatureDefs = [signature]


def _map(rng, index):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = pick(rng, NAMES), index & 0xFFFFFFFF
    return entry


@mutation
def nonsense_metadata(model, rng):
    entry = schema.MetadataT()
    entry.name, entry.buffer = pick(rng, NAMES), pick(rng, (0, 1, 99, 0xFFFFFFFF))
    model.metadata = [entry] * int(rng.integers(1, 5))


@mutation
def alias_chain(model, rng):
    """A graph's output goes through many RESHAPEs that end where they began."""
    graph = graph_of(model, rng)
    number = schema.BuiltinOperator.RESHAPE
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, number, 1
    model.operatorCodes.append(code)
    at = int(rng.integers(len(graph.tensors)))
    for _ in range(int(rng.choice([3, 50, 400]))):
        at = _append(graph, at, len(model.operatorCodes) - 1)
    graph.outputs = [*list(graph.outputs), at]


@mutation
def operator_chain(model, rng):
    """A result goes through the same operator many times."""
    graph = graph_of(model, rng)
    operator = pick(rng, graph.operators)
    at = int(pick(rng, operator.outputs))
    for _ in range(int(rng.choice([3, 40, 300]))):
        at = _append(graph, at, operator.opcodeIndex, operator)
        if rng.random() < 0.02:
            graph.outputs = [*list(graph.outputs), at]
    graph.outputs = [*list(graph.outputs), at]


def _append(graph, source: int, code: int, like=None) -> int:
    tensor = schema.TensorT()
    old = graph.tensors[source]
    tensor.shape, tensor.type, tensor.quantization = old.shape, old.type, old.quantization
    tensor.name, tensor.buffer = b"link", 0
    graph.tensors.append(tensor)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.outputs = code, [len(graph.tensors) - 1]
    operator.inputs = [source, *([] if like is None else list(like.inputs)[1:])]
    if like is not None:
        operator.builtinOptionsType = like.builtinOptionsType
        operator.builtinOptions = like.builtinOptions
    graph.operators.append(operator)
    return len(graph.tensors) - 1


@mutation
def giant_tensors(model, rng):
    """Sizes near the limits, everywhere where one size was."""
    graph = graph_of(model, rng)
    old = pick(rng, pick(rng, [t.shape for t in graph.tensors if t.shape is not None]))
    new = pick(rng, (1 << 12, 1 << 20, 1 << 28, (1 << 31) - 1))
    for tensor in graph.tensors:
        if tensor.shape is not None:
            tensor.shape = [new if size == old else int(size) for size in tensor.shape]


@mutation
def same_size_everywhere(model, rng):
    """One size becomes another in all shapes, which may keep the graph consistent."""
    graph = graph_of(model, rng)
    old = pick(rng, pick(rng, [t.shape for t in graph.tensors if t.shape is not None]))
    new = int(rng.choice([0, 1, 2, 3, 5, 9]))
    for tensor in graph.tensors:
        if tensor.shape is not None:
            tensor.shape = [new if size == old else int(size) for size in tensor.shape]


@mutation
def many_tensors(model, rng):
    graph = graph_of(model, rng)
    tensor = pick(rng, graph.tensors)
    graph.tensors += [tensor] * int(rng.choice([10, 10, 100, 100, 2000]))
    if rng.random() < 0.3:
        graph.inputs = [*list(graph.inputs), *range(len(graph.tensors) - 10, len(graph.tensors))]


_BYTE_SHARE = 0.2


def mutant(data: bytes, rng: Rng) -> tuple[bytes, list[str]]:
    """A damaged file, and what was done to it."""
    done: list[str] = []
    if rng.random() > _BYTE_SHARE:
        model = unpack(data)
        for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
            mutate = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
            try:
                mutate(model, rng)
                done.append(mutate.__name__)
            except (NothingToDamageError, ValueError, IndexError):
                continue
        packed = pack(model)
        data, done = (data, []) if packed is None else (packed, done)
    if not done or rng.random() < 0.05:
        data = damage_bytes(data, rng)
        done.append("damage_bytes")
    return data, done


def unpack(data: bytes) -> Any:
    """The schema's objects of a file, with empty lists where it has none."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for graph in model.subgraphs:
        for operator in graph.operators:
            operator.inputs = [] if operator.inputs is None else operator.inputs
        graph.inputs = [] if graph.inputs is None else graph.inputs
    return model


def pack(model: Any) -> bytes | None:
    """The file of a damaged model; None where the schema's own writer cannot express it."""
    builder = flatbuffers.Builder(4096)
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except (TypeError, AttributeError, OverflowError, struct.error):
        return None
    return bytes(builder.Output())


def damage_bytes(data: bytes, rng: Rng) -> bytes:
    """Some bytes of the structure flipped, replaced by telling ones, inserted or cut."""
    damaged = bytearray(data)
    places = structure(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(places[int(rng.integers(places.size))])
        how = int(rng.integers(6))
        if how == 0:
            damaged[at : at + 1] = b"" if rng.random() < 0.3 else bytes(int(rng.integers(1, 9)))
        elif how == 1:
            damaged[at : at + 4] = int(pick(rng, INTEGERS) & 0xFFFFFFFF).to_bytes(4, "little")
        elif how == 2:
            damaged[at % max(len(damaged), 1)] ^= 1 << int(rng.integers(8))
        elif how == 3 and rng.random() < 0.2:
            del damaged[at:]
        else:
            damaged[at % max(len(damaged), 1)] = int(rng.integers(256))
        if not damaged:
            break
    return bytes(damaged)


def structure(data: bytes) -> np.ndarray:
    """Positions outside of large buffers: the tables, where damage tells."""
    weights = np.zeros(len(data), bool)
    model = schema.Model.GetRootAs(data, 0)
    try:
        for index in range(min(model.BuffersLength(), 1000)):
            raw = model.Buffers(index).DataAsNumpy()
            if isinstance(raw, np.ndarray) and raw.size > 64:
                start = (
                    raw.__array_interface__["data"][0]
                    - np.frombuffer(data, np.uint8).__array_interface__["data"][0]
                )
                weights[start : start + raw.size] = True
    except Exception:
        weights[:] = False
    places = np.flatnonzero(~weights)
    return places if places.size else np.arange(len(data))
