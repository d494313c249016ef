"""`remove_channels`: a smaller plain model."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfedge.equivalence import require_same_outputs
from tfedge.errors import TfedgeError
from tfedge.plain_models import require_plain
from tfedge.pruning import budget as budgets
from tfedge.pruning import channel_importance as importances
from tfedge.pruning.budget import Budget
from tfedge.pruning.channel_graph import ChannelGraph, LayerChannels, channel_graph
from tfedge.pruning.channel_importance import ChannelImportance
from tfedge.pruning.channel_selection import choose, rounded_away
from tfedge.pruning.dead_channels import DeadChannels
from tfedge.pruning.rebuilding import checked_without_channels, without_channels

MASKED = "masked"
_WHAT = "tfedge.pruning.remove_channels"


def remove_channels(
    model: Any,
    target: str | float | Budget | None = None,
    *,
    importance: str | ChannelImportance = "l2",
    calibration: Any = None,
    multiple_of: int = 4,
    keep_at_least: float = 0.1,
    check: bool = True,
) -> Any:
    """A smaller plain Keras model with fewer channels.

    Channels that are coupled, such as those of the operands of an addition, go together; inputs and
    outputs of the model keep theirs, and so do layers of unknown kinds. `compare` shows what
    became smaller, `removable_channels` what may.

    Args:
        model: a built Keras 3 model; it stays as it is. Nested models in it are taken apart.
        target: what to reach: "50% macs", "40% parameters", "16000 ram" (bytes of int8
            activations), "50% instructions on cortex-m4", a share of the channels such as 0.5, or
            a Budget. None with importance "masked", which removes what has become nothing.
        importance: "l1" or "l2" norms of filters, "batch_norm" (their gammas), "first_order"
            (needs `calibration` with labels), a ChannelImportance; or "masked": only channels that
            are zero or constant by their weights, such as training with masks leaves them. The
            result then computes the same function, up to the rounding of floats.
        calibration: for "first_order": (inputs, labels), or a tf.data.Dataset of batches of both.
        multiple_of: channels of a layer become a multiple of this, as kernels like it; heads of
            attention do not. With "masked", 1 removes all that can go.
        keep_at_least: share of a layer's channels that stays, in [0, 1]; at least `multiple_of`
            stay in any case.
        check: whether the result is compared first, on random inputs, with the model that does not
            read the channels that went; with "masked", with the model itself.

    Returns:
        A functional model, not compiled, with the names of the layers as they were.

    Raises:
        TfedgeError: the model is not a plain Keras 3 model, an argument is wrong, or the target
            cannot be reached; the message then says how small the model can get.
        DifferenceError: the result would compute something else.
        UnsupportedError: a layer of your own cannot be made from its `get_config`.

    Example:
        >>> smaller = tfedge.pruning.remove_channels(model, "50% macs", importance="l1")
        >>> print(tfedge.pruning.compare(model, smaller))
    """
    require_plain(model)
    if multiple_of < 1 or not 0 <= keep_at_least <= 1:
        raise TfedgeError("multiple_of is 1 or more, and keep_at_least between 0 and 1")
    graph = channel_graph(model)
    if importance == MASKED:
        smaller = _without_dead(model, graph, target, multiple_of)
        if check:
            require_same_outputs(_WHAT, model, smaller)
        return smaller
    if target is None:
        raise TfedgeError("a target is needed, such as '50% macs'; only 'masked' goes without")
    budget = budgets.get(target)
    scores = importances.get(importance).scores(model, graph, calibration)
    keep = choose(graph, scores, budget, multiple_of, keep_at_least)
    if not check:
        return without_channels(model, graph, keep)
    return checked_without_channels(_WHAT, model, graph, keep)


def removable_channels(model: Any) -> list[LayerChannels]:
    """List how many channels of each layer may be removed, and why others stay.

    Raises:
        TfedgeError: the model is not a plain Keras 3 model.
    """
    require_plain(model)
    return channel_graph(model).layers


def _without_dead(model: Any, graph: ChannelGraph, target: Any, multiple: int) -> Any:
    if target is not None:
        raise TfedgeError("with importance 'masked' the masks say what goes; leave target out")
    dead = DeadChannels(graph)
    keep = np.ones(graph.count, bool)
    for family in graph.families:
        keep[rounded_away(family, dead.groups, multiple)] = False
    return without_channels(model, graph, keep, dead.added_to_bias(keep))
