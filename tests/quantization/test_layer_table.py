"""The page of layers says what the cases say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("layer_table", ROOT / "tools/layer_table.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = tool.PATH.read_text("utf-8").partition(tool.NEXT)[0]
    assert page == tool.table(), "run python tools/layer_table.py"
