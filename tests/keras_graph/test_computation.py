"""A model as calls: what is called, with which arguments, in which order."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.keras_graph.computation import Constant, computation_of
from tfedge.keras_graph.kinds import activation_name, kind_of
from tfedge.keras_graph.reading import changed_attributes, given_arguments, unread
from tfedge.keras_graph.tracing import graph_inside


def _kinds(model):
    return [type(call.operation).__name__ for call in computation_of(model).calls]


def test_operands_count_as_often_as_they_occur():
    x = keras.Input((4,))
    (call,) = computation_of(keras.Model(x, layers.Average()([x, x, x]))).calls
    assert len(call.operands) == 3
    assert len(set(map(id, call.operands))) == 1


def test_arguments_keep_their_names():
    query, key = keras.Input((3, 4), name="q"), keras.Input((5, 4), name="k")
    attend = layers.MultiHeadAttention(1, 2)
    made = attend(key=key, value=key, query=query, use_causal_mask=True)
    computation = computation_of(keras.Model([query, key], made))
    (call,) = computation.calls
    named = {name: call.arguments[name].name for name in ("query", "key", "value")}
    assert named == {"query": "q", "key": "k", "value": "k"}
    assert given_arguments(call) == {
        "value": call.arguments["value"],
        "key": call.arguments["key"],
        "use_causal_mask": True,
    }


def test_masks_that_keras_passes_on_are_operands():
    ids = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(ids)
    attend = layers.MultiHeadAttention(1, 2)
    computation = computation_of(keras.Model(ids, layers.LSTM(3)(attend(x, layers.Dense(4)(x)))))
    calls = {type(call.operation).__name__: call for call in computation.calls}
    assert {"query_mask", "value_mask"} <= set(calls["MultiHeadAttention"].arguments)
    assert calls["LSTM"].arguments["mask"] is not None
    assert "NotEqual" in calls


@pytest.mark.parametrize(
    ("operation", "keeps"),
    [
        (lambda x: ops.swapaxes(x, -1, 2), True),
        (lambda x: ops.cast(x, "float32"), True),
        (lambda x: ops.swapaxes(x, 1, 2), False),
        (lambda x: ops.roll(x, 0, axis=1), False),
        (lambda x: ops.abs(x), False),
    ],
)
def test_an_operation_that_returns_its_operand_keeps_the_mask_as_keras_does(operation, keeps):
    ids = keras.Input((4,), dtype="int32")
    x = operation(layers.Embedding(9, 4, mask_zero=True)(ids))
    model = keras.Model(ids, layers.MultiHeadAttention(1, 2)(x, x))
    *_, attend = computation_of(model).calls
    assert (attend.arguments.get("value_mask") is not None) == keeps
    other = np.array([[1, 2, 0, 0]])
    table = model.layers[1].embeddings
    before = np.asarray(model(other))
    table.assign(ops.concatenate([table[:1] + 5.0, table[1:]]))
    # What is masked is not attended to, so the steps that are left come out the same.
    assert np.allclose(np.asarray(model(other))[:, :2], before[:, :2], atol=1e-6) == keeps


def test_sizes_within_attention_are_known():
    x = keras.Input((3, 6))
    grouped = layers.GroupQueryAttention(3, 2, 1)
    value = grouped(x, x)
    model = keras.Model(x, layers.MultiHeadAttention(2, 3)(x, value, x))

    def inside(call):
        if call.operation is not grouped:
            return None
        return graph_inside(grouped, call.args, call.kwargs)

    *_, attend = computation_of(model, inside).calls
    assert [one.spec.shape for one in attend.operands] == [(None, 3, 6)] * 3


def test_nested_and_shared_models_are_inlined():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.ReLU()])
    x = keras.Input((4,))
    assert _kinds(keras.Model(x, inner(inner(x)))) == ["Dense", "ReLU", "Dense", "ReLU"]


class Doubled(keras.Model):
    """Not its graph: it doubles what the graph returns."""

    def call(self, inputs, training=None):
        return 2.0 * super().call(inputs)


def test_a_functional_subclass_with_a_call_of_its_own_is_not_its_graph():
    x = keras.Input((4,))
    assert _kinds(Doubled(x, layers.Dense(3)(x))) == ["Dense", "Multiply"]


class Scaled(layers.Layer):
    """A layer with weights of its own, which its code transforms before it uses them."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")
        super().build(shape)

    def call(self, inputs):
        return self.scale * inputs + ops.reshape(self.scale, (1, -1))


