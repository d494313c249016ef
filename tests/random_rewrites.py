"""Random operators that a pass rewrites, because TFLite Micro has no kernel or another result."""

from __future__ import annotations

import random_core
import random_elementwise
import random_heavy
import random_movement
import random_unary

from tfedge_converters.graph.passes.batch_padding import split_batch_padding
from tfedge_converters.graph.passes.micro_sequences import write_for_micro

_MADE = {
    name: make
    for family in (random_core, random_elementwise, random_heavy, random_movement, random_unary)
    for name, make in family.OPERATORS.items()
}

_FOR_MICRO = (
    "exp", "gelu", "log", "neg", "reduce_any", "relu_0_to_1", "relu_n1_to_1", "select", "sqrt",
    "tile",
)  # fmt: skip


OPERATORS = {f"{name}_for_micro": _MADE[name] for name in _FOR_MICRO} | {
    "padded_space_to_batch": random_movement.space_to_batch_nd
}

REWRITES = {f"{name}_for_micro": write_for_micro for name in _FOR_MICRO} | {
    "padded_space_to_batch": split_batch_padding
}

# What is right before the pass.
LITERT = set(REWRITES)
