"""Stage that opens the model."""

from __future__ import annotations

from tfedge.quantization.schemes import Scheme, StorageScheme
from tfedge_converters.conversion.state import Conversion
from tfedge_converters.foreign_text import model_name
from tfedge_converters.preparation import prepare
from tfedge_converters.ptq.override_names import warn_of_unknown_layers
from tfedge_converters.targets import Target


def open_model(conversion: Conversion) -> None:
    """Read and simplify the model; compare it with the float file, where that was made here."""
    request = conversion.request
    prepared = prepare(
        request.model,
        request.input_shapes,
        to_quantize=isinstance(conversion.scheme, Scheme),
        allow_code=request.allow_code,
    )
    if request.check and prepared.entry is not None:
        from tfedge_converters.export.equivalence import require_equivalence

        require_equivalence(prepared.entry, prepared.model)
    conversion.prepared = prepared
    conversion.name = model_name(prepared.name) if request.name is None else request.name
    if request.quantization is None:
        conversion.scheme = _own_scheme(prepared.scheme, request.target, conversion.scheme)
    elif isinstance(conversion.scheme, Scheme):
        warn_of_unknown_layers(prepared.model, conversion.scheme)


def _own_scheme(
    trained: Scheme | None, target: Target, default: Scheme | StorageScheme
) -> Scheme | StorageScheme:
    """Return the trained scheme where it and the target are for integers; else the default.

    A target that lists its schemes computes with no other; activations that training gave a width
    keep it in any case.
    """
    if trained is None or isinstance(default, StorageScheme):
        return default
    return trained if not target.schemes or trained.name in target.schemes else default
