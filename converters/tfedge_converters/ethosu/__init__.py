"""Arm's Ethos-U NPUs: what Vela, Arm's compiler, makes of an integer model."""

from tfedge_converters.ethosu.compiled import Compiled, LeftToCpu
from tfedge_converters.ethosu.resolver import compiled_methods
from tfedge_converters.ethosu.settings import SETTINGS
from tfedge_converters.ethosu.vela import checked_options, compile_model, require_vela

__all__ = [
    "SETTINGS",
    "Compiled",
    "LeftToCpu",
    "checked_options",
    "compile_model",
    "compiled_methods",
    "require_vela",
]
