"""Sizes that a file leaves open, fixed to what an interpreter takes without being told."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.types import Model
from tfedge_converters.interpreters import LITERT_REFERENCE, opened

# Results whose size depends on values, not only on the sizes of operands.


def fix_shapes(model: Model) -> bool:
    """Replace the declared shapes of a graph with open sizes by those that LiteRT works out.

    A file says -1 in a shape's signature for a size that may change, usually the batch, and an
    interpreter that is not told otherwise takes the shape next to it, usually 1. What lies behind
    may be declared anyhow: LiteRT infers it while it runs. In place; models with other graphs
    (control flow) or with sizes that depend on values stay as they are.

    Returns:
        Whether there were open sizes, which are fixed now.
    """
    graph = model.main
    tensors = list(graph.tensors())
    if len(model.graphs) > 1 or not any(-1 in (t.shape_signature or ()) for t in tensors):
        return False
    if any(traits_of(operator.code).shape_depends_on_values for operator in graph.operators):
        return False
    shapes = _inferred(model)
    if shapes is None:
        return False
    for tensor, shape in zip(tensors, shapes, strict=True):
        tensor.shape_signature = None
        if tensor.data is None:
            tensor.shape = shape
    return True


def _inferred(model: Model) -> list[tuple[int, ...]] | None:
    """The shape of every tensor in the writer's order after a run; None if it does not run."""
    try:
        with opened(LITERT_REFERENCE, model, shown=[]) as running:
            shapes = running.shapes()
    except UnsupportedError:
        return None
    count = sum(1 for _ in model.main.tensors())
    return shapes[:count] if count <= len(shapes) else None
