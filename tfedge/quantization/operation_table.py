"""Which operators every operation of keras.ops becomes, in models and in layers of users."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call, Value
from tfedge.keras_graph.kinds import kind_of
from tfedge.keras_graph.signs import is_positive
from tfedge.markers import is_exporting
from tfedge.quantization import activations, exact, policy
from tfedge.quantization.builders import (
    FUNCTION,
    Row,
    axes_of,
    binary,
    data_movement,
    fixed,
    integers,
    leaky_relu,
    matrix_product,
    over_axes,
    own,
    relu,
    shared_by_all,
    whole,
    with_constant,
)
from tfedge.quantization.grids import grid_of
from tfedge.quantization.normalization import unit_normalization, unit_problem
from tfedge.quantization.operator_factory import Function, Operand, OperatorFactory
from tfedge.quantization.softmax import softmax
from tfedge.quantization.weighted_layers import (
    convolution_problem,
    convolution_with_weights,
    einsum_with_weights,
    product_with_weights,
)

# Of one operand: they move its numbers, or choose among them.
_DATA_MOVEMENT = {
    "Amax": "REDUCE_MAX",
    "Amin": "REDUCE_MIN",
    "BroadcastTo": "BROADCAST_TO",
    "Copy": "RESHAPE",
    "CropImages": "STRIDED_SLICE",
    "DepthToSpace": "DEPTH_TO_SPACE",
    "Diagonal": "GATHER",
    "ExpandDims": "RESHAPE",
    "Flip": "REVERSE_V2",
    "Fliplr": "REVERSE_V2",
    "Flipud": "REVERSE_V2",
    "GetItem": "STRIDED_SLICE",
    "Max": "REDUCE_MAX",
    "Min": "REDUCE_MIN",
    "Moveaxis": "TRANSPOSE",
    "PadImages": "PAD",
    "Ravel": "RESHAPE",
    "Repeat": "GATHER",
    "Reshape": "RESHAPE",
    "Resize": "RESIZE_BILINEAR",
    "Roll": "CONCATENATION",
    "Rot90": "TRANSPOSE",
    "Slice": "SLICE",
    "SpaceToDepth": "SPACE_TO_DEPTH",
    "Split": "SPLIT",
    "Squeeze": "RESHAPE",
    "StopGradient": "RESHAPE",
    "Swapaxes": "TRANSPOSE",
    "Take": "GATHER",
    "TakeAlongAxis": "GATHER_ND",
    "Tile": "TILE",
    "Transpose": "TRANSPOSE",
    "Unstack": "UNPACK",
}
# Of several operands on one grid.
_SHARED_BY_ALL = {
    "Append": "CONCATENATION",
    "Concatenate": "CONCATENATION",
    "Dstack": "CONCATENATION",
    "Fmax": "MAXIMUM",
    "Fmin": "MINIMUM",
    "Hstack": "CONCATENATION",
    "Maximum": "MAXIMUM",
    "Minimum": "MINIMUM",
    "Stack": "PACK",
    "Vstack": "CONCATENATION",
    "Where": "SELECT_V2",
}
# Of one operand, element by element; by the operator that TFLite has, if any.
_FUNCTIONS = {
    "Abs": "ABS",
    "Absolute": "ABS",
    "Elu": "ELU",
    "Exp": "EXP",
    "Fabs": "ABS",
    "Gelu": "GELU",
    "Log": "LOG",
    "Sqrt": "SQRT",
    **dict.fromkeys(
        (
            "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan", "Arctanh", "Cbrt", "Ceil", "Celu",
            "Clip", "Cos", "Cosh", "Deg2rad", "Erf", "Erfc", "Exp2", "Expm1", "Floor",
            "HardShrink", "HardSigmoid", "HardTanh", "Log10", "Log1p", "Log2", "LogSigmoid",
            "NanToNum", "Negative", "Rad2deg", "Reciprocal", "Round", "Selu", "Sign", "Sin",
            "Sinc", "Sinh", "SoftShrink", "Softplus", "Softsign", "SparsePlus", "SparseSigmoid",
            "Squareplus", "Tan", "TanhShrink", "Threshold", "Trunc",
        ),
        FUNCTION,
    ),
}  # fmt: skip
# Of one or two operands; with a constant they are functions of one activation.
_ARITHMETIC = {
    "Arctan2": FUNCTION,
    "DivideNoNan": "DIV",
    "FloorDivide": FUNCTION,
    "Fmod": FUNCTION,
    "Mod": FUNCTION,
}
_QUOTIENTS = ("Divide", "TrueDivide")
_LEAST_SQUARE = 1e-12
# What leads from a mask to how many steps it leaves.
_COUNTING = (
    "BroadcastTo", "Cast", "ExpandDims", "GetItem", "Maximum", "Reshape", "Squeeze", "Sum",
)  # fmt: skip


def _cast(make: OperatorFactory) -> Function:
    """Between real types nothing happens; integers get a grid, and booleans the kernel's."""
    if make.reals == [True]:
        return make.shared("RESHAPE", lambda operands: operands[0])
    (dtype,), prescribed = make.dtypes, policy.OPERATORS["CAST"]
    if dtype.upper() in prescribed.exact_sources and make.element in prescribed.fixed:
        return fixed("CAST", make)
    return own("CAST", make)


