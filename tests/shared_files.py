"""Where real models and data lie that are not part of the project.

A module of its own: `conftest` is the name of several.
"""

from __future__ import annotations

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
