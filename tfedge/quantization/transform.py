"""Transformation of a Keras model into its quantised form: every call becomes a wrapper."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from tfedge.equivalence import require_equivalence
from tfedge.errors import UnsupportedError
from tfedge.keras_graph import private, tracing
from tfedge.keras_graph.computation import Call, Computation, Value, computation_of
from tfedge.keras_graph.fusion import Step, steps_of
from tfedge.keras_graph.kinds import described, is_keras_class, kind_of
from tfedge.quantization import activations
from tfedge.quantization.activation_quantizers import RangeGroup
from tfedge.quantization.builders import Builder
from tfedge.quantization.decompositions import applied_masks, inner_function
from tfedge.quantization.export_trial import require_export
from tfedge.quantization.operator_factory import Function, Operand, OperatorFactory
from tfedge.quantization.operators import OwnRange, QuantizedOperator
from tfedge.quantization.phase import COMPARE
from tfedge.quantization.quantize_layer import Place, Quantize, QuantizeInput
from tfedge.quantization.rows import WAYS_OUT, arguments_of, row_of, why_not
from tfedge.quantization.schemes import Scheme
from tfedge.quantization.score_masks import Masking, maskings_of
from tfedge.quantization.softmax import MaskedScores
from tfedge.quantization.weight_quantizers import AbsMax
from tfedge.quantization.weighted import WeightedOperator

ERROR, FLOAT = "error", "float"
# Types that no converted model takes.
_NO_INPUTS = frozenset({"complex64", "complex128", "float64", "string"})


@dataclass
class Transformation:
    """The symbolic run that builds the quantised model.

    Attributes:
        scheme: widths and quantizers.
        unknown: "error" or "float", for layers that cannot be quantised.
        tensors: of the new model, by value of the old one.
        groups: whose grid a value is on.
        inputs: of the new model, by value of the old one.
        steps: the calls, as wrappers take them together.
        report: a line for every layer: its name, its kind, and what became of it.
    """

    scheme: Scheme
    unknown: str
    tensors: dict[int, Any] = field(default_factory=dict)
    groups: dict[int, RangeGroup | None] = field(default_factory=dict)
    inputs: dict[int, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    report: list[tuple[str, str, str]] = field(default_factory=list)
    _weights: dict[tuple[int, str], AbsMax] = field(default_factory=dict)
    _leaving: dict[int, set[int]] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _output_names: dict[int, str] = field(default_factory=dict)
    _reasons: dict[int, str] = field(default_factory=dict)
    _makers: dict[int, QuantizedOperator] = field(default_factory=dict)
    _maskings: dict[int, Masking] = field(default_factory=dict)

    def run(self, model: Any) -> tuple[Any, Any]:
        """Inputs and outputs of the new model, nested as the old one's."""
        computation = self.computation = computation_of(model, self._inside)
        self._reserve_names(computation)
        read = _read_values(computation)
        inputs = [self._input(value, id(value) in read) for value in computation.inputs]
        self.steps = steps_of(computation)
        self._leaving = _leaving_values(computation)
        self._maskings = maskings_of(computation)
        for step in self.steps:
            self._add(step)
        outputs = [self.tensors[id(value)] for value in computation.outputs]
        pack = keras.tree.pack_sequence_as
        return (
            pack(computation.input_structure, inputs),
            pack(computation.output_structure, outputs),
        )

    def require_equivalence(self, what: str, model: Any) -> None:
        """Compare the new model with the old one, layer by layer, and try what may not convert.

        Args:
            what: made it, for the message.
            model: the old one.

        Raises:
            DifferenceError: the new one computes something else.
            UnsupportedError: a layer of it could not be converted after training.
        """
        calls = [step.last for step in self.steps]
        tensors = [self.tensors[id(call.results[0])] for call in calls]
        outputs = [self.tensors[id(value)] for value in self.computation.outputs]
        inputs = [self.inputs[id(value)] for value in self.computation.inputs]
        changed = keras.Function(inputs, [*tensors, *outputs])

        def run_changed(given: list[Any]) -> list[Any]:
            # By its layers, for a function refuses images of another size.
            return private.run_graph(
                changed,
                given,
                lambda one: one.call if isinstance(one, Quantize | QuantizeInput) else one,
            )

        layers = [one for one in changed.operations if isinstance(one, (Quantize, QuantizeInput))]
        before = [layer.operators[0].phase for layer in layers if layer.operators]
        for layer in layers:
            layer.set_phase(COMPARE)
        try:
            require_equivalence(what, model, self.computation, run_changed, calls)
        finally:
            for layer, phase in zip(layers, before, strict=True):
                layer.set_phase(phase)
        require_export([step.call for step in self.steps], self.scheme, self.unknown)

    def _inside(self, call: Call) -> Any:
        """Transform the calls within a layer that is not quantised as a whole."""
        operation = call.operation
        applied = applied_masks(call)
        if applied is not None:
            merge, masks = applied
            given = [*call.arguments.values(), masks]
            return tracing.graph_of_function(operation, merge, given, {})
        reason = why_not(call)
        # Integers become real numbers in layers of a user's own, as in embeddings of positions.
        foreign = not is_keras_class(type(operation))
        if not reason or not (_has_reals(call) or foreign):
            return None
        if is_keras_class(type(operation)):
            self._reasons[id(operation)] = reason
        function = inner_function(call)
        try:
            if function is not None:
                return tracing.graph_of_function(operation, function, call.args, call.kwargs)
            if not isinstance(operation, keras.layers.Layer):
                return None
            return tracing.graph_inside(operation, call.args, call.kwargs)
        except UnsupportedError as error:
            if self.unknown == FLOAT or not _has_reals(call):
                return None
            # What Keras' own code does on symbolic tensors helps nobody who uses it.
            foreign = foreign or function is not None
            inside = f" ({error})" if foreign or "in training" in str(error) else ""
            raise UnsupportedError(f"{reason}{inside}{WAYS_OUT}") from error

    def _reserve_names(self, computation: Computation) -> None:
        """Keep the outputs' names for the layers that make them, for losses by name."""
        names = zip(computation.outputs, computation.output_names, strict=False)
        inputs = {value.name for value in computation.inputs}
        self._output_names = {id(value): name for value, name in names if name not in inputs}
        self._names = {*self._output_names.values(), *(name for name in inputs if name)}

    def _input(self, value: Value, is_read: bool) -> Any:
        """An input of the new model; what nobody reads would never learn a range."""
        spec = value.spec
        tensor = keras.Input(batch_shape=spec.shape, dtype=spec.dtype, name=value.name)
        self.tensors[id(value)] = self.inputs[id(value)] = tensor
        if 0 in spec.shape:
            raise UnsupportedError(f"input '{value.name}' has shape {spec.shape}; sizes start at 1")
        if str(spec.dtype) in _NO_INPUTS:
            raise UnsupportedError(
                f"input '{value.name}' takes elements of type {spec.dtype}; give it float32 or an "
                "integer type, and do what needs other types outside the model"
            )
        if value.is_real and is_read:
            scheme = replace(self.scheme, activations=self.scheme.activations_of(value.name or ""))
            layer = QuantizeInput(scheme, name=self._name(f"{value.name}_quantize"))
            self.tensors[id(value)] = layer(tensor)
            self.groups[id(value)] = layer.output_group
        return tensor

    def _add(self, step: Step) -> None:
        _require_elements(step.last)
        if not any(value.is_real for value in step.last.results):
            self._add_integer(step)
            return
        operands = self._operands(step)
        layer = Quantize(
            step.call.operation,
            self._scheme_of(step),
            batch_norm=step.batch_norm.operation if step.batch_norm else None,
            activation="linear",
            name=self._name_of(step),
            place=Place(
                step.call.run,
                self._builder(step),
                step.last.structure,
                [tuple(value.spec.shape) for value in operands],
                [self.groups.get(id(value)) for value in operands],
                [str(value.spec.dtype) for value in operands],
                arguments_of(step.call),
                self._weights,
                activations.FUSED[step.clamp],
            ),
        )
        given = [self.tensors[id(value)] for value in operands]
        results = keras.tree.flatten(layer(given[0] if len(given) == 1 else given))
        for value, tensor in zip(step.last.results, results, strict=True):
            self.tensors[id(value)] = tensor
            self.groups[id(value)] = layer.output_group
            self._makers[id(value)] = layer.operators[-1]
        self._narrow(step, layer.operators)

    def _operands(self, step: Step) -> list[Value]:
        """Values that a step computes with: integers that it takes for numbers are cast first."""
        call = step.call
        row = row_of(call.operation)
        if row is None or row.takes_integers or id(call) in self._maskings:
            return step.operands
        numbers = {
            operand.index
            for name, item in arguments_of(call).items()
            for operand in keras.tree.flatten(item)
            if isinstance(operand, Operand) and not _chooses(name)
        }
        return [
            self._as_numbers(value, call.within)
            if index in numbers and not value.is_real
            else value
            for index, value in enumerate(step.operands)
        ]

    def _as_numbers(self, value: Value, within: tuple[Any, ...]) -> Value:
        """Integers or booleans as real numbers on a grid, which no other reader shares."""
        made = keras.ops.cast(keras.KerasTensor(value.spec.shape, value.spec.dtype), "float32")
        result = Value(made)
        self._add(Step(Call(private.operation_of(made), [value], {}, [result], made, within)))
        return result

    def _narrow(self, step: Step, operators: list[QuantizedOperator]) -> None:
        """Let a kernel compute scores in the range that their mask leaves, if nobody else reads.

        So the device does, where two ranges of a tensor follow each other. Scores that others read
        too are on one grid with what the mask makes of them.
        """
        masks = [operator for operator in operators if isinstance(operator, MaskedScores)]
        if not masks or kind_of(step.call.operation) == "MultiHeadAttention":  # has its own scores
            return
        (masked,) = masks
        scores = step.call.operands[masked.scores]
        maker, group = self._makers.get(id(scores)), self.groups.get(id(scores))
        if self._read_once(scores) and isinstance(maker, OwnRange | WeightedOperator):
            masked.narrow(maker.quantizer)
        elif group is not None and group.bits == masked.quantizer.bits:
            group.merge(masked.quantizer.group)

    def _read_once(self, value: Value) -> bool:
        reads = [one for call in self.computation.calls for one in call.operands if one is value]
        return len(reads) == 1 and not any(one is value for one in self.computation.outputs)

    def _scheme_of(self, step: Step) -> Scheme:
        """The model's; what stays within a recurrent layer has 16 bits, as its kernels have."""
        layer = _recurrent_around(step.call)
        if layer is None:
            return self.scheme
        leaves = any(id(value) in self._leaving[id(layer)] for value in step.last.results)
        name = step.call.operation.name
        asked = self.scheme.activations_of(layer.name)
        wanted = asked if leaves else replace(asked, bits=16)
        chosen = replace(self.scheme.layer(name), activations=wanted)
        return replace(self.scheme, overrides={**self.scheme.overrides, name: chosen})

    def _add_integer(self, step: Step) -> None:
        """Add a call that computes with integers only, as it is."""
        results = step.call.run([self.tensors[id(value)] for value in step.call.operands])
        for value, tensor in zip(step.call.results, keras.tree.flatten(results), strict=True):
            self.tensors[id(value)] = tensor

    def _builder(self, step: Step) -> Builder:
        operation = step.call.operation
        kind = type(operation).__name__
        what = ", ".join(
            part.operation.name for part in (step.batch_norm, step.activation) if part is not None
        )
        masking = self._maskings.get(id(step.call))
        if masking is not None:
            self.report.append((operation.name, kind, "as a mask of scores"))
            return masking.build
        reason = why_not(step.call)
        row = row_of(operation)
        if row is not None and not reason:
            self.report.append((operation.name, kind, f"with {what}" if what else ""))
            return row.build
        if self.unknown == ERROR:
            raise UnsupportedError(self._outer_reason(step.call) + reason + WAYS_OUT)
        self.report.append((operation.name, kind, "in float: not a kind that can be quantised"))
        return _left_in_float

    def _outer_reason(self, call: Call) -> str:
        """Why the layer of Keras around a call was taken apart, which says more than the call."""
        reasons = [self._reasons[id(layer)] for layer in call.within if id(layer) in self._reasons]
        return f"{reasons[0]}: " if reasons else ""

    def _name_of(self, step: Step) -> str:
        made = [self._output_names.get(id(value)) for value in step.last.results]
        kept = next((name for name in made if name is not None), None)
        if kept is not None:
            self._output_names = {
                key: name for key, name in self._output_names.items() if name != kept
            }
            return kept
        return self._name(step.call.operation.name)

    def _name(self, name: str) -> str:
        """The name, or the first of its kind that is free."""
        numbered = (f"{name}_{count}" for count in itertools.count(1))
        free = next(one for one in itertools.chain([name], numbered) if one not in self._names)
        self._names.add(free)
        return free


