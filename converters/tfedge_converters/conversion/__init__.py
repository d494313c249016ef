"""`tfedge.convert`: stages that take one conversion on, a module for each."""

from tfedge_converters.conversion.entry import convert
from tfedge_converters.conversion.state import Conversion, Request

__all__ = ["Conversion", "Request", "convert"]