def _products(
    with_weights: Callable[[OperatorFactory], Function], make: OperatorFactory
) -> Function:
    """Build the product of two activations, or of one and weights."""
    return with_weights(make) if len(make.reals) == 1 else matrix_product(make)


def _reduction(code: str, kernel: Any, make: OperatorFactory) -> Function:
    """Along axes of unknown sizes, samples among them, it is computed in float."""
    shape = make.shapes[0]
    axes = tuple(axis % len(shape) for axis in axes_of(make.layer, len(shape)))
    if any(shape[axis] is None for axis in axes):
        return own(code, make)
    return over_axes(code, kernel, make, axes, make.layer.keepdims)


def _power(make: OperatorFactory) -> Function:
    """Some power of an activation; the second is its product with itself."""
    exponent = make.arguments.get("x2")
    is_square = isinstance(exponent, (int, float)) and exponent == 2
    return _square(make) if is_square else own(FUNCTION, make)


def _square(make: OperatorFactory) -> Function:
    """The product of an activation with itself."""
    return make.own(
        "MUL", make.real, lambda operands, grid: exact.multiply([*operands, *operands], grid)
    )


def _average_pool(make: OperatorFactory) -> Function:
    def kernel(integers: list[Any]) -> Any:
        return exact.average(make.real(integers))

    return make.shared("AVERAGE_POOL_2D", make.real, kernel)


def _reciprocal_root(make: OperatorFactory) -> Function:
    """1 / sqrt, by a table of real numbers: integer kernels refuse the 0 that small numbers become.

    There it is that of a number so small that the result is at the end of its range.
    """
    return make.own(FUNCTION, lambda operands: make.real([tf.maximum(operands[0], _LEAST_SQUARE)]))


def _softmax(make: OperatorFactory) -> Function:
    """Along some axes; without any, along all, as no kernel goes."""
    return fixed("SOFTMAX", make) if make.layer.axis is None else softmax(make)


def _triangle(keep: Callable[..., Any]) -> Callable[[OperatorFactory], Function]:
    """Zeros on one side of a diagonal, by a constant of zeros and ones."""

    def build(make: OperatorFactory) -> Function:
        def real(operands: list[Any]) -> Any:
            (x,) = operands
            return x * keep(np.ones(x.shape[-2:], np.float32), make.layer.k)

        return make.own("MUL", real)

    return build


def _in_two_dimensions(call: Call) -> str:
    """Say why an operation on windows has no operator, as `Row.problem` does."""
    rank = len(call.shape)
    return f"goes along {rank - 2} axes, and TFLite's operators along two" if rank > 4 else ""


def _by_activation(call: Call) -> str:
    """Say why arithmetic is no function of one activation, as `Row.problem` does."""
    flat = keras.tree.flatten(list(call.arguments.values()))
    tensors = [item for item in flat if isinstance(item, (keras.KerasTensor, Value))]
    if len(tensors) < 2:
        return ""
    divides = kind_of(call.operation) in _QUOTIENTS
    # Near a divisor of 0 a step of the divisor is more than any range holds; counts are not near.
    divisor = getattr(tensors[1], "spec", tensors[1])
    if divides and (_is_count(divisor) or is_positive(divisor)):
        return ""
    reason = "divides by an activation that may be 0" if divides else "takes two activations"
    return f"{reason}, which integers are too coarse for"


def _unsorted(call: Call) -> str:
    """Say why the largest numbers have no operator, as `Row.problem` does."""
    return "" if call.operation.sorted else "leaves their order open (sorted=False); devices sort"


