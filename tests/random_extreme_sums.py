"""Random operators that multiply matrices, with biases to +-2^30 and output scales to either side.

Sums as large, and multipliers above 1, whose shifts are to the left, leave kernels no short way to
requantise.
"""

from __future__ import annotations

from collections.abc import Callable

import random_core
import random_heavy
from random_builder import Builder


def _extreme(make: Callable[[Builder], None]) -> Callable[[Builder], None]:
    def made(b: Builder) -> None:
        b.extreme_sums = True
        make(b)
        b.extreme_sums = False

    return made


OPERATORS = {
    f"extreme_{name}": _extreme(family.OPERATORS[name])
    for family, names in (
        (random_core, ("conv_2d", "depthwise_conv_2d", "fully_connected")),
        (random_heavy, ("conv_2d_in_groups", "transpose_conv", "fully_connected_at_run_time")),
    )
    for name in names
}
