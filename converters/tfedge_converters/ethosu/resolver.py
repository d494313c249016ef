"""Operators that TFLite Micro has to register for a model that Vela compiled."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import TfedgeError
from tfedge.terminal_text import readable
from tfedge_converters.graph.markers import DECODING_ERRORS
from tfedge_converters.graph.types import TensorType
from tfedge_converters.tflm.resolver import method_of

_ETHOS_U = b"ethos-u"
_CODES = {number: name for name, number in vars(schema.BuiltinOperator).items() if name[0] != "_"}


def compiled_methods(flatbuffer: bytes) -> list[str]:
    """The methods of MicroMutableOpResolver that register its operators, sorted.

    Args:
        flatbuffer: what Vela made. Its operators read memory that nobody writes, so that it is no
            graph that `read_model` would take.

    Raises:
        UnsupportedError: TFLite Micro has no kernel for what is left to the CPU.
        TfedgeError: it is no model.
    """
    try:
        model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
        return sorted(
            {_method(model, graph, op) for graph in model.subgraphs for op in graph.operators}
        )
    except DECODING_ERRORS as error:
        raise TfedgeError(f"Vela left a model that cannot be read: {error!r}") from error


def _method(model: schema.ModelT, graph: schema.SubGraphT, operator: schema.OperatorT) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    if code.customCode == _ETHOS_U:
        return "AddEthosU"
    name = _CODES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    outputs = [graph.tensors[index] for index in operator.outputs]
    made = readable(outputs[0].name.decode("utf-8", "replace"))
    place = f"{name} that makes '{made}' and is left to the CPU"
    types = [TensorType(tensor.type) for tensor in outputs]
    return method_of(name, types, place, "take the layer out of the model, or end the model before")
