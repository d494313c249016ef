"""`tfedge.diagnose`: where accuracy goes when a model is quantised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfedge.progress import is_shown
from tfedge.quantization.schemes import Scheme, get
from tfedge_converters.diagnosis.measurement import measure
from tfedge_converters.diagnosis.report import Diagnosis, LayerDiagnosis
from tfedge_converters.early_checks import check_positive, check_samples
from tfedge_converters.preparation import prepare
from tfedge_converters.ptq import RepresentativeData, calibrate, input_specs
from tfedge_converters.ptq.recovery import Step, recover, steps

__all__ = ["Diagnosis", "LayerDiagnosis", "diagnose"]


def diagnose(
    model: Any,
    *,
    calibration: Any,
    quantization: str | Scheme = "int8",
    recovery: Sequence[str | Step] = (),
    samples: int = 64,
    input_shapes: Any = None,
    allow_code: bool = False,
    progress: bool | None = None,
) -> Diagnosis:
    """Compare the integer model with the float one, activation by activation.

    Args:
        model: a float model, as `tfedge.convert` takes it.
        calibration: representative inputs, as for `tfedge.convert`.
        quantization: a scheme or its name.
        recovery: steps as for `tfedge.convert`; noise is then against the recovered float model,
            whose weights are rounded already where a step has chosen the integers.
        samples: how many of the calibration data to compare on, at most; their activations are
            held in memory.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        allow_code: whether code may run that the model's file brings or asks for, such as Lambda
            layers; only for files that you trust (docs/security.md).
        progress: whether to show progress; None for where the standard error is a terminal.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: the model cannot be quantised or run.
        TfedgeError: it computes with integers already, or the data do not fit.
    """
    progress = is_shown(progress)
    scheme = get(quantization)
    check_positive(samples=samples)
    steps(recovery)
    check_samples(calibration)
    prepared = prepare(model, input_shapes, allow_code=allow_code)
    typed, name = prepared.model, prepared.name
    prepared.require_float("diagnose the float model that it was made from")
    given = list(RepresentativeData(calibration, input_specs(typed)))

    def find_ranges(data: Any) -> None:
        calibrate(typed, data, scheme=scheme, progress=progress)

    if recovery:
        recover(typed, recovery, given, find_ranges, scheme=scheme, progress=progress)
    else:
        find_ranges(given)
    return measure(typed, name, scheme, given[:samples], progress)
