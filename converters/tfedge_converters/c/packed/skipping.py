"""Kernels for pairs, but for dense layers: those skip the values that stand for 0.

They are for cores with registers for the sums of eight channels, where a layer of which no value is
skipped takes what it takes by pairs. Behind a ReLU about half are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c import packing
from tfedge_converters.c.kernel_call import Constant, KernelCall
from tfedge_converters.c.packed import matrices, pairs

# Channels are filled up to eights by no more than one for so many that there are.
_CHANNELS_A_FILLING = 32


def repacked_fully_connected(call: KernelCall) -> KernelCall | None:
    """fully_connected_s8, by rows that skip values where hardly a channel is filled up for that."""
    by_pairs = matrices.repacked_fully_connected(call)
    if by_pairs is None or by_pairs.kernel != "fully_connected_pairs_s8":
        return by_pairs
    params: Mapping[str, Any] = by_pairs.params
    filling = -params["channels"] % packing.EIGHT
    grid = call.operands[0].quantization
    if grid is None or _CHANNELS_A_FILLING * filling > params["channels"]:
        return by_pairs
    natural: Mapping[str, Any] = call.params
    weights = matrices.weight_rows(natural["matmul"])
    zero_point = int(grid.zero_point[0])
    return call.packed_as(
        "fully_connected_skipping_s8",
        {
            "rows": params["rows"],
            "depth": params["depth"],
            "channels": params["channels"],
            "zero_point": zero_point,
            "exact": params["exact"],
            "scale_words": params["scale_words"],
            "weights": Constant("weights", packing.eights(weights), "[channels / 8][depth][8]"),
            "bias": Constant("bias", _unfolded(params["bias"].values, weights, zero_point)),
            "scales": params["scales"],
        },
    )


def _unfolded(bias: np.ndarray, weights: np.ndarray, zero_point: int) -> np.ndarray:
    """Take the input's zero point out of the bias again, modulo 2^32.

    Args:
        bias: int32, of the channels and what pairs fill up.
        weights: int8, (channels, depth).
        zero_point: of the input.

    Returns:
        int32, filled up to eights.
    """
    channels = len(weights)
    sums = bias[:channels] + zero_point * weights.sum(axis=1, dtype=np.int64)
    return np.pad(sums.astype(np.int32), (0, -channels % packing.EIGHT))


KERNELS = {**pairs.KERNELS, "fully_connected_s8": repacked_fully_connected}
