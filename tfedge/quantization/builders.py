"""Building blocks for the rows of the layer and operation tables.

A builder takes an `OperatorFactory` and returns what computes a layer: a function of one operand or
of a list of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.keras_graph.computation import Call, Value, value_of
from tfedge.keras_graph.kinds import kind_of
from tfedge.keras_graph.reading import Reads, unread
from tfedge.quantization import activations, exact, fused_activation
from tfedge.quantization.fused_activation import FusedActivation
from tfedge.quantization.operator_factory import Function, Operand, OperatorFactory

_SUMS = ("ADD", "SUB")
_CHOOSING = ("MAXIMUM", "MINIMUM", "SELECT_V2")

# Of operators of the policy table that are no single operator of TFLite.
FUNCTION = "FUNCTION"

Builder = Callable[[OperatorFactory], Function]
Problem = Callable[[Call], str] | None


@dataclass(frozen=True)
class Row:
    """How a kind of layer is quantised.

    Attributes:
        build: makes its operators.
        reads: what the builder takes account of.
        problem: of a call, what the builder cannot do, as the end of a sentence that begins with
            the layer; empty if it can.
        takes_integers: whether it takes operands that are integers or booleans as they are; others
            become real numbers first, as Keras makes them when it computes.
    """

    build: Builder
    reads: Reads
    problem: Problem = None
    takes_integers: bool = False

    def why_not(self, call: Call) -> str:
        """Why a call is not quantised so, as the end of a sentence; empty if it is."""
        problem = self.problem(call) if self.problem is not None else ""
        what = "" if problem else unread(call, self.reads)
        return f"has {what}, which cannot be quantised" if what else problem


def whole(build: Builder, arguments: Iterable[str] | None = (), problem: Problem = None) -> Row:
    """A layer that computes by its own `call`, so that all its attributes count.

    Args:
        build: makes its operators.
        arguments: of the call that it may have beside the first; None for all.
        problem: see `Row`.
    """
    return Row(build, Reads.of(None, arguments), problem)


def parts(
    build: Builder,
    attributes: Iterable[str],
    arguments: Iterable[str] = (),
    problem: Problem = None,
) -> Row:
    """A layer that the builder computes itself, from these attributes."""
    return Row(build, Reads.of(attributes, arguments), problem)


def integers(row: Row) -> Row:
    """The row of what takes integers and booleans as they are."""
    return replace(row, takes_integers=True)


def data_movement(code: str, make: OperatorFactory) -> Function:
    """Build an operator that only moves or compares numbers of one operand."""
    return make.shared(code, make.real)


def shared_by_all(code: str, make: OperatorFactory) -> Function:
    """Build an operator that moves or compares numbers of several operands, which need one grid."""
    groups = [group for group, real in zip(make.groups, make.reals, strict=True) if real]
    if not groups:  # a choice between constants
        return make.own(code, make.real)
    # What chooses between values may be one function with what made them, which has its own range.
    more = code in _CHOOSING or _has_constants(make)
    return make.unifies_ranges(code, make.real, groups, more=more)


def _has_constants(make: OperatorFactory) -> bool:
    """Whether numbers go in beside the operands, which need not lie in their ranges."""
    flat = keras.tree.flatten(list(make.arguments.values()))
    return any(not (item is None or isinstance(item, (Operand, bool, str))) for item in flat)


def own(code: str, make: OperatorFactory) -> Function:
    """Build an operator whose result has a range of its own."""
    return make.own(code, make.real, activation=make.activation)


def fixed(code: str, make: OperatorFactory) -> Function:
    """Build an operator whose kernel prescribes the grid of its result."""
    return make.fixed(code, make.real)


def binary(
    code: str, kernel: Any, function: Callable[[Any, Any], Any], make: OperatorFactory
) -> Function:
    """Operands two by two, as Keras' merging layers go through them."""
    if len(make.groups) == 1:
        return make.own(
            code, make.real, with_constant(code, kernel, make), activation=make.activation
        )
    return binary_chain(code, kernel, function, make, make.activation)


def binary_chain(
    code: str,
    kernel: Any,
    function: Callable[[Any, Any], Any],
    make: OperatorFactory,
    activation: FusedActivation,
) -> Function:
    """The same, with an activation behind the last."""
    last = len(make.groups) - 1
    steps = [
        make.own(
            code,
            lambda operands: function(operands[0], operands[1]),
            kernel,
            f"step_{index}" if last > 1 else "",
            activation if index == last else fused_activation.NONE,
        )
        for index in range(1, last + 1)
    ]

    def call(operands: list[Any]) -> Any:
        result = operands[0]
        for step, operand in zip(steps, operands[1:], strict=True):
            result = step([result, operand])
        return result

    return call


def constant_problem(call: Call) -> str:
    """Say why a layer that merges more than an activation and a constant is not quantised."""
    flat = keras.tree.flatten(list(call.arguments.values()))
    items = [item for item in flat if not isinstance(item, (bool, str, type(None)))]
    pure = all(isinstance(item, (keras.KerasTensor, Value)) for item in items)
    if pure or (len(items) == 2 and kind_of(call.operation) != "Average"):
        return ""
    return "merges a constant with several activations; merge it in a layer of its own"


