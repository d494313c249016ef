"""Marking ranges needs no TensorFlow."""

from __future__ import annotations

import subprocess
import sys


def test_neither_tensorflow_nor_keras_is_imported():
    code = (
        "import sys; from tfedge.markers import mark_range; "
        "assert mark_range('anything', 0, 1) == 'anything'; "
        "print([m for m in ('tensorflow', 'keras', 'tf_keras', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
