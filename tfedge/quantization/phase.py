"""Phases of quantised layers: train in float, watch ranges, or compute on grids.

Inference is a matter of its own: exact, or simulated as in training.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfedge.errors import TfedgeError
from tfedge.near_names import near


@dataclass(frozen=True)
class Phase:
    """Activity of every quantised layer of a model.

    Attributes:
        quantize: whether numbers are put on their grids.
        observe: whether ranges follow the data, in training; while `quantize` is off they follow
            them in inference too, which is calibration.
        update_batch_norm: whether batch-norm uses and records the statistics of batches; if not,
            training uses what was recorded.
    """

    quantize: bool = True
    observe: bool = True
    update_batch_norm: bool = True

    def observes(self, training: bool) -> bool:
        """Whether ranges follow the data now."""
        return self.observe and (training or not self.quantize)


FLOAT = Phase(quantize=False, observe=False)
CALIBRATE = Phase(quantize=False, observe=True, update_batch_norm=False)
TRAIN = Phase()
# While a quantised model is compared with its original.
COMPARE = Phase(quantize=False, observe=False, update_batch_norm=False)

# What integer kernels compute, bit for bit; or float numbers rounded to their grids, which may lie
# a step off where a rounding is close, for little more time than the float model takes.
EXACT, SIMULATED = "exact", "simulated"


def check_inference(inference: str) -> str:
    """EXACT or SIMULATED, or an error.

    Raises:
        TfedgeError: it is neither.
    """
    if inference not in (EXACT, SIMULATED):
        raise TfedgeError(
            f"inference is '{EXACT}' or '{SIMULATED}', not {inference!r}"
            f"{near(inference, (EXACT, SIMULATED))}"
        )
    return inference
