"""Costs of generated C, in lines of text."""

from __future__ import annotations

import itertools

from tfedge_converters.c.code_size import CodeEstimate
from tfedge_converters.c.constants import constant_bytes
from tfedge_converters.c.instructions import InstructionEstimate, instructions_of
from tfedge_converters.c.layer import Layer
from tfedge_converters.c.source import CSource
from tfedge_converters.graph import Model
from tfedge_converters.graph.passes.packed_weights import packed_weights
from tfedge_converters.targets.memory import FLASH, RAM, Memory

_UNPACKED = (
    "other weights of 4 bits take a byte each in C, as their kernels read them: {:,} bytes more "
    "than in the .tflite file"
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
    return [
        header,
        *(_layer_line(layer, width) for layer in plan.layers),
        f"{total:,} MACs; arena {plan.arena_bytes:,} bytes (live set at least "
        f"{plan.lower_bound:,}{peak}); constants {source.weights_bytes:,} bytes; "
        f"{_code_words(source.code)}",
        *_memory_lines(source),
        *([] if source.instructions is None else [_instructions_line(source.instructions)]),
        *_compact_lines(source),
        *_unpacked_lines(source, model),
    ]


def _compact_lines(source: CSource) -> list[str]:
    """Layers whose weights take less than a byte each: bytes and instructions before and after."""
    plan, core = source.plan, source.target.core
    found = []
    for layer, dense in zip(plan.layers, plan.dense, strict=True):
        forms = {call.compact_form: None for call in layer.lowered.calls if call.compact_form}
        if forms:
            costs = [
                sum(instructions_of(call, core, specialised=False) for call in one.lowered.calls)
                for one in (dense, layer)
            ]
            found.append(
                f"{layer.index:>5}  {constant_bytes(dense):>9,} -> {constant_bytes(layer):>9,} "
                f"bytes  {_rounded(costs[0]):>11,.0f} -> {_rounded(costs[1]):>11,.0f} "
                f"instructions  {'; '.join(forms)}"
            )
    return ["weights that take less than a byte each, constants of the layer:", *found] * bool(
        found
    )


def _unpacked_lines(source: CSource, model: Model) -> list[str]:
    """Bytes that weights of 4 bits take beyond that, in layers where each has a byte."""
    with_bytes = {
        layer.operator.outputs[0].name
        for layer in source.plan.layers
        if not any(call.compact_form for call in layer.lowered.calls)
    }
    packed = {
        id(tensor): tensor
        for operator in model.main.operators
        if operator.outputs[0].name in with_bytes
        for tensor in packed_weights(operator)
    }
    spent = sum(tensor.elements - tensor.byte_size for tensor in packed.values())
    return [_UNPACKED.format(spent)] * bool(packed)


def _code_words(code: CodeEstimate) -> str:
    if code.is_of_target:
        return f"code about {code.bytes:,} bytes on {code.core} (estimated, at -O2)"
    return f"code about {code.bytes:,} bytes on {code.core} (this core's is not known)"


def _memory_lines(source: CSource) -> list[str]:
    """Bytes that each of several memories holds."""
    target = source.target
    arenas = {arena.memory.name: arena.bytes for arena in source.plan.arenas}
    held = {
        "arenas": [(one, arenas.get(one.name, 0)) for one in target.memories_of(RAM)],
        "constants": [(one, source.constant_bytes(one.name)) for one in target.memories_of(FLASH)],
    }
    return [
        f"{what} in {'; '.join(itertools.starmap(_use, uses))}"
        for what, uses in held.items()
        if len(uses) > 1
    ]


def _use(memory: Memory, used: int) -> str:
    return f"{memory.name} {used:,} of {memory.bytes:,} bytes"


def _instructions_line(estimate: InstructionEstimate) -> str:
    line = (
        f"about {_rounded(estimate.count):,.0f} instructions on {estimate.core} (estimated, at -O2)"
    )
    if estimate.unmeasured:
        line += f"; of typical kernels in place of {', '.join(estimate.unmeasured)}"
    return line


def _rounded(count: float) -> float:
    """A count that is an estimate, to three digits."""
    return float(f"{count:.3g}")


def _layer_line(layer: Layer, width: int) -> str:
    weights = sum(t.byte_size for t in layer.operator.inputs if t is not None and t.is_constant)
    output = sum(tensor.byte_size for tensor in layer.operator.outputs)
    code = layer.operator.code
    return (
        f"{layer.index:>5}  {code:<{width}} {layer.macs:>12,} {weights:>9,} {output:>9,}  "
        f"{layer.name}"
    )
