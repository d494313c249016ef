"""Builds the quantised twin of a Keras model: every call becomes a wrapper around its layer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from tfedge.quantization import activations, fused_activation
from tfedge.quantization.activation_quantizers import RangeGroup
from tfedge.quantization.computation import Call, Computation, Value
from tfedge.quantization.fused_activation import FusedActivation
from tfedge.quantization.layer_table import Builder, builder_of, supported
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.quantize_layer import Place, Quantize, QuantizeInput
from tfedge.quantization.schemes import Scheme
from tfedge.quantization.weight_quantizers import AbsMax
from tfedge.quantization.weighted_layers import FORMS, activation_of

ERROR, FLOAT = "error", "float"

# Layers whose last operator has weights, so that a batch-norm folds into it.
_TAKE_BATCH_NORM = frozenset({*FORMS, "SeparableConv1D", "SeparableConv2D"})
# Layers whose kernels clamp their result.
_TAKE_ACTIVATION = _TAKE_BATCH_NORM | {
    "Add", "BatchNormalization", "EinsumDense", "Multiply", "Normalization", "Rescaling",
    "Subtract",
}  # fmt: skip


@dataclass
class Step:
    """One wrapper to make: a call with the batch-norm and activation that it takes in.

    Attributes:
        call: of the layer.
        batch_norm, activation: the calls behind it, or None.
    """

    call: Call
    batch_norm: Call | None = None
    activation: Call | None = None

    @property
    def last(self) -> Call:
        """The call whose results are the step's."""
        return self.activation or self.batch_norm or self.call

    @property
    def fused(self) -> FusedActivation:
        """What the activation's call clamps to."""
        name = None if self.activation is None else _activation_name(self.activation)
        return fused_activation.NONE if name is None else activations.FUSED[name]


def steps_of(computation: Computation) -> list[Step]:
    """Groups calls as the device's kernels take them together."""
    readers: dict[int, list[Call]] = {}
    for call in computation.calls:
        for operand in call.operands:
            readers.setdefault(id(operand), []).append(call)
    outputs = {id(value) for value in computation.outputs}

    def only_reader(call: Call) -> Call | None:
        (result, *others) = call.results
        found = readers.get(id(result), [])
        return found[0] if not others and len(found) == 1 and id(result) not in outputs else None

    taken: set[int] = set()
    steps = []
    for call in computation.calls:
        if id(call) not in taken:
            steps.append(_step(call, only_reader))
            taken |= {id(part) for part in (steps[-1].batch_norm, steps[-1].activation)}
    return steps


def _step(call: Call, only_reader: Any) -> Step:
    step = Step(call)
    behind = only_reader(call)
    if _takes_batch_norm(call) and behind is not None and _is_channel_norm(behind):
        step.batch_norm = behind
        behind = only_reader(behind)
    takes = _kind(call) in _TAKE_ACTIVATION and _is_linear(call)
    if takes and behind is not None and _activation_name(behind) in activations.FUSED:
        step.activation = behind
    return step


def _kind(call: Call) -> str:
    return type(call.operation).__name__


def _is_linear(call: Call) -> bool:
    activation = getattr(call.operation, "activation", None)
    return activation is None or activation is keras.activations.linear


def _takes_batch_norm(call: Call) -> bool:
    return _kind(call) in _TAKE_BATCH_NORM and _is_linear(call)


def _is_channel_norm(call: Call) -> bool:
    layer = call.operation
    if _kind(call) != "BatchNormalization" or len(call.operands) != 1:
        return False
    return layer.axis in (-1, len(call.operands[0].spec.shape) - 1)


def _activation_name(call: Call) -> str | None:
    """The name of an activation that a kernel applies, if the call is one."""
    layer = call.operation
    if _kind(call) == "Activation":
        return activation_of(layer)[0]
    if _kind(call) in ("Relu", "Relu6"):
        return _kind(call).lower()
    if _kind(call) == "ReLU" and not layer.negative_slope and not layer.threshold:
        return {None: "relu", 6: "relu6"}.get(layer.max_value)
    return None


