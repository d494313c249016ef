"""Layers with weights, as sums of products over [..., channels]."""

from __future__ import annotations

import dataclasses
import math
import string
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.errors import UnsupportedError
from tfedge.keras_graph.computation import Call, Value, value_of
from tfedge.keras_graph.dilation import spread
from tfedge.keras_graph.float32 import weight_in_float32
from tfedge.keras_graph.kinds import activation_name, kind_of
from tfedge.quantization import activations
from tfedge.quantization.builders import in_front
from tfedge.quantization.elementwise import elementwise_function, is_elementwise
from tfedge.quantization.operator_factory import Function, Operand, OperatorFactory
from tfedge.quantization.weighted import Weights

_FACTOR = "scale"
# Activations that take numbers together; all others go by the element.
_ALONG_LAST_AXIS = ("softmax", "log_softmax")


def weighted(make: OperatorFactory) -> Function:
    """A convolution or dense layer, its batch-norm, and its activation."""
    return with_activation(make, FORMS[kind_of(make.layer) or ""](make.layer))


def with_activation(make: OperatorFactory, weights: Weights, part: str = "") -> Function:
    """The weights with the layer's batch-norm and activation behind them."""
    layer = make.layer
    name, function = activation_of(layer)
    if name in activations.FUSED:
        fused = make.activation if name == "linear" else activations.FUSED[name]
        return make.weighted(weights, part, batch_norm=make.batch_norm, activation=fused)
    product = make.weighted(weights, part, batch_norm=make.batch_norm)
    build = activations.STANDALONE.get(name, elementwise_function)
    first = getattr(layer, "data_format", None) == "channels_first"
    activate = (_along_width if first and name in _ALONG_LAST_AXIS else build)(make, function)
    return lambda x: activate(product(x))


def _along_width(make: OperatorFactory, function: Callable[[Any], Any]) -> Function:
    """An activation along the last axis of channels first, the one before them here.

    It may be what nobody wants of a convolution, but it is what Keras computes.
    """
    name, _ = activation_of(make.layer)
    last = make.shared("TRANSPOSE", _last_two_swapped, part="width_last")
    activate = activations.STANDALONE[name](make, function)
    back = make.shared("TRANSPOSE", _last_two_swapped, part="channels_last")
    return lambda x: back(activate(last(x)))


def _last_two_swapped(operands: list[Any]) -> Any:
    return tf.linalg.matrix_transpose(operands[0])


def activation_of(layer: Any) -> tuple[str, Callable[[Any], Any]]:
    """Name and function of a layer's own activation; the name is empty if it has no operator."""
    function = getattr(layer, "activation", None) or keras.activations.linear
    name = activation_name(layer) or ""
    return name if name in activations.FUSED or name in activations.STANDALONE else "", function


def activation_problem(call: Call) -> str:
    """Say why a layer's own activation cannot be computed, as `Row.problem` does."""
    name, function = activation_of(call.operation)
    if name or is_elementwise(function):
        return ""
    shown = getattr(function, "__name__", None) or type(function).__name__
    return f"has the activation {shown}, which cannot be quantised"


def weights_problem(call: Call) -> str:
    """Say why a layer with a kernel cannot be computed, as `Row.problem` does."""
    return activation_problem(call) or _bias_problem(call)


def _bias_problem(call: Call) -> str:
    """With TensorFlow, `keras.ops.add` takes the last axis for the bias' if its length fits."""
    layer = call.operation
    if not layer.use_bias or getattr(layer, "data_format", "channels_last") == "channels_last":
        return ""
    _, channels, *_, last = layer.compute_output_shape(call.shape)
    if channels != last or channels == 1:
        return ""
    return (
        "has channels first and as many of them as its result is wide, where Keras adds the bias "
        "along the wrong axis; use channels_last, or use_bias=False"
    )


def _bias(layer: Any) -> Callable[[], Any] | None:
    return (lambda: weight_in_float32(layer.bias)) if layer.use_bias else None


def _assigning(layer: Any, attribute: str) -> dict[str, Any]:
    """How a layer is given other weights; a low-rank adapter adds to them, and then nobody does."""
    kernel = getattr(layer, attribute)
    return {
        "assign": kernel.assign if isinstance(kernel, keras.Variable) else None,
        "assign_bias": layer.bias.assign if layer.use_bias else None,
    }


