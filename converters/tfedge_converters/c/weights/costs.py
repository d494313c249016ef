"""Costs of restoring weights: instructions, and bytes of code."""

from __future__ import annotations

from collections.abc import Mapping

from tfedge_converters.c.weights.forms import ENTROPY, INT4, SHARED, SPARSE
from tfedge_converters.c.weights.tiles import Tiling

# Instructions a weight, about, of each form's reader. Measured on Cortex-M4 in QEMU at -O2; other
# cores take more of each, and more for their products as well.
_READ: Mapping[str, float] = {INT4: 1.7, SHARED: 4.0, SPARSE: 5.5, ENTROPY: 24.0}

# A byte that is copied, and a run of bytes.
_COPIED_BYTE, _COPIED_RUN = 0.8, 12.0

# The loop around a tile's call.
_TILE = 40.0

# Flash of a layer's loop over its tiles, and of what it does for bands and for results.
_ONE_TILE, _LOOP, _BANDS, _RESULTS = 60, 24, 40, 44


def bytes_of_tiling(tiling: Tiling) -> int:
    """Flash of a layer's loop over its tiles, beside the call of its kernel."""
    return (
        _ONE_TILE
        + _LOOP * (tiling.tiles > 1)
        + _BANDS * (tiling.bands.count > 1)
        + _RESULTS * (tiling.results_bytes > 0)
        + 4 * len(tiling.stored.params)
    )


def reader_functions(form: str) -> tuple[str, ...]:
    """The functions of a form's reader, as `INNER_BYTES` and `code_table.json` name them."""
    reader = f"{form}_weights"
    return (f"{reader}_read", f"{reader}_start") if form == ENTROPY else (f"{reader}_read",)


def functions_of(tiling: Tiling) -> tuple[str, ...]:
    """The functions of the C runtime that such a loop calls."""
    copies = ("copy_rows_s8",) if tiling.results_bytes else ()
    return (*reader_functions(tiling.stored.form), *copies)


def instructions_of_tiling(tiling: Tiling) -> float:
    """Instructions of all but the kernel's calls: restoring weights, and copying."""
    bands = tiling.bands
    restored = tiling.tiles * tiling.values * _READ[tiling.stored.form]
    runs = tiling.tiles * bands.rows if tiling.results_bytes else 0
    copied = runs * tiling.channels + bands.rows * bands.depth
    return bands.count * (
        restored + runs * _COPIED_RUN + copied * _COPIED_BYTE + tiling.tiles * _TILE
    )
