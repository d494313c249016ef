"""Whatever of tfedge is asked for first brings Keras along by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("first", ["tfedge.quantize", "tfedge.pruning.Budget"])
def test_any_name_may_come_first(first):
    code = f"import tfedge, sys; assert 'keras' not in sys.modules; {first}; tfedge.layers.Prune"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
