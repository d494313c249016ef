"""Ranges that layers mark arrive on the tensors that they marked, and nowhere else."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfedge.errors import TfedgeError
from tfedge.markers import mark_range, marker
from tfedge_converters.export import export_keras
from tfedge_converters.graph import Range, read_model, write_model
from tfedge_converters.graph.passes.range_markers import consume_range_markers


class Marked(layers.Layer):
    """Marks what passes through it."""

    def __init__(self, low, high, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def call(self, x):
        return mark_range(x, self.low, self.high)


class MarkedDense(layers.Dense):
    """Marks its weight."""

    def call(self, x):
        return keras.ops.matmul(x, mark_range(self.kernel, -0.5, 0.75)) + self.bias


def _export(model):
    result = read_model(export_keras(model))
    return result, [operator.name for operator in result.main.operators]


def _consumed(model):
    result, _ = _export(model)
    consume_range_markers(result)
    return read_model(write_model(result)), result


def _block():
    """Input, two convolutions with batch-norm and ReLU, a residual: marked at each of them."""
    x = keras.Input((8, 8, 4), name="x")
    marked_x = Marked(-1.0, 2.0)(x)
    y = layers.Conv2D(4, 3, padding="same")(marked_x)
    y = Marked(0.0, 6.0)(layers.ReLU()(layers.BatchNormalization()(y)))
    y = layers.DepthwiseConv2D(3, padding="same")(y)
    y = Marked(0.0, 3.0)(layers.ReLU()(layers.BatchNormalization()(y)))
    z = Marked(-1.5, 2.5)(layers.Add()([marked_x, y]))
    return keras.Model(x, z)


def test_operators_between_marks_stay_fused():
    _, names = _export(_block())
    mark = "tfedge.Range"
    assert names == [mark, "CONV_2D", mark, "DEPTHWISE_CONV_2D", mark, "ADD", mark]


def test_marks_become_ranges_of_the_tensors_in_front_of_them():
    _, model = _consumed(_block())
    assert [operator.name for operator in model.main.operators] == [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "ADD",
    ]
    convolution, depthwise, add = model.main.operators
    (x,), (output,) = model.main.inputs, model.main.outputs
    assert x.range == Range(-1.0, 2.0)
    assert convolution.inputs[0] is x
    assert convolution.outputs[0].range == Range(0.0, 6.0)
    assert depthwise.inputs[0] is convolution.outputs[0]
    assert depthwise.outputs[0].range == Range(0.0, 3.0)
    assert add.inputs == [x, depthwise.outputs[0]]
    assert output is add.outputs[0]
    assert output.range == Range(-1.5, 2.5)
    marked = {id(t) for t in (x, output, convolution.outputs[0], depthwise.outputs[0])}
    assert all(tensor.range is None for tensor in model.main.tensors() if id(tensor) not in marked)


def test_marks_change_nothing_that_is_computed(run_litert):
    network = _block()
    rewritten, _ = _consumed(network)
    x = np.random.default_rng(2).normal(size=(1, 8, 8, 4)).astype(np.float32)
    (result,) = run_litert(write_model(rewritten), x)
    np.testing.assert_allclose(result, network.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_a_marked_weight_keeps_its_range():
    x = keras.Input((4,))
    _, model = _consumed(keras.Model(x, MarkedDense(3)(x)))
    (constant,) = [t for t in model.main.tensors() if t.is_constant and len(t.shape) == 2]
    assert constant.range == Range(-0.5, 0.75)


def test_a_mark_on_an_output_leaves_the_outputs_name():
    x = keras.Input((4,), name="x")
    _, model = _consumed(keras.Model(x, Marked(-3.0, 3.0, name="logits")(layers.Dense(2)(x))))
    (output,) = model.main.outputs
    assert model.signatures[0].outputs == {"logits": output}
    assert output.name == "logits"
    assert output.range == Range(-3.0, 3.0)


def test_bounds_may_be_variables_of_any_kind():
    x = keras.Input((4,))
    low, high = keras.Variable(-2.0), tf.Variable(np.float32(0.1))
    _, model = _consumed(keras.Model(x, Marked(low, high)(layers.ReLU()(x))))
    assert model.main.outputs[0].range == Range(-2.0, float(np.float32(0.1)))


def test_a_bound_that_is_computed_in_the_graph_is_refused():
    x = keras.Input((4,))

    class Computed(layers.Layer):
        def call(self, y):
            return mark_range(y, keras.ops.min(y), 1.0)

    with pytest.raises(TfedgeError, match=r"Computed\.call\(\): attribute 'lo' of marker"):
        export_keras(keras.Model(x, Computed()(x)))


def test_a_shared_layer_is_marked_at_every_call():
    left, right = keras.Input((4,)), keras.Input((4,))
    marked = Marked(-1.0, 1.0)
    _, names = _export(keras.Model([left, right], layers.Add()([marked(left), marked(right)])))
    assert names == ["tfedge.Range", "tfedge.Range", "ADD"]


def test_nothing_is_emitted_outside_an_export():
    x = np.ones((1, 3), np.float32)
    assert mark_range(x, 0, 1) is x
    traced = tf.function(lambda t: mark_range(t, 0, 1)).get_concrete_function(tf.constant(x))
    assert not [op for op in traced.graph.get_operations() if "PartitionedCall" in op.type]


def test_a_function_of_several_tensors_stays_one_operator():
    @marker("tfedge.Fused", {"epsilon": 0.5, "axis": -1, "mode": "fast", "center": True})
    def fused(x, weight):
        return keras.ops.tanh(keras.ops.matmul(x, weight)) * 2.0

    class Whole(layers.Layer):
        def build(self, shape):
            self.weight = self.add_weight(shape=(shape[-1], 5))

        def call(self, x):
            return fused(x, self.weight)

    x = keras.Input((4,))
    model, names = _export(keras.Model(x, Whole()(x)))
    assert names == ["tfedge.Fused"]
    assert [tensor.shape for tensor in model.main.operators[0].inputs] == [(1, 4), (4, 5)]
