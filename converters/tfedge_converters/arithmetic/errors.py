"""Errors of the fixed-point arithmetic."""


class UndefinedError(ValueError):
    """For these scales the reference's arithmetic is undefined, or the reference refuses them."""
