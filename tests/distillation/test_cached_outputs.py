"""A cache stands in for its teacher, and for no other data."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from distilled_nets import LOSS, data, net

from tfedge import distillation as d
from tfedge.array_files import digest_of
from tfedge.distillation.fingerprints import fingerprints
from tfedge.errors import TfedgeError
from tfedge.saved_parts import decoded, encoded

_LOGITS = "output/final_output"


def _trained(teacher, x, student, **options):
    keras.utils.set_random_seed(4)
    distiller = d.Distiller(teacher, student, [d.SoftTargets(), d.Hint("second", "second")])
    distiller.compile("adam", LOSS, **options)
    distiller.fit(x, data()[1], batch_size=16, verbose=0, shuffle=False)
    return student.get_weights()


@pytest.mark.parametrize("jit", [False, True])
def test_a_student_of_the_cache_is_the_student_of_the_teacher(tmp_path, jit):
    teacher, (x, _) = net(16), data()
    cache = d.cache_outputs(teacher, x, tmp_path, layers=["second"], batch_size=16, shard_size=32)
    assert len(list(tmp_path.glob("shard-*.npz"))) == 2
    direct = _trained(teacher, x, net(6), jit_compile=jit)
    cached = _trained(cache, cache.with_targets(x), net(6), jit_compile=jit)
    for a, b in zip(direct, cached, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_dataset_may_be_shuffled_after_it_is_joined(tmp_path):
    teacher, (x, y) = net(16), data()
    samples = tf.data.Dataset.from_tensor_slices((x, y))
    cache = d.cache_outputs(teacher, samples.batch(16), tmp_path)
    joined = cache.dataset_with_targets(samples).shuffle(64, seed=1).batch(16)
    for taught, _ in joined:
        np.testing.assert_allclose(
            taught.outputs["final_output"], teacher(taught.inputs), atol=1e-5
        )


def test_a_cache_goes_on_where_it_stopped(tmp_path):
    x, _ = data()
    asked = []

    def teacher(batch):
        tf.numpy_function(lambda b: asked.append(len(b)) or np.float32(0), [batch], tf.float32)
        return keras.ops.mean(batch, axis=(1, 2))

    first = d.cache_outputs(teacher, x, tmp_path, batch_size=16, shard_size=16)
    kept = first.with_targets(x).outputs["final_output"]
    (tmp_path / "shard-00002.npz").unlink()
    asked.clear()
    again = d.cache_outputs(teacher, x, tmp_path, batch_size=16, shard_size=16)
    assert asked == [16, 16]  # the first samples once more, to know the teacher by
    np.testing.assert_array_equal(again.with_targets(x).outputs["final_output"], kept)


@pytest.mark.parametrize("change", ["value", "order", "length"])
def test_other_data_are_refused(tmp_path, change):
    x, _ = data()
    cache = d.cache_outputs(net(16), x, tmp_path)
    other = {"value": x.copy(), "order": x[::-1], "length": x[:-1]}[change]
    if change == "value":
        other[17, 3, 3, 0] += 1e-6
    with pytest.raises(TfedgeError, match="was made from"):
        cache.with_targets(other)
    if change != "length":
        with pytest.raises(tf.errors.InvalidArgumentError, match="not the one"):
            list(cache.dataset_with_targets(tf.data.Dataset.from_tensor_slices(other)))


def test_another_teacher_or_a_broken_file_is_refused(tmp_path):
    x, _ = data()
    d.cache_outputs(net(16), x, tmp_path)
    with pytest.raises(TfedgeError, match="another teacher"):
        d.cache_outputs(net(16, seed=2), x, tmp_path)
    with pytest.raises(TfedgeError, match="no layer 'nowhere'"):
        d.cache_outputs(net(16), x, tmp_path / "b", layers=["nowhere"])
    shard = tmp_path / "shard-00000.npz"
    other = d.cache_outputs(net(16, seed=2), x, tmp_path / "b").folder
    good = shard.read_bytes()
    shard.write_bytes((other / shard.name).read_bytes())
    with pytest.raises(TfedgeError, match=r"is not of the cache that cache\.json tells of"):
        d.TeacherCache(tmp_path).with_targets(x)
    shard.write_bytes(good[:100])
    with pytest.raises(TfedgeError, match="damaged"):
        d.TeacherCache(tmp_path).with_targets(x)
    with pytest.raises(TfedgeError, match="damaged"):  # before anybody reads samples
        d.TeacherCache(tmp_path).dataset_with_targets(tf.data.Dataset.from_tensor_slices(x))
    with pytest.raises(TfedgeError, match="cannot be read"):
        d.TeacherCache(tmp_path / "nowhere")
    manifest = tmp_path / "cache.json"
    facts = json.loads(manifest.read_text())
    for changes, message in (
        ({"version": 1}, "version: one of 3 is expected, not 1"),
        ({"shards": [0]}, r"shards\[0\]: a number of samples is expected, not 0"),
        ({"outputs": {"final_output": [3]}}, r"outputs.final_output\[0\]: a name"),
        ({"layers": "all"}, 'layers: a list is expected, not "all"'),
    ):
        manifest.write_text(json.dumps({**facts, **changes}))
        with pytest.raises(TfedgeError, match=rf"cache.json: {message}.*delete the folder"):
            d.TeacherCache(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda shard: shard.update(more=shard["fingerprints"]), "it holds .*more.*, not"),
        (lambda shard: shard.update(fingerprints=np.int64(3)), "which samples it is of"),
        (lambda shard: shard.update({_LOGITS: shard[_LOGITS][1:]}), "for each of 4 samples"),
        (lambda shard: shard.update({_LOGITS: shard[_LOGITS].astype("c8")}), "not hold numbers"),
        (lambda shard: shard.update({_LOGITS: shard[_LOGITS].astype("g")}), "not hold numbers"),
        (lambda shard: shard.update({_LOGITS: shard[_LOGITS][..., None]}), "not of the cache"),
    ],
)
def test_shards_that_are_no_samples(tmp_path, change, message):
    """With the right hash, as somebody else's program may write them."""
    x = np.zeros((8, 4), np.float32)
    teacher = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    d.cache_outputs(teacher, x, tmp_path, batch_size=4, shard_size=4)
    path = tmp_path / "shard-00001.npz"
    with np.load(path) as archive:
        shard = dict(archive)
    maker = decoded(shard.pop("made_by"))
    change(shard)
    maker["content"] = digest_of(shard)
    np.savez(path, made_by=encoded(maker), **shard)
    with pytest.raises(TfedgeError, match=message):
        d.TeacherCache(tmp_path).with_targets(x)


