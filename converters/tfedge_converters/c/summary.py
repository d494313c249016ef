"""Costs of generated C, in lines of text."""

from __future__ import annotations

from tfedge_converters.c.code_size import CodeEstimate
from tfedge_converters.c.instructions import InstructionEstimate
from tfedge_converters.c.plan import Layer
from tfedge_converters.c.source import CSource
from tfedge_converters.graph import Model
from tfedge_converters.graph.passes.packed_weights import packed_weights

_UNPACKED = (
    "weights of 4 bits take a byte each in C, as its kernels read them: {:,} bytes more than in "
    "the .tflite file"
)


def summary_lines(source: CSource, model: Model) -> list[str]:
    """Layer by layer, and in all: multiplications, memory and code.

    Args:
        source: the program.
        model: the graph that it was generated from.
    """
    plan = source.plan
    total = sum(layer.macs for layer in plan.layers)
    peak = f", most at layer {plan.peak_layer.index}" if plan.peak_layer else ""
    width = max([len("operator"), *(len(layer.operator.code) for layer in plan.layers)])
    header = f"{'layer':>5}  {'operator':<{width}} {'MACs':>12} {'weights':>9} {'output':>9}  name"
    packed = {id(t): t for operator in model.main.operators for t in packed_weights(operator)}
    spent = sum(tensor.elements - tensor.byte_size for tensor in packed.values())
    return [
        header,
        *(_layer_line(layer, width) for layer in plan.layers),
        f"{total:,} MACs; arena {plan.arena_bytes:,} bytes (live set at least "
        f"{plan.lower_bound:,}{peak}); constants {source.weights_bytes:,} bytes; "
        f"{_code_words(source.code)}",
        *([] if source.instructions is None else [_instructions_line(source.instructions)]),
        *([_UNPACKED.format(spent)] if packed else []),
    ]


def _code_words(code: CodeEstimate) -> str:
    if code.is_of_target:
        return f"code about {code.bytes:,} bytes on {code.core} (estimated, at -O2)"
    return f"code about {code.bytes:,} bytes on {code.core} (this core's is not known)"


def _instructions_line(estimate: InstructionEstimate) -> str:
    rounded = float(f"{estimate.count:.3g}")
    line = f"about {rounded:,.0f} instructions on {estimate.core} (estimated, at -O2)"
    if estimate.unmeasured:
        line += f"; of typical kernels in place of {', '.join(estimate.unmeasured)}"
    return line


def _layer_line(layer: Layer, width: int) -> str:
    weights = sum(t.byte_size for t in layer.operator.inputs if t is not None and t.is_constant)
    output = sum(tensor.byte_size for tensor in layer.operator.outputs)
    code = layer.operator.code
    return (
        f"{layer.index:>5}  {code:<{width}} {layer.macs:>12,} {weights:>9,} {output:>9,}  "
        f"{layer.name}"
    )
