"""Quantiser from a float32 graph with known ranges to an integer graph."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.activation_types import ACTIVATION_TYPES, ActivationType
from tfedge.quantization.policy import (
    OPERATORS,
    REAL_FUNCTION,
    OperatorPolicy,
    OutputRange,
    StateGrid,
    WeightPolicy,
)
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
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.graph.sequences import foreign_states, memories, state_in_words
from tfedge_converters.ptq.byte_inputs import with_signed_inputs
from tfedge_converters.ptq.casts import quantize_operator
from tfedge_converters.ptq.constant_values import constant_values
from tfedge_converters.ptq.constants import Constants
from tfedge_converters.ptq.groups import Group, Groups
from tfedge_converters.ptq.int16_rsqrt import with_int16_rsqrt
from tfedge_converters.ptq.io_types import FLOAT, check_io_types, set_io_types
from tfedge_converters.ptq.precision import real_graph
from tfedge_converters.ptq.quant_params import activation_grid, power_of_two_grid
from tfedge_converters.ptq.real_functions import with_functions, written_out
from tfedge_converters.ptq.real_operators import (
    policy_of,
    real_activations,
    real_operands,
    real_operators,
)
from tfedge_converters.ptq.softmax_masks import masked_scores
from tfedge_converters.ptq.tensor_types import tensor_type
from tfedge_converters.ptq.weights import quantized_bias, quantized_weights

_FUSED = "fusedActivationFunction"

# How many steps of a result one of the products' is at most, for XNNPACK takes less than 256.
_MOST_FINER = 128.0
_LARGEST_WEIGHT = 127

# Of what nobody reads.
_ANY_RANGE = Range(-1.0, 1.0)

# Kernels find an activation's limits as int32.
_MOST_STEPS = 2.0**30


class _Bounded(NamedTuple):
    """A fused activation with a limit, and what it is where nothing comes near that."""

    limit: float
    unbounded: int


_SUMS = frozenset({"ADD", "SUB"})

_BOUNDED = {
    schema.ActivationFunctionType.RELU6: _Bounded(6.0, schema.ActivationFunctionType.RELU),
    schema.ActivationFunctionType.RELU_N1_TO_1: _Bounded(1.0, schema.ActivationFunctionType.NONE),
}


def quantize(
    model: Model,
    scheme: str | Scheme = "int8",
    *,
    input_type: str | None = None,
    output_type: str | None = None,
) -> None:
    """Quantise a float32 model to integers, in place.

    Activations get one grid each, from `Tensor.range`: asymmetric int8 or symmetric int16, as the
    scheme and `Tensor.bits` say. An operator computes in the width of its result, and what it reads
    of another width goes through QUANTIZE; inputs and outputs have the scheme's width. Weights
    are symmetric, per channel, on the grid that training gave them or on that of their largest
    magnitude, and biases int32 or int64, as the TFLite quantisation specification asks. Functions
    of one activation that have no integer kernel stay in float, between DEQUANTIZE and QUANTIZE.
    Integer inputs and operators that touch no real numbers stay. A model that is integer already is
    left alone, whatever its inputs and outputs. If an error is raised, the model is as it was.

    Args:
        model: as read from a file; every activation's range is known from markers or `calibrate`.
        scheme: widths of weights and activations, or its name.
        input_type: "float32" for float inputs and a QUANTIZE behind each; "uint8" for the integers
            of int8 plus 128; None, or the name of the scheme's type of activations, for integers.
        output_type: "float32" for float outputs and a DEQUANTIZE before each; else as input_type.

    Raises:
        UnsupportedError: an operator or a mixture of types that cannot be quantised.
        TfedgeError: a range is missing, or a constant or range is not finite.
    """
    scheme = get(scheme)
    check_io_types(scheme, input_type, output_type)
    usual = scheme.activations.type
    graph = real_graph(model)
    if graph is None:
        return
    plan = _planned(graph, scheme)
    for given, tensors in ((input_type, graph.inputs), (output_type, graph.outputs)):
        if given not in (None, FLOAT):
            plan.refuse_other_io_types(tensors, usual)
    plan.apply()
    set_io_types(model, input_type, output_type)


def _planned(graph: Graph, scheme: Scheme) -> _Plan:
    """A plan for a graph whose functions are real, or sequences where they have no kernel."""
    operators, ranges = graph.operators, [(tensor, tensor.range) for tensor in graph.tensors()]
    try:
        _let_unread_inputs_have_any_range(graph)
        graph.operators = with_functions(graph, scheme).operators
        graph.operators = masked_scores(graph, scheme).bounded(graph.operators)
        graph.operators = with_int16_rsqrt(graph, scheme)
        return _Plan(graph, scheme)
    except TfedgeError:
        graph.operators = operators
        for tensor, known in ranges:
            tensor.range = known
        raise


def _let_unread_inputs_have_any_range(graph: Graph) -> None:
    """Give inputs that are only there for the model's signature a range, as no data tell one."""
    read = {id(tensor) for operator in graph.operators for tensor in operator.inputs}
    read |= set(map(id, graph.outputs))
    for tensor in filter(is_real_activation, graph.inputs):
        if id(tensor) not in read and tensor.range is None:
            tensor.range = _ANY_RANGE