@dataclass
class Transformation:
    """The symbolic run that builds the quantised model.

    Attributes:
        scheme: widths and quantizers.
        unknown: "error" or "float", for layers that cannot be quantised.
        tensors: of the new model, by value of the old one.
        groups: whose grid a value is on.
        report: a line for every layer: its name, its kind, and what became of it.
    """

    scheme: Scheme
    unknown: str
    tensors: dict[int, Any] = field(default_factory=dict)
    groups: dict[int, RangeGroup | None] = field(default_factory=dict)
    report: list[tuple[str, str, str]] = field(default_factory=list)
    _weights: dict[tuple[int, str], AbsMax] = field(default_factory=dict)
    _names: Counter[str] = field(default_factory=Counter)

    def run(self, computation: Computation) -> tuple[Any, Any]:
        """Inputs and outputs of the new model, nested as the old one's."""
        inputs = [self._input(value) for value in computation.inputs]
        for step in steps_of(computation):
            self._add(step)
        outputs = [self.tensors[id(value)] for value in computation.outputs]
        pack = keras.tree.pack_sequence_as
        return (
            pack(computation.input_structure, inputs),
            pack(computation.output_structure, outputs),
        )

    def _input(self, value: Value) -> Any:
        spec = value.spec
        tensor = keras.Input(batch_shape=spec.shape, dtype=spec.dtype, name=value.name)
        self.tensors[id(value)] = tensor
        if value.is_real:
            scheme = replace(self.scheme, activations=self.scheme.activations_of(value.name or ""))
            layer = QuantizeInput(scheme, name=self._name(f"{value.name}_quantize"))
            self.tensors[id(value)] = layer(tensor)
            self.groups[id(value)] = layer.output_group
        return tensor

    def _add(self, step: Step) -> None:
        operands = step.call.operands
        if not any(value.is_real for value in step.last.results):
            self._add_integer(step)
            return
        layer = Quantize(
            step.call.operation,
            self.scheme,
            batch_norm=step.batch_norm.operation if step.batch_norm else None,
            activation="linear",
            name=self._name(step.call.operation.name),
            place=Place(
                step.call.run,
                self._builder(step),
                step.last.structure,
                [tuple(value.spec.shape) for value in operands],
                [self.groups.get(id(value)) for value in operands],
                self._weights,
                step.fused,
            ),
        )
        given = [self.tensors[id(value)] for value in operands]
        results = keras.tree.flatten(layer(given[0] if len(given) == 1 else given))
        for value, tensor in zip(step.last.results, results, strict=True):
            self.tensors[id(value)] = tensor
            self.groups[id(value)] = layer.output_group

    def _add_integer(self, step: Step) -> None:
        """What computes with integers only runs as it is."""
        results = step.call.run([self.tensors[id(value)] for value in step.call.operands])
        for value, tensor in zip(step.call.results, keras.tree.flatten(results), strict=True):
            self.tensors[id(value)] = tensor

    def _builder(self, step: Step) -> Builder:
        operation = step.call.operation
        kind = type(operation).__name__
        what = ", ".join(
            part.operation.name for part in (step.batch_norm, step.activation) if part is not None
        )
        if supported(operation) or self.unknown == ERROR:
            builder = builder_of(operation)
            self.report.append((operation.name, kind, f"with {what}" if what else ""))
            return builder
        self.report.append((operation.name, kind, "in float: not a kind that can be quantised"))
        return _left_in_float

    def _name(self, name: str) -> str:
        self._names[name] += 1
        count = self._names[name] - 1
        return f"{name}_{count}" if count else name


def _left_in_float(make: OperatorFactory) -> Function:
    """A layer that computes in float, and whose result is put on a grid."""
    return make.own("CUSTOM", make.real)
