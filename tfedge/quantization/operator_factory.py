"""Factory of the operators that a layer consists of, from what its place in the model says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import keras

from tfedge.errors import UnsupportedError
from tfedge.keras_graph.computation import value_of
from tfedge.quantization import (
    activation_quantizers,
    exact_functions,
    fused_activation,
    policy,
    weight_quantizers,
)
from tfedge.quantization.activation_quantizers import ActivationQuantizer, RangeGroup
from tfedge.quantization.activation_types import ACTIVATION_TYPES, ActivationType
from tfedge.quantization.fused_activation import FusedActivation
from tfedge.quantization.operators import (
    FixedRange,
    Kernel,
    OwnRange,
    QuantizedInput,
    QuantizedOperator,
    SharedRange,
)
from tfedge.quantization.schemes import ActivationScheme, Scheme
from tfedge.quantization.weight_quantizers import AbsMax
from tfedge.quantization.weighted import WeightedOperator, Weights


@dataclass(frozen=True)
class Operand:
    """Where among the arguments of a call its operand of a number stands."""

    index: int


# A single operator on one tensor, or on a list of them.
Function = Callable[[Any], Any]


@dataclass
class OperatorFactory:
    """A layer, its surroundings, and the operators made of it so far.

    Attributes:
        layer: a Keras layer, or an operation of keras.ops in a functional model.
        real: the layer in float, of the list of its operands.
        scheme: widths and quantizers.
        activations: how the layer's results are quantised.
        batch_norm: a BatchNormalization that belongs to the layer, or None.
        activation: what the last operator clamps its result to, beside the layer's own activation.
        shapes: of the operands, batch included.
        groups: the range groups of the layer's operands, None for those on prescribed grids.
        dtypes: of the operands, as Keras names them.
        arguments: what the call gave, by name, with an `Operand` in the place of every tensor.
        name: prefix of the operators' names.
        shared_weights: weight quantizers by layer and part: a layer used twice is rounded once.
        operators: what was made.
    """

    layer: Any
    real: Callable[[list[Any]], Any]
    scheme: Scheme
    name: str
    batch_norm: Any = None
    activation: FusedActivation = fused_activation.NONE
    shapes: list[tuple[int | None, ...]] = field(default_factory=list)
    groups: list[RangeGroup | None] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)
    shared_weights: dict[tuple[int, str], AbsMax] = field(default_factory=dict)
    operators: list[QuantizedOperator] = field(default_factory=list)
    activations: ActivationScheme = field(init=False)

    def __post_init__(self) -> None:
        # Of the whole layer: builders of composite layers go through its parts.
        self.activations = self.scheme.activations_of(self.layer.name)

    @property
    def bits(self) -> int:
        """Width of the layer's results."""
        return self.activations.bits

    @property
    def element(self) -> str:
        """Type of the layer's results, as the policy table names it."""
        return ACTIVATION_TYPES[self.bits].element

    @property
    def reals(self) -> list[bool]:
        """Whether each operand holds real numbers."""
        return ["float" in dtype for dtype in self.dtypes]

    def operand(self, name: str, default: int = -1) -> int:
        """Which operand an argument of the call is; `default` if it is not given as a tensor."""
        given = self.arguments.get(name)
        return given.index if isinstance(given, Operand) else default

    def argument(self, name: str) -> Callable[[list[Any]], Any] | None:
        """Find a call's argument among its operands, tensor or not; None if it has none."""
        given = self.arguments.get(name)
        if given is None:
            return None
        if isinstance(given, Operand):
            return lambda operands: operands[given.index]
        return lambda operands: value_of(given)

    def weighted(self, weights: Weights, part: str = "", **options: Any) -> Function:
        """A convolution or dense operator; see `WeightedOperator` for the options."""
        name = self.name_of(part)
        options.setdefault("compute_dtype", getattr(self.layer, "compute_dtype", "float32"))
        return self.add(
            WeightedOperator(
                weights,
                self.weight_quantizer(
                    weights.kernel(), part, dense=weights.code == "FULLY_CONNECTED"
                ),
                self.quantizer(part),
                name=name,
                **options,
            )
        )

    def own(
        self,
        code: str,
        real: Callable[[list[Any]], Any],
        kernel: Kernel | None = None,
        part: str = "",
        activation: FusedActivation = fused_activation.NONE,
        quantizer: ActivationQuantizer | None = None,
    ) -> Function:
        """An operator with a range of its own."""
        return self.add(
            OwnRange(
                code, real, quantizer or self.quantizer(part), kernel, activation,
                name=self.name_of(part),
            )
        )  # fmt: skip

    def shared(
        self,
        code: str,
        real: Callable[[list[Any]], Any],
        kernel: Callable[[list[Any]], Any] | None = None,
        part: str = "",
    ) -> Function:
        """An operator of one operand, the result of the last operator, whose grid it keeps."""
        if not self.operators:
            return self.shares_input_range(code, real, part, kernel)
        group = self.operators[-1].group
        return self.add(SharedRange(code, real, group, kernel, name=self.name_of(part)))

    def shares_input_range(
        self,
        code: str,
        real: Callable[[list[Any]], Any],
        part: str = "",
        kernel: Callable[[list[Any]], Any] | None = None,
    ) -> Function:
        """The same on the layer's first operand.

        A layer that is asked for another width than its operand's gets a range of its own.
        """
        group = self.groups[0] if self.groups else None
        asked = self.scheme.layer(self.layer.name).activations is not None
        if asked and group is not None and group.bits != self.bits:
            return self.own(code, real, part=part)
        return self.add(SharedRange(code, real, group, kernel, name=self.name_of(part)))

    def unifies_ranges(
        self,
        code: str,
        real: Callable[[list[Any]], Any],
        groups: list[RangeGroup | None],
        part: str = "",
        more: bool = False,
    ) -> Function:
        """An operator whose operands and result are on one grid; `groups` are the operands'.

        With `more`, the result has values that no operand has.

        The result is as wide as the layer is asked to be, or as the widest operand; operands of
        another width are moved.
        """
        known = [group for group in groups if group is not None]
        asked = self.scheme.layer(self.layer.name).activations is not None
        bits = self.bits if asked else max([self.bits, *(group.bits for group in known)])
        own = [group for group in known if group.bits == bits]
        quantizer = self.quantizer(part, bits) if more or len(own) < len(groups) else None
        if quantizer is not None:
            own.append(quantizer.group)
        for other in own[1:]:
            own[0].merge(other)
        return self.add(SharedRange(code, real, own[0], None, quantizer, name=self.name_of(part)))

    def fixed(
        self,
        code: str,
        real: Callable[[list[Any]], Any],
        part: str = "",
        kernels: Mapping[ActivationType, exact_functions.Function] = MappingProxyType({}),
    ) -> Function:
        """An operator whose kernel prescribes the result's grid; see `FixedRange`.

        Raises:
            UnsupportedError: there is no such kernel of the layer's width.
        """
        if self.element not in policy.OPERATORS[code].fixed:
            raise UnsupportedError(
                f"layer '{self.layer.name}': {code} has no kernel of {self.bits} bits; give the "
                "layer 8 bits"
            )
        return self.add(FixedRange(code, real, self.bits, kernels, name=self.name_of(part)))

    def input(self) -> Function:
        """Build the operator that puts float numbers on a grid."""
        return self.add(QuantizedInput(self.quantizer(), name=self.name_of("")))

    def quantizer(self, part: str = "", bits: int | None = None) -> ActivationQuantizer:
        """A new range of an activation, of the layer's width if no other is given."""
        kind = activation_quantizers.QUANTIZERS[self.activations.quantizer]
        return kind(bits or self.bits, name=self.name_of(part) + "_range")

    def weight_quantizer(self, kernel: Any, part: str, dense: bool = False) -> AbsMax:
        """Return the quantiser of a kernel [..., channels]: per channel, or the scheme's if
        `dense`."""
        key = (id(self.layer), part)
        if key not in self.shared_weights:
            scheme = self.scheme.weights_of(self.layer.name)
            quantizer = weight_quantizers.QUANTIZERS[scheme.quantizer](
                scheme,
                per_channel=scheme.per_channel_dense or not dense,
                name=self.name_of(part) + "_weights",
            )
            quantizer.initialize_scales(keras.ops.convert_to_numpy(kernel))
            self.shared_weights[key] = quantizer
        return self.shared_weights[key]

    def name_of(self, part: str) -> str:
        """The name of a part's operator; of the layer's own if the part is empty."""
        return f"{self.name}_{part}" if part else self.name

    def add(self, operator: Any) -> Function:
        """Keep an operator among those that were made."""
        self.operators.append(operator)
        return operator
