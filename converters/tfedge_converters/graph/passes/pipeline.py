"""The passes that every model goes through before it is quantised or turned into C."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tfedge_converters.graph.passes.batch_padding import split_batch_padding
from tfedge_converters.graph.passes.constant_folding import fold_constants
from tfedge_converters.graph.passes.dead_operators import remove_dead_operators
from tfedge_converters.graph.passes.duplicates import merge_duplicates
from tfedge_converters.graph.passes.no_operations import remove_no_operations
from tfedge_converters.graph.passes.reshapes import merge_reshapes
from tfedge_converters.graph.passes.resource_variables import write_resources_as_memories
from tfedge_converters.graph.passes.shape_operands import fix_shape_operands
from tfedge_converters.graph.passes.static_shapes import fix_shapes
from tfedge_converters.graph.types import Model

# Behind `fix_shapes` and `fold_constants`.
_PASSES: tuple[Callable[[Model], bool], ...] = (
    fix_shape_operands,
    split_batch_padding,
    remove_no_operations,
    merge_reshapes,
    merge_duplicates,
    remove_dead_operators,
)


def run(model: Model, *, keep_halves: bool = False) -> bool:
    """Simplify a model in place until nothing changes any more; every output bit stays.

    Inputs, outputs and their names stay. Each pass takes an operator, an operand's detour or an
    open size away whenever it reports a change, or splits what cannot be split again: this ends.

    Args:
        model: the one to change.
        keep_halves: whether constants of half precision stay as they are stored.

    Returns:
        Whether anything changed.
    """
    changed = False
    fold: Callable[[Model], bool] = partial(fold_constants, keep_halves=keep_halves)
    passes = (write_resources_as_memories, fix_shapes, fold, *_PASSES)
    while any(pass_(model) for pass_ in passes):
        changed = True
    return changed
