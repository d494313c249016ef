"""Stage from a float model to one of integers, or with weights stored in fewer bits."""

from __future__ import annotations

from typing import Any

from tfedge.quantization.schemes import FLOAT32_WEIGHTS, Scheme, StorageScheme
from tfedge_converters.calibrate_model import apply_calibration
from tfedge_converters.conversion.arguments import check_storage
from tfedge_converters.conversion.state import Conversion
from tfedge_converters.graph import Model
from tfedge_converters.graph.passes.duplicates import merge_duplicates
from tfedge_converters.ptq import quantize
from tfedge_converters.ptq.io_types import set_io_types
from tfedge_converters.ptq.recovery import recover
from tfedge_converters.ptq.storage import has_stored_weights, store_weights


def quantise(conversion: Conversion) -> None:
    """Take a float model to its scheme; of others, only the types of inputs and outputs change."""
    if not conversion.kind.has_float_activations:
        _change_io_types(conversion)
    elif isinstance(conversion.scheme, StorageScheme):
        _store(conversion, conversion.scheme)
    else:
        _find_ranges(conversion, conversion.scheme)
        _to_integers(conversion, conversion.scheme)


def _change_io_types(conversion: Conversion) -> None:
    io_types = conversion.request.input_type, conversion.request.output_type
    if any(given is not None for given in io_types):
        conversion.file.change(lambda model: set_io_types(model, *io_types))


def _store(conversion: Conversion, scheme: StorageScheme) -> None:
    backend = conversion.backend
    check_storage(scheme, backend, conversion.request)
    per_channel = backend.per_channel_storage
    conversion.file.change(lambda model: store_weights(model, scheme, per_channel=per_channel))
    if scheme.weights != FLOAT32_WEIGHTS and not has_stored_weights(conversion.model):
        conversion.remarks.append(
            f"'{scheme.name}' has stored nothing in fewer bits: weights of less than "
            f"{scheme.minimum_elements:,} values stay real, and the model has no others"
        )


def _find_ranges(conversion: Conversion, scheme: Scheme) -> None:
    """Calibrates, with recovery where it was asked for."""
    request = conversion.request
    split = conversion.backend.splits_functions(conversion.target, scheme)

    def find_ranges(data: Any) -> None:
        apply_calibration(
            conversion.prepared,
            data,
            request.calibration_method,
            scheme,
            request.progress,
            split=split,
        )

    calibration = conversion.comparison.calibration
    if request.recovery:
        conversion.file.change(
            lambda model: recover(
                model,
                request.recovery,
                calibration,
                find_ranges,
                scheme=scheme,
                progress=request.progress,
            )
        )
    elif calibration is not None:
        find_ranges(calibration)


def _to_integers(conversion: Conversion, scheme: Scheme) -> None:
    request = conversion.request
    conversion.comparison.about_to_quantize(conversion.model, scheme)

    def to_integers(model: Model) -> None:
        quantize(model, scheme, input_type=request.input_type, output_type=request.output_type)
        # What waited for its grid, and got that of its equal.
        merge_duplicates(model)

    conversion.file.change(to_integers)
