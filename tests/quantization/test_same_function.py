"""A quantised model computes what its original computes: both are compared when it is made.

`tfedge.quantize` compares both without rounding before it returns; here 8 bits are compared too,
for both could be wrong in the same way, and faults are put into builders that the comparison must
find.
"""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops
from processor_support import needs_channels_first

import tfedge
from tfedge.callbacks import QuantizationAwareTraining
from tfedge.errors import DifferenceError, UnsupportedError
from tfedge.quantization import attention, layer_table
from tfedge.quantization.phase import FLOAT

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(64, 6, 8)).astype(np.float32)
IMAGES = RNG.normal(size=(32, 8, 6, 4)).astype(np.float32)
WORDS = RNG.integers(0, 20, (64, 6)).astype(np.int32)


def _series(function):
    x = keras.Input((6, 8))
    return keras.Model(x, function(x)), SERIES


def _images(function):
    x = keras.Input((8, 6, 4))
    return keras.Model(x, function(x)), IMAGES


def _pictures(function):
    """Images of bytes, prepared as for a network of keras.applications."""
    x = keras.Input((8, 6, 3))
    data = RNG.integers(0, 256, (32, 8, 6, 3)).astype(np.float32)
    return keras.Model(x, layers.Conv2D(4, 3)(function(x))), data


def _large(function):
    x = keras.Input((130, 100, 2))
    return keras.Model(x, function(x)), RNG.normal(size=(16, 130, 100, 2)).astype(np.float32)


def _words(function):
    x = keras.Input((6,), dtype="int32")
    return keras.Model(x, function(layers.Embedding(20, 8, mask_zero=True)(x))), WORDS


def _attend(**options):
    return layers.MultiHeadAttention(2, 4, **options)


