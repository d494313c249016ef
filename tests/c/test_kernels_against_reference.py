"""Every C kernel equals the reference kernel on random shapes, scales and values.

That is TFLite Micro's, or LiteRT's where TFLite Micro has none.
"""

from __future__ import annotations

import pytest
from kernel_comparison import mismatches
from random_graphs import OPERATORS

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("optimize", ["speed", "shared"])
def test_kernel_is_bit_exact(name, optimize, tmp_path):
    assert mismatches(name, optimize, tmp_path, seed=1, instances=24, samples=60) == []
