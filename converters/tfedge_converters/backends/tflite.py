"""A .tflite file alone: for LiteRT, its delegates, and compilers that take such a file."""

from __future__ import annotations

from tfedge_converters.backends.interface import Backend
from tfedge_converters.graph import Model
from tfedge_converters.interpreters import LITERT
from tfedge_converters.litert_kernels import check_litert
from tfedge_converters.ptq.litert_sequences import write_for_litert
from tfedge_converters.targets import Target


class TFLite(Backend):
    """The file, and nothing beside it."""

    name = "tflite"
    interpreter = LITERT

    def adapt(self, model: Model, target: Target) -> bool:
        """Write what LiteRT computes with real numbers alone between these."""
        changed = write_for_litert(model)
        return super().adapt(model, target) or changed

    def check_model(self, model: Model) -> None:
        """Refuse what LiteRT could only load in part, or would compute wrongly."""
        check_litert(model)


BACKEND = TFLite()
