"""TRANSPOSE_CONV, as one convolution for each phase of its stride."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from tfedge_converters.c.kernel_call import Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.convolution import DENSE, ConvolutionPart, strided_output_call
from tfedge_converters.c.kernels.geometry import WINDOWS, slide
from tfedge_converters.c.kernels.requantization import WEIGHTS, weight_scales
from tfedge_converters.c.limits import SHAPES, AtMost, ConstantOperand
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor

# Every phase is a call with parameters and weights of its own.
_PHASES = AtMost(256, "phases, which are height times width of the strides")

_SHAPE = ConstantOperand("the output's shape")

GEOMETRY = (WINDOWS, _PHASES, _SHAPE)


@dataclass(frozen=True)
class _Phase:
    """Along one axis: the output positions first, first + stride, … and the taps that reach them.

    Attributes:
        first: the first of these positions.
        count: how many there are.
        taps: positions in the kernel, in the order of the inputs that they meet; [] if none does.
        before: padding before the first input position, negative to start behind it.
    """

    first: int
    count: int
    taps: list[int]
    before: int


@dataclass(frozen=True, eq=False)
class Phase:
    """The convolution that makes the output pixels of one phase of the strides.

    Attributes:
        weights: (channels, kernel height, kernel width, input channels): the taps that reach them,
            in the order of the inputs that they meet.
        output_size: rows and columns of these pixels.
        padding: before the first input row and column, negative to start behind it.
        first: row and column of the first pixel.
    """

    weights: np.ndarray
    output_size: tuple[int, int]
    padding: tuple[int, int]
    first: tuple[int, int]

    @property
    def steps(self) -> dict[str, Param]:
        """The fields of a convolution's parameters for strides, dilations and padding."""
        ones: dict[str, Param] = dict.fromkeys(
            ("stride_y", "stride_x", "dilation_y", "dilation_x"), 1
        )
        return ones | {"pad_top": self.padding[0], "pad_left": self.padding[1]}


@kernel("TRANSPOSE_CONV", "int8 int16", limits=(*DENSE, *GEOMETRY))
def lower_transpose_conv(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [channels, kernel_height, kernel_width, c], spread by a stride."""
    source, weights, bias = transposed_operands(operator)
    output, options = operator.outputs[0], operator.options
    checks.activations(source, output)
    scales = weight_scales(weights, weights.shape[0], axis=0)
    stride = (options.strideH, options.strideW)
    calls = []
    for phase in phases(operator, WEIGHTS.values(weights)):
        part = ConvolutionPart(
            weights=phase.weights,
            bias=bias,
            scales=scales,
            activation=options.fusedActivationFunction,
            output_size=phase.output_size,
            steps=phase.steps,
        )
        calls.append(strided_output_call(source, output, part, stride, phase.first))
    return Lowered(tuple(calls), detail=f"{weights.shape[1]}x{weights.shape[2]}")


def transposed_operands(operator: Operator) -> tuple[Tensor, Tensor, Tensor | None]:
    """Input, weights, and bias if there is one, with shapes that fit each other."""
    _, _, _, bias = checks.operands(operator, least=3, most=4)
    size, weights, source = (checks.operand(operator, index) for index in range(3))
    output = operator.outputs[0]
    for tensor in (source, weights, output):
        checks.rank(tensor, 4)
    channels, _, _, depth = weights.shape
    checks.shape(output, (source.shape[0], *output.shape[1:3], channels))
    checks.shape(source, (*source.shape[:3], depth))
    if _SHAPE.values(size).reshape(-1).tolist() != list(output.shape):
        SHAPES.refuse(f"its shape operand is not {output.shape}, the output's shape")
    return source, weights, bias


def phases(operator: Operator, data: np.ndarray) -> list[Phase]:
    """The convolutions that together make all output pixels.

    Args:
        operator: with operands that `transposed_operands` has checked.
        data: its weights, (channels, kernel height, kernel width, input channels).
    """
    source, output, options = operator.inputs[2], operator.outputs[0], operator.options
    assert source is not None
    _check_phases(output, options)
    rows, columns = (
        _phases(output.shape[axis], source.shape[axis], kernel, stride, options.padding)
        for axis, kernel, stride in (
            (1, data.shape[1], options.strideH),
            (2, data.shape[2], options.strideW),
        )
    )
    return [
        Phase(
            weights=_taps(data, row, column),
            output_size=(row.count, column.count),
            padding=(row.before, column.before),
            first=(row.first, column.first),
        )
        for row, column in product(rows, columns)
    ]


def _check_phases(output: Tensor, options: Any) -> None:
    _, height, width, _ = output.shape
    phases = min(options.strideH, height) * min(options.strideW, width)
    _PHASES.refuse_above(
        phases,
        f"strides {options.strideH}x{options.strideW} need {phases} kernel calls; at most "
        f"{_PHASES.most} are supported. Use several layers of smaller strides",
    )


def _phases(size: int, input_size: int, kernel: int, stride: int, padding: int) -> list[_Phase]:
    """An output position y meets input i by the kernel's tap y + padding - i * stride."""
    window = slide(size, kernel, stride, 1, padding)
    if window.output != input_size:
        SHAPES.refuse(
            f"an input of {input_size} does not become {size} by a kernel of {kernel} and a stride "
            f"of {stride}"
        )
    phases = []
    for first in range(min(stride, size)):
        tap = (first + window.before) % stride
        taps = list(range(tap, kernel, stride))[::-1]
        before = max(len(taps), 1) - 1 - (first + window.before) // stride
        phases.append(_Phase(first, -(-(size - first) // stride), taps, before))
    return phases


def _taps(data: np.ndarray, row: _Phase, column: _Phase) -> np.ndarray:
    """The weights of one phase; one tap of zeros where no tap reaches it."""
    if not row.taps or not column.taps:
        return np.zeros((data.shape[0], 1, 1, data.shape[3]), data.dtype)
    return data[:, row.taps][:, :, column.taps]
