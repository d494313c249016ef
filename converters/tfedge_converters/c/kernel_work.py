"""How often the loops of a kernel run, from the parameters of a call.

Instructions of a call are about linear in these counts; `instructions.py` has the factors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tfedge_converters.c.channel_packing import FEW_PIXELS, GROUP, pixels_together
from tfedge_converters.c.kernel_call import KernelCall

Work = tuple[float, ...]

# What vectors of int8 hold, and packed kernels compute at a time.
_LANES, _FOUR, _EIGHT = 16, 4, 8

# No file says how many values differ from their zero. Where that is the lowest int8, as behind a
# ReLU, so many are taken to, as in the network whose layers were measured; elsewhere all.
_LOWEST, _KEPT = -128, 0.4

# What groups of eight registers of RVV hold, and the longest runs that are copied across.
_BYTES, _SHORT_RUN = 128, 4


def work_of(call: KernelCall) -> Work:
    """Counts of one call; of what, depends on the kernel. The first is 1."""
    return _WORK.get(call.kernel, usual_work_of)(call)


def usual_work_of(call: KernelCall) -> Work:
    """Outputs, multiplications, values that windows see or operands have, and pixels."""
    outputs, macs = call.output.elements, call.macs
    if macs:
        return 1, outputs, macs, macs * _pixels(call) / max(outputs, 1), _pixels(call)
    return 1, outputs, 0, sum(tensor.elements for tensor in call.operands), _pixels(call)


def _pixels(call: KernelCall) -> float:
    """Outputs that do not differ in their channel alone."""
    shape = call.output.shape
    return math.prod(shape[:-1]) if shape else 1


def _pairs_product(call: KernelCall) -> Work:
    """Count four rows at a time: values of a channel, multiplications, columns, copied input."""
    params: Mapping[str, Any] = call.params
    product = params["product"]
    fours = _ceil(_pixels(call), _FOUR)
    channels, depth = product["channels"], 2 * product["pairs"]
    height = params.get("kernel_height", 0)
    ends = params.get("end_bytes", 0)
    return (
        1,
        fours,
        fours * channels,
        fours * channels * depth,
        fours * depth,
        fours * height,
        fours * ends,
        call.operands[0].elements if height else fours * channels * (params["rows"] % _FOUR != 0),
    )


def _blocks_product(call: KernelCall) -> Work:
    """The same with blocks of weights, of which those that are kept count."""
    params: Mapping[str, Any] = call.params
    dense = replace(call, params=params["dense"])
    whole = _pairs_product(dense)
    kept = params["blocks"]["words"].values.size
    return (*whole[:3], whole[1] * kept, *whole[4:])


def _blocks_rows(call: KernelCall) -> Work:
    """Channels of one row, and blocks that are kept."""
    params: Mapping[str, Any] = call.params
    rows = params["rows"]
    return 1, rows * params["channels"], rows * params["words"].values.size, rows


def _pairs_rows(call: KernelCall) -> Work:
    """Four channels of one row at a time."""
    params: Mapping[str, Any] = call.params
    fours = params["rows"] * _ceil(params["channels"], _FOUR)
    return 1, fours, fours * params["depth"], params["rows"] * params["depth"]


def _skipping_rows(call: KernelCall) -> Work:
    """Eight channels of one row at a time: their values, and those that are not skipped."""
    params: Mapping[str, Any] = call.params
    eights = params["rows"] * _ceil(params["channels"], _EIGHT)
    values = eights * params["depth"]
    return 1, eights, values, values * (_KEPT if params["zero_point"] == _LOWEST else 1)


def _planes(call: KernelCall) -> Work:
    """Count four channels at a time: stripes and their rows, pairs of outputs, pairs of inputs."""
    params: Mapping[str, Any] = call.params
    fours = params["batches"] * params["channels"] // _FOUR
    height, stride = params["output_height"], params["stride"]
    pairs = _ceil(height, 2 if stride == 1 else 1)
    stripes = _ceil(pairs, params["stripe_pairs"])
    inputs = pairs + stripes
    return (
        1,
        fours * stripes,
        fours * pairs,
        fours * pairs * params["output_width"],
        fours * inputs,
        fours * inputs * params["plane_width"],
    )


def _lane_product(call: KernelCall) -> Work:
    """Count two pixels at a time: three channels, their vectors, and what is requantised."""
    params: Mapping[str, Any] = call.params
    matmul = params["matmul"]
    rows = params.get("rows", params.get("output_height", 1))
    rows *= params.get("batches", 1)
    pixels = params.get("pixels", params.get("output_width", 1))
    pairs = rows * _ceil(pixels, 2)
    channels, depth = matmul["channels"], matmul["depth"]
    singles = channels % 3
    steps = channels // 3 + singles
    window = params.get("window", {})
    height = window.get("kernel_height", 0)
    return (
        1,
        rows,
        pairs,
        pairs * steps,
        pairs * steps * _ceil(depth, _LANES),
        rows * pixels * _ceil(channels, _FOUR),
        rows * window.get("columns", 0) * height,
        rows * height,
    )


def _lane_patches(call: KernelCall) -> Work:
    """Count a 3x3 depthwise kernel's groups of channels, their pairs of rows, channels, patches."""
    params: Mapping[str, Any] = call.params
    channels, batches = params["channels"], params["batches"]
    groups = batches * _ceil(channels, _LANES)
    turns = _ceil(params["output_height"], 2)
    each = batches * turns * channels
    patches = _ceil(params["output_width"], 2)
    return (
        1,
        groups,
        groups * turns,
        each,
        each * patches,
        groups * (turns + 1) * params["input_width"],
        params["columns"],
    )


