"""Dynamic quantisation: real activations, int8 weights, and products of integers.

The scale of activations is found in them at run time. `float_convolution.py` leaves to this file
what has integers for weights.
"""

from __future__ import annotations

import numpy as np

from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param, shape_comment
from tfedge_converters.c.kernels.fully_connected import PRODUCTS
from tfedge_converters.c.kernels.requantization import WEIGHTS, weight_scales
from tfedge_converters.graph.types import Operator, Tensor


def dense_call(
    operator: Operator,
    source: Tensor,
    weights: Tensor,
    fields: dict[str, Param],
) -> Lowered:
    """Multiply rows with [channels, depth].

    Args:
        operator: the FULLY_CONNECTED.
        source, weights: its operands; the weights are int8.
        fields: bias and limits.
    """
    channels, depth = weights.shape
    data, scales = WEIGHTS.values(weights), weight_scales(weights, channels, axis=0)
    PRODUCTS.refuse_above(2 * depth, f"{depth} products an output could overflow its 32-bit sum")
    sums = data.sum(axis=1, dtype=np.int32)
    rows = source.elements // depth
    call = KernelCall(
        kernel="fully_connected_dynamic",
        header="fully_connected_dynamic",
        struct="fully_connected_dynamic",
        params={
            "rows": rows,
            "depth": depth,
            "channels": channels,
            "asymmetric": int(bool(operator.options.asymmetricQuantizeInputs)),
            "weights": Constant("weights", data, shape_comment(weights.shape)),
            "weight_sums": Constant("weight_sums", sums, "of each channel"),
            "weight_scales": Constant("weight_scales", scales),
            "channel_step": int(scales.size > 1),
            **fields,
        },
        operands=(source,),
        output=operator.outputs[0],
        takes_scratch=True,
        scratch_bytes=depth,
        macs=rows * channels * depth,
    )
    return Lowered((call,))


def window_call(
    kernel: str,
    source: Tensor,
    output: Tensor,
    weights: Tensor,
    fields: dict[str, Param],
) -> KernelCall:
    """Multiply windows of images.

    Args:
        kernel: its name.
        source, output: images.
        weights: int8, with the output's channels along axis 0, or along axis 3 of depthwise ones.
        fields: all parameters but those of the weights.
    """
    axis = 0 if kernel.startswith("conv") else 3
    scales = weight_scales(weights, weights.shape[axis], axis)
    depthwise = axis != 0
    equal = bool((scales == scales[0]).all())
    rounding: dict[str, Param] = {
        "asymmetric": int(depthwise or not equal),
        "scales_first": int(depthwise or equal),
    }
    data = WEIGHTS.values(weights)
    taps = data.size // weights.shape[axis]
    PRODUCTS.refuse_above(2 * taps, f"{taps} products an output could overflow its 32-bit sum")
    return KernelCall(
        kernel=kernel,
        header="conv_2d_dynamic",
        struct="conv_2d_dynamic",
        params={
            **fields,
            **rounding,
            "weights": Constant("weights", data, shape_comment(data.shape)),
            "weight_scales": Constant("weight_scales", scales),
            "channel_step": int(scales.size > 1),
        },
        operands=(source,),
        output=output,
        takes_scratch=True,
        scratch_bytes=source.elements // source.shape[0],
        macs=output.elements * taps,
    )


def window_sizes(
    source: Tensor, output: Tensor, kernel_size: tuple[int, int], output_size: tuple[int, int]
) -> dict[str, Param]:
    """Return the fields for extents."""
    return {
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "input_channels": source.shape[3],
        "output_height": output_size[0],
        "output_width": output_size[1],
        "channels": output.shape[3],
        "kernel_height": kernel_size[0],
        "kernel_width": kernel_size[1],
    }
