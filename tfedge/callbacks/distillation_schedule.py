"""Callback for how much, and how softly, a teacher counts while a student trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from tfedge.callbacks.descriptions import described_function, function_from
from tfedge.callbacks.training_callback import TrainingCallback
from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.timing import EPOCH, STEP, Timing

# Of a position in training, what holds from there on; or a number.
Schedule = Callable[[int], float] | float

_LATE = {
    "begin": "before the schedules are asked: the distiller will stay as it was made",
    "end": "before the schedules are asked for the last time",
}


@keras.saving.register_keras_serializable(package="tfedge")
class DistillationSchedule(TrainingCallback):
    """Callback that sets `alpha`, weights of losses and temperatures of a `Distiller` in training.

    Each is a number, or a function of the position in training, which is asked before every epoch
    unless `frequency` and `unit` say otherwise. Until `begin` the distiller is as it was made.

    Args:
        alpha: share of the distillation, 0 to 1.
        temperature: of every loss that has one; positive.
        loss_weights: by the name of a loss in `logs`.
        begin: the first position at which they are set, from 0 on.
        end: the last one; None for no end.
        frequency: positions from one to the next.
        unit: what positions are counted in: "epoch" or "step" (of the optimizer, from 0). Both go
            on counting where an interrupted training is resumed.

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
        *,
        begin: int = 0,
        end: int | None = None,
        frequency: int = 1,
        unit: str = EPOCH,
    ):
        super().__init__()
        self.timing = Timing(begin, end, frequency, unit)
        self._set_at: int | None = None
        self.alpha = alpha
        self.temperature = temperature
        self.loss_weights = dict(loss_weights or {})

    def set_model(self, model: Any) -> None:
        """Take the distiller."""
        super().set_model(model)
        self._set_at = None
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

    def counts_steps(self) -> bool:
        """Whether it was asked to."""
        return self.timing.unit == STEP

    def look_ahead(self, ends: Mapping[str, int | None]) -> None:
        """Warn if the schedules will not be asked, or not for the last time."""
        self.warn_of_late(
            self.timing.unit, ends, _LATE, begin=self.timing.begin, end=self.timing.end
        )

    def enter(self, unit: str, position: int) -> None:
        """Set what the schedules say."""
        due = self.timing.last_due(position)
        if unit != self.timing.unit or due is None or due == self._set_at:
            return
        self._set_at = due
        where = f"at {unit} {due}"
        if self.alpha is not None:
            share = _at(self.alpha, due)
            if not 0 <= share <= 1:
                raise TfedgeError(f"alpha is a share, 0 to 1, not {share} {where}")
            self.model.alpha.assign(share)
        for name, schedule in self.loss_weights.items():
            self._weights()[name].assign(_at(schedule, due))
        if self.temperature is not None:
            self._set_temperature(_at(self.temperature, due), where)

    def epoch_logs(self, epoch: int) -> dict[str, Any]:
        """Report the temperature of the epoch."""
        if self.temperature is None or self._set_at is None:
            return {}
        return {"temperature": _at(self.temperature, self._set_at)}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments.

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
            **self.timing.get_config(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DistillationSchedule:
        """The callback that `get_config` described."""
        weights = {name: function_from(value) for name, value in config["loss_weights"].items()}
        made = {name: function_from(config[name]) for name in ("alpha", "temperature")}
        return cls(**{**config, **made, "loss_weights": weights})

    def _set_temperature(self, temperature: float, where: str) -> None:
        if not temperature > 0:
            raise TfedgeError(f"a temperature is positive, not {temperature} {where}")
        for loss in self.model.distillation_losses:
            if hasattr(getattr(loss, "temperature", None), "assign"):
                loss.temperature.assign(temperature)

    def _weights(self) -> dict[str, Any]:
        names = [tracker.name for tracker in self.model.loss_trackers]
        return dict(zip(names, self.model.loss_weights, strict=True))


def _at(schedule: Schedule, position: int) -> float:
    return float(schedule(position) if callable(schedule) else schedule)
