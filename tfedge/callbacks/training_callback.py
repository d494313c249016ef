"""What all callbacks of tfedge have in common."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from tfedge.keras_graph.requirements import require_tensorflow


class TrainingCallback(keras.callbacks.Callback):
    """A callback whose numbers are in `logs` for every other callback, however they are listed.

    Raises:
        TfedgeError: Keras runs on another backend than TensorFlow.
    """

    def __init__(self) -> None:
        require_tensorflow(type(self).__name__)
        super().__init__()

    def epoch_logs(self, epoch: int) -> dict[str, Any]:
        """What there is to say at the end of an epoch, by name."""
        return {}

    def last_epoch(self) -> int | None:
        """How many epochs training will have had at its end; None if that is not known."""
        return (self.params or {}).get("epochs")

    def steps_left(self, epoch: int) -> int | None:
        """How many steps there are from the beginning of an epoch on; None if not known."""
        steps = (self.params or {}).get("steps")
        last = self.last_epoch()
        return None if steps is None or last is None else steps * (last - epoch)


def notify(message: str) -> None:
    """Says what the user should know, but what is no mistake for certain."""
    warnings.warn(message, stacklevel=3)
