"""How far below a row's largest score a score still matters to softmax.

Training and conversion ask here. No TensorFlow: a converter that starts from a file has none.
"""

from __future__ import annotations

import math

from tfedge.quantization import policy
from tfedge.quantization.activation_types import ActivationType


def softmax_depth(activation_type: ActivationType, keys: int) -> float:
    """The distance from which on scores may count as equal.

    `keys` scores of this distance change the sum of the exponentials by less than half a step of
    the result, whose grid the kernel prescribes. A smaller depth would give the scores of a
    masked row a finer grid, but what is masked would leak into the sum: over a range of 4 to 8
    between the scores' largest numbers, the sum of both errors is at its least within 0.3 dB here.

    Args:
        activation_type: of scores and result.
        keys: in a row; 1 or more.
    """
    step = policy.OPERATORS["SOFTMAX"].fixed[activation_type.element].scale
    return math.log(2.0 / step * max(keys, 1))
