"""Functions of one int8 value that files compute in wider types, as the table of their results."""

from __future__ import annotations

import dataclasses

from tfedge_converters.c.kernel_call import Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.unary import RESULTS, table_call
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.passes.byte_tables import byte_table
from tfedge_converters.graph.types import Operator


@kernel(
    "BYTE_FUNCTION",
    "int8",
    limits=(RESULTS,),
    note="what files have as DEQUANTIZE, element-wise operators in float32, QUANTIZE",
)
def lower_byte_function(operator: Operator) -> Lowered:
    """Look up what `byte_table` says."""
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.int8(source, output)
    if operator.steps[0].code == "DEQUANTIZE" or operator.steps[-1].code == "QUANTIZE":
        for tensor in (source, output):
            checks.scale_and_zero_point(tensor)
    detail = ", ".join(step.code for step in operator.steps)
    with RESULTS.where_undefined():
        table = byte_table(operator)
    return dataclasses.replace(table_call(source, output, table), detail=detail)
