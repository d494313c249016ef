"""Firmware that serves the link: built by the platform's own tools, and flashed."""

from tfedge_converters.board.flashing.flash import Flashed, flash

__all__ = ["Flashed", "flash"]
