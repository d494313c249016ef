"""Base class of all callbacks of tfedge."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import keras

from tfedge.keras_graph.requirements import require_tensorflow
from tfedge.timing import EPOCH, STEP


class TrainingCallback(keras.callbacks.Callback):
    """A callback whose numbers are in `logs` for every other callback, however they are listed.

    Positions in training are epochs or steps of the optimizer, see `tfedge.timing.Timing`.

    Raises:
        TfedgeError: Keras runs on another backend than TensorFlow.
    """

    def __init__(self) -> None:
        require_tensorflow(type(self).__name__)
        super().__init__()
        self._has_looked_ahead = False
        self._has_warned = False
        self._epochs = 0

    def epoch_logs(self, epoch: int) -> dict[str, Any]:
        """Return the values to report at the end of an epoch, by name."""
        return {}

    def enter(self, unit: str, position: int) -> None:
        """Do what is due before training goes on at a position."""

    def look_ahead(self, ends: Mapping[str, int | None]) -> None:
        """Warn of what will not be reached.

        Args:
            ends: by unit, the position at which training will end; None where that is not known.
        """

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin a training."""
        self._has_looked_ahead = self._has_warned = False
        self._epochs = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Do what is due; before the first epoch, warn of what will not be reached."""
        if not self._has_looked_ahead:
            self._has_looked_ahead = True
            left = self._steps_left(epoch)
            self.look_ahead(
                {EPOCH: self.last_epoch(), STEP: None if left is None else self.step() + left}
            )
        self._epochs = epoch + 1
        self.enter(EPOCH, epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do what is due."""
        if self.counts_steps():
            self.enter(STEP, self.step())

    def counts_steps(self) -> bool:
        """Whether steps matter; asking for their number takes time on accelerators."""
        return False

    def step(self) -> int:
        """How many steps the optimizer has taken."""
        return int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))

    def last_epoch(self) -> int | None:
        """How many epochs training will have had at its end; None if that is not known."""
        return (self.params or {}).get("epochs")

    def _steps_left(self, epoch: int) -> int | None:
        """How many steps there are from the beginning of an epoch on; None if not known."""
        steps = (self.params or {}).get("steps")
        last = self.last_epoch()
        return None if steps is None or last is None else steps * (last - epoch)

    def warn(self, message: str) -> None:
        """Say what the user should know, but what is no mistake for certain."""
        self._has_warned = True
        warnings.warn(message, stacklevel=2)

    def warn_of_late(
        self,
        unit: str,
        ends: Mapping[str, int | None],
        meaning: Mapping[str, str],
        **at: int | None,
    ) -> None:
        """Warn of positions that training will not reach.

        Args:
            unit: of the positions.
            ends: see `look_ahead`.
            meaning: by argument, what that comes to.
            at: by argument, the position; None for never, which is no fault. An `end` may be that
                of training.
        """
        last = ends[unit]
        for name, position in at.items():
            if last is None or position is None:
                continue
            if position > last or (position == last and name != "end"):
                self.warn(
                    f"training ends at {unit} {last}, {meaning[name]} ({name}={position}); train "
                    f"longer, or give {type(self).__name__} an earlier {name}"
                )
