"""Products with weights of which whole blocks are 0: four values of one channel's depth.

Kernels are those for pairs of values, without the blocks that are 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.packed import matrices
from tfedge_converters.graph.passes.constant_channels.zero_blocks import BLOCK

# A gap between blocks is a byte, a count of a channel's blocks 16 bits with a sign.
_MOST_GAP, _MOST_BLOCKS = 255, 32767

_FORM = "blocks of 4"


def repacked_fully_connected(call: KernelCall) -> KernelCall | None:
    """fully_connected_s8, which is a 1x1 convolution too."""
    dense = matrices.repacked_fully_connected(call)
    if dense is None:
        return None
    params: Mapping[str, Any] = call.params
    blocks = _blocks(matrices.weight_rows(params["matmul"]))
    if blocks is None:
        return None
    if dense.kernel == "matmul_pairs_s8":
        return _by_columns(dense, "matmul_blocks_s8", blocks)
    rest = {name: value for name, value in dense.params.items() if name != "weights"}
    return dense.packed_as("fully_connected_blocks_s8", {**rest, **blocks}, form=_FORM)


def repacked_convolution(call: KernelCall) -> KernelCall | None:
    """conv_2d_s8 without dilation."""
    dense = matrices.repacked_convolution(call)
    if dense is None:
        return None
    params: Mapping[str, Any] = call.params
    blocks = _blocks(matrices.weight_columns(params))
    return None if blocks is None else _by_columns(dense, "conv_2d_blocks_s8", blocks)


def _by_columns(dense: KernelCall, kernel: str, blocks: dict[str, Param]) -> KernelCall:
    params: dict[str, Any] = dict(dense.params)
    params["product"] = {**params["product"], "weights": 0}
    return dense.packed_as(kernel, {"dense": params, "blocks": blocks}, form=_FORM)


def _blocks(weights: np.ndarray) -> dict[str, Param] | None:
    """Return the fields of a tfedge_blocks_s8_params.

    Args:
        weights: int8, (channels, depth), depth a multiple of 4.

    Returns:
        None where no block is 0, or blocks are too many or too far apart for what counts them.
    """
    fours = weights.reshape(weights.shape[0], -1, BLOCK)
    kept = (fours != 0).max(axis=2)
    counts = kept.sum(axis=1)
    gaps = np.concatenate([np.diff(np.flatnonzero(row), prepend=-1) - 1 for row in kept])
    if kept.all() or not gaps.size or gaps.max() > _MOST_GAP or counts.max() > _MOST_BLOCKS:
        return None
    words = np.ascontiguousarray(fours[kept]).view("<i4").reshape(-1).astype(np.int32)
    return {
        "words": Constant("weights", words, "four weights of each block"),
        "gaps": Constant("gaps", gaps.astype(np.uint8).view(np.int8), "zeros before each block"),
        "counts": Constant("counts", counts.astype(np.int16), "blocks of each channel"),
    }
