"""The passes that a model goes through when it is opened: markers first, then what is needless."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfedge.markers.ranges import RANGE
from tfedge_converters.graph import Model
from tfedge_converters.graph.markers import markers_in
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.finite_checks import drop_finite_checks
from tfedge_converters.graph.passes.float_only import replace_float_only
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers
from tfedge_converters.graph.passes.normalization_markers import expand_normalization_markers
from tfedge_converters.graph.passes.normalization_patterns import widen_normalizations
from tfedge_converters.graph.passes.range_markers import consume_range_markers
from tfedge_converters.graph.passes.recurrent_markers import write_recurrent_markers
from tfedge_converters.graph.passes.shared_weights import annotate_shared_weights
from tfedge_converters.graph.passes.weight_markers import consume_weight_markers
from tfedge_converters.ptq.fake_quantization import consume_fake_quantization


def simplify(model: Model, shared_kernels: Sequence[np.ndarray]) -> bool:
    """Take markers for what they mean, and what changes no number away, in place.

    Args:
        model: as it was read.
        shared_kernels: see `annotate_shared_weights`.

    Returns:
        Whether its file is another now.

    Raises:
        ModelFileError: a marker is malformed.
        UnsupportedError: only some layers keep their state.
    """
    is_marked = any(markers_in(graph, RANGE) for graph in model.graphs)
    consume_weight_markers(model)
    consume_range_markers(model)
    annotate_shared_weights(model, shared_kernels)
    fuse_lstm_markers(model)
    write_recurrent_markers(model)
    expand_normalization_markers(model)
    fake = consume_fake_quantization(model)
    return pipeline.run(model) or fake or is_marked


def write_for_quantiser(model: Model) -> None:
    """Write what only real numbers have by operators that there are integer kernels of."""
    drop_finite_checks(model)
    replace_float_only(model)
    widen_normalizations(model)