class _Plan:
    """Everything that quantising a graph will change, worked out before anything is changed."""

    def __init__(self, graph: Graph, scheme: Scheme):
        self.graph = graph
        self.scheme = scheme
        self.groups = Groups(graph, scheme)
        self.requantized = {(id(item), index) for item, index in self.groups.requantized}
        self.constants = Constants()
        self.grids: dict[int, Quantization] = {}
        self.operands: dict[tuple[int, int], Tensor] = {}
        self.moved: dict[tuple[int, Any], Tensor] = {}
        self.moves: list[tuple[Operator, Operator]] = []
        self.interiors: dict[int, Tensor] = {}
        self.versions: dict[int, int] = {}
        self.states: dict[int, tuple[Tensor, TensorType]] = {}
        self.intermediates: dict[int, list[Tensor]] = {}
        self.options: dict[int, Any] = {}
        self.codes: dict[int, str] = {}
        self._refuse_constant_outputs()
        self._refuse_foreign_states()
        for group in self.groups.all():
            grid = _grid(group)
            self.grids.update((id(tensor), grid) for tensor in group.tensors)
        for operator in real_operators(graph):
            self._coarsen_result(operator)
        for memory in filter(lambda memory: is_real_activation(memory.before), memories(graph)):
            self.states[id(memory.state)] = (
                memory.state,
                tensor_type(self.activation_type_of(memory.before)),
            )
            self.grids[id(memory.state)] = self.grids[id(memory.before)]
        for operator in real_operators(graph):
            activation_type = self.groups.activation_type(operator)
            policy = policy_of(graph, operator, activation_type)
            if operator.code == REAL_FUNCTION or policy.reads_real:
                continue
            self._refuse_without_integers(operator, policy, activation_type)
            self._plan_moves(operator, activation_type)
            self._plan_interior(operator, activation_type)
            self._plan_states(operator, policy, activation_type)
            self._plan_operands(operator, policy, activation_type)
            keys = [
                self._plan_weights(operator, policy, rule, activation_type)
                for rule in policy.weights
            ]
            self._plan_version(operator, policy, *(keys or [activation_type.scheme]))
            self._plan_options(operator, activation_type)

    def apply(self) -> None:
        """Change the graph; cannot fail."""
        for group in self.groups.all():
            for tensor in group.tensors:
                tensor.type = tensor_type(group.activation_type)
                tensor.quantization = self.grids[id(tensor)]
        for state, type_ in self.states.values():
            state.type = type_
            state.quantization = self.grids[id(state)]
        for operator in self.graph.operators:
            operator.intermediates = self.intermediates.get(id(operator), operator.intermediates)
            operator.version = self.versions.get(id(operator), operator.version)
            operator.options = self.options.get(id(operator), operator.options)
            operator.code = self.codes.get(id(operator), operator.code)
            operator.inputs = [
                self.operands.get((id(operator), index), tensor)
                for index, tensor in enumerate(operator.inputs)
            ]
        for reader, move in self.moves:
            self.graph.operators.insert(self.graph.operators.index(reader), move)
        self._insert_interiors()
        self.graph.operators = written_out(with_signed_inputs(self.graph).operators)

    def activation_type_of(self, tensor: Tensor) -> ActivationType:
        """The integers that an activation is put on."""
        return self.groups.of(tensor).activation_type

    def refuse_other_io_types(self, tensors: list[Tensor], wanted: ActivationType) -> None:
        """Refuse inputs or outputs that are asked to have another width than `wanted`."""
        for tensor in filter(is_real_activation, tensors):
            if self.activation_type_of(tensor) is not wanted:
                raise TfedgeError(
                    f"'{tensor.name}' is {self.activation_type_of(tensor).element}, as its layer "
                    "asks; leave the type of inputs and outputs open instead of asking for "
                    f"{wanted.element}"
                )

    def _refuse_constant_outputs(self) -> None:
        for tensor in self.graph.outputs:
            if tensor.is_constant and tensor.type == TensorType.FLOAT32:
                raise UnsupportedError(
                    f"the output '{tensor.name}' is a constant; remove it from the model's outputs"
                )

    def _refuse_foreign_states(self) -> None:
        for state in foreign_states(self.graph):
            raise UnsupportedError(
                f"{state_in_words(self.graph, state)} keeps a state between invocations, which "
                "cannot be quantised"
            )

    def _coarsen_result(self, operator: Operator) -> None:
        """Keep a result from steps far finer than the products that it sums up."""
        rules = OPERATORS[operator.code].weights
        group = self.groups.of(operator.outputs[0]) if len(rules) == 1 else None
        if group is None or group.fixed is not None:
            return
        source, weights = (operator.inputs[index] for index in (rules[0].input, rules[0].operand))
        assert source is not None and weights is not None
        if not (weights.is_constant and id(source) in self.grids):
            return
        largest = float(np.abs(constant_values(weights)).max(initial=0))
        product = float(self.grids[id(source)].scale[0]) * largest / _LARGEST_WEIGHT
        if self.grids[id(operator.outputs[0])].scale[0] * _MOST_FINER < product:
            group.least_scale = product / _MOST_FINER
            self.grids.update(dict.fromkeys(map(id, group.tensors), _grid(group)))

    def _plan_states(
        self, operator: Operator, policy: OperatorPolicy, activation_type: ActivationType
    ) -> None:
        """Variables, and what interpreters want to know of an operator's inside."""
        result = self._result_grid(operator) if policy.states else None
        for rule in policy.states:
            state = operator.inputs[rule.operand]
            assert state is not None and result is not None
            inside = activation_type if rule.bits is None else ACTIVATION_TYPES[rule.bits]
            self.states[id(state)] = state, tensor_type(inside)
            self.grids[id(state)] = (
                result
                if rule.grid is StateGrid.RESULT
                else power_of_two_grid(_known_range(state), inside.bits, state.name)
            )
        if policy.intermediates:
            unknown = [Tensor("", (0,), TensorType.FLOAT32)] * (policy.intermediates - 1)
            self.intermediates[id(operator)] = [
                *map(dataclasses.replace, unknown),
                Tensor("hidden_scale", (0,), tensor_type(activation_type), result),
            ]

    def _refuse_without_integers(
        self, operator: Operator, policy: OperatorPolicy, activation_type: ActivationType
    ) -> None:
        if activation_type.scheme not in policy.versions:
            raise UnsupportedError(
                f"{self.graph.place(operator)}: neither TFLite Micro nor LiteRT compute this "
                f"operator in {activation_type.element}, and only functions of one activation and "
                "single constants can stay real; compute it outside of the model"
            )

    def _plan_moves(self, operator: Operator, activation_type: ActivationType) -> None:
        """Activations that an operator needs on another grid than their own."""
        for index, tensor in real_activations(operator):
            if (id(operator), index) in self.requantized:
                grid = self.grids[id(operator.outputs[0])]
            elif self.activation_type_of(tensor) is not activation_type:
                grid = _grid_in(self.groups.of(tensor), activation_type)
            else:
                continue
            if self.activation_type_of(tensor) is not activation_type or not grid.same_as(
                self.grids[id(tensor)]
            ):
                self.operands[id(operator), index] = self._requantized(
                    operator, tensor, grid, activation_type
                )

    def _requantized(
        self, reader: Operator, source: Tensor, grid: Quantization, activation_type: ActivationType
    ) -> Tensor:
        """An activation on another grid, by one QUANTIZE for all who read it there."""
        key = id(source), (activation_type.bits, float(grid.scale[0]), int(grid.zero_point[0]))
        if key not in self.moved:
            self.moved[key] = dataclasses.replace(
                source,
                name=f"{source.name}_requantized",
                type=tensor_type(activation_type),
                quantization=grid,
            )
            self.moves.append((reader, quantize_operator(source, self.moved[key])))
        return self.moved[key]

    def _plan_interior(self, operator: Operator, activation_type: ActivationType) -> None:
        """Plan an operator that computes in a width which is not its result's."""
        (result, *_) = operator.outputs
        if operator.bits is None or self.activation_type_of(result) is activation_type:
            return
        self.interiors[id(operator)] = dataclasses.replace(
            result,
            name=f"{result.name}_{activation_type.element}",
            type=tensor_type(activation_type),
            quantization=_grid_in(self.groups.of(result), activation_type),
        )

    def _insert_interiors(self) -> None:
        operators: list[Operator] = []
        for operator in self.graph.operators:
            operators.append(operator)
            inner = self.interiors.get(id(operator))
            if inner is not None:
                (result,) = operator.outputs
                operator.outputs = [inner]
                operators.append(quantize_operator(inner, result))
        self.graph.operators = operators

    def _plan_operands(
        self, operator: Operator, policy: OperatorPolicy, activation_type: ActivationType
    ) -> None:
        """Constants that are neither weights nor biases."""
        special = {index for rule in policy.weights for index in (rule.operand, rule.bias)}
        for index, tensor in real_operands(operator):
            if tensor.is_constant and index not in special:
                grid = self._constant_grid(operator, policy, tensor)
                if grid is not None and self._keeps_from_zero(operator, tensor):
                    least = np.maximum(constant_values(tensor), grid.scale[0])
                    tensor = dataclasses.replace(tensor, data=least)
                self.operands[id(operator), index] = self.constants.operand(
                    tensor, grid, activation_type
                )

    def _keeps_from_zero(self, operator: Operator, constant: Tensor) -> bool:
        """Whether a constant keeps a divisor from 0, as it then has to in integers, too."""
        if operator.code != "MAXIMUM" or not (constant_values(constant) > 0).all():
            return False
        return any(
            reader.code == "DIV" and reader.inputs[1] is operator.outputs[0]
            for reader in self.graph.operators
        )

    def _constant_grid(
        self, operator: Operator, policy: OperatorPolicy, tensor: Tensor
    ) -> Quantization | None:
        """The grid that a constant takes over from an activation; None for one of its own."""
        if policy.output is OutputRange.SHARED:
            return self.grids[id(operator.outputs[0])]
        if operator.code in _SUMS and not constant_values(tensor).any():
            # Every grid holds 0; one of its own could be too coarse for what it is added to.
            return self._result_grid(operator)
        return None

    def _plan_weights(
        self,
        operator: Operator,
        policy: OperatorPolicy,
        rule: WeightPolicy,
        activation_type: ActivationType,
    ) -> str:
        """The key of the version that knows such weights."""
        scale, key = self._scale(operator, rule.input), activation_type.scheme
        computed = is_real_activation(operator.inputs[rule.operand])
        if computed and rule.may_be_computed and not activation_type.symmetric:
            scale = scale * self._scale(operator, rule.operand)
            made = quantized_bias(
                self.constants, self.graph, operator, rule, scale, activation_type
            )
        else:
            made, key = quantized_weights(
                self.constants,
                self.graph,
                operator,
                policy,
                rule,
                scale,
                self.scheme,
                activation_type,
            )
        self.operands.update(((id(operator), index), made[index]) for index in made)
        return key

    def _plan_version(self, operator: Operator, policy: OperatorPolicy, key: str, *_: str) -> None:
        version = policy.versions[key]
        if key in policy.amplifying_versions:
            scales = [float(self._scale(operator, index)) for index, _ in real_operands(operator)]
            result = float(self._result_grid(operator).scale[0])
            if math.prod(scales) / result >= 1:
                version = policy.amplifying_versions[key]
        self.versions[id(operator)] = max(operator.version, version)

    def _plan_options(self, operator: Operator, activation_type: ActivationType) -> None:
        options = options_of(self.graph, operator)
        changed: dict[str, Any] = {}
        if activation_type.symmetric and hasattr(options, "potScaleInt16"):
            # The schema's default, scales that are powers of two, is not what our int16 is.
            changed["potScaleInt16"] = False
        fused = getattr(options, _FUSED, None)
        if fused in _BOUNDED and self._is_out_of_reach(_BOUNDED[fused].limit, operator):
            changed[_FUSED] = _BOUNDED[fused].unbounded
        if changed:
            self.options[id(operator)] = copy.copy(options)
            for name, value in changed.items():
                setattr(self.options[id(operator)], name, value)
        if operator.code == "RELU6" and self._is_out_of_reach(6.0, operator):
            self.codes[id(operator)] = "RELU"

    def _is_out_of_reach(self, limit: float, operator: Operator) -> bool:
        """Whether a limit is so many steps of the result away that kernels cannot express it."""
        return limit / float(self._result_grid(operator).scale[0]) > _MOST_STEPS

    def _scale(self, operator: Operator, index: int) -> np.float32:
        """The scale of an ordinary operand, constant or not."""
        return self._operand_grid(operator, index).scale[0]

    def _result_grid(self, operator: Operator) -> Quantization:
        """Return the grid of the kernel's own result."""
        inner = self.interiors.get(id(operator))
        if inner is not None and inner.quantization is not None:
            return inner.quantization
        return self.grids[id(operator.outputs[0])]

    def _operand_grid(self, operator: Operator, index: int) -> Quantization:
        operand = self.operands.get((id(operator), index))
        if operand is not None and operand.quantization is not None:
            return operand.quantization
        return self.grids[id(operator.inputs[index])]


