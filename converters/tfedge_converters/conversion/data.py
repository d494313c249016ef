"""Holds the data against the model."""

from __future__ import annotations

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import StorageScheme
from tfedge_converters.conversion.state import Conversion
from tfedge_converters.evaluation import LabelledData
from tfedge_converters.metrics import metric_function
from tfedge_converters.quality import Comparison
from tfedge_converters.quantize.calibration import is_calibration

# What becomes of real numbers; integers stay what they are.
_FOR_FLOAT_MODELS = ("quantization", "calibration", "calibration_method")


def take_data(conversion: Conversion) -> None:
    """Holds the data against the model, and keeps what the result will be compared with."""
    request = conversion.request
    _refuse_recovery(conversion)
    conversion.labelled = None
    if request.evaluation_data is not None:
        metric_function(request.metric)
        conversion.labelled = LabelledData(request.evaluation_data, conversion.model)
    conversion.comparison = Comparison(
        conversion.prepared, request.calibration, conversion.labelled
    )
    conversion.remarks += _unused(conversion)


def _unused(conversion: Conversion) -> list[str]:
    """What was asked for and does nothing, each in a sentence."""
    if conversion.kind.has_float_activations:
        return []
    return [
        f"{name} was not used: the model computes with integers already"
        for name in _FOR_FLOAT_MODELS
        if getattr(conversion.request, name) is not None
    ]


def _refuse_recovery(conversion: Conversion) -> None:
    request, scheme = conversion.request, conversion.scheme
    if not request.recovery:
        return
    if not conversion.kind.has_float_activations:
        raise TfedgeError("recovery is for float models; this one computes with integers already")
    if isinstance(scheme, StorageScheme):
        raise TfedgeError(
            f"recovery is for activations in integers; with the scheme '{scheme.name}' they stay "
            "real: leave recovery out"
        )
    if is_calibration(request.calibration):
        raise TfedgeError(
            "recovery compares the float model with the integer one on samples: give these as "
            "calibration, not the calibration made from them"
        )