def _convolution(layer: Any) -> Weights:
    causal = layer.padding == "causal"

    def apply(x: Any, kernel: Any) -> Any:
        return keras.ops.conv(
            tf.pad(x, [[0, 0], [_reach(layer), 0], [0, 0]]) if causal else x,
            kernel,
            strides=list(layer.strides),
            padding="valid" if causal else layer.padding,
            dilation_rate=layer.dilation_rate,
            data_format="channels_last",
        )

    return Weights(
        "CONV_2D",
        lambda: weight_in_float32(layer.kernel),
        _bias(layer),
        apply,
        **_assigning(layer, "kernel"),
    )


def _reach(layer: Any) -> int:
    return int(layer.dilation_rate[0] * (layer.kernel_size[0] - 1))


def depthwise(layer: Any, kernel: Any, bias: Callable[[], Any] | None) -> Weights:
    """A depthwise convolution of `layer`'s geometry with kernel [..., c, multiplier]."""
    shape = tuple(kernel.shape)
    flat = (*shape[:-2], shape[-2] * shape[-1])
    causal = layer.padding == "causal"

    def apply(x: Any, weights: Any) -> Any:
        return keras.ops.depthwise_conv(
            tf.pad(x, [[0, 0], [_reach(layer), 0], [0, 0]]) if causal else x,
            tf.reshape(weights, shape),
            strides=layer.strides,
            padding="valid" if causal else layer.padding,
            dilation_rate=layer.dilation_rate,
            data_format="channels_last",
        )

    return Weights(
        "DEPTHWISE_CONV_2D",
        lambda: tf.reshape(weight_in_float32(kernel), flat),
        bias,
        apply,
        lambda values: kernel.assign(values.reshape(shape)),
        None if bias is None else layer.bias.assign,
    )


def _depthwise_layer(layer: Any) -> Weights:
    return depthwise(layer, layer.kernel, _bias(layer))


def _transposed_convolution(layer: Any) -> Weights:
    rank = len(layer.kernel.shape)
    last_two_swapped = [*range(rank - 2), rank - 1, rank - 2]

    def apply(x: Any, kernel: Any) -> Any:
        return keras.ops.conv_transpose(
            x,
            tf.transpose(kernel, last_two_swapped),
            strides=list(layer.strides),
            padding=layer.padding,
            output_padding=layer.output_padding,
            data_format="channels_last",
        )

    def kernel() -> Any:
        taps = tf.transpose(weight_in_float32(layer.kernel), last_two_swapped)
        return spread(taps, layer.dilation_rate)

    return Weights("TRANSPOSE_CONV", kernel, _bias(layer), apply)


def _dense(layer: Any) -> Weights:
    return Weights(
        "FULLY_CONNECTED",
        lambda: weight_in_float32(layer.kernel),
        _bias(layer),
        _product,
        **_assigning(layer, "kernel"),
    )


def reversed_embedding(layer: Any, factor: float = 1.0) -> Weights:
    """Products with every row of an embedding's table, or of one of their own, times `factor`."""

    def kernel() -> Any:
        if layer.tie_weights:
            return tf.transpose(weight_in_float32(layer.embeddings))
        return weight_in_float32(layer.reverse_embeddings)

    assign = None if layer.tie_weights else layer.reverse_embeddings.assign
    return _scaled(Weights("FULLY_CONNECTED", kernel, None, _product, assign), factor)


def _product(x: Any, kernel: Any) -> Any:
    """Products over the last axis of an input of any rank."""
    if len(x.shape) == 2:
        return tf.matmul(x, kernel)
    rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), kernel)
    return tf.reshape(rows, [*_sizes(x, len(x.shape) - 1), kernel.shape[-1]])


def _sizes(x: Any, rank: int) -> list[int]:
    """The first sizes of a tensor, -1 for an unknown number of examples."""
    return [-1 if size is None else size for size in x.shape[:rank]]


