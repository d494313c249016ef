"""Stage that holds the data against the model."""

from __future__ import annotations

from tfedge.errors import TfedgeError
from tfedge_converters.conversion.state import Conversion
from tfedge_converters.evaluation import LabelledData
from tfedge_converters.metrics import metric_function
from tfedge_converters.quality import Comparison

# What becomes of real numbers; integers stay what they are.
_FOR_FLOAT_MODELS = ("quantization", "calibration", "calibration_method")


def take_data(conversion: Conversion) -> None:
    """Hold the data against the model, and keep what the result will be compared with."""
    request = conversion.request
    _refuse_recovery(conversion)
    conversion.labelled = None
    if request.evaluation_data is not None:
        metric_function(request.measured)
        conversion.labelled = LabelledData(request.evaluation_data, conversion.model)
    conversion.comparison = Comparison(
        conversion.prepared, request.calibration, conversion.labelled
    )
    conversion.remarks += _unused(conversion)


def _unused(conversion: Conversion) -> list[str]:
    """Say in a sentence each what was asked for and does nothing."""
    if conversion.kind.has_float_activations:
        return []
    return [
        f"{name} was not used: the model computes with integers already"
        for name in _FOR_FLOAT_MODELS
        if getattr(conversion.request, name) is not None
    ]


def _refuse_recovery(conversion: Conversion) -> None:
    if conversion.request.recovery and not conversion.kind.has_float_activations:
        raise TfedgeError("recovery is for float models; this one computes with integers already")
