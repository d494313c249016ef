"""What LiteRT has no kernel for, though others do: a file for it alone must not have it."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge_converters.graph.types import Model, TensorType

# What it computes in int8 but, found by trying, not in int16.
_NOT_INT16 = frozenset({"UNIDIRECTIONAL_SEQUENCE_LSTM"})


def check_litert(model: Model) -> None:
    """Refuses a model that LiteRT could only load in part.

    Raises:
        UnsupportedError: it has no kernel for an operator.
    """
    for graph in model.graphs:
        for operator in graph.operators:
            types = {tensor.type for tensor in operator.outputs}
            if operator.code in _NOT_INT16 and TensorType.INT16 in types:
                raise UnsupportedError(
                    f"{graph.place(operator)}: LiteRT does not compute it in INT16; quantise to "
                    "int8, or convert for generated C or TFLite Micro, which do"
                )
