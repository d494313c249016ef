"""Boards that run generated C, over a link that takes no wrong answer for a right one."""

from tfedge_converters.board.errors import BoardError
from tfedge_converters.board.places import Place

__all__ = ["BoardError", "Place"]
