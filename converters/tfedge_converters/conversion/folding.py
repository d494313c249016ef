"""Stage that takes out what cannot change an output."""

from __future__ import annotations

from tfedge_converters.conversion.state import Conversion
from tfedge_converters.graph import Model
from tfedge_converters.graph.passes.constant_channels import fold_constant_channels


def fold_channels(conversion: Conversion) -> None:
    """Fold constant channels into biases, and remove what nobody reads."""

    def fold(model: Model) -> bool:
        conversion.folding = fold_constant_channels(
            model,
            multiple_of=conversion.target.channel_multiple,
            slack=conversion.backend.rounding_slack,
        )
        return conversion.folding.changed

    if conversion.request.fold_constant_channels:
        conversion.file.change(fold)
