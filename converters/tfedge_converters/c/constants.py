"""Constants that calls of kernels keep in flash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tfedge_converters.c.kernel_call import Constant, Param
from tfedge_converters.c.layer import Layer


def constant_bytes(layer: Layer) -> int:
    """Bytes of all constants of a layer; several layers may share one."""
    found = [constant for call in layer.lowered.calls for constant in constants_of(call.params)]
    return sum(constant.values.nbytes for constant in found)


def constants_of(params: Mapping[str, Param]) -> Iterator[Constant]:
    """The constants among the parameters of a call."""
    for value in params.values():
        if isinstance(value, Constant):
            yield value
        elif isinstance(value, Mapping):
            yield from constants_of(value)
