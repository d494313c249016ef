"""Models that nothing can be made of: an accelerator's programs, and what computes nothing."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Model

# The custom operator in place of what an accelerator computes, to whose it is and who wrote it.
_COMPILERS = {
    "edgetpu-custom-op": ("the Edge TPU", "edgetpu_compiler"),
    "ethos-u": ("an Ethos-U NPU", "Vela"),
    "NeutronGraph": ("NXP's Neutron NPU", "neutron-converter"),
    "DISPATCH_OP": ("an NPU", "LiteRT's compiler"),
}
_READABLE = {"edgetpu-custom-op": "; 'tfedge check' says what it holds"}


def refuse_useless(model: Model, source: str) -> None:
    """Refuse a model that was compiled already, or has an output without values.

    Args:
        model: as read.
        source: what messages call it.

    Raises:
        UnsupportedError: as `refuse_compiled`; or says which output has no values.
    """
    refuse_compiled(model, source)
    for tensor in model.main.outputs:
        if 0 in tensor.shape:
            raise UnsupportedError(
                f"output '{tensor.name}' of shape {tuple(tensor.shape)} holds no values; leave it "
                "out of the model"
            )


def refuse_compiled(model: Model, source: str) -> None:
    """Refuse what has been compiled for an accelerator already: its layers are gone.

    Args:
        model: as read.
        source: what messages call it.

    Raises:
        UnsupportedError: says for which device, by which compiler, and what to give instead.
    """
    names = {operator.name for graph in model.graphs for operator in graph.operators}
    for name, (device, compiler) in _COMPILERS.items():
        if name in names:
            raise UnsupportedError(
                f"{source} was compiled for {device} by {compiler}: the operator '{name}' is its "
                "program, in place of the layers. Give the .tflite file that it was compiled from"
                f"{_READABLE.get(name, '')}"
            )