def with_constant(
    code: str,
    kernel: Any,
    make: OperatorFactory,
    prepared: Callable[[Any], Any] = lambda value: value,
) -> Any:
    """The kernel of arithmetic of an activation and a constant, which gets a grid of its own.

    Args:
        code: the operator's name in the policy table.
        kernel: of two operands with their grids.
        make: whose call has the constant among its two arguments.
        prepared: what the converter makes of the constant first.

    Returns:
        A kernel of the activation; None where there is not one constant.
    """
    items = keras.tree.flatten(list(make.arguments.values()))
    constants = [item for item in items if not isinstance(item, Operand)]
    if len(items) != 2 or len(constants) != 1:
        return None

    def call(operands: list[Any], grid: Any) -> Any:
        (operand,) = operands
        value = keras.ops.cast(value_of(constants[0]), "float32")
        constant = exact.constant(prepared(value), grid.bits)
        if code in _SUMS:
            constant = exact.zeros_on(grid, constant)
        return kernel([operand if isinstance(item, Operand) else constant for item in items], grid)

    return call


def times(make: OperatorFactory, factor: Any, part: str) -> Function:
    """MUL with a constant, as a part of a layer."""

    def kernel(operands: Any, grid: Any) -> Any:
        return exact.multiply([*operands, exact.constant(factor, grid.bits)], grid)

    return make.own("MUL", lambda operands: operands[0] * factor, kernel, part)


def over_axes(
    code: str, kernel: Any, make: OperatorFactory, axes: tuple[int, ...], keepdims: bool
) -> Function:
    """MEAN or SUM over axes of known sizes, by its integer kernel."""

    def of_one(operands: Any, grid: Any) -> Any:
        integers, source = operands[0]
        return kernel(integers, source, grid, axes, keepdims)

    return make.own(code, make.real, of_one)


def leaky_relu(make: OperatorFactory) -> Function:
    """LEAKY_RELU, of a layer or operation."""
    slope = make.layer.negative_slope
    return make.own(
        "LEAKY_RELU",
        make.real,
        lambda operands, grid: exact.leaky_relu(*operands[0], grid, slope),
    )


def matrix_product(make: OperatorFactory) -> Function:
    """A product that is linear in both operands."""
    several = len(make.shapes) == 2
    return make.own("BATCH_MATMUL", make.real, exact.products(make.real) if several else None)


def relu(make: OperatorFactory) -> Function:
    """ReLU with whatever limit, slope and threshold, as the operator that computes it."""
    layer = make.layer
    if layer.negative_slope and not layer.threshold and layer.max_value is None:
        return leaky_relu(make)
    if layer.negative_slope or layer.threshold or layer.max_value not in (None, 6):
        return make.own(FUNCTION, make.real)
    if layer.max_value == 6:
        return activations.relu6(make, layer)
    return activations.relu(make, layer)


def transposed(make: OperatorFactory, order: list[int], build: Builder) -> Function:
    """A layer between two TRANSPOSEs.

    Args:
        make: the factory.
        order: of the axes that the layer is built for, batch included.
        build: makes the layer's operators, for an operand in that order; others pass by.
    """
    back = [order.index(axis) for axis in range(len(order))]
    first = make.shares_input_range(
        "TRANSPOSE", lambda operands: tf.transpose(operands[0], order), "transposed"
    )
    shape, *others = make.shapes
    make.shapes = [tuple(shape[axis] for axis in order), *others]
    inner = build(make)
    last = make.shared("TRANSPOSE", lambda operands: tf.transpose(operands[0], back), part="back")
    moved = in_front(first, inner)
    return lambda x: last(moved(x))


def in_front(first: Function, rest: Function) -> Function:
    """`rest` behind `first`, which takes the first operand alone: others, as masks, pass by."""

    def call(x: Any) -> Any:
        operand, *others = x if isinstance(x, (list, tuple)) else [x]
        made = first(operand)
        return rest([made, *others] if others else made)

    return call


def axes_of(operation: Any, rank: int) -> list[int]:
    """The axes that a layer or operation goes along; Keras reads None as all of them."""
    axis = range(rank) if operation.axis is None else np.atleast_1d(operation.axis)
    return [int(one) for one in axis]


def axes_last(make: OperatorFactory, axes: Iterable[int], build: Builder) -> Function:
    """A layer along the last axes, for one along others: these are moved there and back.

    Args:
        make: the factory.
        axes: that the layer goes along; they keep their order, and so do the others.
        build: makes the layer's operators along as many last axes.
    """
    rank = len(make.shapes[0])
    last = sorted(axis % rank for axis in axes)
    order = [*(axis for axis in range(rank) if axis not in last), *last]
    return build(make) if order == list(range(rank)) else transposed(make, order, build)


def channels_last(build: Builder) -> Builder:
    """A builder of layers with channels last, for layers that have them first too."""

    def either(make: OperatorFactory) -> Function:
        first = getattr(make.layer, "data_format", "channels_last") == "channels_first"
        return axes_last(make, [1 if first else -1], build)

    return either
