"""Functions of one int8 value that files compute in wider types, as the table of their results."""

from __future__ import annotations

import dataclasses

from tfedge_converters.c.kernel_call import Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.unary import table_call
from tfedge_converters.graph.passes.byte_tables import byte_table
from tfedge_converters.graph.types import Operator


def lower_byte_function(operator: Operator) -> Lowered:
    """Looks up what `byte_table` says."""
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.int8(source, output)
    if operator.steps[0].code == "DEQUANTIZE" or operator.steps[-1].code == "QUANTIZE":
        for tensor in (source, output):
            checks.scale_and_zero_point(tensor)
    detail = ", ".join(step.code for step in operator.steps)
    return dataclasses.replace(table_call(source, output, byte_table(operator)), detail=detail)
