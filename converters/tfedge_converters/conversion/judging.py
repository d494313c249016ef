"""Stage that measures what the model has become."""

from __future__ import annotations

from tfedge.errors import QualityError
from tfedge_converters.conversion.state import Conversion
from tfedge_converters.evaluation import Evaluation, evaluate


def judge(conversion: Conversion) -> None:
    """Compare the result with the float model.

    Raises:
        QualityError: there is something to warn of, and that is to be an error.
    """
    request = conversion.request
    conversion.judgement = conversion.comparison.judged(
        conversion.model,
        conversion.flatbuffer,
        request.limits,
        request.measured,
        _evaluation(conversion),
        conversion.remarks,
    )
    warnings = conversion.judgement.warnings
    if request.strict and warnings:
        raise QualityError(f"{conversion.name}: {'; '.join(warnings)}")


def _evaluation(conversion: Conversion) -> Evaluation | None:
    """The metric on labelled data; None if there are none."""
    if conversion.labelled is None:
        return None
    return evaluate(
        conversion.comparison.flatbuffer,
        conversion.flatbuffer,
        conversion.model,
        conversion.backend.engines,
        conversion.labelled,
        conversion.request.measured,
    )
