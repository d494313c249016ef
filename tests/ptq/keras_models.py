"""Small Keras models that between them use every operator that can be quantised.

Importing this module imports TensorFlow.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def residual_cnn():
    """Convolutions with folded batch-norm, a residual sum, pooling, mean, softmax."""
    keras.utils.set_random_seed(1)
    image = x = keras.Input((16, 16, 3), batch_size=1)
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(_trained_norm(x))
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    y = layers.ReLU(6.0)(_trained_norm(y))
    y = layers.Conv2D(8, 1, bias_initializer="normal")(y)
    x = layers.Add()([x, y])
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(12, 3, strides=2, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(5, activation="softmax")(x))


def branches():
    """Concatenation of free and fixed grids, standalone batch-norm, padding, sigmoid, tanh."""
    keras.utils.set_random_seed(2)
    image = keras.Input((8, 8, 3), batch_size=1)
    x = layers.Conv2D(6, 3, padding="same", bias_initializer="normal")(image)
    a = layers.Softmax()(x)
    b = layers.Conv2D(4, 3, padding="same")(x)
    c = layers.Activation("sigmoid")(b)
    x = layers.Concatenate()([a, b, c])
    x = layers.MaxPooling2D()(x)
    x = _trained_norm(x)
    x = layers.ZeroPadding2D()(x)
    x = layers.ReLU()(x)
    y = layers.Conv2D(4, 1)(x)
    x = layers.Concatenate()([x, y])
    x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(5, use_bias=False)(x)
    return keras.Model(image, layers.Activation("tanh")(x))


def sequence_pair():
    """Two inputs, 1-D convolutions (EXPAND_DIMS, SQUEEZE or RESHAPE), products, differences."""
    keras.utils.set_random_seed(3)
    first = keras.Input((20, 4), batch_size=1, name="first")
    second = keras.Input((20, 4), batch_size=1, name="second")
    x = layers.Conv1D(8, 3, activation="relu")(first)
    y = layers.SeparableConv1D(8, 3)(second)
    z = layers.Multiply()([x, y])
    z = layers.Subtract()([z, y])
    z = layers.ReLU(6.0)(z)
    z = layers.MaxPooling1D(2)(z)
    z = layers.Flatten()(z)
    return keras.Model([first, second], layers.Dense(3, bias_initializer="normal")(z))


def dead_channels(largest_bias=1e6):
    """Channels whose weights vanish, with and without a bias, and biases beyond int32."""
    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 3), batch_size=1)
    conv = layers.Conv2D(6, 3, padding="same")
    model = keras.Model(image, conv(image))
    kernel, bias = conv.get_weights()
    kernel[..., 0] = 0  # dead, with a bias that TensorFlow has to make room for
    bias[0] = 1.5
    kernel[..., 1] = 0  # dead, no bias
    kernel[..., 2] *= 1e-7  # all but dead
    bias[2] = 3
    bias[3] = -largest_bias  # alive, but the bias may need more than 30 bits
    kernel[..., 3] *= 1e-4
    conv.set_weights([kernel, bias])
    return model


def _trained_norm(x):
    """Batch-norm with the statistics of some training."""
    channels = x.shape[-1]
    rng = np.random.default_rng(channels)
    return layers.BatchNormalization(
        gamma_initializer=keras.initializers.Constant(rng.normal(1, 0.3, channels)),
        beta_initializer=keras.initializers.Constant(rng.normal(0, 0.3, channels)),
        moving_mean_initializer=keras.initializers.Constant(rng.normal(0, 0.2, channels)),
        moving_variance_initializer=keras.initializers.Constant(rng.uniform(0.2, 2, channels)),
    )(x)


def ties():
    """Weights and biases that float32 can hardly tell from halfway between two integers."""
    keras.utils.set_random_seed(5)
    rng = np.random.default_rng(5)
    image = x = keras.Input((6, 6, 16), batch_size=1)
    x = layers.Conv2D(8, 3)(x)
    x = layers.Flatten()(x)
    model = keras.Model(image, layers.Dense(10)(x))
    for layer in (model.layers[1], model.layers[-1]):
        kernel, bias = layer.get_weights()
        largest = rng.uniform(0.1, 1, kernel.shape[-1]).astype(np.float32)
        halves = rng.integers(-126, 126, kernel.shape) + 0.5
        kernel = (halves * (largest.astype(np.float64) / 127)).astype(np.float32)
        for _ in range(2):
            towards = rng.choice([-9, 9], kernel.shape).astype(np.float32)
            kernel = np.where(rng.random(kernel.shape) < 0.5, np.nextafter(kernel, towards), kernel)
        kernel.reshape(-1, kernel.shape[-1])[0] = largest
        layer.set_weights([kernel, rng.normal(size=bias.shape)])
    return model


def many_inputs(count):
    """As many inputs as ranges are to be tried, each with an operator of its own."""
    inputs = [keras.Input((4,), batch_size=1, name=f"in_{index}") for index in range(count)]
    return keras.Model(inputs, [layers.ReLU()(tensor) for tensor in inputs])


def to_float_tflite(model):
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


def to_int8_tflite(model, samples, io="int8", per_channel_dense=True):
    """TensorFlow's own int8 conversion.

    Args:
        samples: list of lists of arrays in the order of the model's inputs, or of dicts by name.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    type_ = tf.dtypes.as_dtype(io)
    converter.inference_input_type = converter.inference_output_type = type_
    converter._experimental_disable_per_channel_quantization_for_dense_layers = (
        not per_channel_dense
    )
    return converter.convert()
