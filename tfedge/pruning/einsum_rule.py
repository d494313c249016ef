"""How channels pass through EinsumDense, by the letters of its equation."""

from __future__ import annotations

import math

from tfedge.keras_graph.computation import Call
from tfedge.pruning.channel_sets import Channels
from tfedge.pruning.tracing import DENSE, Trace


def einsum_dense(trace: Trace, call: Call) -> list[Channels]:
    """A last letter of the input that the result has no more is summed over, as in Dense.

    One that goes on as the result's last is a channel that the kernel multiplies. Any other form
    pins.
    """
    layer = call.operation
    given, kernel, result = _letters(layer.equation)
    operand = call.operands[0]
    channel, made_letter = given[-1], result[-1]
    summed = channel not in result and channel in kernel
    makes = made_letter in kernel and made_letter not in given
    if not summed or not makes or "." in (channel, made_letter):
        return trace.pin_call(call, f"'{layer.name}' has an equation that cannot be followed")
    made = trace.made(layer, "channels", call.results[0].spec.shape[-1])
    trace.setting(layer, "output_shape", made)
    size = len(kernel)
    axes = {kernel.index(channel) - size: trace.of(operand), kernel.index(made_letter) - size: made}
    trace.weight(layer, layer.kernel, axes, operand, _uses(call), DENSE)
    if layer.bias is not None and made_letter in layer.bias_axes:
        trace.weight(layer, layer.bias, {-1: made})
    return [made]


def _letters(equation: str) -> tuple[str, str, str]:
    given, _, result = equation.replace(" ", "").partition("->")
    left, _, kernel = given.partition(",")
    return left, kernel, result


def _uses(call: Call) -> int:
    """Elements of the result, over those of the kernel that make one of them."""
    layer = call.operation
    _, kernel, result = _letters(layer.equation)
    sizes = dict(zip(kernel, layer.kernel.shape, strict=True))
    summed = math.prod(size for letter, size in sizes.items() if letter not in result)
    elements = math.prod(size or 1 for size in call.results[0].spec.shape[1:])
    return elements * summed // math.prod(layer.kernel.shape)