def _einsum_dense(layer: Any, rank: int) -> Weights:
    """An EinsumDense that sums over the last axes of its input: a dense layer and two reshapes."""
    given, kernel, result = _einsum_axes(layer, rank)
    summed = [axis for axis in kernel if axis in given]
    made = [axis for axis in kernel if axis not in given]
    kept = given[: len(given) - len(summed)]
    if given != kept + "".join(summed) or result != kept + "".join(made):
        raise UnsupportedError(
            f"layer '{layer.name}' computes {layer.equation}; quantised are equations that sum "
            "over the last axes of the input, such as 'abc,cd->abd'"
        )
    order = [kernel.index(axis) for axis in (*summed, *made)]
    shape = tuple(layer.kernel.shape)
    made_shape = [shape[kernel.index(axis)] for axis in made]
    rows = math.prod(shape[kernel.index(axis)] for axis in summed)

    def canonical(values: Any) -> Any:
        return tf.reshape(tf.transpose(values, order), [rows, -1])

    def apply(x: Any, weights: Any) -> Any:
        y = tf.matmul(tf.reshape(x, [-1, rows]), weights)
        return tf.reshape(y, [*_sizes(x, len(kept)), math.prod(made_shape)])

    def assign(values: np.ndarray) -> None:
        ordered = values.reshape([shape[axis] for axis in order])
        layer.kernel.assign(ordered.transpose(np.argsort(order)))

    bias = assign_bias = None
    if layer.bias is not None:
        if math.prod(layer.bias.shape) == math.prod(made_shape):

            def assign_bias(values: np.ndarray) -> None:
                layer.bias.assign(values.reshape(layer.bias.shape))

        wide = (*[1] * (len(made) - len(layer.bias.shape)), *layer.bias.shape)
        if len(wide) != len(made):
            raise UnsupportedError(
                f"layer '{layer.name}' has a bias along axes that are not of its kernel; give "
                "bias_axes the axes that the kernel adds"
            )

        def bias() -> Any:
            return tf.reshape(
                tf.broadcast_to(tf.reshape(weight_in_float32(layer.bias), wide), made_shape), [-1]
            )

    return Weights(
        "FULLY_CONNECTED",
        lambda: canonical(weight_in_float32(layer.kernel)),
        bias,
        apply,
        assign if isinstance(layer.kernel, keras.Variable) else None,
        assign_bias,
    )


def _einsum_axes(layer: Any, rank: int) -> tuple[str, str, str]:
    """The letters of input, kernel and result; '...' is as many more as the input has."""
    equation = layer.equation.replace(" ", "")
    more = rank - len(equation.partition(",")[0].replace("...", ""))
    free = [letter for letter in string.ascii_letters if letter not in equation]
    given, _, rest = equation.replace("...", "".join(free[:more])).partition(",")
    kernel, _, result = rest.partition("->")
    return given, kernel, result


def einsum_dense(make: OperatorFactory, factor: float = 1.0) -> Function:
    """An EinsumDense, with the shape that it gives its result, times `factor`."""
    weights = _scaled(_einsum_dense(make.layer, len(make.shapes[0])), factor)
    return _einsum(make, make.layer, weights, partial(with_activation, make))


def _einsum(
    make: OperatorFactory, layer: Any, weights: Weights, build: Callable[[Weights], Function]
) -> Function:
    _, kernel, result = _einsum_axes(layer, len(make.shapes[0]))
    made = [layer.kernel.shape[kernel.index(axis)] for axis in result if axis in kernel]
    product = build(weights)
    if len(made) == 1:
        return product
    split = make.shared(
        "RESHAPE",
        lambda operands: tf.reshape(
            operands[0],
            [*_sizes(operands[0], len(operands[0].shape) - 1), *made],
        ),
        part="split",
    )
    return lambda x: split(product(x))


def einsum_problem(call: Call) -> str:
    """Say why an EinsumDense is not one product of matrices, as `Row.problem` does."""
    try:
        _einsum_dense(call.operation, len(call.shape))
    except UnsupportedError as error:
        return str(error).partition("' ")[2]
    return activation_problem(call)


def _scaled(weights: Weights, factor: float) -> Weights:
    """Weights and bias times a constant."""
    bias, assign, assign_bias = weights.bias, weights.assign, weights.assign_bias
    return dataclasses.replace(
        weights,
        kernel=lambda: weights.kernel() * factor,
        bias=None if bias is None else lambda: bias() * factor,
        assign=None if assign is None else lambda values: assign(values / factor),
        assign_bias=None if assign_bias is None else lambda values: assign_bias(values / factor),
    )


@dataclasses.dataclass(frozen=True)
class _EinsumWithWeights:
    """The operation of an activation and weights, as the layer that computes the same.

    Attributes:
        name: of the operation.
        equation: of both operands, and of the result if it says so.
        read: gives the weights.
    """

    name: str
    equation: str
    read: Callable[[], Any]
    bias: None = None

    @property
    def kernel(self) -> Any:
        """The weights as they are now."""
        return self.read()


def einsum_with_weights(make: OperatorFactory) -> Function:
    """An einsum of an activation and weights behind it: a dense layer, where it sums as one does.

    Every other is the operation's own, in float.
    """
    operand, *others = make.arguments["operands"]
    equation = make.layer.subscripts
    if not isinstance(operand, Operand) or len(others) != 1 or "->" not in equation:
        return make.own("FULLY_CONNECTED", make.real)
    layer = _EinsumWithWeights(make.layer.name, equation, partial(value_of, others[0]))
    try:
        return _einsum(make, layer, _einsum_dense(layer, len(make.shapes[0])), make.weighted)
    except UnsupportedError:
        return make.own("FULLY_CONNECTED", make.real)


