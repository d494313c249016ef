"""Names and order of a Keras model for its lowered form."""

from __future__ import annotations

from tfedge_converters.export.names import unique_names
from tfedge_converters.export.trace import INPUT, OUTPUT, Trace
from tfedge_converters.graph import Graph, Model, Signature
from tfedge_converters.graph.markers import scope_of

# What the converter calls tensors that have no operation of their own.
_NAMELESS = ("PartitionedCall:", "StatefulPartitionedCall:")

# What it calls the results of all markers.
_MARKED = "tfl.custom"


def restore_names(model: Model, trace: Trace) -> None:
    """Names inputs, outputs and tensors as `trace` knows them, inputs and outputs in order."""
    signature = model.signatures[0]
    _restore_signature_names(signature, trace)
    signature_names = {
        id(tensor): name for name, tensor in [*signature.outputs.items(), *signature.inputs.items()]
    }
    for graph in model.graphs:
        _name_marked(graph)
        tensors = sorted(graph.tensors(), key=lambda tensor: id(tensor) not in signature_names)
        names = [
            signature_names.get(id(tensor)) or _readable(trace.scopes.restore(tensor.name))
            for tensor in tensors
        ]
        for tensor, name in zip(tensors, unique_names(names), strict=True):
            tensor.name = name


def _restore_signature_names(signature: Signature, trace: Trace) -> None:
    """Put inputs and outputs in their order and name them; the converter has sorted them."""
    signature.inputs = {
        name: signature.inputs[INPUT.format(index)] for index, name in enumerate(trace.inputs)
    }
    signature.outputs = {
        name: signature.outputs[OUTPUT.format(index)] for index, name in enumerate(trace.outputs)
    }
    signature.graph.inputs = list(signature.inputs.values())
    signature.graph.outputs = list(signature.outputs.values())


def _name_marked(graph: Graph) -> None:
    """Name a marker's result like the layer that called it."""
    for operator in graph.operators:
        scope = scope_of(operator) if operator.code == "CUSTOM" else ""
        for tensor in operator.outputs:
            if scope and tensor.name.startswith(_MARKED):
                tensor.name = scope


def _readable(name: str) -> str:
    return "constant" if name.startswith(_NAMELESS) else name