def _grid(group: Group) -> Quantization:
    name = group.tensors[0].name
    if group.fixed is not None:
        return Quantization.per_tensor(group.fixed.scale, group.fixed.zero_point)
    values = group.range()
    if values is None:
        raise _unknown_range(name)
    return activation_grid(values, name, group.activation_type)


def _grid_in(group: Group, activation_type: ActivationType) -> Quantization:
    """Convert a group's grid to another type."""
    if activation_type.element in group.prescribed:
        fixed = group.prescribed[activation_type.element]
        return Quantization.per_tensor(fixed.scale, fixed.zero_point)
    values = group.limits()
    if values is None:
        raise _unknown_range(group.tensors[0].name)
    return activation_grid(values, group.tensors[0].name, activation_type)


def _known_range(tensor: Tensor) -> Range:
    if tensor.range is None:
        raise _unknown_range(tensor.name)
    return tensor.range


def _unknown_range(name: str) -> TfedgeError:
    return TfedgeError(
        f"the range of tensor '{name}' is not known: give representative data to calibrate "
        "with (calibration=…, --calibration FILE.npz), or train with quantisation. Ranges of a "
        "training come with the model's files, if tfedge is imported before they are loaded, and "
        "with get_weights(); keras.models.clone_model and from_config leave them behind"
    )
