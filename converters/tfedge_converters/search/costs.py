"""Costs of a layer's weights at each width, read off artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.policy import OPERATORS
from tfedge.quantization.schemes import Scheme
from tfedge_converters.artifact import Artifact
from tfedge_converters.graph import Model, Operator
from tfedge_converters.ptq.groups import Groups
from tfedge_converters.ptq.multiplications import multiplications
from tfedge_converters.ptq.real_functions import with_functions
from tfedge_converters.ptq.weight_formats import weight_format
from tfedge_converters.search.overrides import uniform_weights


@dataclass(frozen=True)
class Choice:
    """A width for a layer.

    Attributes:
        layer: the name of its result.
        bits: of its weights.
        flash: bytes.
        operations: multiplications times bits of weights and activations.
        noise: relative noise power at the output.
    """

    layer: str
    bits: int
    flash: int
    operations: int
    noise: float


@dataclass(frozen=True, eq=False)
class Costs:
    """Sizes of artifacts.

    Attributes:
        fixed_flash: bytes of everything but the layers' constants.
        flash: bytes of a layer's constants, by its name and width.
        operations: bit operations of a layer, by its name and width.
    """

    fixed_flash: int
    flash: Mapping[tuple[str, int], int]
    operations: Mapping[tuple[str, int], int]

    @staticmethod
    def flash_of(artifact: Artifact) -> int:
        """Bytes of an artifact: the constants of generated C, or the .tflite file."""
        footprint = artifact.emission.footprint
        return len(artifact.flatbuffer) if footprint is None else footprint.flash_bytes


def costs_of(model: Model, artifacts: Mapping[int, Artifact], scheme: Scheme) -> Costs:
    """The costs of a float model's layers, from artifacts with all weights of one width.

    Args:
        model: the float model.
        artifacts: by width.
        scheme: of everything but the weights.
    """
    groups = Groups(with_functions(model.main, scheme), scheme)
    flash = {
        (name, bits): size
        for bits, artifact in artifacts.items()
        for name, size in _layer_bytes(artifact).items()
    }
    # What alignment makes of it differs by a few bytes; the search starts from the best case.
    fixed = min(map(fixed_flash, artifacts.values()))
    operations = {
        (operator.outputs[0].name, bits): multiplications(operator)
        * _stored_bits(operator, uniform_weights(scheme, bits), groups.activation_type(operator))
        * groups.activation_type(operator).bits
        for operator in _weighted(model)
        for bits in artifacts
    }
    return Costs(fixed, flash, operations)


def fixed_flash(artifact: Artifact) -> int:
    """Bytes of everything but the constants of layers with weights."""
    return Costs.flash_of(artifact) - sum(_layer_bytes(artifact).values())


def choices_of(
    layer: str, costs: Costs, noises: Mapping[str, Mapping[int, float]], with_operations: bool
) -> list[Choice]:
    """A layer's widths, but for those that cost as much as a wider one."""
    every = [
        Choice(layer, bits, costs.flash[layer, bits], costs.operations[layer, bits], noise)
        for bits, noise in sorted(noises[layer].items(), reverse=True)
    ]
    kept: list[Choice] = []
    for choice in every:
        cheaper = not kept or choice.flash < kept[-1].flash
        if cheaper or (with_operations and choice.operations < kept[-1].operations):
            kept.append(choice)
    return kept


def _layer_bytes(artifact: Artifact) -> dict[str, int]:
    """Bytes of the constants of every layer with weights, by the name of its result."""
    footprint = artifact.emission.footprint
    if footprint is None:
        return {
            operator.outputs[0].name: sum(
                tensor.byte_size
                for rule in OPERATORS[operator.code].weights
                if (tensor := operator.inputs[rule.operand]) is not None and tensor.is_constant
            )
            for operator in _weighted(artifact.model)
        }
    return {
        operator.outputs[0].name: size
        for operator, size in footprint.constants
        if _has_weights(operator)
    }


def _stored_bits(operator: Operator, scheme: Scheme, activation_type: ActivationType) -> int:
    """Return the stored width of weights: four bits that are not packed are eight."""
    policy = OPERATORS[operator.code]
    weights = operator.inputs[policy.weights[0].operand]
    assert weights is not None
    return weight_format(scheme, operator, policy, weights.trained_weights, activation_type).bits


def _weighted(model: Model) -> list[Operator]:
    return [operator for operator in model.main.operators if _has_weights(operator)]


def _has_weights(operator: Operator) -> bool:
    policy = OPERATORS.get(operator.code)
    first = policy.weights[0].operand if policy is not None and policy.weights else None
    if first is None:
        return False
    weights = operator.inputs[first]
    return weights is not None and weights.is_constant
