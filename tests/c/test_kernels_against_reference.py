"""Every C kernel equals the reference kernel on random shapes, scales and values.

That is TFLite Micro's, or LiteRT's where TFLite Micro has none.
"""

from __future__ import annotations

import pytest
from kernel_comparison import mismatches
from random_graphs import OPERATORS, batches

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")


@pytest.mark.parametrize(
    ("optimize", "seed", "instances"), [("speed", 1, 4), ("shared", 2, 12)], ids=["speed", "shared"]
)
@pytest.mark.parametrize("names", batches(OPERATORS), ids=" ".join)
def test_kernels_are_bit_exact(names, optimize, seed, instances, tmp_path):
    """Inlined into layers of one large program, where compilers inline few layers; as instances.

    Each with instances of its own; `make sweep SWEEP=operators` goes on for as long as asked.
    """
    assert mismatches(names, optimize, tmp_path, seed=seed, instances=instances, samples=21) == []
