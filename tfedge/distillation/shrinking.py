"""`shrink`: a student of the same family as its teacher."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras

from tfedge.distillation.repeated_blocks import spare_blocks
from tfedge.equivalence import require_same_outputs
from tfedge.errors import TfedgeError
from tfedge.keras_graph.computation import computation_of
from tfedge.plain_models import copy_of, rebuild, require_plain
from tfedge.pruning import channel_importance as importances
from tfedge.pruning.channel_graph import LayerChannels, channel_graph
from tfedge.pruning.channel_importance import ChannelImportance
from tfedge.pruning.channel_selection import narrowed
from tfedge.pruning.rebuilding import checked_without_channels, without_channels

_WHAT = "tfedge.distillation.shrink"


def shrink(
    teacher: Any,
    width: float = 1.0,
    depth: float = 1.0,
    *,
    importance: str | ChannelImportance = "l2",
    calibration: Any = None,
    multiple_of: int = 4,
    check: bool = True,
) -> Any:
    """A smaller plain model of a teacher's family, whose weights are the teacher's.

    First blocks go that the teacher repeats: of every row of blocks that are built alike and keep
    the shape of what they compute with, a share stays, spread evenly. Then the least important
    channels of every layer go. The student is not yet good; distil it.

    Args:
        teacher: a built Keras 3 model; it stays as it is. Nested models in it are taken apart.
        width: share of the channels of every layer that stays, in (0, 1]. Layers in wrappers
            (Bidirectional, TimeDistributed, RNN) keep theirs, which a warning says.
        depth: share of the repeated blocks that stays, in (0, 1]; at least one of every row.
        importance, calibration: which channels stay; see `tfedge.pruning.remove_channels`.
        multiple_of: channels of a layer become a multiple of this, rounded up.
        check: whether a narrower student is compared first, on random inputs, with the teacher
            that does not read the channels that went, and before blocks go, a copy with all of
            them with the teacher.

    Returns:
        A functional model, not compiled, with the names of the layers as they were.
        `tfedge.pruning.compare(teacher, student)` shows what became smaller.

    Raises:
        TfedgeError: the teacher is not a plain Keras 3 model, an argument is wrong, or there is
            nothing to leave out.
        DifferenceError: the student, or that copy, would compute something else.
        UnsupportedError: a layer of your own cannot be made from its `get_config`.

    Example:
        >>> student = tfedge.distillation.shrink(teacher, width=0.5, depth=0.5)
        >>> distiller = tfedge.distillation.Distiller(teacher, student, SoftTargets(4.0))
    """
    require_plain(teacher)
    for name, share in (("width", width), ("depth", depth)):
        if not 0 < share <= 1:
            raise TfedgeError(f"{name} is the share that stays, above 0 and at most 1, not {share}")
    if multiple_of < 1:
        raise TfedgeError(f"multiple_of is 1 or more, not {multiple_of}")
    if width == depth == 1:
        raise TfedgeError("with width=1 and depth=1 the student would be the teacher; ask for less")
    student = teacher
    if depth < 1:
        if check:
            require_same_outputs(_WHAT, teacher, _with_weights_of(teacher, ()))
        student = _shallower(teacher, depth)
    if width < 1:
        student = _narrower(student, width, importance, calibration, multiple_of, check)
    return student


def _shallower(model: Any, depth: float) -> Any:
    spare = spare_blocks(computation_of(model), depth)
    if not spare:
        raise TfedgeError(
            f"model '{model.name}' repeats no block often enough to keep only {depth:g} of them; "
            "make it narrower with width= instead"
        )
    return _with_weights_of(model, spare)


def _with_weights_of(model: Any, without: Sequence[range]) -> Any:
    """A copy of a model without some of its calls."""
    smaller, made = rebuild(model, lambda layer, name: [copy_of(layer, name)], without)
    for call in computation_of(model).calls:
        fresh = made[id(call.operation)][0]
        if isinstance(fresh, keras.layers.Layer) and fresh.built:
            fresh.set_weights(call.operation.get_weights())
    return smaller


def _narrower(
    model: Any, width: float, importance: Any, calibration: Any, multiple_of: int, check: bool
) -> Any:
    graph = channel_graph(model)
    scores = importances.get(importance).scores(model, graph, calibration)
    keep = narrowed(graph, scores, width, multiple_of)
    whole = [layer for layer in graph.layers if layer.removable == 0]
    if keep.all():
        raise TfedgeError(
            f"no layer of model '{model.name}' becomes narrower with width={width:g} and "
            f"multiple_of={multiple_of}: {_why(whole) or 'all are that narrow already'}"
        )
    unknown = [layer for layer in whole if layer.has_no_rule]
    if unknown:
        warnings.warn(
            f"layers that keep their width: {_why(unknown)}; build the model without wrappers, as "
            "two LSTMs in place of a Bidirectional one, for them to become narrower",
            stacklevel=3,
        )
    if not check:
        return without_channels(model, graph, keep)
    return checked_without_channels(_WHAT, model, graph, keep)


def _why(layers: list[LayerChannels]) -> str:
    said = [f"'{layer.layer}', because {layer.kept_because}" for layer in layers[:4]]
    return "; ".join([*said, "…"] if len(layers) > 4 else said)