def _quotient(make: OperatorFactory) -> Function:
    """A divisor that is 0 on its grid counts as one step of it, as the C has it."""

    def real(operands: list[Any]) -> Any:
        grid = grid_of(operands[-1])
        if len(operands) < 2 or grid is None or is_exporting():
            return make.real(operands)
        dividend, divisor = operands
        return make.real([dividend, tf.where(divisor == 0, grid.scale, divisor)])

    # The converter multiplies by the reciprocal of a constant.
    divides = len(make.groups) == 1 and isinstance(make.arguments.get("x1"), Operand)
    kernel = with_constant("MUL", exact.multiply, make, tf.math.reciprocal) if divides else None
    return make.own("DIV", real, kernel, activation=make.activation)


def _is_count(tensor: Any) -> bool:
    """Whether numbers come from booleans or integers, as the steps that a mask leaves do."""
    while "float" in tensor.dtype:
        node = private.maker_of(tensor)
        if not node.input_tensors or kind_of(node.operation) not in _COUNTING:
            return False
        tensor = node.input_tensors[0]
    return True


def _pad(make: OperatorFactory) -> Function:
    """Zeros are on every grid; other numbers need a range that holds them."""
    if make.arguments.get("constant_values"):
        return make.own("PADV2", make.real)
    return data_movement("PAD", make)


OPERATIONS: dict[str, Row] = {
    **{name: whole(partial(data_movement, code), None) for name, code in _DATA_MOVEMENT.items()},
    **{name: whole(partial(shared_by_all, code), None) for name, code in _SHARED_BY_ALL.items()},
    **{name: whole(partial(own, code), None) for name, code in _FUNCTIONS.items()},
    **{name: whole(partial(own, code), None, _by_activation) for name, code in _ARITHMETIC.items()},
    **dict.fromkeys(_QUOTIENTS, whole(_quotient, None, _by_activation)),
    "Add": whole(partial(binary, "ADD", exact.add, tf.add), None),
    "AveragePool": whole(_average_pool, None, _in_two_dimensions),
    "Cast": integers(whole(_cast, None)),
    "Conv": whole(partial(convolution_with_weights, "CONV_2D"), None, convolution_problem),
    "DepthwiseConv": whole(
        partial(convolution_with_weights, "DEPTHWISE_CONV_2D"), None, convolution_problem
    ),
    "Einsum": whole(partial(_products, einsum_with_weights), None),
    "HardSilu": whole(lambda make: activations.hard_silu(make, keras.ops.hard_silu), None),
    "LeakyRelu": whole(leaky_relu, None),
    "Matmul": whole(partial(_products, product_with_weights), None),
    "Mean": whole(partial(_reduction, "MEAN", exact.mean), None),
    "MaxPool": whole(partial(data_movement, "MAX_POOL_2D"), None, _in_two_dimensions),
    "Multiply": whole(partial(binary, "MUL", exact.multiply, tf.multiply), None),
    "Normalize": whole(unit_normalization, None, unit_problem),
    "OneHot": integers(whole(partial(own, "ONE_HOT"), None)),
    "Pad": whole(_pad, None),
    "Power": whole(_power, None, _by_activation),
    "Prod": whole(partial(own, "REDUCE_PROD"), None),
    "ReLU": whole(relu, None),
    "Relu": whole(lambda make: activations.relu(make, tf.nn.relu), None),
    "Relu6": whole(lambda make: activations.relu6(make, tf.nn.relu6), None),
    "Rsqrt": whole(_reciprocal_root, None),
    "Sigmoid": whole(partial(fixed, "LOGISTIC"), None),
    "Silu": whole(lambda make: activations.silu(make, tf.nn.silu), None),
    "Softmax": whole(_softmax, None),
    "LogSoftmax": whole(partial(fixed, "LOG_SOFTMAX"), None),
    "Square": whole(_square, None),
    "Sum": whole(partial(_reduction, "SUM", exact.total), None),
    "Subtract": whole(partial(binary, "SUB", exact.subtract, tf.subtract), None),
    "Tanh": whole(partial(fixed, "TANH"), None),
    "Tril": whole(_triangle(np.tril), None),
    "TopK": whole(partial(data_movement, "TOPK_V2"), None, _unsorted),
    "Triu": whole(_triangle(np.triu), None),
}
