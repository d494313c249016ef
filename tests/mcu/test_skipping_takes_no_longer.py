"""Dense layers that skip values, beside the same layers by pairs: instructions in QEMU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_firmware
from tfedge_converters.graph import Quantization

# Of all that a layer by pairs takes: the most with no value skipped, and with every second one.
NONE_SKIPPED, HALF_SKIPPED = 1.03, 0.75


def layer(depth, channels):
    """A model of one layer, whose input's zero is -128."""
    builder = Builder(np.random.default_rng(0))
    source = builder.input((1, depth), Quantization.per_tensor(0.05, -128))
    weights = builder.weights((channels, depth), 0, True)
    operands = [source, weights, builder.bias(source, weights)]
    grid = builder.sums(source, weights, depth)
    options = schema.FullyConnectedOptionsT()
    builder.output("FULLY_CONNECTED", operands, (1, channels), grid, options, 4)
    return builder.model()


@pytest.mark.parametrize("core", ["cortex-m3", "rv32imc", "rv64gc"])
@pytest.mark.parametrize(("depth", "channels"), [(64, 32), (640, 16), (256, 250)])
def test_a_layer_of_which_nothing_is_skipped_takes_what_it_takes_by_pairs(
    core, depth, channels, tmp_path
):
    model = layer(depth, channels)
    none = np.random.default_rng(1).integers(-127, 128, (1, depth), np.int8)
    half = np.where(np.arange(depth) % 2, none, -128).astype(np.int8)
    counted = {}
    for packing in ("pairs", "skipping"):
        target = replace(targets.load(core), packing=packing)
        program = generate(model, Options("net", target)).write(tmp_path / packing)
        try:
            run = build_firmware(program, core, num_layers=1).run([[none], [half]])
        except MissingToolError as error:
            pytest.skip(str(error))
        counted[packing] = np.ravel(run.layer_instructions)
    nothing, every_second = counted["skipping"] / counted["pairs"]
    assert nothing <= NONE_SKIPPED
    assert every_second <= HALF_SKIPPED