def _chooses(argument: str) -> bool:
    """Whether an argument says which numbers count, and is none itself."""
    return argument in ("condition", "indices") or argument.endswith("mask")


def _recurrent_around(call: Call) -> Any:
    """The recurrent layer that was taken apart into a call and others, if any."""
    return next((layer for layer in call.within if isinstance(layer, keras.layers.RNN)), None)


def _leaving_values(computation: Computation) -> dict[int, set[int]]:
    """Find the values of taken-apart recurrent layers that others read, by identity."""
    makers = {id(value): call for call in computation.calls for value in call.results}
    found: dict[int, set[int]] = defaultdict(set)
    read = [(value, call) for call in computation.calls for value in call.operands]
    for value, reader in [*read, *((value, None) for value in computation.outputs)]:
        maker = makers.get(id(value))
        layer = None if maker is None else _recurrent_around(maker)
        if layer is not None and (reader is None or _recurrent_around(reader) is not layer):
            found[id(layer)].add(id(value))
    return found


def _read_values(computation: Computation) -> set[int]:
    """Find the values that a call reads or the model returns, by identity."""
    operands = (value for call in computation.calls for value in call.operands)
    return set(map(id, itertools.chain(operands, computation.outputs)))


def _require_elements(call: Call) -> None:
    """Refuse what returns nothing, as a slice beyond the end does: no target has such tensors."""
    for value in call.results:
        if 0 in value.spec.shape:
            raise UnsupportedError(
                f"{described(call.operation)} returns a tensor of shape {value.spec.shape}, which "
                "is empty; sizes start at 1"
            )


def _has_reals(call: Call) -> bool:
    flat = keras.tree.flatten((call.args, call.kwargs))
    return any("float" in str(item.dtype) for item in flat if isinstance(item, keras.KerasTensor))


def _left_in_float(make: OperatorFactory) -> Function:
    """A layer that computes in float, and whose result is put on a grid."""
    return make.own("CUSTOM", make.real)
