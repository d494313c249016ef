"""Operators that multiply their input with trained weights: convolutions and dense layers.

A batch-norm and an activation behind the weights are part of the operator, as they are on the
device. Weights are rounded before the batch-norm's factor multiplies them: with a scale for every
channel the integers are the same either way, so that training needs no statistics ahead of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.clustered_values import count_values, is_clustered
from tfedge.markers import mark_weights
from tfedge.quantization import batch_norm, exact, fused_activation
from tfedge.quantization.activation_quantizers import ActivationQuantizer
from tfedge.quantization.activation_types import Rescaling
from tfedge.quantization.affine_tensors import (
    accumulator_scales,
    largest_biases,
    quantize_bias,
)
from tfedge.quantization.exact_sums import exact_sums
from tfedge.quantization.fixed_point import PREPARED, Multiplier, quantize_multiplier, round_away
from tfedge.quantization.fused_activation import FusedActivation
from tfedge.quantization.operators import QuantizedOperator, marked_result, quantized_result
from tfedge.quantization.traced_once import traced_once
from tfedge.quantization.weight_quantizers import AbsMax


@dataclass(frozen=True)
class Weights:
    """Weights and biases of a layer, as its kernel sees them.

    Attributes:
        code: the operator's name in the policy table.
        kernel: gives the float32 weights as [..., channels].
        bias: gives the float32 bias (channels,), or None.
        apply: of an input and weights of one float type, the sums of products.
        assign: gives the layer other weights, as `kernel` gives them; None where they are not a
            variable of its own.
        assign_bias: the same of the bias; None where it has none, or not one number a channel.
    """

    code: str
    kernel: Callable[[], Any]
    bias: Callable[[], Any] | None
    apply: Callable[[Any, Any], Any]
    assign: Callable[[np.ndarray], None] | None = None
    assign_bias: Callable[[np.ndarray], None] | None = None


@dataclass(frozen=True)
class IntegerWeights:
    """The weights that run on the device.

    Attributes:
        kernel: float32 integers [..., channels].
        scale: float32 (channels,) or (1,).
        bias: float32 (channels,).
    """

    kernel: Any
    scale: Any
    bias: Any


class WeightedOperator(QuantizedOperator):
    """A convolution or dense layer with what follows it.

    Args:
        weights: what it multiplies and adds.
        weight_quantizer: of the weights.
        quantizer: of the result.
        batch_norm: a Keras BatchNormalization of the channels, or None; the mask of its statistics
            is a second operand.
        activation: what the kernel clamps its result to.
        compute_dtype: in which training multiplies.
        name: of the layer.
    """

    def __init__(
        self,
        weights: Weights,
        weight_quantizer: AbsMax,
        quantizer: ActivationQuantizer,
        batch_norm: Any = None,
        activation: FusedActivation = fused_activation.NONE,
        *,
        compute_dtype: str = "float32",
        name: str,
    ):
        super().__init__(weights.code, name)
        self.layer_weights = weights
        self.weight_quantizer = weight_quantizer
        self.quantizer = quantizer
        self.batch_norm = batch_norm
        self.activation = activation
        self.multiplied_in = compute_dtype
        self.group = quantizer.group
        # While a model is exported for recovery; its weights are then real ones.
        self.number: int | None = None

    def _simulate(self, operands: list[Any], training: bool) -> Any:
        x, *mask = operands
        result = self._real(x, self._normalizes_batches(training), *mask)
        return quantized_result(self, result, training)

    def _real(self, x: Any, of_batch: bool, mask: Any = None) -> Any:
        """The result in float, normalised by the statistics of the batch or by recorded ones."""
        kernel, bias = self._kernel(), self.layer_weights.bias and self.layer_weights.bias()
        if self.batch_norm is None:
            return self._multiplied(x, kernel, bias)
        if of_batch:
            return batch_norm.normalize_batch(
                self.batch_norm, self._multiplied(x, kernel, bias), mask
            )
        factor, offset = batch_norm.factor_and_offset(self.batch_norm)
        if self.multiplied_in != "float32":
            return self._multiplied(x, kernel, bias) * factor + offset
        # The weights have fewer numbers than the result.
        shift = offset if bias is None else offset + bias * factor
        return self._multiplied(x, kernel * factor, shift)

    def _multiplied(self, x: Any, kernel: Any, bias: Any) -> Any:
        operands = (tf.cast(operand, self.multiplied_in) for operand in (x, kernel))
        y = tf.cast(self.layer_weights.apply(*operands), tf.float32)
        return y if bias is None else tf.nn.bias_add(y, bias)

    def _normalizes_batches(self, training: bool) -> bool:
        """Whether a batch-norm, if there is one, uses and records the batch's statistics."""
        learns = self.batch_norm is not None and self.batch_norm.trainable
        return training and self.phase.update_batch_norm and learns

    def _kernel(self) -> Any:
        """The weights that training multiplies with."""
        kernel = self.layer_weights.kernel()
        if not self.phase.quantize:
            return self.weight_quantizer.connected(kernel)
        if self.batch_norm is None or self.weight_quantizer.per_channel:
            return self.weight_quantizer.fake_quantize(kernel)
        # One scale for all channels is a scale of the folded weights.
        factor, _ = batch_norm.factor_and_offset(self.batch_norm)
        factor = tf.where(tf.equal(factor, 0.0), 1.0, tf.stop_gradient(factor))
        return self.weight_quantizer.fake_quantize(kernel * factor) / factor

    def restart_scales(self) -> None:
        """Let scales that the optimizer trains start from the weights as they are now."""
        self.weight_quantizer.initialize_scales(
            keras.ops.convert_to_numpy(self.layer_weights.kernel())
        )

    def factor(self) -> Any:
        """Factor of the batch-norm for each channel, float64 (channels,); 1 without one."""
        if self.batch_norm is None:
            return tf.ones(self.layer_weights.kernel().shape[-1], tf.float64)
        return batch_norm.factor_and_offset(self.batch_norm, tf.float64)[0]

    def folded_kernel(self) -> Any:
        """The real weights, times the batch-norm's factor: float32 [..., channels]."""
        return tf.cast(tf.cast(self.layer_weights.kernel(), tf.float64) * self.factor(), tf.float32)

    def integer_weights(self, input_scale: Any) -> IntegerWeights:
        """The weights on the device, batch-norm folded in.

        Args:
            input_scale: float32 scalar, of what the weights are multiplied with.
        """
        kernel = self.layer_weights.kernel()
        bias = None if self.layer_weights.bias is None else self.layer_weights.bias()
        if bias is None:
            bias = tf.zeros(kernel.shape[-1])
        if self.batch_norm is None:
            factor = tf.constant(1.0, tf.float64)
        else:
            factor, offset = batch_norm.factor_and_offset(self.batch_norm, tf.float64)
            bias = tf.cast(offset + tf.cast(bias, tf.float64) * factor, tf.float32)
            if not self.weight_quantizer.per_channel:
                kernel, factor = kernel * tf.cast(factor, tf.float32), tf.constant(1.0, tf.float64)
        integers, scale = self.weight_quantizer.integers(kernel)
        folded, scale = _with_room_for_bias(integers, scale, factor, bias, input_scale)
        folded.set_shape(kernel.shape)
        return IntegerWeights(folded, scale, bias)

    def _infer(self, operands: list[Any]) -> Any:
        x, *_ = operands
        source, output = self._grid_of(x), self.quantizer.grid()
        weights = self.integer_weights(source.scale)
        largest = source.type.largest_step, self.weight_quantizer.scheme.limit
        sums = exact_sums(self.layer_weights.apply, source.steps(x), weights.kernel, largest)
        rescaling = output.type.sums
        multiplier = _MULTIPLIERS[rescaling](
            weights.scale, weights.bias, source.scale, output.scale
        )
        steps = exact.accumulated(sums, Multiplier(*multiplier), rescaling)
        return output.real(self.activation.clamp(steps, output))

    def _export(self, operands: list[Any]) -> Any:
        x, *_ = operands
        with tf.init_scope():
            moved = self._grid_of(x).with_bits(self.quantizer.bits)
            weights = self.integer_weights(moved.scale)
            real = self.folded_kernel() if self.number is not None else _real_kernel(weights)
            kernel = tf.constant(real.numpy())
            bias, scale = tf.constant(weights.bias.numpy()), weights.scale.numpy()
            kernel_now = keras.ops.convert_to_numpy(self.layer_weights.kernel())
            rows = kernel_now.reshape(-1, kernel_now.shape[-1]).T
        y = tf.nn.bias_add(self.layer_weights.apply(x, kernel), bias)
        y = mark_weights(
            self.activation.function(y), scale, self.weight_quantizer.scheme.bits,
            count_values(rows) if is_clustered(rows) else None, self.number,
        )  # fmt: skip
        return marked_result(self, y)


