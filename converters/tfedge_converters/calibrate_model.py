"""`tfedge.calibrate`: looks at representative data once, for conversions to come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from absl import logging

from tfedge.calibration.methods import MINMAX, Method
from tfedge.errors import TfedgeError
from tfedge.progress import is_shown
from tfedge.quantization.schemes import Scheme, get
from tfedge_converters.early_checks import check_samples
from tfedge_converters.preparation import Prepared, prepare
from tfedge_converters.ptq import Calibration
from tfedge_converters.ptq.calibration import is_calibration
from tfedge_converters.ptq.inputs import input_specs
from tfedge_converters.quality.data import findings, wanted_by
from tfedge_converters.quality.samples import CalibrationSamples


def calibrate(
    model: Any,
    data: Any,
    *,
    method: str | Method | None = None,
    quantization: str | Scheme | None = None,
    resume: Calibration | str | Path | None = None,
    input_shapes: Any = None,
    allow_code: bool = False,
    progress: bool | None = None,
) -> Calibration:
    """Watch a float model's activations on representative data.

    Data that do not look like what the model wants are logged as a warning.

    Args:
        model: as for `convert`.
        data: representative inputs, as for `convert`.
        method: "minmax", which is the default, "moving_average", "percentile" (of 99.99),
            "percentile:99.9" and its like, "mse", "entropy"; or a class derived from
            `tfedge.calibration.Observer`.
        quantization: what the model will be quantised to; "int8" by default.
        resume: a calibration of this model, or the path of one, to go on with.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        allow_code: whether code may run that the model's file brings or asks for, such as Lambda
            layers; only for files that you trust (docs/security.md).
        progress: whether to show progress; None for where the standard error is a terminal.

    Returns:
        `resume`, if it is no path, or a new one. `save` writes it; `convert` takes it in place of
        data.

    Raises:
        TfedgeError: the model computes with integers already, the model or the data do not fit, or
            the model or the method is not the one of `resume`.
    """
    calibration = _begun(method, quantization, resume)
    check_samples(data)
    prepared = prepare(model, input_shapes, allow_code=allow_code)
    prepared.require_float("calibrate the float model that it was made from")
    samples = CalibrationSamples(data, input_specs(prepared.model), hold_back=False)
    calibration.observe(prepared.model, samples, progress=is_shown(progress))
    found = findings(samples.look, None, wanted_by(prepared), calibration.samples)
    for text in (*found.warnings, *found.notes):
        logging.warning("%s: %s", prepared.name, text)
    return calibration


def apply_calibration(
    prepared: Prepared,
    calibration: Any,
    method: str | Method | None,
    scheme: str | Scheme,
    progress: bool,
    *,
    split: bool = False,
) -> None:
    """Set ranges from what a user gave to calibrate with: data, a Calibration, or its file.

    Args:
        prepared: the model.
        calibration: what was given.
        method: how ranges are found in data.
        scheme: what the model will be quantised to.
        progress: whether to show progress on the terminal.
        split: whether functions of one activation will be split into what integer kernels compute.

    Raises:
        TfedgeError: the data or the calibration do not fit.
    """
    if is_calibration(calibration):
        opened(calibration, method).apply(prepared.model, scheme, split=split)
        return
    seen = Calibration(method or MINMAX, scheme)
    seen.observe(prepared.model, calibration, progress=progress)
    seen.apply(prepared.model, scheme, split=split)


def opened(calibration: Calibration | str | Path, method: str | Method | None) -> Calibration:
    """A calibration, or that of a file, by the method that is asked for.

    Raises:
        TfedgeError: the file cannot be read, or it is by another method.
    """
    found = calibration if isinstance(calibration, Calibration) else Calibration.load(calibration)
    if method not in (None, found.method):
        raise TfedgeError(
            f"the calibration is by {found.method}, not {method}; leave the method out, or "
            "calibrate again"
        )
    return found


def _begun(
    method: str | Method | None,
    quantization: str | Scheme | None,
    resume: Calibration | str | Path | None,
) -> Calibration:
    if resume is None:
        return Calibration(method or MINMAX, quantization or "int8")
    calibration = opened(resume, method)
    if quantization is not None and get(quantization) != calibration.scheme:
        raise TfedgeError(
            f"the calibration to resume is for '{get(calibration.scheme).name}', not "
            f"'{get(quantization).name}'; begin a new one"
        )
    return calibration
