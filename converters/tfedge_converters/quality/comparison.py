"""Follows a conversion from the float model and its data to what is said of the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme
from tfedge_converters.evaluation import Evaluation, LabelledData
from tfedge_converters.graph import Model
from tfedge_converters.graph.sequences import keeps_state
from tfedge_converters.metrics import metric_function
from tfedge_converters.preparation import Prepared
from tfedge_converters.quality.data import Findings, findings, wanted_by
from tfedge_converters.quality.explanation import Calibrated, explanation, worst_layer
from tfedge_converters.quality.limits import Limits
from tfedge_converters.quality.measurement import FloatOutputs, count_for, run_both
from tfedge_converters.quality.result import Quality
from tfedge_converters.quality.samples import (
    EVALUATED,
    MOST_SAMPLES,
    CalibrationSamples,
    DataLook,
    Sample,
)
from tfedge_converters.quantize.calibration import is_calibration
from tfedge_converters.quantize.inputs import input_specs


@dataclass(frozen=True)
class Judgement:
    """What there is to say about a conversion.

    Attributes:
        quality: the outputs against those of the float model; None if there were no samples.
        evaluation: a metric before and after; None without labels.
        warnings: what is wrong, each a sentence or two.
        notes: what may be wrong.
    """

    quality: Quality | None
    evaluation: Evaluation | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


class Comparison:
    """A float model and its data while it is converted.

    Attributes:
        calibration: what to calibrate with: what was given, or samples of it.
    """

    def __init__(self, prepared: Prepared, calibration: Any, labelled: LabelledData | None):
        """Looks at the model, which may be changed afterwards.

        Args:
            prepared: the model.
            calibration: see `convert`.
            labelled: samples to measure on, if there are any.
        """
        model = prepared.model
        has_data = calibration is not None and not is_calibration(calibration)
        self._labelled = labelled
        self._wanted = wanted_by(prepared)
        self._specs = input_specs(model)
        self._data: CalibrationSamples | None = None
        self._calibrated: Calibrated | None = None
        self._before: FloatOutputs | None = None
        self.calibration = calibration
        if prepared.kind.has_float_activations and has_data:
            self._data = CalibrationSamples(
                calibration,
                self._specs,
                hold_back=labelled is None and not keeps_state(model.main),
            )
            self.calibration = self._data
        if prepared.kind.has_float_activations and (has_data or labelled is not None):
            self._before = FloatOutputs(prepared.file.flatbuffer, model.main)

    @property
    def flatbuffer(self) -> bytes | None:
        """The float model as it was; None if there is nothing to run it on."""
        return None if self._before is None else self._before.flatbuffer

    def about_to_quantize(self, model: Model, scheme: Scheme) -> None:
        """Remembers the model, whose ranges are known by now."""
        if self._before is not None:
            self._calibrated = Calibrated.of(model, scheme)

    def judged(
        self,
        model: Model,
        flatbuffer: bytes,
        limits: Limits,
        metric: Any,
        evaluation: Evaluation | None,
        remarks: Sequence[str] = (),
    ) -> Judgement:
        """Measures what the model has become.

        Args:
            model: the converted graph.
            flatbuffer: its file.
            limits: what is warned of.
            metric: see `metric_function`; for the labels of (x, y) that was given to calibrate
                with.
            evaluation: on labelled data, if it was measured.
            remarks: notes on the conversion itself.
        """
        data = self._looked_at()
        warnings, notes = list(data.warnings), [*remarks, *data.notes]
        quality = None
        samples, source = self._samples()
        if self._before is not None and samples:
            samples = samples[: count_for(model, len(samples))]
            try:
                real, found, engine = run_both(self._before, flatbuffer, model, samples)
                outputs = self._before.compared(real, found)
            except TfedgeError as error:
                notes.append(f"signal to noise was not measured: {error}")
            else:
                quality = Quality(outputs, len(samples), source, engine)
                warnings += self._complaints(quality, model, limits, samples)
                if evaluation is None:
                    evaluation, reason = self._of_labels(metric, real, found, engine)
                    notes += reason
        if evaluation is not None:
            warnings += filter(None, [limits.complaint(evaluation)])
        return Judgement(quality, evaluation, tuple(warnings), tuple(notes))

    def _looked_at(self) -> Findings:
        evaluated = None
        if self._labelled is not None:
            evaluated = DataLook(self._specs)
            for _ in evaluated.watched(iter(self._labelled.samples)):
                pass
        if self._data is not None:
            self._data.finish()
        return findings(self._data.look if self._data else None, evaluated, self._wanted)

    def _samples(self) -> tuple[list[Sample], str]:
        """What to measure on, and what it is."""
        if self._labelled is not None:
            step = max(1, len(self._labelled.samples) // MOST_SAMPLES)
            return self._labelled.samples[::step][:MOST_SAMPLES], EVALUATED
        return ([], "") if self._data is None else (self._data.kept, self._data.source)

    def _complaints(
        self, quality: Quality, model: Model, limits: Limits, samples: Sequence[Sample]
    ) -> list[str]:
        found = []
        find_layer = cache(partial(worst_layer, self._calibrated, samples))
        for index, output in enumerate(quality.outputs):
            worst = output.worst
            if worst.snr >= limits.snr:
                continue
            what = f"output '{output.name}'"
            if worst is not output:
                what = f"'{worst.name}' in {what}"
            measure = f"has {worst.snr:.1f} dB signal to noise after conversion"
            if output.is_integer:
                measure = f"differs in {output.noise:.1%} of its values after conversion"
            found.append(
                f"{what} {measure}, where {limits.snr:g} dB are asked for. "
                + explanation(output, index, model.main, self._calibrated, find_layer)
            )
        return found

    def _of_labels(
        self, metric: Any, real: list[np.ndarray], found: list[np.ndarray], engine: str
    ) -> tuple[Evaluation | None, list[str]]:
        """The metric on the samples that were compared, if these came with labels that fit."""
        labels = None if self._data is None else self._data.labels
        if labels is None or self._data is None:
            return None, []
        if len(real) != 1:
            return None, [_unused(f"metrics take one output, and there are {len(real)}")]
        chosen = labels[self._data.places[: len(real[0])]]
        measured = partial(_scores, metric, chosen, real[0], found[0])
        return _tried(measured, len(chosen), engine)


def _scores(
    metric: str | Callable[[Any, Any], Any], labels: np.ndarray, real: np.ndarray, found: np.ndarray
) -> tuple[str, float, float]:
    name, function = metric_function(metric)
    # Interpreters have a batch axis of 1 in every sample.
    before, after = (np.concatenate(list(values)) for values in (real, found))
    return name, function(labels, before), function(labels, after)


def _tried(
    scores: Callable[[], tuple[str, float, float]], samples: int, engine: str
) -> tuple[Evaluation | None, list[str]]:
    try:
        name, before, after = scores()
    except TfedgeError as error:
        return None, [_unused(str(error))]
    return Evaluation(name, before, after, samples, engine), []


def _unused(reason: str) -> str:
    return f"representative data: the labels y of (x, y) were not used: {reason}"
