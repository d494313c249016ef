"""The wrapper that makes a Keras layer compute on grids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from tfedge.errors import TfedgeError
from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call, Value
from tfedge.keras_graph.requirements import require_tensorflow
from tfedge.quantization import activations, fused_activation, schemes
from tfedge.quantization.activation_quantizers import RangeGroup
from tfedge.quantization.builders import Builder
from tfedge.quantization.fused_activation import FusedActivation
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.operators import QuantizedOperator
from tfedge.quantization.phase import Phase
from tfedge.quantization.rows import arguments_of, row_for
from tfedge.quantization.schemes import Scheme
from tfedge.quantization.weight_quantizers import AbsMax


@dataclass
class Place:
    """Place of one layer in its model.

    Attributes:
        real: the layer in float, of a list of operands.
        builder: makes the layer's operators.
        specs: what the layer returns, as KerasTensors.
        shapes: of its operands.
        groups: whose grids its operands are on.
        dtypes: of its operands.
        arguments: of the layer's call, see `OperatorFactory`.
        shared_weights: of the whole model.
        activation: the fused activation of a layer behind it.
    """

    real: Callable[[list[Any]], Any]
    builder: Builder
    specs: Any
    shapes: list[tuple[int | None, ...]]
    groups: list[RangeGroup | None]
    dtypes: list[str]
    arguments: dict[str, Any]
    shared_weights: dict[tuple[int, str], AbsMax] = field(default_factory=dict)
    activation: FusedActivation = fused_activation.NONE


@keras.saving.register_keras_serializable(package="tfedge")
class Quantize(keras.layers.Layer):
    """Wrapper that runs a layer as the integer operators that it becomes on the device.

    In training, weights and results are rounded to their grids in float, with straight-through
    gradients, and ranges follow the data. In inference the layer computes what the integer kernel
    computes, so that `predict` and the device agree. `tfedge.quantize` wraps whole models; by hand:

    >>> model = keras.Sequential([
    ...     keras.Input((28, 28, 1)),
    ...     tfedge.layers.QuantizeInput(),
    ...     tfedge.layers.Quantize(keras.layers.Conv2D(8, 3, activation="relu")),
    ...     tfedge.layers.Quantize(keras.layers.Flatten()),
    ...     tfedge.layers.Quantize(keras.layers.Dense(10)),
    ... ])

    Args:
        layer: a Keras layer of a kind that tfedge knows, built or not.
        scheme: a name ("int8", "int16x8", "int4", "edgetpu") or a Scheme.
        batch_norm: a BatchNormalization that runs behind `layer` and is folded into it.
        activation: "relu" or "relu6", behind the batch-norm.
        name: the layer's own by default.

    Input and output: as of `layer`, float32; the first operand comes from a quantised layer.

    Raises:
        UnsupportedError: the layer is of a kind that is not known.
    """

    def __init__(
        self,
        layer: Any,
        scheme: str | Scheme = "int8",
        *,
        batch_norm: Any = None,
        activation: str = "linear",
        name: str | None = None,
        place: Place | None = None,
    ):
        require_tensorflow("tfedge.layers.Quantize")
        super().__init__(name=name or layer.name, dtype="float32", autocast=False)
        if activation not in activations.FUSED:
            raise TfedgeError(
                f"activation is one of {', '.join(activations.FUSED)}, not {activation!r}; wrap "
                "other activation layers by themselves"
            )
        self.layer = layer
        self.scheme = schemes.get(scheme)
        self.batch_norm = batch_norm
        self.activation_name = activation
        self._groups: list[RangeGroup | None] = []
        self.operators: list[QuantizedOperator] = []
        self._compute: Function | None = None
        if place is not None:
            self._make(place)

    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Call the layer; the first call also learns whose grids its operands are on."""
        if self._compute is None:
            self._groups = [_group_of(tensor) for tensor in keras.tree.flatten(inputs)]
        return super().__call__(inputs, **options)

    def build(self, input_shape: Any) -> None:
        """Build the layer, and make its operators."""
        if self._compute is not None:
            return
        shapes = _listed(input_shape)
        if isinstance(self.layer, keras.layers.Layer) and not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        call = self._call_on(input_shape)
        if self.batch_norm is not None and not self.batch_norm.built:
            self.batch_norm.build(call.results[0].spec.shape)
        self._make(
            Place(
                call.run,
                row_for(call).build,
                call.structure,
                shapes,
                self._groups or [None] * len(shapes),
                ["float32"] * len(shapes),
                arguments_of(call),
                activation=activations.FUSED[self.activation_name],
            )
        )

    def _call_on(self, input_shape: Any) -> Call:
        """The call of the layer with float tensors, as Keras would write it down."""
        specs = _specs(input_shape)
        values = keras.tree.map_structure(Value, specs)
        several = private.required_arguments(self.layer) > 1
        args, given = (values, specs) if several else ([values], [specs])
        structure = self.layer.compute_output_spec(*given)
        results = [Value(spec) for spec in keras.tree.flatten(structure)]
        return Call(self.layer, list(args), {}, results, structure)

    def _make(self, place: Place) -> None:
        self._specs = place.specs
        make = OperatorFactory(
            self.layer, place.real, self.scheme, self.name,
            batch_norm=self.batch_norm, activation=place.activation, shapes=place.shapes,
            groups=place.groups, dtypes=place.dtypes, arguments=place.arguments,
            shared_weights=place.shared_weights,
        )  # fmt: skip
        self._compute = place.builder(make)
        self.operators = make.operators
        self.built = True

    @property
    def output_group(self) -> RangeGroup | None:
        """Whose grid the result is on; None if a kernel prescribes it."""
        return self.operators[-1].group

    def set_phase(self, phase: Phase) -> None:
        """Say what the operators do from now on; compiled functions have to be made anew."""
        for operator in self.operators:
            operator.phase = phase

    def reset_state(self) -> None:
        """Let a stateful layer begin a new sequence, from zeros; others have nothing to reset."""
        if getattr(self.layer, "stateful", False):
            self.layer.reset_state()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The layer's result, on its grid."""
        assert self._compute is not None
        return self._compute(inputs)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Shapes and dtypes of what the layer returns."""
        if self._compute is None:
            self.build(keras.tree.map_structure(lambda tensor: tensor.shape, inputs))
        return keras.tree.map_structure(
            lambda spec: keras.KerasTensor(spec.shape, _widened(spec.dtype)), self._specs
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments, serialised."""
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "layer": serialize(self.layer),
            "scheme": self.scheme.get_config(),
            "batch_norm": None if self.batch_norm is None else serialize(self.batch_norm),
            "activation": self.activation_name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Quantize:
        """The layer that `get_config` described."""
        config = dict(config)
        deserialize = keras.saving.deserialize_keras_object
        batch_norm = config.pop("batch_norm")
        return cls(
            deserialize(config.pop("layer")),
            Scheme.from_config(config.pop("scheme")),
            batch_norm=None if batch_norm is None else deserialize(batch_norm),
            **config,
        )


