"""Search of a SavedModel's graphs for operators that reach beyond their tensors.

TensorFlow runs parts of a SavedModel while it is opened: functions that initialise resources, and
those that restore what is no variable. So every operator of every function counts, whatever
calls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import variable_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from tfedge.errors import ModelFileError, TfedgeError
from tfedge.files import read_bytes
from tfedge_converters.export.trust.refusal import runs_code

# Operators with state that keep it in memory: variables, tables, lists, and random numbers.
_IN_MEMORY = frozenset(
    {
        "AnonymousHashTable", "AnonymousMutableDenseHashTable", "AnonymousMutableHashTable",
        "AnonymousMutableHashTableOfTensors", "Assert", "AssignAddVariableOp",
        "AssignSubVariableOp", "AssignVariableOp", "Case", "CheckNumerics", "CheckNumericsV2",
        "CudnnRNN", "CudnnRNNBackprop", "CudnnRNNBackpropV2", "CudnnRNNBackpropV3", "CudnnRNNV2",
        "CudnnRNNV3", "DestroyResourceOp", "DeviceIndex", "DisableCopyOnRead", "Empty",
        "GuaranteeConst", "HashTable", "HashTableV2", "If", "InitializeTableV2",
        "IsResourceHandleRefCounting", "LookupTableExportV2", "LookupTableFindV2",
        "LookupTableImportV2", "LookupTableInsertV2", "LookupTableRemoveV2", "LookupTableSizeV2",
        "Multinomial", "MutableDenseHashTableV2", "MutableHashTableOfTensorsV2",
        "MutableHashTableV2", "NonDeterministicInts", "ParameterizedTruncatedNormal", "RandomCrop",
        "RandomGamma", "RandomPoisson", "RandomPoissonV2", "RandomShuffle", "RandomStandardNormal",
        "RandomUniform", "RandomUniformInt", "ReadVariableOp", "ResourceGather", "ResourceGatherNd",
        "ResourceScatterAdd", "ResourceScatterDiv", "ResourceScatterMax", "ResourceScatterMin",
        "ResourceScatterMul", "ResourceScatterNdAdd", "ResourceScatterNdMax",
        "ResourceScatterNdMin", "ResourceScatterNdSub", "ResourceScatterNdUpdate",
        "ResourceScatterSub", "ResourceScatterUpdate", "ResourceStridedSliceAssign",
        "RngReadAndSkip", "RngSkip", "SampleDistortedBoundingBox", "SampleDistortedBoundingBoxV2",
        "StackCloseV2", "StackPopV2", "StackPushV2", "StackV2", "StatefulPartitionedCall",
        "StatefulRandomBinomial", "StatefulStandardNormal", "StatefulStandardNormalV2",
        "StatefulTruncatedNormal", "StatefulUniform", "StatefulUniformFullInt",
        "StatefulUniformInt", "StatelessRandomGetAlg", "TensorArrayCloseV3", "TensorArrayConcatV3",
        "TensorArrayGatherV3", "TensorArrayGradV3", "TensorArrayGradWithShape", "TensorArrayReadV3",
        "TensorArrayScatterV3", "TensorArraySizeV3", "TensorArraySplitV3", "TensorArrayV3",
        "TensorArrayWriteV3", "TruncatedNormal", "VarHandleOp", "VarIsInitializedOp", "Variable",
        "VariableShape", "VariableV2", "While",
    }
)  # fmt: skip
# How the names of operators begin by which optimizers update variables.
_UPDATES = ("ResourceApply", "ResourceSparseApply")
# Attributes of operators without state that hold words and name nothing outside of the graph.
_HARMLESS_WORDS = frozenset(
    {
        "activation_mode", "bad_indices_policy", "config", "config_proto", "data_format",
        "dimension_numbers", "dst_format", "equation", "executor_type", "fill_mode", "frame_name",
        "fused_ops", "interpolation", "kernel_type", "message", "noise", "padding",
        "row_partition_types", "set_operation", "src_format",
    }
)  # fmt: skip
_WORDS = ("string", "list(string)")
_FILE_NAMES = frozenset(
    {"ShardedFilename", "StaticRegexFullMatch", "StringJoin", "RegexFullMatch", "Pack", "Select"}
)
# What only the checkpoint of a SavedModel may do: be written by who asks for it, and read.
_SAVING = _FILE_NAMES | {"MergeV2Checkpoints", "Save", "SaveSlices", "SaveV2"}
_RESTORING = _FILE_NAMES | {"Restore", "RestoreSlice", "RestoreV2"}


def check_graphs(folder: Path) -> None:
    """Refuse a SavedModel that has operators other than those that compute in memory.

    Raises:
        CodeRefusedError: says which operator, where it stands, and what to do.
        ModelFileError: the file is no SavedModel.
    """
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(read_bytes(folder / "saved_model.pb"))
    except (TfedgeError, DecodeError) as error:
        raise ModelFileError(f"truncated or corrupt ({error}); save it again") from error
    if (folder / "saved_model.cpb").exists():
        raise ModelFileError(
            "the SavedModel is in pieces (saved_model.cpb), which TensorFlow writes from 2 GB on; "
            "this is no model for a device"
        )
    for graph in model.meta_graphs:
        _check_graph(graph)


def _check_graph(meta_graph: Any) -> None:
    graph = _Graph(meta_graph)
    for part, nodes in graph.parts.items():
        extra = graph.extra(part)
        for node in nodes:
            if not (node.op in graph.functions or node.op in extra or computes_in_memory(node.op)):
                place = f" of function '{part[1:]}'" if part.startswith(_FUNCTION) else ""
                raise runs_code(f"node '{node.name}'{place}", _WHAT.format(node.op))


_WHAT = "is of the operator {}, which is not among those that compute in memory alone"


def computes_in_memory(name: str) -> bool:
    """Whether an operator of TensorFlow reaches nothing but its operands and its own state.

    One without state reaches a file, a library or Python only through a word: a string that it is
    given, or an attribute. So those without words do, and of the others those that are listed.
    """
    definition = op_def_registry.get(name)
    if definition is None:  # of a library that is not loaded
        return False
    if definition.is_stateful:
        return name in _IN_MEMORY or name.startswith(_UPDATES)
    given = any(argument.type == tf.string.as_datatype_enum for argument in definition.input_arg)
    return not given and all(
        attribute.name in _HARMLESS_WORDS or attribute.allowed_values.list.s
        for attribute in definition.attr
        if attribute.type in _WORDS
    )


_NODE, _FUNCTION = "n", "f"
# The collection that describes the checkpoint.
_SAVERS = "savers"


class _Graph:
    """A graph's parts, and which of them only its checkpoint uses.

    A part is a node of the main graph, `_NODE` and its name, or a whole function, `_FUNCTION` and
    its name.
    """

    def __init__(self, meta_graph: Any):
        definition = meta_graph.graph_def
        self.functions = {f.signature.name for f in definition.library.function}
        self.parts: dict[str, list[Any]] = {
            **{_NODE + node.name: [node] for node in definition.node},
            **{_FUNCTION + f.signature.name: f.node_def for f in definition.library.function},
        }
        saving, restoring = _saver(meta_graph)
        used = set(_entry_points(meta_graph))
        used |= set(self.parts) - self._reached([saving, restoring])
        exposed = self._reached(used)
        restored = self._reached([restoring]) - exposed
        self._extra = [(restored, _RESTORING), (self._reached([saving]) - exposed, _SAVING)]

    def extra(self, part: str) -> frozenset[str]:
        """The operators that a part may have because only the checkpoint uses it."""
        return next((names for parts, names in self._extra if part in parts), frozenset())

    def _reached(self, start: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        waiting = [part for part in start if part in self.parts]
        while waiting:
            part = waiting.pop()
            if part not in reached:
                reached.add(part)
                waiting += [other for other in self._uses(part) if other in self.parts]
        return reached

    def _uses(self, part: str) -> Iterator[str]:
        for node in self.parts[part]:
            if part.startswith(_NODE):
                yield from (_NODE + _node_of(source) for source in node.input)
            yield _FUNCTION + node.op
            for attribute in node.attr.values():
                yield from (_FUNCTION + name for name in _functions_in(attribute))


def _functions_in(attribute: Any) -> Iterator[str]:
    """The functions that an attribute names, and those that it hands to them."""
    for function in (attribute.func, *attribute.list.func):
        if function.name:
            yield function.name
        for inner in function.attr.values():
            yield from _functions_in(inner)


def _node_of(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]


def _saver(meta_graph: Any) -> tuple[str, str]:
    saver = meta_graph.saver_def
    return _NODE + _node_of(saver.save_tensor_name), _NODE + _node_of(saver.restore_op_name)


def _variable(described: bytes) -> tuple[str, ...]:
    """The nodes that belong to a variable of TensorFlow 1; none if it is no variable."""
    variable = variable_pb2.VariableDef()
    try:
        variable.ParseFromString(described)
    except DecodeError:
        return ()
    return (
        variable.variable_name,
        variable.initializer_name,
        variable.initial_value_name,
        variable.snapshot_name,
    )


def _entry_points(meta_graph: Any) -> Iterator[str]:
    """List the functions that a loader may run or hand over beside the checkpoint."""
    for signature in meta_graph.signature_def.values():
        infos: tuple[Mapping[str, Any], ...] = (signature.inputs, signature.outputs)
        for tensor in (info for group in infos for info in group.values()):
            yield _NODE + _node_of(tensor.name)
    for key, collection in meta_graph.collection_def.items():
        yield from (_NODE + _node_of(name) for name in collection.node_list.value)
        if key != _SAVERS:
            for described in collection.bytes_list.value:
                yield from (_NODE + _node_of(name) for name in _variable(described))
    objects = meta_graph.object_graph_def
    yield from (_FUNCTION + name for name in objects.concrete_functions)
    for found in objects.nodes:
        yield from (_FUNCTION + name for name in found.function.concrete_functions)
        yield _FUNCTION + found.bare_concrete_function.concrete_function_name
