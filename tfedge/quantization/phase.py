"""What quantised layers do at the moment: train in float, watch ranges, or compute on grids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """What every quantised layer of a model does.

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
