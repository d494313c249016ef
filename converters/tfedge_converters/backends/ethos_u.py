"""Arm's Ethos-U: Vela's file, its estimates, and the same for TFLite Micro."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tfedge_converters.backends.interface import Backend, Emission
from tfedge_converters.backends.tflite_micro import TFLiteMicro
from tfedge_converters.ethosu import (
    SETTINGS,
    Compiled,
    checked_options,
    compile_model,
    compiled_methods,
)
from tfedge_converters.targets import Target
from tfedge_converters.tflm import generate_array

if TYPE_CHECKING:
    from tfedge_converters.conversion import Conversion

_FILE, _SUMMARY, _LAYERS = "_vela.tflite", "_vela_summary.csv", "_vela_layers.csv"


@dataclass(frozen=True, eq=False)
class VelaEmission(Emission):
    """Files of Vela's compiled model, and the same for TFLite Micro.

    Attributes:
        compiled: the file, and Vela's estimates.
        arrays: the compiled file as an array, and its operator resolver; file name to text.
    """

    compiled: Compiled
    arrays: Mapping[str, str] = field(repr=False)

    def summary(self) -> list[str]:
        """Vela's estimates, layer by layer."""
        return self.compiled.report()


class EthosU(Backend):
    """Back end for TFLite Micro with Arm's driver: the operators that Vela compiled are one."""

    name = "ethos-u"
    # Of the file before Vela: no interpreter runs what Vela made.
    engines = TFLiteMicro.engines
    settings = {"vela": SETTINGS}
    endings = (*TFLiteMicro.endings, _FILE, _SUMMARY, _LAYERS)
    marks = (_FILE, *TFLiteMicro.marks)
    # What is left to the CPU is TFLite Micro's.
    check_storage = TFLiteMicro.check_storage
    per_channel_storage = TFLiteMicro.per_channel_storage

    def check_options(self, target: Target, options: Mapping[str, Any] | None) -> None:
        """Look for Vela, and ask it."""
        checked_options(target, options)

    def emit(self, conversion: Conversion) -> VelaEmission:
        """Compile the file."""
        name = conversion.name
        compiled = compile_model(
            conversion.flatbuffer, conversion.target, conversion.request.compiler_options
        )
        methods = compiled_methods(compiled.flatbuffer)
        arrays = generate_array(conversion.model, compiled.flatbuffer, name, methods)
        files: dict[str, bytes | str] = {
            **arrays,
            f"{name}{_FILE}": compiled.flatbuffer,
            f"{name}{_SUMMARY}": compiled.summary_csv,
            f"{name}{_LAYERS}": compiled.layers_csv,
        }
        return VelaEmission(files, compiled, arrays)


BACKEND = EthosU()
