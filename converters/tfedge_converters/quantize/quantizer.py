"""Turns a float32 graph with known ranges into an int8 graph."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.policy import INT8, OperatorPolicy, OutputRange
from tfedge_converters.graph import Graph, Model, Operator, Quantization, Tensor, TensorType
from tfedge_converters.quantize.affine import activation_grid
from tfedge_converters.quantize.constant_values import constant_values
from tfedge_converters.quantize.constants import Constants, quantized_bias, quantized_weights
from tfedge_converters.quantize.ends import (
    make_input_real,
    make_output_real,
    quantize_operator,
)
from tfedge_converters.quantize.groups import (
    Group,
    Groups,
    policy_of,
    real_operands,
    real_operators,
)
from tfedge_converters.quantize.islands import find_islands, keep_real
from tfedge_converters.quantize.precision import is_real_activation, real_graph

_END_TYPES = ("int8", "float32")


def quantize_int8(
    model: Model,
    *,
    input_type: str = "int8",
    output_type: str = "int8",
    per_channel_dense: bool = True,
) -> None:
    """Quantises a float32 model to int8, in place.

    Activations get one asymmetric int8 grid each, from `Tensor.range`; weights are symmetric int8,
    per channel, and biases int32, as the TFLite 8-bit quantisation specification asks. Functions of
    one activation that have no int8 kernel stay real, between DEQUANTIZE and QUANTIZE. Integer
    inputs and operators that touch no real numbers stay. A model that is integer already is left
    alone, whatever its ends. If an error is raised, the model is as it was.

    Args:
        model: as read from a file; every activation's range is known from markers or `calibrate`.
        input_type: "int8", or "float32" for real inputs and a QUANTIZE behind each.
        output_type: "int8", or "float32" for real outputs and a DEQUANTIZE before each.
        per_channel_dense: False gives FULLY_CONNECTED one weight scale, for runtimes whose kernel
            knows no more.

    Raises:
        UnsupportedError: an operator or a mixture of types that cannot be quantised.
        TfedgeError: a range is missing, or a constant or range is not finite.
    """
    for given in (input_type, output_type):
        if given not in _END_TYPES:
            raise TfedgeError(
                f"input and output types can be {' or '.join(_END_TYPES)}, not '{given}'"
            )
    graph = real_graph(model)
    if graph is None:
        return
    plan = _Plan(graph, per_channel_dense)
    inputs = _real_ends(graph.inputs) if input_type == "float32" else []
    outputs = _real_ends(graph.outputs) if output_type == "float32" else []
    plan.apply()
    for tensor in reversed(inputs):
        make_input_real(model, tensor)
    for tensor in outputs:
        make_output_real(model, tensor)


def _real_ends(tensors: list[Tensor]) -> list[Tensor]:
    """The real ones of a graph's inputs or outputs, each once."""
    return list({id(tensor): tensor for tensor in tensors if is_real_activation(tensor)}.values())


class _Plan:
    """Everything that quantising a graph will change, worked out before anything is changed."""

    def __init__(self, graph: Graph, per_channel_dense: bool):
        self.graph = graph
        self.per_channel_dense = per_channel_dense
        self.groups = Groups(graph)
        self.constants = Constants()
        self.grids: dict[int, Quantization] = {}
        self.operands: dict[tuple[int, int], Tensor] = {}
        self.versions: dict[int, int] = {}
        self._refuse_constant_outputs()
        for group in self.groups.all():
            grid = _grid(group)
            self.grids.update((id(tensor), grid) for tensor in group.tensors)
        self.islands = find_islands(graph)
        self.kept = {id(operator) for island in self.islands for operator in island.operators}
        for operator in real_operators(graph):
            policy = policy_of(graph, operator)
            if id(operator) in self.kept:
                continue
            self._refuse_without_integers(operator, policy)
            self._plan_operands(operator, policy)
            self._plan_weights(operator, policy)
            self._plan_version(operator, policy)

    def apply(self) -> None:
        """Changes the graph; cannot fail."""
        for group in self.groups.all():
            for tensor in group.tensors:
                tensor.type = TensorType.INT8
                tensor.quantization = self.grids[id(tensor)]
        for operator in self.graph.operators:
            operator.version = self.versions.get(id(operator), operator.version)
            operator.inputs = [
                self.operands.get((id(operator), index), tensor)
                for index, tensor in enumerate(operator.inputs)
            ]
        self._insert_requantization()
        for island in self.islands:
            keep_real(self.graph, island)

    def _refuse_constant_outputs(self) -> None:
        for tensor in self.graph.outputs:
            if tensor.is_constant and tensor.type == TensorType.FLOAT32:
                raise UnsupportedError(
                    f"the output '{tensor.name}' is a constant; remove it from the model's outputs"
                )

    def _refuse_without_integers(self, operator: Operator, policy: OperatorPolicy) -> None:
        if INT8 not in policy.versions:
            raise UnsupportedError(
                f"{self.graph.place(operator)}: neither TFLite Micro nor LiteRT compute this "
                "operator in int8, and only functions of one activation and single constants can "
                "stay real; compute it outside of the model"
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

    def _plan_weights(self, operator: Operator, policy: OperatorPolicy) -> None:
        for rule in policy.weights:
            if rule.may_be_computed and is_real_activation(operator.inputs[rule.operand]):
                product = self._scale(operator, rule.input) * self._scale(operator, rule.operand)
                made = quantized_bias(self.constants, self.graph, operator, rule, product)
                self.operands.update(((id(operator), index), made[index]) for index in made)
                continue
            made = quantized_weights(
                self.constants,
                self.graph,
                operator,
                rule,
                self._scale(operator, rule.input),
                per_channel=self.per_channel_dense or not rule.per_tensor_on_old_runtimes,
            )
            self.operands.update(((id(operator), index), made[index]) for index in made)

    def _plan_version(self, operator: Operator, policy: OperatorPolicy) -> None:
        versions = policy.versions
        if policy.amplifying_versions:
            scales = [float(self._scale(operator, index)) for index, _ in real_operands(operator)]
            result = float(self.grids[id(operator.outputs[0])].scale[0])
            if math.prod(scales) / result >= 1:
                versions = policy.amplifying_versions
        self.versions[id(operator)] = max(operator.version, versions[INT8])

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
                self.graph.operators.insert(position, quantize_operator(source, made[key]))
            operator.inputs[index] = made[key]


def _grid(group: Group) -> Quantization:
    name = group.tensors[0].name
    if group.fixed is not None:
        return Quantization.per_tensor(group.fixed.scale, group.fixed.zero_point)
    values = group.range()
    if values is None:
        raise TfedgeError(
            f"the range of tensor '{name}' is not known: give representative data to calibrate "
            "with (calibration=…, --calibration FILE.npz), or train with quantisation"
        )
    return activation_grid(values, name)
