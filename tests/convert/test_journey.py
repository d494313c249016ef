"""A model is handed on from module to module, and hardly ever back."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from random_graphs import random_model

from tfedge_converters.graph import write_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("journey", ROOT / "tools/journey.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("target", ["cortex-m4", "tflite-micro", "tflite"])
def test_the_road_is_straight(tool, target, tmp_path):
    model = tmp_path / "net.tflite"
    model.write_bytes(write_model(random_model("softmax", 1, 1)))
    journey = tool.Journey(model)
    assert journey.follow(["--target", target]) == 0
    assert {"sources", "preparation", "simplification"} <= {
        room.removeprefix("tfedge_converters.") for room in journey.rooms
    }
    assert len(journey.climbs) <= 5, journey.climbs


def test_a_return_to_a_module_above_is_a_climb(tool, tmp_path):
    model = tmp_path / "net.tflite"
    model.write_bytes(write_model(random_model("softmax", 1, 1)))
    journey = tool.Journey(model)
    for room in "aabcab":
        journey.enter(room)
    assert journey.stays == list("abcab")
    assert journey.climbs == [("c", "a")]
