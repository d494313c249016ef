"""Turns a float32 graph with known ranges into an integer graph."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.policy import OperatorPolicy, OutputRange, StateGrid, WeightPolicy
from tfedge.quantization.schemes import Scheme, get
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Range,
    Tensor,
    TensorType,
)
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.graph.sequences import foreign_states
from tfedge_converters.quantize.affine import activation_grid, power_of_two_grid
from tfedge_converters.quantize.constant_values import constant_values
from tfedge_converters.quantize.constants import Constants
from tfedge_converters.quantize.ends import (
    make_input_real,
    make_output_real,
    quantize_operator,
)
from tfedge_converters.quantize.formats import Format, format_of
from tfedge_converters.quantize.groups import (
    Group,
    Groups,
    policy_of,
    real_operands,
    real_operators,
)
from tfedge_converters.quantize.islands import find_islands, keep_real
from tfedge_converters.quantize.precision import is_real_activation, real_graph
from tfedge_converters.quantize.weights import quantized_bias, quantized_weights

_REAL = "float32"

_STATE_TYPES = {8: TensorType.INT8, 16: TensorType.INT16}


def quantize(
    model: Model,
    scheme: str | Scheme = "int8",
    *,
    input_type: str | None = None,
    output_type: str | None = None,
) -> None:
    """Quantises a float32 model to integers, in place.

    Activations get one grid each, from `Tensor.range`: asymmetric int8 or symmetric int16. Weights
    are symmetric, per channel, on the grid that training gave them or on that of their largest
    magnitude, and biases int32 or int64, as the TFLite quantisation specification asks. Functions
    of one activation that have no integer kernel stay real, between DEQUANTIZE and QUANTIZE.
    Integer inputs and operators that touch no real numbers stay. A model that is integer already is
    left alone, whatever its ends. If an error is raised, the model is as it was.

    Args:
        model: as read from a file; every activation's range is known from markers or `calibrate`.
        scheme: widths of weights and activations, or its name.
        input_type: "float32" for real inputs and a QUANTIZE behind each; None, or the name of
            the scheme's type of activations, for integers.
        output_type: "float32" for real outputs and a DEQUANTIZE before each; else as input_type.

    Raises:
        UnsupportedError: an operator or a mixture of types that cannot be quantised.
        TfedgeError: a range is missing, or a constant or range is not finite.
    """
    scheme = get(scheme)
    form = format_of(scheme)
    for given in (input_type, output_type):
        if given not in (None, form.element, _REAL):
            raise TfedgeError(
                f"input and output types can be {form.element} or {_REAL}, not '{given}', with the "
                f"scheme '{scheme.name}'"
            )
    graph = real_graph(model)
    if graph is None:
        return
    plan = _Plan(graph, scheme)
    inputs = _real_ends(graph.inputs) if input_type == _REAL else []
    outputs = _real_ends(graph.outputs) if output_type == _REAL else []
    plan.apply()
    for tensor in reversed(inputs):
        make_input_real(model, tensor, form)
    for tensor in outputs:
        make_output_real(model, tensor, form)


def _real_ends(tensors: list[Tensor]) -> list[Tensor]:
    """The real ones of a graph's inputs or outputs, each once."""
    return list({id(tensor): tensor for tensor in tensors if is_real_activation(tensor)}.values())


