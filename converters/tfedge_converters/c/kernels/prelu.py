"""Lowering of PRELU."""

from __future__ import annotations

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.broadcast import BROADCASTING, merge
from tfedge_converters.c.limits import AtMost
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator

# The reference walks through four dimensions.
_RANK = AtMost(4, "dimensions")


@kernel("PRELU", "int8", limits=(_RANK, BROADCASTING))
def lower_prelu(operator: Operator) -> Lowered:
    """a, or a * b where a is negative; the slopes b broadcast to a."""
    checks.operands(operator, least=2)
    source, slopes = checks.operand(operator, 0), checks.operand(operator, 1)
    output = operator.outputs[0]
    checks.int8(source, slopes, output)
    checks.shape(output, source.shape)
    _RANK.refuse_above(
        max(len(source.shape), len(slopes.shape)),
        f"shapes {source.shape} and {slopes.shape}; at most {_RANK.most} dimensions are possible",
    )
    scale, zero_point = checks.scale_and_zero_point(source)
    slope_scale, slope_zero_point = checks.scale_and_zero_point(slopes)
    out_scale, out_zero_point = checks.scale_and_zero_point(output)
    identity = float(scale) / float(out_scale)
    identity_multiplier, identity_shift = quantize_multiplier(identity)
    slope_multiplier, slope_shift = quantize_multiplier(
        float(scale) * float(slope_scale) / float(out_scale)
    )
    call = KernelCall(
        kernel="prelu_s8",
        header="prelu_s8",
        struct="prelu_s8",
        params={
            "shape": merge(source.shape, slopes.shape, output),
            "a_zero_point": zero_point,
            "b_zero_point": slope_zero_point,
            "identity_multiplier": identity_multiplier,
            "identity_shift": identity_shift,
            "slope_multiplier": slope_multiplier,
            "slope_shift": slope_shift,
            "output_zero_point": out_zero_point,
        },
        operands=(source, slopes),
        output=output,
        in_place=(0,),
    )
    return Lowered((call,))
