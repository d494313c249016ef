"""What cannot be exported ends in one error that names it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import layers

import tfedge
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.export import export_keras


class Applies(layers.Layer):
    """A layer that somebody wrote."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)

    def compute_output_shape(self, shape):
        return shape


def _applying(function, name="odd"):
    return keras.Sequential([keras.Input((6,)), Applies(function, name=name)])


@pytest.mark.parametrize("thing", [42, "model.keras", None, layers.Dense(2), keras.Model, []])
def test_wrong_objects(thing):
    with pytest.raises(TfedgeError, match="a Keras model is needed, not "):
        export_keras(thing)


class Unbuilt(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2, name="inner")

    def call(self, x):
        return self.dense(x)


def test_unbuilt_models():
    for model in (keras.Sequential([layers.Dense(2)]), Unbuilt(), tf_keras.Sequential()):
        with pytest.raises(TfedgeError, match=f"model '{model.name}' has no weights yet"):
            export_keras(model, (4,))


def test_a_model_whose_layers_are_unbuilt():
    model = Unbuilt()
    model.built = True
    with pytest.raises(TfedgeError, match=r"inputs of model 'unbuilt.*' are unknown"):
        export_keras(model)
    with pytest.raises(TfedgeError, match=r"inner/kernel'.* did not exist before the export"):
        export_keras(model, (4,))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("module", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_weights_that_are_not_finite(module, value):
    model = module.Sequential([module.Input((4,)), module.layers.Dense(2, name="broken")])
    kernel, bias = model.get_weights()
    kernel[1, 1] = value
    model.set_weights([kernel, bias])
    with pytest.raises(TfedgeError, match=r"weight '.*broken/kernel.*' has 1 of 8 values"):
        export_keras(model)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (None, r"input 'photo' has shape \(None, None, 3\).*input_shapes, e.g. \(32, 32, 3\)"),
        ((1, 16, 16, 3), r"says \(1, 16, 16, 3\) for input 'photo'.*without the batch"),
        ((16, 16, 4), r"says \(16, 16, 4\) for input 'photo'"),
        ((0, 16, 3), r"sizes start at 1"),
        ((16, None, 3), r"has shape \(16, None, 3\)"),
        ("16x16", r"'16x16', which is not a shape"),
        ([(16, 16, 3), (2,)], r"the model's inputs are photo"),
        ({"image": (16, 16, 3)}, r"the model's inputs are photo"),
        ((2, 2, 3), r"fails when it is called on 'photo' \(1, 2, 2, 3\): in Conv2D\.call\(\)"),
    ],
)
def test_shapes_that_do_not_fit(shapes, message):
    x = keras.Input((None, None, 3), name="photo")
    model = keras.Model(x, layers.GlobalMaxPooling2D()(layers.Conv2D(2, 3)(x)))
    with pytest.raises(TfedgeError, match=message):
        export_keras(model, shapes)


def test_missing_arguments_of_a_subclassed_model():
    class Two(keras.Model):
        def call(self, first, second):
            return first + second

    model = Two(name="two")
    model(np.zeros((1, 3)), np.zeros((1, 3)))
    with pytest.raises(TfedgeError, match=r"model 'two' fails .*argument: 'second'"):
        export_keras(model)


def test_outputs_that_are_no_tensors():
    class Optional(keras.Model):
        def call(self, x):
            return {"a": x, "b": None}

    model = Optional()
    model(np.zeros((1, 3)))
    with pytest.raises(UnsupportedError, match="output 'b' is a NoneType"):
        export_keras(model)


def test_inputs_that_are_no_numbers():
    x = keras.Input((1,), dtype="string", name="words")
    with pytest.raises(UnsupportedError, match="input 'words' takes elements of type string"):
        export_keras(keras.Model(x, layers.Flatten()(x)))


def test_state_in_a_recurrent_layer():
    for module in (keras, tf_keras):
        x = module.Input(batch_shape=(1, 4, 5, 3))
        model = module.Model(x, module.layers.ConvLSTM1D(2, 2, stateful=True, name="memory")(x))
        with pytest.raises(UnsupportedError, match=r"memory.*stateful=False"):
            export_keras(model)


def test_state_in_a_weight_and_in_a_bare_variable():
    class Counts(layers.Layer):
        def build(self, _):
            self.count = self.add_weight(shape=(), initializer="zeros", name="count")

        def call(self, x):
            self.count.assign_add(1.0)
            return x * self.count

    with pytest.raises(UnsupportedError, match=r"changes '.*/count' during inference"):
        export_keras(keras.Sequential([keras.Input((6,)), Counts()]))
    bare = tf.Variable(1.0)
    with pytest.raises(UnsupportedError, match=r"changes a variable .*odd/AssignAdd"):
        export_keras(_applying(lambda x: x * bare.assign_add(1.0)))


def test_randomness():
    seed = keras.random.SeedGenerator(1)
    with pytest.raises(UnsupportedError, match="without state or randomness"):
        export_keras(_applying(lambda x: x + keras.random.normal((6,), seed=seed)))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: tf.raw_ops.Betainc(a=x, b=x, x=x), r"that makes 'odd'.*Betainc of float32"),
        (lambda x: tf.linalg.inv(x[:, :, None] * x[:, None]), "operator for .* MatrixInverse"),
        (lambda x: tf.boolean_mask(x, x > 0), r"odd/.*its shape \[-1, 1\] is known only at run"),
        (lambda x: x / 0 if x.shape[0] != 1 else 1 // 0, r"in Applies\.call\(\): ZeroDivision"),
    ],
)
def test_operations_are_named_by_their_layer(function, message):
    with pytest.raises(TfedgeError, match=message):
        export_keras(_applying(function))


def test_what_the_converter_itself_refuses():
    def grow(x):  # a list of tensors of unknown size
        array = tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False)
        return tf.while_loop(
            lambda i, _: i < 6, lambda i, a: (i + 1, a.write(i, x[:, :i])), [0, array]
        )[1].concat()

    with pytest.raises(UnsupportedError, match=r"converter cannot lower 'sequential.*/odd/.*'"):
        export_keras(_applying(grow))


def test_lookup_tables():
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1], [2]), 0)
    with pytest.raises(UnsupportedError, match="lookup table"):
        export_keras(_applying(lambda x: tf.cast(table.lookup(tf.cast(x, tf.int32)), tf.float32)))


def test_models_that_fail_on_numbers_alone():
    """Their trace works: what is looked up beyond the end is found by the kernel that does it."""
    x = keras.Input((6,))
    far = Applies(lambda x: keras.ops.take(x, np.full(6, 99), axis=1), name="far")
    model = keras.Model(x, far(x))
    said = rf"model '{model.name}' fails when it is called on random numbers: in Applies\.call\(\)"
    with pytest.raises(TfedgeError, match=said) as caught:
        tfedge.convert(model, calibration=np.zeros((2, 6), np.float32))
    assert "\n" not in str(caught.value) and "99 is not in [0, 6)" in str(caught.value)