@keras.saving.register_keras_serializable(package="tfedge")
class QuantizeInput(keras.layers.Layer):
    """Layer that puts float numbers on a grid whose range follows them in training.

    Args:
        scheme: a name or a Scheme.
        name: of the layer.

    Input and output: float32 of any shape.
    """

    def __init__(self, scheme: str | Scheme = "int8", *, name: str | None = None):
        require_tensorflow("tfedge.layers.QuantizeInput")
        super().__init__(name=name, dtype="float32", autocast=False)
        self.scheme = schemes.get(scheme)
        make = OperatorFactory(self, lambda operands: operands[0], self.scheme, self.name)
        self._compute = make.input()
        self.operators = make.operators
        self.built = True

    @property
    def output_group(self) -> RangeGroup | None:
        """Whose grid the result is on."""
        return self.operators[-1].group

    def set_phase(self, phase: Phase) -> None:
        """Say what the operator does from now on; compiled functions have to be made anew."""
        for operator in self.operators:
            operator.phase = phase

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The input, on its grid."""
        return self._compute(inputs)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Shape and dtype of the result."""
        return keras.KerasTensor(inputs.shape, "float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments, serialised."""
        return {"name": self.name, "scheme": self.scheme.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizeInput:
        """The layer that `get_config` described."""
        return cls(Scheme.from_config(config["scheme"]), name=config["name"])


def _group_of(tensor: Any) -> RangeGroup | None:
    return getattr(private.operation_of(tensor), "output_group", None)


def _listed(shape: Any) -> list[tuple[int | None, ...]]:
    return list(shape) if shape and isinstance(shape[0], (list, tuple)) else [tuple(shape)]


def _specs(shape: Any) -> Any:
    specs = [keras.KerasTensor(one, "float32") for one in _listed(shape)]
    return specs[0] if len(specs) == 1 and not isinstance(shape[0], (list, tuple)) else specs


def _widened(dtype: str) -> str:
    return "float32" if "float" in dtype else dtype
