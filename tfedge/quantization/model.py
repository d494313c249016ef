"""Keras models with quantised layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from tfedge.atomic_writing import replacing
from tfedge.calibration import Method
from tfedge.calibration.representative_data import require_recovery_data
from tfedge.compiled_steps import without_xla
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.keras_graph import private
from tfedge.keras_graph.computation import computation_of
from tfedge.keras_graph.requirements import (
    refuse_quantized_by_keras,
    require_keras3,
    require_tensorflow,
)
from tfedge.preservation import PROPERTIES, check_properties
from tfedge.preservation import preserve as preserve_properties
from tfedge.progress import is_shown
from tfedge.quantization import schemes, transform
from tfedge.quantization.calibration import BATCH_SIZE, calibrate
from tfedge.quantization.operators import QuantizedOperator
from tfedge.quantization.override_names import require_layers
from tfedge.quantization.phase import EXACT, Phase, check_inference
from tfedge.quantization.quantize_layer import Quantize
from tfedge.quantization.recovery import RECOVERY, recover, repeatable
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge.quantization.weighted import WeightedOperator

if TYPE_CHECKING:
    from tfedge.recovery import Step


@keras.saving.register_keras_serializable(package="tfedge")
class QuantizedModel(keras.Model):
    """A Keras model whose layers compute on integer grids; `tfedge.quantize` makes it.

    It shares its layers with the model that it was made of: training one trains the other.

    Attributes:
        float_model: the model that it was made of.
        scheme: widths and quantizers.
        report: for every layer its name, its kind and what became of it.
    """

    def __init__(
        self,
        model: Any,
        scheme: str | Scheme = "int8",
        *,
        unknown: str = transform.ERROR,
        preserve: Collection[str] = PROPERTIES,
        inference: str = EXACT,
        name: str | None = None,
        check: bool = False,
    ):
        require_tensorflow("tfedge.quantize")
        if unknown not in (transform.ERROR, transform.FLOAT):
            raise TfedgeError(f"unknown is 'error' or 'float', not {unknown!r}")
        scheme = schemes.get(scheme)
        require_keras3(model)
        refuse_quantized(model)
        change = transform.Transformation(scheme, unknown)
        inputs, outputs = change.run(model)
        super().__init__(inputs=inputs, outputs=outputs, name=name or model.name)
        if check:
            change.require_equivalence("tfedge.quantize", model)
        self.float_model = model
        self.scheme = scheme
        self.unknown = unknown
        self.preserve = check_properties(preserve)
        self.report = change.report
        self.inference = inference

    @property
    def inference(self) -> str:
        """Arithmetic of `predict` and `evaluate`: "exact" or "simulated"; see `tfedge.quantize`."""
        return self._inference

    @inference.setter
    def inference(self, inference: str) -> None:
        set_inference(self, inference)
        self._inference = inference
        # Compiled functions have what they compute built in.
        self.predict_function = self.test_function = None

    def quantized_operators(self) -> list[QuantizedOperator]:
        """Every integer operator, in the order of the layers."""
        return operators_of(self)

    def set_phase(self, phase: Phase) -> None:
        """Say what all layers do from now on."""
        set_phase(self, phase)

    def reset_state(self) -> None:
        """Let all stateful layers begin a new sequence, from zeros."""
        for layer in self.layers:
            if isinstance(layer, Quantize):
                layer.reset_state()

    def calibrate(
        self, data: Any, method: str | Method | None = None, batch_size: int = BATCH_SIZE
    ) -> QuantizedModel:
        """Find the ranges by running inference in float, as `tfedge.convert` finds them.

        Args:
            data: representative inputs: an array whose first axis counts samples, a list or dict of
                such arrays for several inputs, an iterable (or a function that returns one) of
                samples or batches with or without labels, such as a tf.data.Dataset or a
                PyDataset, or the path of an .npz file.
            method: "minmax", the default, "moving_average", "percentile" (of 99.99),
                "percentile:99.9" and its like, "mse", "entropy"; or a class derived from
                `tfedge.calibration.Observer`.
            batch_size: samples at a time.

        Returns:
            The model itself.

        Raises:
            TfedgeError: the data are empty, not finite, or do not fit the inputs or the method.
        """
        calibrate(self, data, method, batch_size)
        return self

    def recover(
        self,
        data: Any,
        recovery: str | Sequence[str | Step] = RECOVERY,
        progress: bool | None = None,
    ) -> QuantizedModel:
        """Let training begin where recovery without labels ends, once ranges are known.

        What `tfedge.convert(…, recovery=…)` does to a float model is done to this one, layer by
        layer, with the ranges and scales that it trains with: weights go to the integers next to
        their real values that lose least, and stay a quarter of a step from borders; biases, or the
        means of batch-norms, take what rounding shifts. The float model, whose layers these are,
        changes with it. Layers that share weights, weights that were clustered, recurrent layers
        and transposed convolutions stay as they are.

        Args:
            data: representative inputs, as for `calibrate`; all are held in memory.
            recovery: "clip_search", "adaround", "block_adaround" and "bias_correction", or objects
                of `tfedge.recovery`, one or several.
            progress: whether to show progress; None for where the standard error is a terminal.

        Returns:
            The model itself.

        Raises:
            TfedgeError: ranges are not known yet, a step is unknown or not for training, or the
                data do not fit.
        """
        self._refuse_unknown_ranges("calibrate(data) first")
        recover(self, self.scheme, recovery, data, is_shown(progress))
        return self

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train the model as Keras does."""
        history = super().fit(*args, **kwargs)
        note_rounding(self)
        return history

    def make_predict_function(self, force: bool = False) -> Any:
        """Make the function as Keras does; refuse ranges that are not known."""
        self._require_ranges()
        with exact_without_xla(self):
            return super().make_predict_function(force)

    def make_test_function(self, force: bool = False) -> Any:
        """Make the function as Keras does; refuse ranges that are not known."""
        self._require_ranges()
        with exact_without_xla(self):
            return super().make_test_function(force)

    def make_train_function(self, force: bool = False) -> Any:
        """Make the function as Keras does; from then on zeros and clusters of the weights stay."""
        if self.preserve and preserve_properties(self.float_model, self.preserve):
            force = True
        return super().make_train_function(force)

    def _require_ranges(self) -> None:
        # Validation is compiled before the first training step has run.
        if self.optimizer_steps() == 0 and not self._is_fitting():
            self._refuse_unknown_ranges("call fit, or calibrate(data), first")

    def _refuse_unknown_ranges(self, advice: str) -> None:
        unknown = unknown_ranges(self)
        if unknown:
            raise TfedgeError(
                f"the ranges of {', '.join(unknown[:3])}{'…' if len(unknown) > 3 else ''} are not "
                f"known yet: {advice}"
            )

    def _is_fitting(self) -> bool:
        return self.train_function is not None

    def optimizer_steps(self) -> int:
        """How many steps training has taken."""
        optimizer = getattr(self, "optimizer", None)
        return int(optimizer.iterations.numpy()) if optimizer is not None else 0

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Save as Keras does; refuse legacy .h5 files, which Keras could not load again.

        A .keras file is the old one or the new one, whatever stops the writer; so are weights.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise TfedgeError(
                f"{filepath}: Keras' legacy .h5 files cannot hold a quantised model; save it as "
                ".keras, or its weights with save_weights"
            )
        _write_whole(super().save, ".keras", filepath, args, kwargs)

    def save_weights(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Save the weights as Keras does."""
        _write_whole(super().save_weights, ".weights.h5", filepath, args, kwargs)

    def load_weights(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Weights of this model, or of the float model that it was made of."""
        from tfedge.keras_hooks import weights_alone

        if _is_of(self.float_model, filepath):
            with weights_alone():
                self.float_model.load_weights(filepath, *args, **kwargs)
            return
        super().load_weights(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The float model and the scheme, serialised."""
        return {
            "model": keras.saving.serialize_keras_object(self.float_model),
            "scheme": self.scheme.get_config(),
            "unknown": self.unknown,
            "preserve": list(self.preserve),
            "inference": self.inference,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> QuantizedModel:
        """The model that `get_config` described."""
        return cls(
            keras.saving.deserialize_keras_object(config["model"], custom_objects),
            Scheme.from_config(config["scheme"]),
            unknown=config["unknown"],
            preserve=config["preserve"],
            inference=config.get("inference", EXACT),
            name=config["name"],
        )


def quantize(
    model: Any,
    scheme: str | Scheme = "int8",
    *,
    calibration: Any = None,
    calibration_method: str | Method | None = None,
    recovery: str | Sequence[str | Step] = (),
    weights: Callable[[Any], WeightScheme | None] | None = None,
    unknown: str = transform.ERROR,
    preserve: Collection[str] = PROPERTIES,
    inference: str = EXACT,
    check: bool = True,
) -> QuantizedModel:
    """A model that trains for the integers that it will run with.

    Args:
        model: a built Keras 3 model: functional, sequential, nested, or subclassed if its `call`
            runs on symbolic tensors. It shares its layers with the result, and is not changed but
            by recovery and training.
        scheme: "int8", "int16x8", "int4", "edgetpu", or a Scheme.
        calibration: data to find first ranges with; without them the first batches of training do.
        calibration_method: how; see `QuantizedModel.calibrate` for both.
        recovery: what of recovery without labels the training begins with, on the calibration data:
            "adaround" and its like; see `QuantizedModel.recover`. The model's weights change.
        weights: of a layer, how its weights are quantised, or None to follow the scheme.
        unknown: "error", or "float" to leave layers of unknown kinds in float.
        preserve: what training keeps of kernels that have it: "zeros", where a tenth of the
            weights or more are exactly 0, and "clusters", where they have at most 256 values that
            recur. Looked for when training begins; masks and clusters that the model has of an
            earlier training stay in any case.
        inference: what `predict` and `evaluate` compute: "exact", the device's numbers bit for bit,
            or "simulated", float numbers rounded to their grids as in training, which takes little
            more time than the float model and may be an integer or two off. The result's property
            `inference` changes it.
        check: whether the result without rounding is compared first with the model, on random
            inputs; see docs/architecture/training.md.

    Returns:
        A Keras model to compile, fit, save, and give to `tfedge.convert`.

    Raises:
        UnsupportedError: a layer is of an unknown kind; the message names it.
        DifferenceError: the result would compute something else than the model.
        TfedgeError: the model is not built, or an argument is wrong, or the scheme names a layer
            that the model does not have.

    Example:
        >>> qat = tfedge.quantize(model, "int8", weights=lambda layer:
        ...     WeightScheme(bits=4) if isinstance(layer, keras.layers.Dense) else None)
    """
    scheme = schemes.get(scheme)
    require_keras3(model)
    if recovery:
        require_recovery_data(calibration)
    if private.has_own_training(model):
        raise UnsupportedError(
            f"model '{model.name}' ({type(model).__name__}) has its own train_step, test_step, "
            "predict_step or compute_loss, which the quantised model would not have; train it as "
            "it is, with tfedge.callbacks.QuantizationAwareTraining"
        )
    if weights is not None:
        layers = [call.operation for call in computation_of(model).calls]
        scheme = scheme.with_overrides(layers, weights)
    require_layers(model, scheme)
    quantized = QuantizedModel(
        model, scheme, unknown=unknown, preserve=preserve, inference=inference, check=check
    )
    data = repeatable(calibration) if recovery else calibration
    if calibration is not None:
        quantized.calibrate(data, calibration_method)
    if recovery:
        quantized.recover(data, recovery)
    return quantized


def refuse_quantized(model: Any) -> None:
    """Refuse models that are quantised already.

    Raises:
        TfedgeError: the model is.
    """
    if operators_of(model):
        raise TfedgeError(f"model '{model.name}' is quantised already")
    refuse_quantized_by_keras(model)


def require_operators(model: Any) -> None:
    """Refuse models without quantised layers.

    Raises:
        TfedgeError: there are none.
    """
    if not operators_of(model):
        raise TfedgeError(
            f"model '{model.name}' has no quantised layers; make them with tfedge.quantize(model), "
            "or train with tfedge.callbacks.QuantizationAwareTraining"
        )


def operators_of(model: Any) -> list[QuantizedOperator]:
    """Every quantised operator in a model."""
    return [layer for layer in private.layers_in(model) if isinstance(layer, QuantizedOperator)]


def set_phase(model: Any, phase: Phase) -> None:
    """Say what all quantised operators of a model do; compiled functions have to be made anew."""
    for operator in operators_of(model):
        operator.phase = phase


def note_rounding(model: Any) -> None:
    """Remember of a model that its layers round, if they do, whatever they did before."""
    if operators_of(model)[0].phase.quantize:
        model.has_rounded = True


def was_rounded(model: Any) -> bool:
    """Whether a training of the model has rounded already."""
    return getattr(model, "has_rounded", False)


def set_inference(model: Any, inference: str) -> bool:
    """Say what all quantised operators of a model compute outside of training.

    Returns:
        Whether that is new to one of them; then compiled functions have to be made anew.

    Raises:
        TfedgeError: it is neither "exact" nor "simulated".
    """
    check_inference(inference)
    changed = [one for one in operators_of(model) if one.inference != inference]
    for operator in changed:
        operator.inference = inference
    return bool(changed)


def exact_without_xla(model: Any, quantized: Any = None) -> AbstractContextManager[None]:
    """Keep XLA from compiling exact inference, which would take it several times as long.

    The functions that it makes are no faster, and the numbers are the same.

    Args:
        model: whose functions are made.
        quantized: the model with the quantised layers; None for the same.
    """
    operators = operators_of(model if quantized is None else quantized)
    is_exact = any(one.phase.quantize and one.inference == EXACT for one in operators)
    return without_xla(model) if is_exact else nullcontext()


def restart_scales(operators: list[QuantizedOperator]) -> None:
    """Let learned weight scales start from the weights as they are now."""
    for operator in operators:
        if isinstance(operator, WeightedOperator):
            operator.restart_scales()


def unknown_ranges(model: Any) -> list[str]:
    """Names of the operators whose ranges have seen no data."""
    quantizers = [getattr(operator, "quantizer", None) for operator in operators_of(model)]
    return [
        quantizer.name.removesuffix("_range")
        for quantizer in quantizers
        if quantizer is not None and not int(quantizer.observations.numpy())
    ]


def _write_whole(
    write: Callable[..., None], ending: str, filepath: Any, args: Any, kwargs: dict[str, Any]
) -> None:
    """Write as Keras does; beside the old file where it is one file on this computer."""
    if _is_one_file(filepath, ending, args, kwargs):
        with replacing(Path(filepath)) as beside:
            write(beside)
    else:
        write(filepath, *args, **kwargs)


def _is_one_file(filepath: Any, ending: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether Keras will write one file on this computer, without asking."""
    named = isinstance(filepath, (str, Path)) and str(filepath).endswith(ending)
    return named and "://" not in str(filepath) and not args and kwargs in ({}, {"overwrite": True})


def _is_of(float_model: Any, filepath: Any) -> bool:
    """Whether a weights file was saved from the float model itself."""
    path = Path(str(filepath))
    if not path.name.endswith(".weights.h5") or not path.exists():
        return False
    import h5py

    with h5py.File(path, "r") as file:
        return (
            "float_model" not in file
            and "layers" in file
            and not any("operators" in group for group in file["layers"].values())
        )
