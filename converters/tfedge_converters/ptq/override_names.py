"""Layers that a scheme names and a model lacks, which would otherwise be as all the others."""

from __future__ import annotations

from absl import logging

from tfedge.near_names import near
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Model
from tfedge_converters.graph.layers import answers_to, layer_names


def warn_of_unknown_layers(model: Model, scheme: Scheme) -> None:
    """Names, in the log, the overrides of a scheme that nothing in a model answers to.

    It is no error: layers vanish when a model is exported, as those that act in training alone.
    """
    if not scheme.overrides:
        return
    known = {name for graph in model.graphs for t in graph.tensors() for name in answers_to(t)}
    for name in scheme.overrides:
        if name not in known:
            titles = layer_names(model.main).values()
            logging.warning(
                "the scheme '%s' has something to say of a layer '%s', and the model has none%s",
                scheme.name, name, near(name, titles),
            )  # fmt: skip
