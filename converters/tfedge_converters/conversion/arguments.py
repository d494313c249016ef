"""Checks of the arguments that need no model to be opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfedge.calibration.methods import method as find_method
from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme, StorageScheme, for_conversion, is_scheme_file
from tfedge_converters.backends import Backend
from tfedge_converters.c.memory_plan import MemoryPlan, read_memory_plan
from tfedge_converters.calibrate_model import opened
from tfedge_converters.conversion.state import Conversion, Request
from tfedge_converters.early_checks import check_choices, check_data, check_io_types_of_keras
from tfedge_converters.evaluation import labels_in
from tfedge_converters.foreign_text import check_model_name
from tfedge_converters.metrics import check_metric
from tfedge_converters.ptq.calibration import is_calibration
from tfedge_converters.ptq.recovery import require_data, steps


def check_arguments(conversion: Conversion) -> None:
    """Refuse wrong arguments, and find what to convert to."""
    request = conversion.request
    conversion.backend.check_options(request.target, request.compiler_options)
    if request.memory_plan is not None:
        conversion.memory_plan = _given_memory_plan(conversion.backend, request)
    conversion.scheme = _asked_scheme(request)
    check_choices(request.optimize, request.input_type, request.output_type)
    if request.quantization is not None and isinstance(conversion.scheme, StorageScheme):
        check_storage(conversion.scheme, conversion.backend, request)
    if isinstance(conversion.scheme, Scheme):
        check_io_types_of_keras(
            request.model,
            conversion.scheme,
            (request.input_type, request.output_type),
            is_chosen=request.quantization is not None,
        )
    if request.name is not None:
        check_model_name(request.name)
    check_data(request.calibration)
    if request.calibration_method is not None:
        find_method(request.calibration_method)
    if is_calibration(request.calibration):
        opened(request.calibration, request.calibration_method)
    steps(request.recovery)
    if request.recovery:
        _check_recovery(conversion)
    check_metric(request.measured)
    if request.evaluation_data is None:
        _check_labels(request.calibration, metric=request.metric, max_loss=request.limits.loss)
    check_data(request.evaluation_data)
    if isinstance(request.evaluation_data, (str, Path)):
        labels_in(Path(request.evaluation_data))


def _check_labels(calibration: Any, **asked: Any) -> None:
    """Refuse what is asked of a metric, by its name, where nothing can have labels."""
    given = [name for name, value in asked.items() if value is not None]
    if given and (calibration is None or isinstance(calibration, (str, Path))):
        raise TfedgeError(
            f"{given[0]} is of labelled samples, of which there are none; give evaluation_data, or "
            f"leave {given[0]} out"
        )


def _check_recovery(conversion: Conversion) -> None:
    if isinstance(conversion.scheme, StorageScheme):
        raise TfedgeError(
            f"recovery is for activations in integers; with the scheme '{conversion.scheme.name}' "
            "they stay real: leave recovery out"
        )
    require_data(conversion.request.calibration)
    if is_calibration(conversion.request.calibration):
        raise TfedgeError(
            "recovery compares the float model with the integer one on samples: give these as "
            "calibration, not the calibration made from them"
        )


def check_storage(scheme: StorageScheme, backend: Backend, request: Request) -> None:
    """Refuse what a scheme of real activations cannot have.

    Raises:
        UnsupportedError: what runs the model does not know weights that are stored so.
        TfedgeError: inputs or outputs are asked to be integers.
    """
    backend.check_storage(scheme)
    for given in (request.input_type, request.output_type):
        if given not in (None, "float32"):
            raise TfedgeError(
                f"inputs and outputs are float32 with the scheme '{scheme.name}', not {given}"
            )


def _given_memory_plan(backend: Backend, request: Request) -> MemoryPlan:
    """Read the plan of memory; there has to be something to place."""
    if not backend.plans_memory:
        raise TfedgeError(
            f"target '{request.target.name}' has no generated C, whose memory could be planned: "
            "leave memory_plan out"
        )
    given = request.memory_plan
    if not isinstance(given, (str, Path)):
        raise TfedgeError(
            f"memory_plan is the path of a file that a conversion wrote, not {given!r}"
        )
    return read_memory_plan(Path(given))


def _asked_scheme(request: Request) -> Scheme | StorageScheme:
    """Return the scheme to convert to; names are the target's, files and objects are free."""
    given = request.quantization
    if given is None or (isinstance(given, str) and not is_scheme_file(given)):
        given = request.target.scheme(given)
    return for_conversion(given)
