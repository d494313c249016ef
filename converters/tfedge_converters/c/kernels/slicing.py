"""SLICE and STRIDED_SLICE."""

from __future__ import annotations

from tfedge_converters.c.kernel_call import Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.views import COPYING, View, moved
from tfedge_converters.c.limits import SHAPES, ConstantOperand, Limit
from tfedge_converters.c.registry import STORED_TYPES, kernel
from tfedge_converters.graph.types import Operator

_BEGINS = ConstantOperand("the begins")
_ENDS = ConstantOperand("the ends")
_SIZES = ConstantOperand("the sizes")
_STRIDES = ConstantOperand("the strides")
_FROM_START = Limit("no offset: no ends that count from the begins")
_SHRINKING = Limit("a begin, and no stride < 0, for a dimension that goes")
_ELLIPSIS = Limit("no ellipsis that stands for no dimension")
_STRIDED = (_BEGINS, _ENDS, _STRIDES, _FROM_START, _SHRINKING, _ELLIPSIS, *COPYING)


@kernel("SLICE", STORED_TYPES, limits=(_BEGINS, _SIZES, *COPYING))
def lower_slice(operator: Operator) -> Lowered:
    """Constant begins and sizes; a size of -1 goes to the end."""
    checks.operands(operator, least=3)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.moved(operator, source, output)
    begins = checks.integers(checks.operand(operator, 1), _BEGINS)
    sizes = checks.integers(checks.operand(operator, 2), _SIZES)
    rank = len(source.shape)
    if not len(begins) == len(sizes) == rank:
        SHAPES.refuse(f"begins {begins} and sizes {sizes} for shape {source.shape}")
    taken = View.whole(source.shape)
    for axis, (begin, size) in enumerate(zip(begins, sizes, strict=True)):
        count = source.shape[axis] - begin if size == -1 else size
        if begin < 0 or count < 1 or begin + count > source.shape[axis]:
            SHAPES.refuse(
                f"begin {begin} and size {size} leave axis {axis} of shape {source.shape}"
            )
        taken = taken.sliced(axis, begin, count)
    checks.shape(output, taken.shape)
    return moved(source, taken, output, detail=f"from {tuple(begins)}")


@kernel("STRIDED_SLICE", STORED_TYPES, limits=_STRIDED)
def lower_strided_slice(operator: Operator) -> Lowered:
    """Python's slicing with constant begins, ends and strides, and all masks."""
    checks.operands(operator, least=4)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.moved(operator, source, output)
    options = operator.options
    if options.offset:
        _FROM_START.refuse("ends that count from the begins are not supported")
    taken = View.whole(source.shape)
    shape: list[int] = []
    axis = 0
    for entry in _entries(operator, len(source.shape)):
        if entry is None:
            shape.append(1)
            continue
        begin, end, stride, shrink = entry
        positions = _positions(source.shape[axis], begin, end, stride, shrink)
        taken = taken.sliced(axis, positions.start, len(positions), stride)
        shape += [] if shrink else [len(positions)]
        axis += 1
    checks.shape(output, shape)
    return moved(source, taken, output, detail=f"from {taken.offset}")


# What a position of the begins says of a dimension: begin, end (None for the outermost), stride
# and whether the dimension goes; None for a new dimension.
_Entry = tuple[int | None, int | None, int, bool] | None


def _entries(operator: Operator, rank: int) -> list[_Entry]:
    """One entry a dimension of the source, with those of new dimensions in between."""
    begins, ends, strides = (
        checks.integers(checks.operand(operator, index), constant)
        for index, constant in ((1, _BEGINS), (2, _ENDS), (3, _STRIDES))
    )
    if not len(begins) == len(ends) == len(strides) or 0 in strides:
        SHAPES.refuse(f"begins {begins}, ends {ends}, strides {strides}")
    options = operator.options
    count = len(begins)

    def marked(mask: int, index: int) -> bool:
        return bool(mask >> index & 1)

    entries: list[_Entry] = []
    ellipsis = count
    for index in range(count):
        if marked(options.ellipsisMask, index):
            ellipsis = min(ellipsis, len(entries))
        elif marked(options.newAxisMask, index):
            entries.append(None)
        else:
            shrink = marked(options.shrinkAxisMask, index)
            if shrink and (strides[index] < 0 or marked(options.beginMask, index)):
                _SHRINKING.refuse("a dimension that goes needs a begin, and no stride < 0")
            entries.append(
                (
                    None if marked(options.beginMask, index) else begins[index],
                    None if marked(options.endMask, index) else ends[index],
                    strides[index],
                    shrink,
                )
            )
    missing = rank - sum(entry is not None for entry in entries)
    if options.ellipsisMask and missing == 0:
        _ELLIPSIS.refuse(
            "its ellipsis stands for no dimension, which LiteRT mistakes for one; leave it out"
        )
    if missing < 0:
        SHAPES.refuse(f"{count} begins are too many for {rank} dimensions")
    everything: list[_Entry] = [(None, None, 1, False)] * missing
    return entries[:ellipsis] + everything + entries[ellipsis:]


def _positions(size: int, begin: int | None, end: int | None, stride: int, shrink: bool) -> range:
    if not shrink:
        return range(*slice(begin, end, stride).indices(size))
    assert begin is not None
    start = checks.axis(begin, size)
    return range(start, start + 1)
