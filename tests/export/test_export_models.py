"""Every kind of Keras model comes out with its outputs, names and order, at batch 1."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
import tf_keras
from keras import layers

from tfedge_converters.export import export_keras
from tfedge_converters.graph import TensorType, read_model

IMAGE = (8, 8, 3)


def _sequential(shape, *parts):
    return keras.Sequential([keras.Input(shape, name="x"), *parts])


def _dense():
    return _sequential((10,), layers.Dense(6, activation="relu"), layers.Dense(3, name="out"))


def _conv_bn_relu():
    return _sequential(IMAGE, layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU())


def _depthwise():
    return _sequential(IMAGE, layers.DepthwiseConv2D(3, depth_multiplier=2))


def _separable():
    return _sequential(IMAGE, layers.SeparableConv2D(5, 3), layers.GlobalAveragePooling2D())


def _conv1d():
    return _sequential((12, 3), layers.Conv1D(4, 3, padding="causal"), layers.MaxPooling1D())


def _conv2d_transpose():
    return _sequential(IMAGE, layers.Conv2DTranspose(4, 3, strides=2, padding="same"))


def _residual_add():
    x = keras.Input(IMAGE)
    y = layers.Conv2D(3, 3, padding="same")(x)
    return keras.Model(x, layers.ReLU()(layers.Add()([x, y])))


def _concat():
    x = keras.Input(IMAGE)
    return keras.Model(x, layers.Concatenate()([layers.Conv2D(2, 1)(x), layers.Conv2D(3, 1)(x)]))


def _nested_functional():
    x = keras.Input(IMAGE)
    backbone = keras.Model(x, layers.Conv2D(4, 3, activation="relu")(x), name="backbone")
    y = keras.Input(IMAGE)
    return keras.Model(y, layers.Dense(2)(layers.Flatten()(backbone(y))))


def _sequential_without_input():
    model = keras.Sequential([layers.Flatten(), layers.Dense(4)])
    model.build((None, *IMAGE))
    return model


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3)
        self.dense = layers.Dense(2)

    def call(self, image):
        return {"logits": self.dense(keras.ops.mean(self.conv(image), (1, 2)))}


def _subclassed():
    model = Subclassed()
    model(np.zeros((5, *IMAGE), np.float32))
    return model


def _several_ends():
    zeta, alpha = keras.Input((4,), name="zeta"), keras.Input((6,), name="alpha")
    both = layers.Concatenate()([zeta, alpha])
    return keras.Model(
        [zeta, alpha], [layers.Dense(3, name="z")(both), layers.Dense(2, name="a")(both)]
    )


def _shared_layer():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    dense = layers.Dense(3)
    return keras.Model([left, right], layers.Subtract()([dense(left), dense(right)]))


def _tf_keras():
    x = tf_keras.Input(IMAGE, name="x")
    y = tf_keras.layers.DepthwiseConv2D(3)(tf_keras.layers.Conv2D(4, 3, activation="relu")(x))
    return tf_keras.Model(x, tf_keras.layers.BatchNormalization(name="bn")(y))


def _output_is_input():
    x = keras.Input((4,), name="x")
    return keras.Model(x, [x, layers.ReLU(name="relu")(x)])


BUILDERS = {
    build.__name__.removeprefix("_"): build
    for build in (
        _dense,
        _conv_bn_relu,
        _depthwise,
        _separable,
        _conv1d,
        _conv2d_transpose,
        _residual_add,
        _concat,
        _nested_functional,
        _sequential_without_input,
        _subclassed,
        _several_ends,
        _shared_layer,
        _tf_keras,
        _output_is_input,
    )
}


def _randomise(model):
    """Biases and statistics of a fresh model are zeros and ones, which hide mistakes."""
    generator = np.random.default_rng(3)
    model.set_weights([generator.uniform(0.1, 1.0, w.shape) for w in model.get_weights()])


@functools.cache
def _exported(name):
    model = BUILDERS[name]()
    _randomise(model)
    return model, export_keras(model)


def _predict(model, inputs):
    result = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    if isinstance(result, dict):
        return list(result.values())
    return result if isinstance(result, list) else [result]


def assert_close(actual, expected):
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", BUILDERS)
def test_the_file_computes_what_the_model_predicts(name, run_litert):
    model, data = _exported(name)
    generator = np.random.default_rng(5)
    inputs = [
        generator.normal(size=tensor.shape).astype(np.float32)
        for tensor in read_model(data).main.inputs
    ]
    for result, expected in zip(run_litert(data, *inputs), _predict(model, inputs), strict=True):
        assert_close(result, expected)


@pytest.mark.parametrize("name", BUILDERS)
def test_nothing_is_dynamic_and_everything_float32(name):
    model = read_model(_exported(name)[1])
    (signature,) = model.signatures
    assert list(signature.inputs.values()) == model.main.inputs
    assert list(signature.outputs.values()) == model.main.outputs
    for tensor in (*model.main.inputs, *model.main.outputs):
        assert tensor.shape[0] == 1
        assert tensor.type is TensorType.FLOAT32
    assert all(tensor.shape_signature is None for tensor in model.main.tensors())
    codes = {operator.code for operator in model.main.operators}
    assert not codes & {"SHAPE", "PACK", "VAR_HANDLE", "READ_VARIABLE", "CUSTOM", "QUANTIZE"}


def test_batch_norm_and_activation_are_fused():
    model = read_model(_exported("conv_bn_relu")[1])
    assert [operator.code for operator in model.main.operators] == ["CONV_2D"]


def test_names_and_order_are_the_models():
    (signature,) = read_model(_exported("several_ends")[1]).signatures
    assert list(signature.inputs) == ["zeta", "alpha"]
    assert list(signature.outputs) == ["z", "a"]
    assert [tensor.name for tensor in signature.graph.inputs] == ["zeta", "alpha"]
    assert [tensor.name for tensor in signature.graph.outputs] == ["z", "a"]


def test_outputs_of_a_dict_are_called_by_their_keys():
    x = keras.Input((4,), name="x")
    model = keras.Model({"x": x}, {"b": layers.ReLU()(x), "a": layers.Dense(2)(x)})
    (signature,) = read_model(export_keras(model)).signatures
    assert {name: tensor.shape for name, tensor in signature.outputs.items()} == {
        "a": (1, 2),
        "b": (1, 4),
    }


def test_tensors_are_called_after_the_layers_that_make_them():
    x = keras.Input((4,))
    y = layers.Dense(4, name="dense_1", activation="tanh")(layers.Dense(4, name="dense")(x))
    model = read_model(export_keras(keras.Model(x, layers.Softmax(name="end")(y), name="net")))
    first, second, *_ = (operator.outputs[0].name for operator in model.main.operators)
    assert first.startswith("net/dense/")
    assert second.startswith("net/dense_1/")
    names = [tensor.name for tensor in model.main.tensors()]
    assert len(names) == len(set(names))


def test_layers_may_have_names_that_tensorflow_takes_for_no_scope():
    x = keras.Input((4,), name="ein gang")
    y = layers.Dense(4, name="größe 1", activation="tanh")(x)
    y = layers.Dense(4, name="a>>b", activation="tanh")(y)
    model = read_model(export_keras(keras.Model(x, layers.Dense(2, name="c;d")(y), name="_n")))
    (signature,) = model.signatures
    assert list(signature.inputs) == ["ein gang"]
    made = [operator.outputs[0].name for operator in model.main.operators]
    assert made[0].startswith("_n/größe 1/")
    assert made[2].startswith("_n/a>>b/")


def test_the_same_model_gives_the_same_bytes():
    model, data = _exported("nested_functional")
    assert export_keras(model) == data


@pytest.mark.parametrize("functional", [True, False])
def test_token_ids_are_integers(functional, run_litert):
    ids = np.array([[1, 5, 2]], np.int32)
    body = [layers.Embedding(7, 4), layers.Flatten(), layers.Dense(2, name="out")]
    if functional:
        body.insert(0, keras.Input((3,), dtype="int32"))
    model = keras.Sequential(body)
    expected = model(ids)  # builds the one without an input, for which Keras records floats
    data = export_keras(model)
    (tensor,) = read_model(data).main.inputs
    assert tensor.type is TensorType.INT32
    (result,) = run_litert(data, ids)
    assert_close(result, np.asarray(expected))


def test_adding_vectors_takes_one_operator():
    left, right = keras.Input((4,)), keras.Input((4,))
    model = read_model(export_keras(keras.Model([left, right], left + right)))
    assert [operator.code for operator in model.main.operators] == ["ADD"]


def test_a_size_that_the_model_leaves_open_is_given():
    x = keras.Input((None, None, 3), name="photo")
    model = keras.Model(x, layers.GlobalMaxPooling2D()(layers.Conv2D(2, 3)(x)))
    for shapes in ((16, 12, 3), [(16, 12, 3)], {"photo": (16, 12, 3)}):
        (tensor,) = read_model(export_keras(model, shapes)).main.inputs
        assert tensor.shape == (1, 16, 12, 3)


class TwoArguments(keras.Model):
    def call(self, first, second):
        return first - second[..., :2]


def test_shapes_by_argument_of_a_subclassed_models_call(run_litert):
    model = TwoArguments()
    model(np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32))
    data = export_keras(model, {"first": (2,), "second": (3,)})
    assert list(read_model(data).signatures[0].inputs) == ["first", "second"]
    (result,) = run_litert(data, np.full((1, 2), 5, np.float32), np.ones((1, 3), np.float32))
    assert_close(result, np.full((1, 2), 4, np.float32))


class TfKerasSubclassed(tf_keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf_keras.layers.Dense(2)

    def call(self, parts):
        return self.dense(parts["a"]) + parts["b"]


def test_a_subclassed_tf_keras_model_knows_its_last_call(run_litert):
    model = TfKerasSubclassed()
    inputs = {"a": np.ones((1, 3), np.float32), "b": np.ones((1, 2), np.float32)}
    expected = model(inputs)
    (result,) = run_litert(export_keras(model), inputs["a"], inputs["b"])
    assert_close(result, np.asarray(expected))
