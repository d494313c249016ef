"""How much a conversion may cost before it is warned of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from tfedge.errors import TfedgeError
from tfedge_converters.evaluation import Evaluation
from tfedge_converters.metrics import ACCURACY

_LEAST_SNR = 15.0

# Of accuracy, in parts of 1; and of metrics of which no one says whether more is better.
_LOST_ACCURACY = 0.01
_CHANGED_METRIC = 0.1


@dataclass(frozen=True)
class Limits:
    """What a conversion is held to.

    Attributes:
        snr: the least signal-to-noise ratio, in dB, of every output and of every branch of it.
        loss: what the metric may lose: of accuracy the difference, 0 to 1, and one sample in any
            case; of other metrics the change in either direction, as a part of the value before.
            None for a point of accuracy, and for a tenth of others.

    Raises:
        TfedgeError: a loss below 0, or what is no number.
    """

    snr: float = _LEAST_SNR
    loss: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.snr, Real) or math.isnan(self.snr):
            raise TfedgeError(f"min_snr is a number of dB, not {self.snr!r}")
        if self.loss is not None and not (isinstance(self.loss, Real) and self.loss >= 0):
            raise TfedgeError(f"max_loss is 0 or more, not {self.loss!r}")

    def complaint(self, evaluation: Evaluation) -> str:
        """What is wrong with a metric, in words; empty if nothing is."""
        before, after = evaluation.real, evaluation.converted
        if before is None:
            return ""
        if evaluation.metric == ACCURACY:
            allowed = _LOST_ACCURACY if self.loss is None else self.loss
            if before - after <= max(allowed, 1 / evaluation.samples):
                return ""
            return (
                f"accuracy falls from {before:.4f} to {after:.4f}, by "
                f"{100 * (before - after):.1f} points ({evaluation.samples:,} samples)"
            )
        allowed = _CHANGED_METRIC if self.loss is None else self.loss
        if abs(after - before) <= allowed * abs(before):
            return ""
        return (
            f"{evaluation.metric} goes from {before:.4g} to {after:.4g} "
            f"({evaluation.samples:,} samples)"
        )
