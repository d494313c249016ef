"""The page about schemes says what happens when models are converted and run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tfedge.quantization.schemes import SCHEMES, STORAGE_SCHEMES

ROOT = Path(__file__).resolve().parents[2]


def load_tool():
    spec = importlib.util.spec_from_file_location("scheme_table", ROOT / "tools/scheme_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date():
    tool = load_tool()
    assert tool.PATH.read_text("utf-8") == tool.table(), "run python tools/scheme_table.py"


def test_every_scheme_is_described():
    page = load_tool().PATH.read_text("utf-8")
    assert all(f"| `{name}` |" in page for name in (*SCHEMES, *STORAGE_SCHEMES))
