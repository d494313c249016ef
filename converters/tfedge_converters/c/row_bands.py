"""Layers computed a few rows at a time: which can be, and what a kernel is called with.

A band of rows is computed by the kernel that computes the whole tensor, called with the height of
the band: kernels for windows with the rows that the band's windows see, and with padding above and
below only where the tensor ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfedge_converters.c.constants import constants_of
from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.lowering import lower
from tfedge_converters.c.packed import packed
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.types import Graph, Operator, Tensor

# Natural kernels whose parameters have the height of the input, the height of the output and the
# padding above, under these names.
_WINDOWS = frozenset(
    {
        "average_pool_2d_s8",
        "conv_2d_s8",
        "conv_2d_weight_zero_point_s8",
        "depthwise_conv_2d_s8",
        "max_pool_2d_s8",
    }
)

# What 1x1 convolutions become, which see each pixel by itself.
_PIXELS = frozenset({"fully_connected_s8"})

# Rows of outputs that kernels compute together, with strides of 1.
_TOGETHER = {"depthwise_conv_2d_planes_s8": 2, "depthwise_conv_2d_3x3_lanes_s8": 2}

_ROWS_AXIS, _RANK, _BITS = 1, 4, 8


@dataclass(frozen=True)
class Rows:
    """How rows of a layer's output depend on rows of its operands.

    Attributes:
        input_height, output_height: of the whole tensors.
        extent: rows of the input from the first tap of a window to the last.
        stride: rows from one window to the next.
        pad_top: rows above the input that the first window sees.
    """

    input_height: int
    output_height: int
    extent: int = 1
    stride: int = 1
    pad_top: int = 0

    def seen(self, first: int, last: int) -> tuple[int, int]:
        """The rows of the input that a band needs, from which to before which.

        Args:
            first, last: the band's rows, from which to before which.
        """
        begin = first * self.stride - self.pad_top
        end = (last - 1) * self.stride - self.pad_top + self.extent
        return max(begin, 0), min(max(end, 0), self.input_height)

    def oldest(self, first: int) -> int:
        """The first row of the input that the bands from row `first` on need."""
        if first >= self.output_height:
            return self.input_height
        return min(self.seen(first, first + 1)[0], self.input_height)


@dataclass(frozen=True)
class Band:
    """The shape of a band: its rows, those that it sees, and the padding above these."""

    rows: int
    seen: int
    pad_top: int


@dataclass(frozen=True, eq=False)
class BandedLayer:
    """A layer that can be computed in bands.

    Attributes:
        graph: where it stands.
        operator: the one.
        whole: the call that computes it all at once.
        rows: how its rows depend on those of its operands.
        packing: for which cores kernels are chosen.
    """

    graph: Graph
    operator: Operator
    whole: KernelCall
    rows: Rows
    packing: str
    _calls: dict[Band, KernelCall | None] = field(init=False, repr=False, default_factory=dict)

    @property
    def operands(self) -> tuple[Tensor, ...]:
        """The tensors whose rows it reads."""
        return tuple(t for t in self.whole.operands if not t.is_constant)

    @property
    def band_rows(self) -> int:
        """Rows of a band: as few as its kernel computes without doing anything twice."""
        return _TOGETHER.get(self.whole.kernel, 1) if self.rows.stride == 1 else 1

    def band(self, first: int, last: int) -> Band:
        """The band from row `first` to before row `last`."""
        begin, end = self.rows.seen(first, last)
        above = begin - (first * self.rows.stride - self.rows.pad_top)
        return Band(last - first, end - begin, above)

    def call(self, band: Band) -> KernelCall | None:
        """The call that computes a band; None if it takes another kernel than the whole does."""
        if band not in self._calls:
            calls = packed(self._natural(band), self.packing).calls
            is_same = len(calls) == 1 and _is_same_kernel(calls[0], self.whole)
            self._calls[band] = calls[0] if is_same else None
        return self._calls[band]

    def _natural(self, band: Band) -> Lowered:
        heights = {
            **{id(tensor): band.seen for tensor in self.operands},
            id(self.whole.output): band.rows,
        }
        lowered = lower(self.graph, self.operator)
        [call] = lowered.calls
        if call.kernel not in _WINDOWS:
            banded = replace(
                self.operator,
                inputs=[None if t is None else _banded(t, heights) for t in self.operator.inputs],
                outputs=[_banded(t, heights) for t in self.operator.outputs],
            )
            return lower(self.graph, banded)
        sides = {
            "input_height": band.seen,
            "output_height": band.rows,
            "pad_top": band.pad_top,
        }
        part = replace(
            call,
            params={**call.params, **sides},
            operands=tuple(_banded(tensor, heights) for tensor in call.operands),
            output=_banded(call.output, heights),
            macs=call.macs * band.rows // self.rows.output_height,
        )
        return replace(lowered, calls=(part,))


def banded_layer(
    graph: Graph, operator: Operator, whole: KernelCall, packing: str
) -> BandedLayer | None:
    """The layer as one that is computed in bands; None if it cannot be.

    Args:
        graph: where it stands.
        operator: of the layer.
        whole: the only call that computes it.
        packing: for which cores that was chosen.
    """
    operands = [tensor for tensor in whole.operands if not tensor.is_constant]
    heights = {tensor.shape[_ROWS_AXIS] for tensor in operands if _is_image(tensor)}
    if (
        whole.can_fail
        or whole.states
        or len(heights) != 1
        or not all(map(_is_image, (*operands, whole.output)))
    ):
        return None
    [natural] = lower(graph, operator).calls
    rows = _rows_of(natural, operator, heights.pop())
    return None if rows is None else BandedLayer(graph, operator, whole, rows, packing)


def _rows_of(natural: KernelCall, operator: Operator, height: int) -> Rows | None:
    params: Mapping[str, Any] = natural.params
    output = natural.output
    if natural.kernel in _WINDOWS:
        extent = (params["kernel_height"] - 1) * params.get("dilation_y", 1) + 1
        steps = (extent, params["stride_y"], params["pad_top"])
        return Rows(height, output.shape[_ROWS_AXIS], *steps)
    is_pixels = natural.kernel in _PIXELS and operator.code == "CONV_2D"
    if is_pixels and height == output.shape[_ROWS_AXIS]:
        return Rows(height, height)
    is_element_wise = traits_of(operator.code).element_wise
    if is_element_wise and all(_is_row_by_row(tensor, output) for tensor in natural.operands):
        return Rows(height, height)
    return None


def _is_image(tensor: Tensor) -> bool:
    """Whether it is one image: rows of columns of channels, one row behind the other."""
    is_stored = tensor.type.bits == _BITS and not (tensor.is_constant or tensor.is_variable)
    return is_stored and len(tensor.shape) == _RANK and tensor.shape[0] == 1


def _is_row_by_row(operand: Tensor, output: Tensor) -> bool:
    """Whether each row of the output needs one row of the operand, or the same of all."""
    if operand.is_constant:
        return len(operand.shape) < _RANK - 1 or operand.shape[-_RANK + 1] == 1
    return operand.shape == output.shape


def _banded(tensor: Tensor, heights: Mapping[int, int]) -> Tensor:
    if id(tensor) not in heights:
        return tensor
    shape = list(tensor.shape)
    shape[_ROWS_AXIS] = heights[id(tensor)]
    return replace(tensor, shape=tuple(shape), shape_signature=None)


def _is_same_kernel(one: KernelCall, other: KernelCall) -> bool:
    """Whether two calls differ in heights alone, so that they share code and constants."""
    kinds = [(call.kernel, call.struct, call.takes_scratch) for call in (one, other)]
    texts = [
        [(found.role, found.values.tobytes()) for found in constants_of(call.params)]
        for call in (one, other)
    ]
    return kinds[0] == kinds[1] and texts[0] == texts[1]
