"""Constants that calls of kernels keep in flash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.layer import Layer


def constant_bytes(layer: Layer) -> int:
    """Bytes of all constants of a layer; several layers may share one."""
    return sum(
        constant.values.nbytes for call in layer.lowered.calls for constant in constants_in(call)
    )


def bytes_of(params: Mapping[str, Param]) -> int:
    """Bytes of the constants among the parameters of a call."""
    return sum(constant.values.nbytes for constant in constants_of(params))


def constants_in(call: KernelCall) -> Iterator[Constant]:
    """All constants of a call: its parameters', and those that its weights are restored from."""
    yield from constants_of(call.params)
    if call.tiling is not None:
        yield from constants_of(call.tiling.stored.params)


def constants_of(params: Mapping[str, Param]) -> Iterator[Constant]:
    """The constants among the parameters of a call."""
    for value in params.values():
        if isinstance(value, Constant):
            yield value
        elif isinstance(value, Mapping):
            yield from constants_of(value)
