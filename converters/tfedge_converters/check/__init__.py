"""`tfedge.check`: what an accelerator will compute of a model, why not the rest, and what helps."""

from __future__ import annotations

from typing import Any

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.accelerators.fitting import fit
from tfedge_converters.accelerators.mapping import map_graph
from tfedge_converters.accelerators.memory import memory_use
from tfedge_converters.accelerators.remedies import plan, remedies
from tfedge_converters.artifact import Artifact
from tfedge_converters.check.report import CheckReport
from tfedge_converters.graph import Graph, Model
from tfedge_converters.made_up_ranges import open_as_integers
from tfedge_converters.targets import Target

__all__ = ["CheckReport", "check"]


def check(
    model: Any,
    *,
    target: str = "edgetpu",
    input_shapes: Any = None,
    rewrite: bool = False,
    allow_code: bool = False,
) -> CheckReport:
    """Predict what an accelerator computes of a model; need none of its vendor's tools.

    Args:
        model: an integer .tflite file (its path or bytes), which is checked as it is; a float
            model, as for `convert`, which is quantised for that with made-up ranges, on which
            nothing depends here; or what `convert` returned.
        target: a target with an accelerator, or the path of a target file.
        input_shapes: shapes without the batch, where a Keras model leaves sizes open.
        rewrite: whether exact changes that help are made first, as `convert` makes them.
        allow_code: whether code may run that the model's file brings or asks for, such as Lambda
            layers; only for files that you trust (docs/security.md).

    Returns:
        The report.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: a layer cannot be expressed in TFLite, or not quantised.
        TfedgeError: the target has no accelerator.
    """
    chosen = targets.load(target)
    if chosen.accelerator is None:
        raise TfedgeError(f"{chosen.name} has no accelerator; try {' or '.join(_accelerated())}")
    name, typed, notes = _opened(model, chosen, input_shapes, allow_code)
    if rewrite:
        fit(typed, chosen.accelerator)
    mapping = map_graph(typed.main, chosen.accelerator)
    found = remedies(mapping)
    steps, end = plan(mapping)
    return CheckReport(
        name=name,
        target=chosen.name,
        model=typed,
        mapping=mapping,
        memory=memory_use(mapping),
        remedies=tuple(found),
        steps=tuple(steps),
        end=end,
        notes=(*notes, *_notes(typed.main, chosen)),
    )


def _accelerated() -> list[str]:
    return [name for name in targets.names() if targets.load(name).accelerator is not None]


def _opened(
    model: Any, target: Target, input_shapes: Any, allow_code: bool
) -> tuple[str, Model, list[str]]:
    """Open a model: its name, its graph as the accelerator will see it, and notes on it."""
    if isinstance(model, Artifact):
        return model.name, model.model, []
    return open_as_integers(model, target, input_shapes, allow_code=allow_code)


def _notes(graph: Graph, target: Target) -> list[str]:
    accelerator = target.accelerator
    notes = []
    if accelerator is not None and accelerator.fixed_shapes:
        opened = [t.name for t in graph.inputs if min(t.shape_signature or (0,)) < 0]
        if opened:
            notes.append(
                f"input '{opened[0]}' leaves sizes open (batch): write the file with fixed ones "
                f"(tfedge convert --target {target.name})"
            )
    return notes
