"""Quantization-aware training of a model as it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import keras

from tfedge.calibration import Method
from tfedge.callbacks.quantization_schedule import QuantizationSchedule
from tfedge.compiled_steps import compile_anew
from tfedge.errors import TfedgeError
from tfedge.keras_graph.requirements import require_keras3
from tfedge.preservation import PROPERTIES, check_properties, preserve
from tfedge.quantization import schemes
from tfedge.quantization.model import QuantizedModel, operators_of, set_inference
from tfedge.quantization.optimizer import include_new_variables
from tfedge.quantization.override_names import require_layers
from tfedge.quantization.phase import EXACT, check_inference
from tfedge.quantization.quantized_forward import (
    QuantizedForward,
    attach,
    detach,
    quantized_forward_of,
    ranges_of,
)
from tfedge.quantization.recovery import steps_from
from tfedge.quantization.schemes import Scheme
from tfedge.students import compares_layers, scope_of, trainable_model
from tfedge.timing import EPOCH

if TYPE_CHECKING:
    from tfedge.recovery import Step


@keras.saving.register_keras_serializable(package="tfedge")
class QuantizationAwareTraining(QuantizationSchedule):
    """Callback that lets a plain compiled Keras model train for the integers that it will run with.

    The model stays what it is: its layers, weights, names and optimizer. From `begin` on its
    forward pass is rounded as on the device; afterwards `tfedge.convert(model)` needs no
    calibration data. Ranges are kept with the layers: the model's files, `get_weights` and
    `copy.deepcopy` have them, and a model that gets them from there is rounded as this one is.
    `clone_model` and `from_config` copy no weights, and no ranges. In `fit` of a Distiller the
    student trains for integers.

    Args:
        scheme: "int8", "int16x8", "int4", "edgetpu", or a Scheme. A model that trained for another
            one begins anew with this.
        begin: when rounding begins; before, the model trains in float while ranges follow. A model
            that was rounded in an earlier training goes on so.
        freeze_batch_norm, freeze_ranges, unit: see `QuantizationSchedule`.
        calibration: data to find first ranges with; without them the first steps do.
        calibration_method: how; see `QuantizedModel.calibrate` for both.
        recovery: what of recovery without labels rounding begins with, on the calibration data:
            "adaround" and its like; see `QuantizedModel.recover`.
        preserve: what training keeps of kernels that have it when it begins, "zeros" and
            "clusters"; see `tfedge.quantize`.
        inference: what validation, `predict` and `evaluate` compute, "exact" or, in less time,
            "simulated"; see `tfedge.quantize`.
        check: whether the quantised pass without rounding is compared first with the model's own;
            see docs/architecture/training.md.

    Raises:
        DifferenceError: the rounded pass would compute something else than the model.
        TfedgeError: the model is quantised already, or not of Keras 3; or it is a Distiller that
            compares layers, whose student has to be made with `tfedge.quantize`.
        UnsupportedError: a layer is of an unknown kind.

    Example:
        >>> model.fit(x, y, epochs=5, callbacks=[
        ...     tfedge.callbacks.QuantizationAwareTraining("int8", begin=2)])
        >>> artifact = tfedge.convert(model, target="cortex-m4")
    """

    def __init__(
        self,
        scheme: str | Scheme = "int8",
        begin: int = 0,
        *,
        freeze_batch_norm: int | None = None,
        freeze_ranges: int | None = None,
        unit: str = EPOCH,
        calibration: Any = None,
        calibration_method: str | Method | None = None,
        recovery: str | Sequence[str | Step] = (),
        preserve: Collection[str] = PROPERTIES,
        inference: str = EXACT,
        check: bool = True,
    ):
        super().__init__(
            begin,
            freeze_batch_norm,
            freeze_ranges,
            unit=unit,
            calibration=calibration,
            calibration_method=calibration_method,
            recovery=recovery,
        )
        self.scheme: Scheme = schemes.get(scheme)
        self.preserve = check_properties(preserve)
        self.inference = check_inference(inference)
        self.check = check
        self._forward: QuantizedForward | None = None

    @property
    def quantized(self) -> Any:
        """The quantised model whose forward pass the model uses."""
        assert self._forward is not None
        return self._forward.model

    def set_model(self, model: Any) -> None:
        """Give the model its quantised forward pass."""
        super().set_model(model)
        learner = trainable_model(model)
        require_keras3(learner)
        if isinstance(learner, QuantizedModel):
            raise TfedgeError(
                "the model is quantised already (tfedge.quantize); give it "
                "tfedge.callbacks.QuantizationSchedule instead"
            )
        if compares_layers(model):
            raise TfedgeError(
                "the Distiller compares layers of its student, which the callback cannot follow; "
                "distil tfedge.quantize(student) instead"
            )
        with scope_of(model):
            self._forward, is_new = self._forward_for(learner)
            changed = set_inference(self._forward.model, self.inference)
            include_new_variables(model)
        if preserve(learner, self.preserve) or is_new or changed:
            compile_anew(model)

    def _forward_for(self, model: Any) -> tuple[QuantizedForward, bool]:
        """The model's forward pass of this scheme, and whether another had to go for it."""
        found = quantized_forward_of(model)
        if found is not None and found.scheme == self.scheme:
            return found, False
        if found is not None:
            detach(model)
        require_layers(model, self.scheme)
        return attach(model, self.scheme, self.check), found is not None

    def quantized_model(self) -> QuantizedModel:
        """The model with its ranges, as `tfedge.quantize` makes it, to save or inspect."""
        made = QuantizedModel(trainable_model(self.model), self.scheme, inference=self.inference)
        for new, old in zip(operators_of(made), operators_of(self.quantized), strict=True):
            for mine, trained in zip(ranges_of(new), ranges_of(old), strict=True):
                mine.set_weights(trained.get_weights())
        return made

    def get_config(self) -> dict[str, Any]:
        """The arguments, but for the data."""
        return {
            "scheme": self.scheme.get_config(),
            **super().get_config(),
            "preserve": list(self.preserve),
            "inference": self.inference,
            "check": self.check,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizationAwareTraining:
        """The callback that `get_config` described."""
        recovery = steps_from(config.get("recovery", ()))
        scheme = Scheme.from_config(config["scheme"])
        return cls(**{**config, "scheme": scheme, "recovery": recovery})
