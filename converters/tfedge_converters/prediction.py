"""Outputs of a converted model, computed on this computer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from tfedge.calibration import RepresentativeData
from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters.backends import backend_named
from tfedge_converters.evaluation import Evaluation, LabelledData, real_specs, score
from tfedge_converters.execute import HostProgram, build_host
from tfedge_converters.interpreters import Outputs
from tfedge_converters.metrics import metric_function
from tfedge_converters.ptq.real_values import as_input, as_real
from tfedge_converters.verify.differences import truthful
from tfedge_converters.verify.engines import engine as engine_named

if TYPE_CHECKING:
    from tfedge_converters.artifact import Artifact

# Compiling takes a second, which calls one after the other share.
_compiled: WeakKeyDictionary[Artifact, HostProgram] = WeakKeyDictionary()


def predict(artifact: Artifact, x: Any, engine: str | None) -> np.ndarray | list[np.ndarray]:
    """Compute outputs, see `Artifact.predict`."""
    samples = list(RepresentativeData(x, real_specs(artifact.model), "inputs"))
    results, _ = _run(artifact, samples, engine)
    graph = artifact.model.main
    if not results:
        raise TfedgeError("inputs: there are no samples")
    outputs = [
        as_real(np.concatenate([_with_batch(result[i]) for result in results]), tensor)
        for i, tensor in enumerate(graph.outputs)
    ]
    return outputs[0] if len(outputs) == 1 else outputs


def evaluate(
    artifact: Artifact,
    x: Any,
    y: Any,
    metric: str | Callable[[np.ndarray, np.ndarray], Any],
    engine: str | None,
) -> Evaluation:
    """Measure a metric, see `Artifact.evaluate`."""
    name, function = metric_function(metric)
    tensors = artifact.model.main.outputs
    if len(tensors) != 1:
        raise TfedgeError(
            f"evaluation data: the model has {len(tensors)} outputs; metrics take one"
        )
    data = LabelledData(x if y is None else (x, y), artifact.model)
    results, run_by = _run(artifact, data.samples, engine)
    return Evaluation(name, None, score(function, data, results, tensors), len(results), run_by)


def _run(
    artifact: Artifact, samples: Sequence[Sequence[np.ndarray]], name: str | None
) -> tuple[Outputs, str]:
    """The outputs of real inputs, and the name of what computed them."""
    tensors = artifact.model.main.inputs
    inputs = [
        [as_input(value, tensor) for value, tensor in zip(sample, tensors, strict=True)]
        for sample in samples
    ]
    known = truthful(backend_named(artifact.target.backend).engines, artifact.model)
    *others, last = known if name is None else (name,)
    for other in others:
        try:
            return _run_by(artifact, inputs, other), other
        except MissingToolError:
            continue
    return _run_by(artifact, inputs, last), last


def _run_by(artifact: Artifact, inputs: Sequence[Sequence[np.ndarray]], name: str) -> Outputs:
    if name == "c" and artifact.source is not None:
        return _host_program(artifact).run(inputs)
    return engine_named(name)(artifact.flatbuffer, inputs, max(len(inputs), 1))


def _host_program(artifact: Artifact) -> HostProgram:
    """The artifact's own C, for its target's kernels, compiled for this computer."""
    if artifact not in _compiled:
        with tempfile.TemporaryDirectory() as folder:
            program = artifact.emission.program(Path(folder))
            assert program is not None
            _compiled[artifact] = build_host(program)
    return _compiled[artifact]


def _with_batch(value: np.ndarray) -> np.ndarray:
    """An output of one sample; a scalar is one of a batch of one."""
    return value if value.ndim else value[None]
