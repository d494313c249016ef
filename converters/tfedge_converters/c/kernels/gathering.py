"""GATHER, GATHER_ND and EMBEDDING_LOOKUP."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import SAME_GRID, SHAPES, TYPES, AtMost, Limit
from tfedge_converters.c.registry import STORED_TYPES, kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_LARGEST_DEPTH = 6
_DEPTH = AtMost(_LARGEST_DEPTH, "indices a tuple")
_IN_RANGE = Limit("constant indices that lie within the operand; others are checked at run time")
_LIMITS = (SAME_GRID, _IN_RANGE)
_INDICES = "indices in int32, or constant in int64"


@kernel("GATHER", STORED_TYPES, limits=_LIMITS, note=_INDICES)
def lower_gather(operator: Operator) -> Lowered:
    """Positions along one axis, in batches of source and indices if there are any."""
    source, indices, output = _operands(operator, source=0, indices=1)
    axis = checks.axis(operator.options.axis, len(source.shape))
    batch = operator.options.batchDims
    batch += len(indices.shape) if batch < 0 else 0
    if not 0 <= batch <= min(axis, len(indices.shape)) or (
        source.shape[:batch] != indices.shape[:batch]
    ):
        SHAPES.refuse(
            f"{operator.options.batchDims} batch dimensions of {source.shape} and {indices.shape}"
        )
    inner = source.shape[axis + 1 :]
    checks.shape(output, (*source.shape[:axis], *indices.shape[batch:], *inner))
    return _gather(
        source,
        indices,
        output,
        batches=math.prod(source.shape[:batch]),
        outer=math.prod(source.shape[batch:axis]),
        extents=(source.shape[axis],),
        detail=f"along axis {axis}",
    )


@kernel("GATHER_ND", STORED_TYPES, limits=(*_LIMITS, _DEPTH), note=_INDICES)
def lower_gather_nd(operator: Operator) -> Lowered:
    """Slices at tuples of indices, which run along the indices' last dimension."""
    source, indices, output = _operands(operator, source=0, indices=1)
    depth = indices.shape[-1] if indices.shape else 0
    if not 1 <= depth <= min(len(source.shape), _DEPTH.most):
        _DEPTH.refuse(f"indices of shape {indices.shape} into shape {source.shape}")
    checks.shape(output, (*indices.shape[:-1], *source.shape[depth:]))
    return _gather(source, indices, output, extents=source.shape[:depth])


@kernel("EMBEDDING_LOOKUP", STORED_TYPES, limits=_LIMITS, note=_INDICES)
def lower_embedding_lookup(operator: Operator) -> Lowered:
    """Rows of a table."""
    source, indices, output = _operands(operator, source=1, indices=0)
    checks.rank(indices, 1)
    if not source.shape:
        SHAPES.refuse(f"'{source.name}' has no rows")
    checks.shape(output, (*indices.shape, *source.shape[1:]))
    return _gather(source, indices, output, extents=source.shape[:1])


def _operands(operator: Operator, source: int, indices: int) -> tuple[Tensor, Tensor, Tensor]:
    checks.operands(operator, least=2)
    picked, places = checks.operand(operator, source), checks.operand(operator, indices)
    checks.moved(operator, picked, operator.outputs[0])
    checks.elements(places)
    return picked, _int32(places), operator.outputs[0]


def _int32(indices: Tensor) -> Tensor:
    """The indices as the kernel takes them."""
    if indices.data is None:
        if indices.type != TensorType.INT32:
            TYPES.refuse(
                f"the indices '{indices.name}' are {indices.type.name}; INT32 is supported"
            )
        return indices
    values = np.array(
        checks.integer_values(indices, indices.data, "the indices"), np.int64
    ).reshape(indices.shape)
    if values.min() < 0 or values.max() > np.iinfo(np.int32).max:
        _IN_RANGE.refuse(f"the indices '{indices.name}' are out of range")
    return Tensor(indices.name, indices.shape, TensorType.INT32, data=values.astype(np.int32))


def _gather(
    source: Tensor,
    indices: Tensor,
    output: Tensor,
    extents: Sequence[int],
    batches: int = 1,
    outer: int = 1,
    detail: str = "",
) -> Lowered:
    depth = len(extents)
    if indices.data is not None:
        tuples = indices.data.reshape(-1, depth)
        if (tuples >= np.array(extents)).any():
            _IN_RANGE.refuse(f"the indices '{indices.name}' are out of range")
    volume = source.byte_size // (batches * outer)
    steps = [volume // math.prod(extents[: i + 1]) for i in range(depth)]
    missing = _LARGEST_DEPTH - depth
    call = KernelCall(
        kernel="gather_bytes",
        header="gather_bytes",
        struct="gather_bytes",
        params={
            "batches": batches,
            "outer": outer,
            "volume_bytes": volume,
            "tuples": indices.elements // (batches * depth),
            "depth": depth,
            "slice_bytes": steps[-1],
            "extent": (*extents, *(1,) * missing),
            "step": (*steps, *(0,) * missing),
        },
        operands=(source, indices),
        output=output,
        can_fail=True,
    )
    return Lowered((call,), detail=detail)
