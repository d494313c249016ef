"""The one way from a string that a stranger chose into a generated file."""

from tfedge_converters.foreign_text.escaping import Code, csv_cell, plain
from tfedge_converters.foreign_text.names import (
    ExternalSymbols,
    check_model_name,
    model_name,
    tensor_names,
)
from tfedge_converters.foreign_text.templates import code_templates, page_templates

__all__ = [
    "Code",
    "ExternalSymbols",
    "check_model_name",
    "code_templates",
    "csv_cell",
    "model_name",
    "page_templates",
    "plain",
    "tensor_names",
]
