"""Whether a program fits a board's memory: constants and code in flash, arena and state in RAM."""

from __future__ import annotations

import tempfile

from tfedge.errors import MissingToolError
from tfedge_converters.c.source import CSource
from tfedge_converters.execute import CORES, ExecutionError, build_firmware
from tfedge_converters.targets import Target

# The estimate of code, for -O2, is off by up to this share, and -Os takes a tenth less than that.
_DOUBT = 0.3


def shortage(source: CSource, target: Target) -> str:
    """Why a program is too large for its target: how much it needs of which memory, in words.

    Where the code decides, it is compiled and linked with -Os, if the compiler is there; else it is
    estimated, which the words say.

    Returns:
        Nothing where it fits.
    """
    return _shortage_of_ram(source, target) or _shortage_of_flash(source, target)


def _shortage_of_flash(source: CSource, target: Target) -> str:
    if target.flash_bytes is None:
        return ""
    doubt = _DOUBT * source.code_bytes
    needed = source.weights_bytes + source.code_bytes
    if needed + doubt <= target.flash_bytes:
        return ""
    linked = None
    if source.weights_bytes <= target.flash_bytes:
        linked = _linked_code(source, target)
    code = source.code_bytes if linked is None else linked
    if source.weights_bytes + code <= target.flash_bytes:
        return ""
    how = "about, as estimated; without a compiler to measure it" if linked is None else "linked"
    return (
        f"the model needs {source.weights_bytes:,} bytes for constants and {code:,} for code "
        f"({how}), {source.weights_bytes + code:,} in all, before any code of yours, but "
        f"{target.name} has {target.flash_bytes:,} bytes of flash: use fewer channels, or prune "
        "the model"
    )


def _shortage_of_ram(source: CSource, target: Target) -> str:
    ram = target.ram_bytes
    if ram is None or source.arena_bytes + source.state_bytes <= ram:
        return ""
    peak = source.plan.peak_layer
    place = f" (most at layer {peak.index}, {peak.operator.name})" if peak else ""
    state = f", its state {source.state_bytes:,}" if source.state_bytes else ""
    return (
        f"the arena needs {source.arena_bytes:,} bytes{place}{state}, but {target.name} has "
        f"{ram:,} bytes of RAM: use smaller inputs or fewer channels in the first layers"
    )


def _linked_code(source: CSource, target: Target) -> int | None:
    """Code and parameters in a firmware for the target's core; None if it cannot be linked here."""
    if target.core not in CORES:
        return None
    try:
        with tempfile.TemporaryDirectory() as folder:
            firmware = build_firmware(source.write(folder), target.core, flags=["-Os"])
            return firmware.sizes().flash_bytes - source.weights_bytes
    except (MissingToolError, ExecutionError):
        return None