def _lane_taps(call: KernelCall) -> Work:
    """Count what depthwise kernels do: blocks of channels in each row, vectors, pairs of taps."""
    params: Mapping[str, Any] = call.params
    rows = params["batches"] * params["output_height"]
    blocks = rows * params["blocks"]
    vectors = blocks * params["steps"]
    return 1, rows, blocks, vectors, vectors * params["pairs"], call.operands[0].elements


def _lane_rows(call: KernelCall) -> Work:
    """Dense layers: channels, and vectors of each."""
    params: Mapping[str, Any] = call.params
    channels = params["channels"]
    return 1, _ceil(channels, _FOUR), channels * _ceil(params["depth"], _LANES)


def _channel_product(call: KernelCall) -> Work:
    """Count a few or many pixels at a time: groups of channels, their depth; and what is copied."""
    params: Mapping[str, Any] = call.params
    matmul = params["matmul"]
    rows = params.get("rows", params.get("output_height", 1)) * params.get("batches", 1)
    pixels = params.get("pixels", params.get("output_width", 1))
    channels, depth = matmul["channels"], matmul["depth"]
    groups = _ceil(channels, GROUP)
    most = pixels_together(channels)
    turns, left = divmod(pixels, most)
    many = rows * (turns + (left > FEW_PIXELS)) if most > FEW_PIXELS else 0
    few = rows * (turns + (left > 0)) if most == FEW_PIXELS else rows * (0 < left <= FEW_PIXELS)
    return (
        1,
        rows,
        few * groups,
        few * groups * depth,
        many,
        many * depth,
        (few * FEW_PIXELS + many * most) * groups,
        *_copied_columns(params.get("window"), rows),
    )


def _copied_columns(window: Mapping[str, Any] | None, rows: int) -> Work:
    """Rows that are copied into columns, runs of them, and vectors of what is moved."""
    if window is None:
        return 0, 0, 0, 0
    height, channels, columns = (
        window[name] for name in ("kernel_height", "input_channels", "columns")
    )
    copied = height + (rows - 1) * min(window["stride_y"], height)
    is_short = channels <= _SHORT_RUN
    moved = rows * _ceil(columns * height * channels, _BYTES)
    across = copied * channels * _ceil(columns, _BYTES)
    return copied, copied * columns * (not is_short), across * is_short, moved


def _channel_taps(call: KernelCall) -> Work:
    """Count what depthwise kernels do: groups of channels in each row, two vectors, their taps."""
    params: Mapping[str, Any] = call.params
    rows = params["batches"] * params["output_height"]
    groups = rows * params["groups"]
    pairs = groups * _ceil(params["steps"], 2)
    window = params["window"]
    copied = rows * window["rows"] * _ceil(window["row"], _BYTES)
    return 1, rows, groups, pairs, pairs * params["taps"], copied


