"""Pruning after an interruption of training."""

from __future__ import annotations

from pathlib import Path

from interrupted_training import assert_resumes_exactly


def test_killed_and_resumed_pruning_ends_with_the_same_masks_and_weights(tmp_path):
    script = Path(__file__).with_name("resumable_pruning.py")
    names = assert_resumes_exactly(script, tmp_path)
    assert any(name.startswith("mask.") for name in names)