@traced_once(tf.float32, tf.float32, tf.float64, tf.float32, tf.float32)
def _with_room_for_bias(
    integers: Any, scale: Any, factor: Any, bias: Any, input_scale: Any
) -> tuple[Any, Any]:
    """Integers and scales of weights times a factor, and wider ones where a bias would overflow.

    That happens where a batch-norm has all but switched a channel off: its weights are then too
    small beside its bias to matter, and are rounded once more.
    """
    scale = tf.cast(tf.cast(scale, tf.float64) * tf.abs(factor), tf.float32)
    largest = largest_biases(bias, tf.size(scale))
    widened, _ = accumulator_scales(scale, input_scale, largest)
    shrunk = tf.sign(factor) * (tf.cast(scale, tf.float64) / tf.cast(widened, tf.float64))
    return tf.cast(round_away(tf.cast(integers, tf.float64) * shrunk), tf.float32), widened


def _multipliers(rescaling: Rescaling) -> Callable[..., Any]:
    @traced_once(*4 * [tf.float32])
    def multiplier(scale: Any, bias: Any, input_scale: Any, output_scale: Any) -> Any:
        """Return the `Multiplier` of sums without their bias, in parts."""
        real = (
            tf.cast(input_scale, tf.float64)
            * tf.cast(scale, tf.float64)
            / tf.cast(output_scale, tf.float64)
        )
        largest = largest_biases(bias, tf.size(scale))
        _, bias_scale = accumulator_scales(scale, input_scale, largest)
        integer_bias = quantize_bias(bias, bias_scale)
        return tuple(PREPARED[rescaling](*quantize_multiplier(real), integer_bias))

    return multiplier


_MULTIPLIERS = {rescaling: _multipliers(rescaling) for rescaling in Rescaling}


def _real_kernel(weights: IntegerWeights) -> Any:
    return weights.kernel * weights.scale