class Residual(layers.Layer):
    """A composite layer as users write them."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense, self.norm = layers.Dense(8, activation="relu"), layers.LayerNormalization()
        self.drop = layers.Dropout(0.3)

    def build(self, shape):
        self.dense.build(shape)
        self.norm.build(shape)
        self.gain = self.add_weight(shape=(8,), initializer="ones", name="gain")
        super().build(shape)

    def call(self, inputs, training=None):
        return self.gain * self.norm(self.drop(self.dense(inputs), training=training) + inputs)


class DoubledReLU(layers.ReLU):
    """Not a ReLU."""

    def call(self, inputs):
        return 2.0 * super().call(inputs)


def _doubled_by_hand():
    """A layer whose `call` its user has replaced."""
    dense = layers.Dense(8)
    dense.build((None, 6, 8))
    own = dense.call
    dense.call = lambda inputs, training=None: 2.0 * own(inputs)
    return dense


class Positions(layers.Layer):
    """Embeddings of tokens, and of where they stand."""

    def __init__(self, **options):
        super().__init__(**options)
        self.tokens, self.places = layers.Embedding(20, 8), layers.Embedding(6, 8)

    def call(self, words):
        return self.tokens(words) + self.places(ops.arange(words.shape[-1]))


def _positions():
    x = keras.Input((6,), dtype="int32")
    return keras.Model(x, layers.Dense(4)(Positions()(x))), WORDS


def _language_model(**options):
    """Where zeros are masked, only the real tensor says so."""
    words = layers.ReversibleEmbedding(20, 8, **options)
    x = keras.Input((6,), dtype="int32")
    return keras.Model(x, words(_attend()(*[words(x)] * 2), reverse=True)), WORDS


def _keys(x):
    return layers.Dense(8)(x), layers.Dense(8)(x)


def _two_masks(merge, another):
    """Some steps are masked in both operands, some in one."""
    words = keras.Input((6,), dtype="int32")
    first = layers.Embedding(20, 8, mask_zero=True)(words)
    second = layers.Embedding(20, 8, mask_zero=True)(words * (words % 2))
    unmasked = layers.Embedding(20, 8)(words)
    merged = merge()([merge()([first, second]), first, unmasked])
    return keras.Model(words, [merged, layers.GRU(4)(another()([second, first]))]), WORDS


MODELS = {
    "causal attention": lambda: _series(lambda x: _attend()(x, x, use_causal_mask=True)),
    "attention by keywords": lambda: _series(
        lambda x: _attend()(query=x, key=_keys(x)[0], value=_keys(x)[1])
    ),
    "attention of three": lambda: _series(lambda x: _attend()(x, *_keys(x))),
    "gated attention": lambda: _series(lambda x: _attend(use_gate=True)(x, x)),
    "masked attention": lambda: _words(lambda x: _attend()(x, x)),
    # Keras reads the query's mask off the tensor, and no argument in its place.
    "masked attention to another": lambda: _words(
        lambda x: _attend()(layers.Attention()([x, x, x]), x, x)
    ),
    "attention without the query's mask": lambda: _words(
        lambda x: _attend()(layers.Dense(8)(x), x, query_mask=ops.mean(x, -1) > 0)
    ),
    "attention along two axes": lambda: _images(
        lambda x: _attend(attention_axes=(1, 2))(x, x)
    ),
    "a large image, flattened": lambda: _large(
        lambda x: layers.Dense(4)(layers.Flatten()(layers.Conv2D(2, 8, strides=8)(x)))
    ),
    "masked softmax": lambda: _series(
        lambda x: layers.Softmax()(ops.mean(x, -1) * 5, mask=x[..., 0] > -1)
    ),
    "softmax of two axes": lambda: _series(layers.Softmax(axis=[1, 2])),
    "an operand twice": lambda: _series(lambda x: layers.Add()([x, _keys(x)[0], x])),
    "average of one": lambda: _series(lambda x: layers.Average()([x, x])),
    "norm along steps": lambda: _series(layers.BatchNormalization(axis=1)),
    "normalization of steps": lambda: _series(
        layers.Normalization(axis=1, mean=np.arange(6.0), variance=np.arange(1.0, 7))
    ),
    "channels first mean": lambda: _images(
        layers.GlobalAveragePooling2D(data_format="channels_first")
    ),
    "channels first resize": lambda: _images(layers.UpSampling2D(data_format="channels_first")),
    "channels first convolution": lambda: _images(
        lambda x: layers.BatchNormalization(axis=1)(
            layers.Conv2D(3, 3, data_format="channels_first")(x)
        )
    ),
    "channels first softmax": lambda: _series(
        layers.Conv1D(3, 2, data_format="channels_first", activation="softmax")
    ),
    "product of masked steps": lambda: _words(
        lambda x: layers.Multiply()(inputs=[layers.Dense(8, "sigmoid")(x), x])
    ),
    "product of different masks": lambda: _two_masks(layers.Multiply, layers.Multiply),
    "choice of different masks": lambda: _two_masks(layers.Maximum, layers.Minimum),
    "masked mean": lambda: _words(layers.GlobalAveragePooling1D()),
    "group normalization": lambda: _series(layers.GroupNormalization(4)),
    "layer norm of steps": lambda: _series(layers.LayerNormalization(axis=1)),
    "layer norm of rows and channels": lambda: _images(layers.LayerNormalization(axis=(1, 3))),
    "layer norm of axes from both ends": lambda: _series(layers.LayerNormalization(axis=[-1, 1])),
    "layer norm by deviation": lambda: _images(
        layers.LayerNormalization(axis=2, rms_scaling=True)
    ),
    "RMS norm along one axis, scaled along another": lambda: _images(
        lambda x: layers.RMSNormalization(axis=2)(x[:, :, :4])
    ),
    "length": lambda: _series(layers.UnitNormalization()),
    "length of columns": lambda: _series(layers.UnitNormalization(axis=1)),
    "length of rows and channels": lambda: _images(
        lambda x: ops.normalize(layers.UnitNormalization(axis=[1, -1])(x), axis=(1, 2))
    ),
    "cosine": lambda: _series(lambda x: layers.Dot(2, normalize=True)([x, _keys(x)[0]])),
    "uneven pooling": lambda: _images(layers.AdaptiveAveragePooling2D(4)),
    "attention with scores": lambda: _series(lambda x: layers.Attention()([x, x])),
    "attention to what was": lambda: _series(
        lambda x: layers.Attention()([x, x], use_causal_mask=True)
    ),
    "attention to words": lambda: _words(
        lambda x: layers.AdditiveAttention()([x, layers.Dense(8)(x)])
    ),
    "norm by hand": lambda: _series(
        lambda x: (x - ops.mean(x, -1, keepdims=True))
        / ops.sqrt(ops.var(x, -1, keepdims=True) + 1e-3)
    ),
    "positions": _positions,
    "words and back": lambda: _language_model(tie_weights=False),
    "words and back by one table": lambda: _language_model(logit_soft_cap=2.0),
    "masked words and back": lambda: _language_model(mask_zero=True),
    "patches": lambda: _images(lambda x: layers.Dense(4)(ops.image.extract_patches(x, (4, 2)))),
    "composite": lambda: _series(Residual()),
    "not its call": lambda: _series(_doubled_by_hand()),
    "not a relu": lambda: _series(DoubledReLU()),
    "limits and slopes": lambda: _series(layers.ReLU(max_value=2, negative_slope=0.1)),
    "functions": lambda: _series(lambda x: ops.softplus(ops.selu(x)) - ops.square(x)),
    "largest": lambda: _images(lambda x: ops.top_k(layers.Dense(6)(x), 2)[0]),
    "choice": lambda: _series(lambda x: ops.where(x > 0, x, 0.1 * x)),
    "arithmetic": lambda: _images(lambda x: layers.Dense(3)(x / 127.5 - 1)),
    "pictures for VGG": lambda: _pictures(keras.applications.vgg16.preprocess_input),
    "pictures for MobileNet": lambda: _pictures(keras.applications.mobilenet_v2.preprocess_input),
    "pictures for DenseNet": lambda: _pictures(keras.applications.densenet.preprocess_input),
    "augmentation": lambda: _images(
        lambda x: layers.Conv2D(3, 3)(layers.RandomFlip()(layers.GaussianNoise(0.3)(x)))
    ),
}  # fmt: skip


def decibels(found, wanted):
    """Signal to noise."""
    return 10 * np.log10(np.mean(wanted**2) / np.mean((found - wanted) ** 2))


@pytest.mark.parametrize("name", MODELS)
def test_eight_bits_are_the_model_up_to_rounding(name):
    if name.startswith("channels first"):
        needs_channels_first()
    keras.utils.set_random_seed(0)
    model, data = MODELS[name]()
    quantized = tfedge.quantize(model, calibration=data)
    found, wanted = (
        np.asarray(keras.tree.flatten(one(data, training=False))[0]) for one in (quantized, model)
    )
    assert found.shape == wanted.shape
    assert decibels(found, wanted) > 24


def test_the_future_stays_hidden():
    model, data = MODELS["causal attention"]()
    quantized = tfedge.quantize(model, calibration=data)
    other = data[:1].copy()
    other[:, 4:] += 3
    before, after = (np.asarray(quantized(x, training=False)) for x in (data[:1], other))
    np.testing.assert_array_equal(before[:, :4], after[:, :4])


@pytest.mark.parametrize("cell", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_steps_that_are_masked_change_nothing(cell):
    keras.utils.set_random_seed(0)
    model, data = _words(cell(5))
    quantized = tfedge.quantize(model, calibration=data)
    found, wanted = (np.asarray(one(data, training=False)) for one in (quantized, model))
    assert decibels(found, wanted) > 20


def test_masked_steps_that_return_zeros():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 5, 3)).astype(np.float32)
    mask = rng.random((8, 5)) > 0.5
    inputs = [keras.Input(x.shape[1:]), keras.Input(mask.shape[1:], dtype="bool")]
    names = ["unroll", "go_backwards", "return_sequences"]
    forms = [dict(zip(names, on, strict=True)) for on in itertools.product([False, True], repeat=3)]
    cells = itertools.cycle([layers.LSTM, layers.GRU, layers.SimpleRNN])
    outputs = [
        cell(4, zero_output_for_mask=True, **form)(inputs[0], mask=inputs[1])
        for form, cell in zip(forms, cells, strict=False)
    ]
    model = keras.Model(inputs, outputs)
    quantized = tfedge.quantize(model)
    quantized.set_phase(FLOAT)
    found, wanted = (one([x, mask], training=False) for one in (quantized, model))
    for form, one, other in zip(forms, found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5, err_msg=str(form))


# Of real numbers, a mask and small integers, as Keras casts them to compute.
MIXED = {
    "product": lambda x, mask, count: x * mask,
    "product from the left": lambda x, mask, count: ops.multiply(mask, x),
    "sum": lambda x, mask, count: x + count,
    "difference": lambda x, mask, count: count - x,
    "layers": lambda x, mask, count: layers.Add()([layers.Multiply()([x, count]), mask]),
    "least": lambda x, mask, count: ops.minimum(x, mask),
    "least of a comparison": lambda x, mask, count: ops.minimum(x, x > 0),
    "beside each other": lambda x, mask, count: ops.concatenate([x, count, mask], axis=-1),
    "stack": lambda x, mask, count: ops.stack([mask, x], axis=-1),
    "matrix product": lambda x, mask, count: ops.matmul(count, ops.transpose(x, (0, 2, 1))),
    "dot": lambda x, mask, count: layers.Dot(axes=2)([x, mask]),
    "dense": lambda x, mask, count: layers.Dense(3)(count),
    "choice": lambda x, mask, count: ops.where(mask, x, count),
    "choice of the mask": lambda x, mask, count: ops.where(mask, x, mask),
    "fraction": lambda x, mask, count: count / 3 + x,
}


def test_integers_and_masks_among_numbers():
    keras.utils.set_random_seed(0)
    inputs = [keras.Input((3, 4), dtype=kind) for kind in ("float32", "bool", "int32")]
    model = keras.Model(inputs, [make(*inputs) for make in MIXED.values()])
    rng = np.random.default_rng(0)
    data = [
        rng.normal(size=(32, 3, 4)).astype(np.float32),
        rng.random((32, 3, 4)) > 0.5,
        rng.integers(0, 5, (32, 3, 4), dtype=np.int32),
    ]
    quantized = tfedge.quantize(model, calibration=data)
    found, wanted = quantized.predict(data, verbose=0), model.predict(data, verbose=0)
    for name, one, other in zip(MIXED, found, wanted, strict=True):
        assert decibels(one, other) > 25, name
    artifact = tfedge.convert(quantized)
    for name, one, other in zip(MIXED, artifact.predict(data), found, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_integers_that_do_not_convert_are_refused_when_the_model_is_built():
    x = keras.Input((5,))
    model = keras.Model(x, layers.Embedding(7, 3)(ops.cast(x, "int32")))
    with pytest.raises(UnsupportedError, match=r"could train for integers, but not be converted"):
        tfedge.quantize(model)


def test_of_several_layers_the_one_that_does_not_convert_is_named():
    x = keras.Input((3, 3))
    outputs = [ops.selu(x), ops.det(x), ops.expm1(x)]
    with pytest.raises(UnsupportedError, match=r"\(Det\) could train for integers, but not be"):
        tfedge.quantize(keras.Model(x, outputs), unknown="float")


def test_augmentation_acts_in_training_alone():
    model, data = MODELS["augmentation"]()
    quantized = tfedge.quantize(model, calibration=data)
    once, again = (np.asarray(quantized(data, training=False)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert (np.asarray(quantized(data, training=True)) != once).any()


# What leaves something out in training.
DROPPED = {
    "heads": lambda x: _attend(dropout=0.5)(x, x),
    "scores": lambda x: layers.Attention(use_scale=True, dropout=0.5)([x, x]),
    "sums of scores": lambda x: layers.AdditiveAttention(dropout=0.5)([x, x]),
    "features": lambda x: layers.GRU(4, dropout=0.5)(x),
    "states of an LSTM": lambda x: layers.LSTM(4, recurrent_dropout=0.5)(x),
    "states of a GRU": lambda x: layers.GRU(4, recurrent_dropout=0.5, reset_after=False)(x),
    "states": lambda x: layers.Bidirectional(layers.SimpleRNN(4, recurrent_dropout=0.5))(x),
    "features of masked steps": lambda x: layers.LSTM(4, dropout=0.5)(layers.Masking()(x)),
}


@pytest.mark.parametrize("name", DROPPED)
def test_dropout_acts_in_training_as_it_does_in_the_model(name):
    """Outputs go as far from those of inference; two steps of training differ."""
    keras.utils.set_random_seed(0)
    model, data = _series(DROPPED[name])
    quantized = tfedge.quantize(model, calibration=data)
    far = []
    for one in (quantized, model):
        still, once, again = (np.asarray(one(data, training=flag)) for flag in (False, True, True))
        assert (once != again).any()
        far.append(np.abs(once - still).mean())
    assert 0.6 < far[0] / far[1] < 1.4


def test_dropout_that_would_be_lost_is_refused():
    model, _ = _series(layers.RNN(layers.GRUCell(4, recurrent_dropout=0.5)))
    with pytest.raises(UnsupportedError, match=r"layer 'rnn.* dropout of states.*set it to 0"):
        tfedge.quantize(model)


BARE = {"center": False, "scale": False}
# What no device computes of a normalisation, or Keras computes by chance.
REFUSED_NORMS = {
    "batch": ((6, 8), layers.LayerNormalization(axis=(0, 1), **BARE), "along the batch"),
    "all": ((6, 8), lambda x: ops.normalize(x, axis=None), "along the batch"),
    "sum of sizes": ((6, 8), lambda x: ops.normalize(x, order=1), "a length of order 1"),
    "no small length": ((6, 8), lambda x: ops.normalize(x, epsilon=0.1), "no length below 0.1"),
    "open": ((None, 8), layers.LayerNormalization(axis=1, **BARE), "has open sizes"),
    "scale": ((6, 6, 6), layers.RMSNormalization(axis=(1, 2)), "puts its scale along the last"),
}


def test_products_that_are_rounded_to_16_bits_are_refused():
    model, _ = _language_model(reverse_dtype="float16")
    with pytest.raises(UnsupportedError, match=r"layer 'revers.* to float16 \(reverse_dtype\)"):
        tfedge.quantize(model)


def test_the_largest_in_whatever_order_are_refused():
    model, _ = _series(lambda x: ops.top_k(x, 2, sorted=False)[0])
    with pytest.raises(UnsupportedError, match=r"operation 'top_k.* \(sorted=False\)"):
        tfedge.quantize(model)


@pytest.mark.parametrize("name", REFUSED_NORMS)
def test_normalisations_that_are_none_of_rows_are_refused(name):
    shape, norm, words = REFUSED_NORMS[name]
    x = keras.Input(shape)
    with pytest.raises(UnsupportedError, match=f" '(layer|rms|normalize).* {words}"):
        tfedge.quantize(keras.Model(x, norm(x)))


def test_outputs_keep_their_names():
    x = keras.Input((8,))
    head = keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="head")
    shown = layers.ReLU(name="shown")(layers.Dense(4)(x))
    quantized = tfedge.quantize(keras.Model(x, [head(shown), shown]))
    assert quantized.output_names == ["head", "shown"]


def test_towers_of_layers_with_the_same_names_are_quantised():
    def tower():
        return keras.Sequential(
            [keras.Input((8,)), layers.Dense(4, name="dense"), layers.Dense(4, name="dense_1")]
        )

    x = keras.Input((8,))
    tfedge.quantize(keras.Model(x, layers.Add()([tower()(x), tower()(x)])))


class OwnStep(keras.Model):
    """Trains in its own way."""

    def train_step(self, data):
        return super().train_step(data)


def test_training_of_its_own_is_not_lost():
    x = keras.Input((8,))
    with pytest.raises(UnsupportedError, match=r"train_step.*QuantizationAwareTraining"):
        tfedge.quantize(OwnStep(x, layers.Dense(3)(x)))


def _swapped(make):
    def function(a, b):
        return b - a

    return layer_table.binary_chain("SUB", None, function, make, make.activation)


def _row(name, **changes):
    return dataclasses.replace(layer_table.LAYERS[name], **changes)


FAULTS = {
    "a mask that is dropped": (
        lambda patch: patch.setattr(attention, "_mask", lambda make: None),
        MODELS["causal attention"],
    ),
    "operands that are swapped": (
        lambda patch: patch.setitem(
            layer_table.LAYERS, "Subtract", _row("Subtract", build=_swapped)
        ),
        lambda: _series(lambda x: layers.Subtract()([x, _keys(x)[0]])),
    ),
    "an axis that is ignored": (
        lambda patch: patch.setitem(
            layer_table.LAYERS,
            "BatchNormalization",
            _row("BatchNormalization", build=lambda make: make.own("MUL", lambda x: x[0])),
        ),
        lambda: _series(lambda x: _shaken(layers.BatchNormalization(axis=1))(x)),
    ),
}


def _shaken(norm):
    norm.build((None, 6, 8))
    for weight in norm.weights:
        weight.assign(RNG.uniform(0.5, 1.5, weight.shape))
    return norm


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_builders_are_found(fault, monkeypatch):
    inject, make = FAULTS[fault]
    model, _ = make()
    inject(monkeypatch)
    with pytest.raises(DifferenceError, match="layer '"):
        tfedge.quantize(model)


def test_the_proof_can_be_left_out(monkeypatch):
    inject, make = FAULTS["a mask that is dropped"]
    inject(monkeypatch)
    model, data = make()
    tfedge.quantize(model, check=False)
    model.compile("sgd", "mse")
    with pytest.raises(DifferenceError):
        model.fit(data, data, callbacks=[QuantizationAwareTraining()], verbose=0)
    model.fit(data, data, callbacks=[QuantizationAwareTraining(check=False)], verbose=0)
