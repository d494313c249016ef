"""Shapes and options that no kernel of the heavy operators can run are refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_graphs import random_model

from tfedge.errors import UnsupportedError
from tfedge_converters.c.kernels.geometry import slide
from tfedge_converters.c.limits import RefusedError
from tfedge_converters.c.lowering import lower


def _output_shape(operator):
    operator.outputs[0].shape = (*operator.outputs[0].shape[:-1], 77)


def _source(index):
    def grow(operator):
        tensor = operator.inputs[index]
        tensor.shape = (*tensor.shape[:-1], tensor.shape[-1] * 3 + 1)

    return grow


def _option(name, value):
    return lambda operator: setattr(operator.options, name, value)


def _size(operator):
    operator.inputs[1].data = operator.inputs[1].data + 1


def _far_taps(operator):
    operator.options.dilationHFactor = operator.options.dilationWFactor = (1 << 31) - 1


def _exclusive_corners(operator):
    operator.options.alignCorners = operator.options.halfPixelCenters = True


def _reads_outside(operator):
    """From one pixel to 55, without corners: the step is rounded to 19/1024, and 54 * 19 > 1023."""
    source, size = operator.inputs
    operator.options.alignCorners = operator.options.halfPixelCenters = False
    source.shape = (1, 1, 1, 1)
    size.data = np.array([55, 55], np.int32)
    operator.outputs[0].shape = (1, 55, 55, 1)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("conv_2d_in_groups", _source(0), "do not fit an input of"),
        ("conv_2d_in_groups", _output_shape, "follows"),
        ("conv_2d_in_groups", _far_taps, "too large"),
        ("conv_2d_in_groups", _option("dilationHFactor", 1 << 15), "too large"),
        ("conv_2d_in_groups", _option("strideW", 1 << 15), "too large"),
        ("depthwise_conv_2d_far", _option("strideW", 0), "below 1"),
        ("depthwise_conv_2d_far", _output_shape, "follows"),
        ("transpose_conv", _source(2), "follows"),
        ("transpose_conv", _output_shape, "follows"),
        ("transpose_conv", _option("strideH", 1 << 30), "too large"),
        ("transpose_conv", _option("fusedActivationFunction", 5), "fused activation 5"),
        ("resize_nearest_neighbor", _size, "is not that of"),
        ("resize_bilinear", _size, "is not that of"),
        ("resize_bilinear", _exclusive_corners, "exclude each other"),
        ("resize_bilinear", _reads_outside, "read outside its input"),
        ("batch_matmul", _output_shape, "follows"),
        ("batch_matmul", _source(0), "follows|values to multiply"),
        ("fully_connected_of_any_rank", _output_shape, "do not fit weights"),
    ],
)
def test_damage_is_refused(name, damage, message):
    graph = random_model(name, seed=3, count=1).main
    operator = graph.operators[0]
    lower(graph, operator)
    damage(operator)
    with pytest.raises(UnsupportedError, match=message):
        lower(graph, operator)


def test_padding_beyond_16_bits_is_refused():
    """A kernel of 5 taps at a dilation of 20,000 begins 40,000 positions before its input."""
    with pytest.raises(RefusedError, match="a padding of 40000"):
        slide(1, 5, 1, 20_000, schema.Padding.SAME)
    assert slide(1, 3, 1, 32_767, schema.Padding.SAME).before == 32_767