def test_layers_may_be_called_like_anything_else_in_a_file(tmp_path):
    x = keras.Input((4,))
    y = keras.layers.Dense(3, name="fingerprints")(x)
    y = keras.layers.Dense(2, name="allow_pickle")(keras.layers.ReLU(name="file")(y))
    teacher, names = keras.Model(x, y), ["fingerprints", "file", "allow_pickle"]
    given = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    taught = d.cache_outputs(teacher, given, tmp_path, layers=names).with_targets(given)
    right = keras.Model(x, [teacher.get_layer(name).output for name in names])(given)
    for name, value in zip(names, right, strict=True):
        np.testing.assert_allclose(taught.outputs[name], value, rtol=1e-5)


def test_a_cache_says_how_to_be_used(tmp_path):
    x, y = data()
    cache = d.cache_outputs(net(16), x, tmp_path)
    distiller = d.Distiller(cache, net(6), d.SoftTargets())
    distiller.compile("adam", LOSS)
    with pytest.raises(TfedgeError, match=r"cache\.with_targets"):
        distiller.fit(x, y, verbose=0)


def test_a_cache_that_lost_its_manifest_is_whole_again(tmp_path):
    x, _ = data()
    first = d.cache_outputs(net(16), x, tmp_path, batch_size=16, shard_size=32)
    said = first.with_targets(x).outputs["final_output"]
    (tmp_path / "cache.json").unlink()
    with pytest.raises(TfedgeError):
        d.TeacherCache(tmp_path)
    with pytest.raises(TfedgeError, match="another teacher"):
        d.cache_outputs(net(16, seed=2), x, tmp_path, batch_size=16, shard_size=32)
    again = d.cache_outputs(net(16), x, tmp_path, batch_size=16, shard_size=32)
    np.testing.assert_array_equal(again.with_targets(x).outputs["final_output"], said)


class _Activated(keras.Model):
    """Does not say in its config what it does."""

    def __init__(self, activation):
        super().__init__(name="activated")
        self.activation = activation

    def call(self, inputs):
        return self.activation(keras.ops.mean(inputs, axis=(1, 2)))


def test_a_teacher_with_the_same_weights_but_another_function_is_refused(tmp_path):
    x, _ = data()
    keras.utils.set_random_seed(1)
    relu = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(3, activation="relu")])
    tanh = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(3, activation="tanh")])
    tanh.set_weights(relu.get_weights())
    d.cache_outputs(relu, x, tmp_path / "a")
    with pytest.raises(TfedgeError, match="another teacher"):
        d.cache_outputs(tanh, x, tmp_path / "a")
    d.cache_outputs(_Activated(keras.ops.relu), x, tmp_path / "b")
    with pytest.raises(TfedgeError, match="another teacher"):
        d.cache_outputs(_Activated(keras.ops.tanh), x, tmp_path / "b")


def test_a_teacher_that_is_built_again_is_known_by_what_it_does(tmp_path):
    x, _ = data()
    d.cache_outputs(net(16), x, tmp_path)
    assert d.cache_outputs(net(16), x, tmp_path).facts["complete"]


def test_samples_that_no_cache_knows_are_evaluated_without_the_teacher(tmp_path):
    x, y = data()
    student = net(6)
    distiller = d.Distiller(d.cache_outputs(net(16), x, tmp_path), student, d.SoftTargets())
    distiller.compile("adam", LOSS, ["accuracy"])
    taught = distiller.teacher.with_targets(x)
    with pytest.warns(UserWarning, match="the student's own loss"):
        history = distiller.fit(taught, y, validation_data=(x, y), verbose=0).history
    student.compile(loss=LOSS, metrics=["accuracy"])
    loss, accuracy = student.evaluate(x, y, verbose=0)
    assert history["val_loss"][0] == pytest.approx(loss, rel=1e-4)
    assert history["val_accuracy"][0] == accuracy
    assert distiller.evaluate(taught, y, verbose=0, return_dict=True)["soft_targets"] > 0


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint8", "bool"])
def test_fingerprints_tell_samples_apart(dtype):
    x = (np.arange(4000).reshape(1000, 4) % 251).astype(dtype)
    x[:, 0] = (np.arange(1000) % 2).astype(dtype)
    different = len(np.unique(x, axis=0))
    assert len(np.unique(fingerprints(x))) == different
    assert not np.array_equal(fingerprints({"a": x, "b": x[:, ::-1]}), fingerprints(x))
