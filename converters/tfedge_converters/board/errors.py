"""Errors of talking with boards."""

from tfedge.errors import TfedgeError


class BoardError(TfedgeError):
    """A board that cannot be reached, runs another model, gives no answer or fails."""