def test_what_follows_from_weights_alone_is_computed_when_it_is_used():
    x = keras.Input((4,))
    layer = Scaled()
    model = keras.Model(x, layer(x))

    def inside(call):
        return (
            graph_inside(call.operation, call.args, call.kwargs)
            if call.operation is layer
            else None
        )

    calls = computation_of(model, inside).calls
    assert [type(call.operation).__name__ for call in calls] == ["Multiply", "Add"]
    constant = calls[1].args[1]
    assert isinstance(constant, Constant)
    layer.scale.assign(np.full(4, 3.0))
    np.testing.assert_array_equal(constant.value(), np.full((1, 4), 3.0))


class Reader(layers.Layer):
    """Reads the weights of a layer inside it."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(4)

    def build(self, shape):
        self.inner.build(shape)
        super().build(shape)

    def call(self, inputs):
        return inputs * self.inner.kernel[0]


class Noisy(layers.Layer):
    """Does something in training alone."""

    def call(self, inputs, training=None):
        return inputs + 1.0 if training else inputs


class NoisyByShape(layers.Layer):
    """Does something in training alone that only runs on real tensors."""

    def call(self, inputs, training=None):
        return inputs + keras.random.normal(ops.shape(inputs)) if training else inputs


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Reader(), "weights of layers in it"),
        (Noisy(), "something in training"),
        (NoisyByShape(), "something in training"),
    ],
)
def test_code_that_would_be_frozen_or_lost_is_refused(layer, words):
    x = keras.Input((4,))
    layer.build((None, 4))
    with pytest.raises(UnsupportedError, match=words):
        graph_inside(layer, [x], {})


class SlowDense(layers.Dense):
    """Computes something else than its base."""

    def call(self, inputs):
        return super().call(inputs) * 2


class NamedDense(layers.Dense):
    """Its base, with another constructor."""

    def __init__(self, units=3, **options):
        super().__init__(units, **options)


def relu(x):
    """Not Keras' function of this name."""
    return x * 2


def test_only_what_computes_as_keras_does_is_of_its_kind():
    assert kind_of(layers.Dense(3)) == kind_of(NamedDense()) == "Dense"
    assert kind_of(SlowDense(3)) is None
    assert activation_name(layers.Dense(3, activation="relu")) == "relu"
    assert activation_name(layers.Dense(3, activation=relu)) is None
    assert activation_name(layers.Dense(3, activation=layers.ReLU(6))) == "relu6"
    assert activation_name(layers.Dense(3, activation=layers.ReLU(4))) is None


def test_what_nobody_reads_is_named():
    x = keras.Input((4, 4))
    layer = layers.Softmax(axis=1)
    layer(x)
    assert changed_attributes(layer) == {"axis": 1}
    (call,) = computation_of(keras.Model(x, layers.Softmax(axis=1)(x))).calls
    from tfedge.keras_graph.reading import Reads

    assert unread(call, Reads.of(["axis"])) == ""
    assert unread(call, Reads.of([])) == "axis=1"
    assert changed_attributes(layers.Conv2D(3, 3, data_format="channels_first")) == {
        "data_format": "channels_first"
    }


def test_models_that_cannot_be_read_are_refused():
    with pytest.raises(TfedgeError, match="not built"):
        computation_of(keras.Sequential([layers.Dense(3)]))