def _channel_rows(call: KernelCall) -> Work:
    """Dense layers: groups of channels, and their depth."""
    params: Mapping[str, Any] = call.params
    groups = _ceil(params["channels"], GROUP)
    return 1, groups, groups * params["depth"]


def _blocks(call: KernelCall) -> Work:
    """Copies: blocks, and bytes of them."""
    params: Mapping[str, Any] = call.params
    extent = params.get("extent", ())
    blocks = math.prod(extent) if isinstance(extent, tuple) else 1
    size = params.get("block_bytes", 1)
    short = size < _LANES
    return 1, blocks, blocks * size, blocks * short, blocks * size * short


def _depthwise(call: KernelCall) -> Work:
    """Fours of channels and single ones, and their taps, of windows inside and at borders."""
    params: Mapping[str, Any] = call.params
    channels = params["input_channels"] * params["depth_multiplier"]
    fours = channels // _FOUR if params["depth_multiplier"] == 1 else 0
    singles = channels - _FOUR * fours
    pixels = params["batches"] * params["output_height"] * params["output_width"]
    inside = params["batches"] * math.prod(_windows_inside(params, *axis) for axis in _AXES)
    border = pixels - inside
    taps = params["kernel_height"] * params["kernel_width"]
    return (
        1,
        pixels,
        pixels * fours,
        inside * fours * taps,
        border * fours * taps,
        pixels * singles,
        inside * singles * taps,
        border * singles * taps,
    )


_AXES = (("y", "height", "top"), ("x", "width", "left"))


def _windows_inside(params: Mapping[str, Any], axis: str, extent: str, begin: str) -> int:
    """How many windows do not reach beyond the input, along one axis."""
    reach = (params[f"kernel_{extent}"] - 1) * params[f"dilation_{axis}"]
    begins = (
        window * params[f"stride_{axis}"] - params[f"pad_{begin}"]
        for window in range(params[f"output_{extent}"])
    )
    return sum(place >= 0 and place + reach < params[f"input_{extent}"] for place in begins)


def _rows(call: KernelCall) -> Work:
    """Dense layers: fours of channels and what is left of them, and their multiplications."""
    params: Mapping[str, Any] = call.params
    matmul, rows = params["matmul"], params["rows"]
    fours, rest = (rows * count for count in divmod(matmul["channels"], _FOUR))
    depth = matmul["depth"]
    return 1, fours, rest, fours * depth, rest * depth, rows * depth, rows


def _ceil(count: float, step: int) -> int:
    return math.ceil(count / step)


_WORK: Mapping[str, Callable[[KernelCall], Work]] = {
    "conv_2d_1x1_channels_s8": _channel_product,
    "conv_2d_1x1_lanes_s8": _lane_product,
    "conv_2d_channels_s8": _channel_product,
    "conv_2d_blocks_s8": _blocks_product,
    "conv_2d_lanes_s8": _lane_product,
    "conv_2d_int4_s8": _pairs_product,
    "conv_2d_pairs_s8": _pairs_product,
    "copy_bytes": _blocks,
    "depthwise_conv_2d_3x3_lanes_s8": _lane_patches,
    "depthwise_conv_2d_channels_s8": _channel_taps,
    "depthwise_conv_2d_lanes_s8": _lane_taps,
    "depthwise_conv_2d_planes_s8": _planes,
    "depthwise_conv_2d_s8": _depthwise,
    "fully_connected_channels_s8": _channel_rows,
    "fully_connected_blocks_s8": _blocks_rows,
    "fully_connected_int4_s8": _pairs_rows,
    "fully_connected_lanes_s8": _lane_rows,
    "fully_connected_pairs_s8": _pairs_rows,
    "fully_connected_s8": _rows,
    "fully_connected_skipping_s8": _skipping_rows,
    "matmul_blocks_s8": _blocks_product,
    "matmul_int4_s8": _pairs_product,
    "matmul_pairs_s8": _pairs_product,
}
