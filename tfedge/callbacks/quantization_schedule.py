"""When quantised layers calibrate, round, and freeze."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras

from tfedge.calibration import Method
from tfedge.calibration.representative_data import require_recovery_data
from tfedge.callbacks.training_callback import TrainingCallback
from tfedge.compiled_steps import compile_anew
from tfedge.progress import is_shown
from tfedge.quantization.calibration import calibrate
from tfedge.quantization.model import (
    note_rounding,
    operators_of,
    require_operators,
    restart_scales,
    set_phase,
    unknown_ranges,
    was_rounded,
)
from tfedge.quantization.phase import Phase
from tfedge.quantization.recovery import (
    described_steps,
    recover,
    repeatable,
    steps_from,
)
from tfedge.quantization.schemes import Scheme
from tfedge.students import trainable_model
from tfedge.timing import EPOCH, STEP, Timing, require_count

if TYPE_CHECKING:
    from tfedge.recovery import Step

_LATE = {
    "begin": "before rounding begins: the model will only have trained in float",
    "freeze_batch_norm": "before batch-norms are frozen",
    "freeze_ranges": "before ranges are frozen",
}


@keras.saving.register_keras_serializable(package="tfedge")
class QuantizationSchedule(TrainingCallback):
    """Callback that changes what the quantised layers of a model do in training.

    Each change compiles the training step once more. At the end of an epoch `logs` say what was on:
    `quantized`, `batch_norm_frozen`, `ranges_frozen`, each 0 or 1. What would begin only after
    training has ended is said in a warning.

    Args:
        begin: when rounding begins. Until then the model trains in float, and ranges follow it; a
            model that was rounded in an earlier training goes on so.
        freeze_batch_norm: from when batch-norms use their recorded statistics, as on the device;
            None for never.
        freeze_ranges: from when ranges stay as they are; None for never.
        unit: what the three are counted in: "epoch" or "step" (of the optimizer, from 0). Both go
            on counting where an interrupted training is resumed.
        calibration: data to find first ranges with, before the first step.
        calibration_method: how they are found; see `QuantizedModel.calibrate` for both.
        recovery: what of recovery without labels is done with these data when rounding begins:
            "adaround" and its like; see `QuantizedModel.recover`.

    Raises:
        TfedgeError: an argument is wrong, the model has no quantised layers, there is recovery
            without data, or Keras does not run on TensorFlow.

    Example:
        >>> qat.fit(x, y, callbacks=[
        ...     tfedge.callbacks.QuantizationSchedule(freeze_batch_norm=2, freeze_ranges=3)])
    """

    # That the layers compute with; None for what they say themselves.
    scheme: Scheme | None = None

    def __init__(
        self,
        begin: int = 0,
        freeze_batch_norm: int | None = None,
        freeze_ranges: int | None = None,
        *,
        unit: str = EPOCH,
        calibration: Any = None,
        calibration_method: str | Method | None = None,
        recovery: str | Sequence[str | Step] = (),
    ):
        super().__init__()
        Timing(begin, unit=unit)
        for name, value in (
            ("freeze_batch_norm", freeze_batch_norm), ("freeze_ranges", freeze_ranges)
        ):  # fmt: skip
            if value is not None:
                require_count(name, value, 0)
        self.begin = begin
        self.freeze_batch_norm = freeze_batch_norm
        self.freeze_ranges = freeze_ranges
        self.unit = unit
        self.calibration = repeatable(calibration) if recovery else calibration
        self.calibration_method = calibration_method
        self.recovery = recovery
        self._was_rounded = False

    @property
    def quantized(self) -> Any:
        """The model or forward pass that holds the quantised layers."""
        return trainable_model(self.model)

    def phase_at(self, position: int) -> Phase:
        """Return the layers' phase at an epoch or step."""
        return Phase(
            quantize=self._was_rounded or position >= self.begin,
            observe=not _reached(self.freeze_ranges, position),
            update_batch_norm=not _reached(self.freeze_batch_norm, position),
        )

    def on_train_begin(self, logs: Any = None) -> None:
        """Find first ranges, if there are data for it."""
        super().on_train_begin(logs)
        require_operators(self.quantized)
        self._was_rounded = was_rounded(self.quantized)
        if self.recovery and not self._was_rounded:
            require_recovery_data(self.calibration)
        if self.calibration is not None and unknown_ranges(self.quantized):
            calibrate(self.quantized, self.calibration, self.calibration_method)
        self._enter(self.step() if self.unit == STEP else 0)

    def counts_steps(self) -> bool:
        """Whether it was asked to."""
        return self.unit == STEP

    def enter(self, unit: str, position: int) -> None:
        """Let layers do what is due."""
        if unit == self.unit:
            self._enter(position)

    def look_ahead(self, ends: Mapping[str, int | None]) -> None:
        """Warn of what will not begin."""
        begin = None if self._was_rounded else self.begin
        freezing = {
            "freeze_batch_norm": self.freeze_batch_norm, "freeze_ranges": self.freeze_ranges
        }  # fmt: skip
        self.warn_of_late(self.unit, ends, _LATE, begin=begin, **freezing)

    def epoch_logs(self, epoch: int) -> dict[str, Any]:
        """Report which stages of quantisation were on."""
        phase = operators_of(self.quantized)[0].phase
        return {
            "quantized": float(phase.quantize),
            "batch_norm_frozen": float(not phase.update_batch_norm),
            "ranges_frozen": float(not phase.observe),
        }

    def on_train_end(self, logs: Any = None) -> None:
        """Say if something was still to begin, or if training passed the layers by."""
        if not self._has_warned:
            # A loop that tells of no epochs has begun with what is due in the first one.
            self.look_ahead({EPOCH: self._epochs or None, STEP: self.step()})
        unknown = unknown_ranges(self.quantized)
        if unknown and self._epochs:
            self.warn(
                f"training has not run '{unknown[0]}' and {len(unknown) - 1} other quantised "
                "operators: does a train_step of your own call the model's layers instead of the "
                "model, self(x, training=True)?"
            )

    def _begins_at(self, position: int) -> bool:
        """Whether rounding begins here, rather than before an interruption."""
        several = self.model.steps_per_execution if self.unit == STEP else 1
        return self.begin <= position < self.begin + several

    def _enter(self, position: int) -> None:
        phase = self.phase_at(position)
        operators = operators_of(self.quantized)
        changes = any(operator.phase != phase for operator in operators)
        if self._begins_at(position) and not was_rounded(self.quantized):
            if changes:
                restart_scales(operators)
            self._recover()
        if changes:
            set_phase(self.quantized, phase)
            compile_anew(self.model)
        note_rounding(self.quantized)

    def _recover(self) -> None:
        """Let rounding begin where recovery ends, if that was asked for."""
        if self.recovery:
            shown = is_shown(None)
            recover(self.quantized, self.scheme, self.recovery, self.calibration, shown)

    def get_config(self) -> dict[str, Any]:
        """The arguments, but for the data."""
        return {
            "begin": self.begin,
            "freeze_batch_norm": self.freeze_batch_norm,
            "freeze_ranges": self.freeze_ranges,
            "unit": self.unit,
            "calibration_method": _named(self.calibration_method),
            "recovery": described_steps(self.recovery),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizationSchedule:
        """The callback that `get_config` described."""
        return cls(**{**config, "recovery": steps_from(config.get("recovery", ()))})


def _named(calibration_method: Any) -> str | None:
    """A method that a configuration can hold; a class of the user's goes the way of the data."""
    return calibration_method if isinstance(calibration_method, str) else None


def _reached(at: int | None, position: int) -> bool:
    return at is not None and position >= at
