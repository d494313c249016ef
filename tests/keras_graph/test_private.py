"""Keras' private attributes are used in one file, which follows Keras' versions."""

from __future__ import annotations

import re
from pathlib import Path

import tfedge
import tfedge_converters
from tfedge.keras_graph import private

_ATTRIBUTE = re.compile(
    r"\b(_call_(?:context_args|has_\w+|signature)|_flatten_layers|_functional|_inbound_nodes|"
    r"_inputs_struct|_keras_(?:history|mask)|_operations_by_depth|_nodes_by_depth|"
    r"_outputs_struct|_run_through_graph|_set_mask_metadata|_track_trackable|_tracker)\b"
)


def test_private_attributes_are_used_nowhere_else():
    packages = [Path(package.__file__).parent for package in (tfedge, tfedge_converters)]
    files = {path for package in packages for path in package.rglob("*.py")}
    users = [path for path in sorted(files) if _ATTRIBUTE.search(path.read_text("utf-8"))]
    assert users == [Path(private.__file__)]
