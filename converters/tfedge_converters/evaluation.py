"""How well a model does before and after its conversion, on labelled data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.array_files import arrays_in
from tfedge.calibration import InputSpec, RepresentativeData
from tfedge.errors import MissingToolError, TfedgeError
from tfedge.result import Result
from tfedge_converters.graph import Model, Tensor
from tfedge_converters.metrics import MetricFunction, metric_function
from tfedge_converters.ptq.inputs import input_specs
from tfedge_converters.ptq.real_values import as_input, as_real
from tfedge_converters.verify.differences import truthful
from tfedge_converters.verify.engines import SEQUENCE, Outputs, engine

_DESCRIPTIONS = {
    "c": "the compiled C", "tflite-micro": "TFLite Micro", "litert-reference": "LiteRT",
    "litert": "LiteRT with XNNPACK", "stepwise": "TFLite Micro, operator by operator",
}  # fmt: skip

_LABELS = ("y", "y_test", "labels")


@dataclass(frozen=True, repr=False)
class Evaluation(Result):
    """Value of a metric on one engine.

    Attributes:
        metric: its name.
        real: of the model before conversion; None if it was integer already.
        converted: of what was made of it, run by `engine`.
        samples: how many there were.
        engine: its name, for `verify.engines.engine`.
    """

    metric: str
    real: float | None
    converted: float
    samples: int
    engine: str

    def sections(self) -> Iterable[str]:
        """The one line that there is to say."""
        return [self.headline()]

    def headline(self) -> str:
        """The metric before and after, and on how many samples."""
        before = "" if self.real is None else f"{self.real:.4f} before conversion, "
        return (
            f"{self.metric}: {before}{self.converted:.4f} after "
            f"({self.samples:,} samples, run by {_DESCRIPTIONS.get(self.engine, self.engine)})"
        )


class LabelledData:
    """Samples, as columns for the inputs of a model, and their labels.

    Args:
        data: (x, y), with x as for calibration and y an array whose first axis counts samples; or
            the path of an .npz file with the arrays of x, and y, y_test or labels.
        model: whose inputs x is for; quantised inputs take real numbers.

    Raises:
        TfedgeError: they do not fit each other or the model.
    """

    def __init__(self, data: Any, model: Model):
        x, labels = _x_and_labels(data)
        self.samples = list(RepresentativeData(x, real_specs(model), "evaluation data"))
        self.labels = _array(labels)
        if self.labels.shape[:1] != (len(self.samples),):
            raise TfedgeError(
                f"evaluation data: {len(self.samples)} samples, but labels of shape "
                f"{self.labels.shape}; their first axis must count the samples"
            )


def evaluate(
    real: bytes | None,
    converted: bytes,
    model: Model,
    engines: Sequence[str],
    data: LabelledData,
    metric: str | Callable[[np.ndarray, np.ndarray], Any],
) -> Evaluation:
    """Run a model before and after its conversion.

    Args:
        real: the file before conversion; None if it was integer already.
        converted: the file that was made of it.
        model: `converted` as a typed graph.
        engines: what may run it, see `Backend.engines`; generated C is compiled for this computer.
        data: samples and labels.
        metric: see `metric_function`.

    Raises:
        MissingToolError: nothing that could run the converted model is there.
        TfedgeError: the metric is unknown or does not fit the labels, or the model has several
            outputs.
    """
    name, function = metric_function(metric)
    if len(model.main.outputs) != 1:
        raise TfedgeError(
            f"evaluation data: the model has {len(model.main.outputs)} outputs; metrics take one"
        )
    samples = [
        [as_input(value, tensor) for value, tensor in zip(sample, model.main.inputs, strict=True)]
        for sample in data.samples
    ]
    results, run_by = _run_by_first(truthful(engines, model), converted, samples)
    after = score(function, data, results, model.main.outputs)
    before = None
    if real is not None:
        before = score(function, data, engine("litert")(real, data.samples, SEQUENCE), None)
    return Evaluation(name, before, after, len(samples), run_by)


def _run_by_first(
    engines: Sequence[str], converted: bytes, samples: Sequence[Sequence[np.ndarray]]
) -> tuple[Outputs, str]:
    """The outputs, and what made them: the first engine whose tools are installed."""
    *others, last = engines
    for name in others:
        try:
            return engine(name)(converted, samples, SEQUENCE), name
        except MissingToolError:
            continue
    return engine(last)(converted, samples, SEQUENCE), last


def score(
    function: MetricFunction, data: LabelledData, results: Outputs, tensors: Sequence[Tensor] | None
) -> float:
    """The metric of the only output.

    Args:
        function: of labels and outputs.
        data: with the labels.
        results: of each sample one array an output.
        tensors: the outputs of the graph, for their grids; None for real numbers.
    """
    outputs = np.concatenate([result[0] for result in results])
    if tensors is not None:
        outputs = as_real(outputs, tensors[0])
    return function(data.labels, outputs)


def _x_and_labels(data: Any) -> tuple[Any, Any]:
    if isinstance(data, (str, Path)):
        return data, labels_in(Path(data))
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TfedgeError(
            "evaluation data: give (x, y), samples and their labels, or the path of an .npz file"
        )
    return data[0], data[1]


def labels_in(path: Path) -> np.ndarray:
    """The labels of an .npz file, whatever samples it holds.

    Raises:
        TfedgeError: it cannot be read, or has none.
    """
    with arrays_in(path) as arrays:
        for name in _LABELS:
            if name in arrays:
                return arrays[name]
        names = ", ".join(arrays) or "nothing"
    raise TfedgeError(f"{path}: holds no labels ({', '.join(_LABELS)}), but {names}")


def _array(labels: Any) -> np.ndarray:
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise TfedgeError(f"evaluation data: labels are no array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TfedgeError(f"evaluation data: labels are numbers, not {array.dtype}")
    return array


def real_specs(model: Model) -> list[InputSpec]:
    """Describe what a model's inputs take: quantised ones real numbers."""
    pairs = zip(input_specs(model), model.main.inputs, strict=True)
    return [_real_spec(spec, tensor) for spec, tensor in pairs]


def _real_spec(spec: InputSpec, tensor: Tensor) -> InputSpec:
    dtype = spec.dtype if tensor.quantization is None else np.dtype(np.float32)
    return InputSpec(spec.names, spec.shape, dtype)