class _Plan:
    """Everything that quantising a graph will change, worked out before anything is changed."""

    def __init__(self, graph: Graph, scheme: Scheme):
        self.graph = graph
        self.scheme = scheme
        self.form = format_of(scheme)
        self.groups = Groups(graph, self.form)
        self.constants = Constants(self.form)
        self.grids: dict[int, Quantization] = {}
        self.operands: dict[tuple[int, int], Tensor] = {}
        self.versions: dict[int, int] = {}
        self.states: dict[int, tuple[Tensor, TensorType]] = {}
        self.intermediates: dict[int, list[Tensor]] = {}
        self.options: dict[int, Any] = {}
        self._refuse_constant_outputs()
        self._refuse_foreign_states()
        for group in self.groups.all():
            grid = _grid(group, self.form)
            self.grids.update((id(tensor), grid) for tensor in group.tensors)
        self.islands = find_islands(graph)
        self.kept = {id(operator) for island in self.islands for operator in island.operators}
        for operator in real_operators(graph):
            policy = policy_of(graph, operator, self.form)
            if id(operator) in self.kept:
                continue
            self._refuse_without_integers(operator, policy)
            self._plan_states(operator, policy)
            self._plan_operands(operator, policy)
            keys = [self._plan_weights(operator, policy, rule) for rule in policy.weights]
            self._plan_version(operator, policy, *keys)
            self._plan_options(operator)

    def apply(self) -> None:
        """Changes the graph; cannot fail."""
        for group in self.groups.all():
            for tensor in group.tensors:
                tensor.type = self.form.type
                tensor.quantization = self.grids[id(tensor)]
        for state, type_ in self.states.values():
            state.type = type_
            state.quantization = self.grids[id(state)]
        for operator in self.graph.operators:
            operator.intermediates = self.intermediates.get(id(operator), operator.intermediates)
            operator.version = self.versions.get(id(operator), operator.version)
            operator.options = self.options.get(id(operator), operator.options)
            operator.inputs = [
                self.operands.get((id(operator), index), tensor)
                for index, tensor in enumerate(operator.inputs)
            ]
        self._insert_requantization()
        for island in self.islands:
            keep_real(self.graph, island, self.form)

    def _refuse_constant_outputs(self) -> None:
        for tensor in self.graph.outputs:
            if tensor.is_constant and tensor.type == TensorType.FLOAT32:
                raise UnsupportedError(
                    f"the output '{tensor.name}' is a constant; remove it from the model's outputs"
                )

    def _refuse_foreign_states(self) -> None:
        for state in foreign_states(self.graph):
            raise UnsupportedError(
                f"'{state.name}' keeps a state between invocations, which cannot be quantised"
            )

    def _plan_states(self, operator: Operator, policy: OperatorPolicy) -> None:
        """Variables, and what interpreters want to know of an operator's inside."""
        result = self.grids[id(operator.outputs[0])] if policy.states else None
        for rule in policy.states:
            state = operator.inputs[rule.operand]
            assert state is not None and result is not None
            self.states[id(state)] = state, _STATE_TYPES[rule.bits]
            self.grids[id(state)] = (
                result
                if rule.grid is StateGrid.RESULT
                else power_of_two_grid(_known_range(state), rule.bits, state.name)
            )
        if policy.intermediates:
            unknown = [Tensor("", (0,), TensorType.FLOAT32)] * (policy.intermediates - 1)
            self.intermediates[id(operator)] = [
                *map(dataclasses.replace, unknown),
                Tensor("hidden_scale", (0,), TensorType.INT8, result),
            ]

    def _refuse_without_integers(self, operator: Operator, policy: OperatorPolicy) -> None:
        if self.form.scheme not in policy.versions:
            raise UnsupportedError(
                f"{self.graph.place(operator)}: neither TFLite Micro nor LiteRT compute this "
                f"operator in {self.form.element}, and only functions of one activation and single "
                "constants can stay real; compute it outside of the model"
            )

    def _plan_operands(self, operator: Operator, policy: OperatorPolicy) -> None:
        """Constants that are neither weights nor biases."""
        special = {index for rule in policy.weights for index in (rule.operand, rule.bias)}
        for index, tensor in real_operands(operator):
            if tensor.is_constant and index not in special:
                grid = self._constant_grid(operator, policy, tensor)
                self.operands[id(operator), index] = self.constants.operand(tensor, grid)

    def _constant_grid(
        self, operator: Operator, policy: OperatorPolicy, tensor: Tensor
    ) -> Quantization | None:
        """The grid that a constant takes over from an activation; None for one of its own."""
        if policy.output is OutputRange.SHARED:
            return self.grids[id(operator.outputs[0])]
        if policy.output is OutputRange.NONE and not constant_values(tensor).any():
            # Every grid holds 0; one of its own would be too coarse for what it is compared with.
            others = (self.grids.get(id(other)) for _, other in real_operands(operator))
            return next(filter(None, others), None)
        return None

    def _plan_weights(self, operator: Operator, policy: OperatorPolicy, rule: WeightPolicy) -> str:
        """The key of the version that knows such weights."""
        scale, key = self._scale(operator, rule.input), self.form.scheme
        computed = is_real_activation(operator.inputs[rule.operand])
        if computed and rule.may_be_computed and not self.form.symmetric:
            scale = scale * self._scale(operator, rule.operand)
            made = quantized_bias(self.constants, self.graph, operator, rule, scale, self.form)
        else:
            made, key = quantized_weights(
                self.constants, self.graph, operator, policy, rule, scale, self.scheme
            )
        self.operands.update(((id(operator), index), made[index]) for index in made)
        return key

    def _plan_version(self, operator: Operator, policy: OperatorPolicy, *keys: str) -> None:
        key = keys[0] if keys else self.form.scheme
        version = policy.versions[key]
        if key in policy.amplifying_versions:
            scales = [float(self._scale(operator, index)) for index, _ in real_operands(operator)]
            result = float(self.grids[id(operator.outputs[0])].scale[0])
            if math.prod(scales) / result >= 1:
                version = policy.amplifying_versions[key]
        self.versions[id(operator)] = max(operator.version, version)

    def _plan_options(self, operator: Operator) -> None:
        """The schema's default, scales that are powers of two, is not what our int16 is."""
        options = options_of(self.graph, operator)
        if self.form.symmetric and hasattr(options, "potScaleInt16"):
            self.options[id(operator)] = copy.copy(options)
            self.options[id(operator)].potScaleInt16 = False

    def _scale(self, operator: Operator, index: int) -> np.float32:
        """The scale of an ordinary operand, constant or not."""
        operand = self.operands.get((id(operator), index))
        if operand is not None and operand.quantization is not None:
            return operand.quantization.scale[0]
        return self.grids[id(operator.inputs[index])].scale[0]

    def _insert_requantization(self) -> None:
        """Moves the operands that could not join their operator's group to its grid."""
        made: dict[tuple[int, int], Tensor] = {}
        for operator, index in self.groups.requantized:
            if id(operator) in self.kept:
                continue
            source, result = operator.inputs[index], operator.outputs[0]
            assert source is not None
            key = (id(source), id(self.groups.of(result)))
            if key not in made:
                made[key] = dataclasses.replace(
                    source,
                    name=f"{source.name}_requantized",
                    quantization=self.grids[id(result)],
                )
                position = self.graph.operators.index(operator)
                self.graph.operators.insert(
                    position, quantize_operator(source, made[key], self.form)
                )
            operator.inputs[index] = made[key]


def _grid(group: Group, form: Format) -> Quantization:
    name = group.tensors[0].name
    if group.fixed is not None:
        return Quantization.per_tensor(group.fixed.scale, group.fixed.zero_point)
    values = group.range()
    if values is None:
        raise _unknown_range(name)
    return activation_grid(values, name, form)


def _known_range(tensor: Tensor) -> Range:
    if tensor.range is None:
        raise _unknown_range(tensor.name)
    return tensor.range


def _unknown_range(name: str) -> TfedgeError:
    return TfedgeError(
        f"the range of tensor '{name}' is not known: give representative data to calibrate "
        "with (calibration=…, --calibration FILE.npz), or train with quantisation"
    )