def product_with_weights(make: OperatorFactory) -> Function:
    """A product of an activation and weights of a user's layer.

    A matrix behind the activation is a dense layer's; every other product is the operation's own,
    in float.
    """
    read = make.argument("x2")
    if read is None or make.operand("x1") != 0 or len(make.shapes[0]) < 2:
        return make.own("FULLY_CONNECTED", make.real)

    def kernel() -> Any:
        return weight_in_float32(read([]))

    if len(kernel().shape) != 2:
        return make.own("FULLY_CONNECTED", make.real)
    return make.weighted(Weights("FULLY_CONNECTED", kernel, None, _product))


def convolution_with_weights(code: str, make: OperatorFactory) -> Function:
    """A convolution of an activation with weights of a user's layer.

    Args:
        code: CONV_2D with weights [..., channels], or DEPTHWISE_CONV_2D with [..., c, multiplier].
        make: of the operation.
    """
    read = make.argument("kernel")
    assert read is not None  # see `convolution_problem`
    shape = tuple(tf.convert_to_tensor(read([])).shape)
    flat = shape if code == "CONV_2D" else (*shape[:-2], shape[-2] * shape[-1])

    def apply(x: Any, kernel: Any) -> Any:
        return make.layer.call(x, tf.reshape(kernel, shape))

    def kernel() -> Any:
        return tf.reshape(weight_in_float32(read([])), flat)

    weights = Weights(code, kernel, None, apply)
    return make.weighted(weights, batch_norm=make.batch_norm, activation=make.activation)


def convolution_problem(call: Call) -> str:
    """Say why an operation that convolves has no operator, as `Row.problem` does."""
    if isinstance(call.arguments.get("kernel"), (keras.KerasTensor, Value)):
        return "multiplies two activations, and TFLite's operators an activation and weights"
    if len(call.shape) > 4:
        return f"goes along {len(call.shape) - 2} axes, and TFLite's operators along two"
    layout = call.operation.data_format or keras.config.image_data_format()
    return "" if layout == "channels_last" else "has channels first; use channels_last"


def separable(make: OperatorFactory) -> Function:
    """A depthwise convolution and a pointwise one, with a range between them."""
    layer = make.layer
    first = make.weighted(depthwise(layer, layer.depthwise_kernel, None), "depthwise")

    def apply(x: Any, kernel: Any) -> Any:
        return keras.ops.conv(x, kernel, strides=1, padding="valid", data_format="channels_last")

    pointwise = Weights(
        "CONV_2D",
        lambda: weight_in_float32(layer.pointwise_kernel),
        _bias(layer),
        apply,
        **_assigning(layer, "pointwise_kernel"),
    )
    return in_front(first, with_activation(make, pointwise, "pointwise"))


def channel_affine(make: OperatorFactory, factor: np.ndarray, offset: np.ndarray) -> Function:
    """x * factor + offset for every channel: a depthwise convolution of one tap."""
    return make.weighted(
        one_tap(lambda: tf.constant(factor, tf.float32), lambda: tf.constant(offset, tf.float32)),
        _FACTOR,
        activation=make.activation,
    )


def batch_norm_alone(make: OperatorFactory) -> Function:
    """A batch-norm with no layer in front of it that could take it in."""
    layer = make.layer
    ones = tf.ones(layer.moving_mean.shape)
    return make.weighted(
        one_tap(lambda: ones, None), _FACTOR, batch_norm=layer, activation=make.activation
    )


def one_tap(kernel: Callable[[], Any], bias: Callable[[], Any] | None) -> Weights:
    """A factor and an offset for every channel of the last axis."""

    def apply(x: Any, factor: Any) -> Any:
        image = tf.reshape(x, [-1, 1, math.prod(x.shape[1:-1]), x.shape[-1]])
        channels = int(factor.shape[-1])
        y = tf.nn.depthwise_conv2d(
            image, tf.reshape(factor, [1, 1, channels, 1]), [1, 1, 1, 1], "VALID"
        )
        return tf.reshape(y, _sizes(x, len(x.shape)))

    return Weights("DEPTHWISE_CONV_2D", kernel, bias, apply)


FORMS: dict[str, Callable[[Any], Weights]] = {
    "Conv1D": _convolution,
    "Conv1DTranspose": _transposed_convolution,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "Dense": _dense,
    "DepthwiseConv1D": _depthwise_layer,
    "DepthwiseConv2D": _depthwise_layer,
}
