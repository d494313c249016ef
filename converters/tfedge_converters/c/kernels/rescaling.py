"""Piecewise linear functions of one integer, which int16 has no tables for."""

from __future__ import annotations

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.c.arrays import stored_dtype
from tfedge_converters.c.kernel_call import KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.graph.types import Tensor

Multiplier = tuple[int, int]


def scale_ratio(source: Tensor, output: Tensor) -> Multiplier:
    """The multiplier from one scale to another, by a quotient of doubles."""
    scales = [float(checks.integer_grid(tensor)[0]) for tensor in (source, output)]
    return quantize_multiplier(scales[0] / scales[1])


def rescaling(
    source: Tensor,
    output: Tensor,
    multiplier: Multiplier | None = None,
    negative: Multiplier | None = None,
    negative_sign: int = 1,
    limits: tuple[int, int] | None = None,
) -> Lowered:
    """Integers brought from one grid to another.

    Args:
        multiplier: of the two scales' quotient where it is not given.
        negative: of values below the zero point; the same where it is not given.
        negative_sign: 1, or -1 where these turn to their opposites, once rescaled.
        limits: of the results; those of the output's type where they are not given.
    """
    multiplier = scale_ratio(source, output) if multiplier is None else multiplier
    negative = multiplier if negative is None else negative
    fields: dict[str, Param] = {
        "exact": 0,
        "magnitude": 0,
        "multiplier": multiplier[0],
        "shift": multiplier[1],
        "negative_multiplier": negative[0],
        "negative_shift": negative[1],
        "negative_sign": negative_sign,
    }
    return _call(source, output, fields, limits)


def clamping(source: Tensor, output: Tensor, limits: tuple[int, int]) -> Lowered:
    """Integers as they are, within limits."""
    return _call(source, output, {"exact": 1, "magnitude": 0}, limits)


def magnitude(source: Tensor, output: Tensor) -> Lowered:
    """The distance from the zero point, requantised where the scales differ."""
    if checks.scale_and_zero_point(source)[0] == checks.scale_and_zero_point(output)[0]:
        return _call(source, output, {"exact": 1, "magnitude": 1}, None)
    multiplier, shift = scale_ratio(source, output)
    fields: dict[str, Param] = {
        "exact": 0,
        "magnitude": 1,
        "multiplier": multiplier,
        "shift": shift,
    }
    return _call(source, output, fields, None)


def _call(
    source: Tensor, output: Tensor, fields: dict[str, Param], limits: tuple[int, int] | None
) -> Lowered:
    least, largest = checks.LIMITS[output.type] if limits is None else limits
    input_bytes, output_bytes = (stored_dtype(t.type).itemsize for t in (source, output))
    call = KernelCall(
        kernel="rescale",
        header="rescale",
        struct="rescale",
        params={
            "elements": checks.elements(output),
            "input_bytes": input_bytes,
            "output_bytes": output_bytes,
            "input_zero_point": checks.integer_grid(source)[1],
            **fields,
            "output_zero_point": checks.integer_grid(output)[1],
            "output_min": least,
            "output_max": largest,
        },
        operands=(source,),
        output=output,
        in_place=(0,) if input_bytes == output_bytes else (),
    )
    return Lowered((call,), detail=f"{source.type.name} to {output.type.name}".lower())
