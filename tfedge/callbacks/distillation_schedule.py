"""Changes how much, and how softly, a teacher counts while a student trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from tfedge.callbacks.descriptions import described_function, function_from
from tfedge.callbacks.training_callback import TrainingCallback
from tfedge.errors import TfedgeError
from tfedge.near_names import near

# Of the epoch, counted from 0, what holds in it; or a number that holds from the start.
Schedule = Callable[[int], float] | float


@keras.saving.register_keras_serializable(package="tfedge")
class DistillationSchedule(TrainingCallback):
    """Sets `alpha`, weights of losses and temperatures of a `Distiller` before every epoch.

    Args:
        alpha: share of the distillation, 0 to 1.
        temperature: of every loss that has one; positive.
        loss_weights: by the name of a loss in `logs`.

    Raises:
        TfedgeError: the model is no `tfedge.distillation.Distiller`, or has no such loss, or a
            value is out of range.

    Example:
        >>> DistillationSchedule(alpha=lambda epoch: max(0.9 - 0.1 * epoch, 0.1))
    """

    def __init__(
        self,
        alpha: Schedule | None = None,
        temperature: Schedule | None = None,
        loss_weights: Mapping[str, Schedule] | None = None,
    ):
        super().__init__()
        self.alpha = alpha
        self.temperature = temperature
        self.loss_weights = dict(loss_weights or {})

    def set_model(self, model: Any) -> None:
        """Takes the distiller."""
        super().set_model(model)
        if not hasattr(model, "distillation_losses") or not hasattr(model, "alpha"):
            raise TfedgeError(
                "DistillationSchedule belongs to fit() of a tfedge.distillation.Distiller"
            )
        unknown = set(self.loss_weights) - set(self._weights())
        if unknown:
            raise TfedgeError(
                f"the distiller has no loss '{min(unknown)}'; its losses are "
                f"{', '.join(self._weights())}{near(min(unknown), self._weights())}"
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Sets what the schedules say."""
        if self.alpha is not None:
            share = _at(self.alpha, epoch)
            if not 0 <= share <= 1:
                raise TfedgeError(f"alpha is a share, 0 to 1, not {share} in epoch {epoch}")
            self.model.alpha.assign(share)
        for name, schedule in self.loss_weights.items():
            self._weights()[name].assign(_at(schedule, epoch))
        if self.temperature is not None:
            self._warm(_at(self.temperature, epoch), epoch)

    def epoch_logs(self, epoch: int) -> dict[str, Any]:
        """The temperature."""
        return {} if self.temperature is None else {"temperature": _at(self.temperature, epoch)}

    def get_config(self) -> dict[str, Any]:
        """The arguments.

        Raises:
            TfedgeError: a schedule is a function that is not registered with Keras.
        """
        return {
            "alpha": described_function(self.alpha, "alpha"),
            "temperature": described_function(self.temperature, "temperature"),
            "loss_weights": {
                name: described_function(schedule, f"loss_weights['{name}']")
                for name, schedule in self.loss_weights.items()
            },
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DistillationSchedule:
        """The callback that `get_config` described."""
        weights = {name: function_from(value) for name, value in config["loss_weights"].items()}
        return cls(function_from(config["alpha"]), function_from(config["temperature"]), weights)

    def _warm(self, temperature: float, epoch: int) -> None:
        if not temperature > 0:
            raise TfedgeError(f"a temperature is positive, not {temperature} in epoch {epoch}")
        for loss in self.model.distillation_losses:
            if hasattr(getattr(loss, "temperature", None), "assign"):
                loss.temperature.assign(temperature)

    def _weights(self) -> dict[str, Any]:
        names = [tracker.name for tracker in self.model.loss_trackers]
        return dict(zip(names, self.model.loss_weights, strict=True))


def _at(schedule: Schedule, epoch: int) -> float:
    return float(schedule(epoch) if callable(schedule) else schedule)
