"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from shared_files import SHARED


def shared_path(relative: str) -> Path:
    """A real model or data file from outside the project; skips the test where it is missing."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(
            f"needs {relative}, which is not part of the project and is not on this machine"
        )
    return path


@pytest.fixture
def shared():
    """`shared("models/x.tflite")` gives the path, or skips the test aloud."""
    return shared_path
