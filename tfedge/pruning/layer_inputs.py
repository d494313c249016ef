"""Second moments of layers' inputs over calibration data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from tfedge.keras_graph.kinds import kind_of
from tfedge.keras_graph.reading import Reads, unread_attribute
from tfedge.pruning.layer_rules import CONVOLUTION_READS, DENSE_READS, DEPTHWISE_READS
from tfedge.pruning.reconstruction import Moments
from tfedge.pruning.rows import Row

# Of a layer and what it is called with: columns (groups, samples, reduction), float32.
Columns = Callable[[Any, Any], Any]


def _of_dense(layer: Any, inputs: Any) -> Any:
    return tf.reshape(inputs, (1, -1, inputs.shape[-1]))


def _patches(layer: Any, inputs: Any) -> Any:
    """(samples, taps, channels): what every position of a convolution sees."""
    x, (kernel, strides, rates) = inputs, _two_dimensional(layer)
    if layer.rank == 1:
        x = x[:, :, tf.newaxis]
        if layer.padding == "causal":
            x = tf.pad(x, [[0, 0], [(kernel[0] - 1) * rates[0], 0], [0, 0], [0, 0]])
    padding = {"causal": "VALID"}.get(layer.padding, layer.padding.upper())
    patches = tf.image.extract_patches(
        x, [1, *kernel, 1], [1, *strides, 1], [1, *rates, 1], padding
    )
    return tf.reshape(patches, (-1, kernel[0] * kernel[1], x.shape[-1]))


def _two_dimensional(layer: Any) -> tuple[tuple[int, int], ...]:
    found = (layer.kernel_size, layer.strides, layer.dilation_rate)
    return tuple((*sizes, 1)[:2] for sizes in found)


def _of_convolution(layer: Any, inputs: Any) -> Any:
    patches = _patches(layer, inputs)
    samples, taps, channels = patches.shape
    groups = layer.groups
    cut = tf.reshape(patches, (samples, taps, groups, channels // groups))
    return tf.reshape(tf.transpose(cut, (2, 0, 1, 3)), (groups, samples, -1))


def _of_depthwise(layer: Any, inputs: Any) -> Any:
    return tf.transpose(_patches(layer, inputs), (2, 0, 1))


_CONVOLUTION = Reads.of(CONVOLUTION_READS)
_DEPTHWISE = Reads.of(DEPTHWISE_READS)
COLUMNS: dict[str, Row[Columns]] = {
    "Conv1D": Row(_of_convolution, _CONVOLUTION),
    "Conv2D": Row(_of_convolution, _CONVOLUTION),
    "Dense": Row(_of_dense, Reads.of(DENSE_READS)),
    "DepthwiseConv1D": Row(_of_depthwise, _DEPTHWISE),
    "DepthwiseConv2D": Row(_of_depthwise, _DEPTHWISE),
}


def columns_of(layer: Any) -> Columns | None:
    """Return the function that turns a layer's inputs into columns; None where none is known."""
    row = COLUMNS.get(kind_of(layer) or "")
    return None if row is None or unread_attribute(layer, row.reads) else row.rule


def moments_of(before: tuple[Any, Any], now: tuple[Any, Any], batches: list[Any]) -> Moments:
    """Sum moments of a layer's inputs in training and now, damped; with a bias, a last input of 1.

    Args:
        before: a model with one of its layers, of a kind that has `columns_of`.
        now: a copy of the model with the copy of the layer.
        batches: inputs of the models.
    """
    moments = Moments(np.zeros(()), np.zeros(()))
    for batch in batches:
        x, y = (_columns_in(*pair, batch) for pair in (before, now))
        moments.now = moments.now + tf.matmul(y, y, transpose_a=True).numpy()
        moments.before = moments.before + tf.matmul(y, x, transpose_a=True).numpy()
    return moments.damped()


def _columns_in(model: Any, layer: Any, batch: Any) -> Any:
    """(groups, samples, reduction), float64, of all calls of the layer."""
    columns = columns_of(layer)
    assert columns is not None
    found: list[Any] = []
    with watched({layer: lambda x: found.append(columns(layer, tf.cast(x, tf.float32)))}):
        model(batch, training=False)
    x = tf.cast(tf.concat(found, axis=1), tf.float64)
    return tf.concat([x, tf.ones_like(x[..., :1])], axis=-1) if layer.use_bias else x


@contextmanager
def watched(watchers: dict[Any, Callable[[Any], None]]) -> Iterator[None]:
    """Let functions see what layers are called with."""
    for layer, watcher in watchers.items():
        object.__setattr__(layer, "call", _watching(layer.call, watcher))
    try:
        yield
    finally:
        for layer in watchers:
            object.__delattr__(layer, "call")


def _watching(call: Callable[..., Any], watcher: Callable[[Any], None]) -> Callable[..., Any]:
    def watch(inputs: Any, *args: Any, **options: Any) -> Any:
        watcher(inputs)
        return call(inputs, *args, **options)

    return watch
