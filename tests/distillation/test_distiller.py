"""Students learn from teachers of every kind, and stay models of their own."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
from distilled_nets import CLASSES, LOSS, SHAPE, data, net
from interpreters.dying_models import aborting
from random_graphs import random_model

import tfedge
from tfedge import distillation as d
from tfedge.callbacks import DistillationSchedule
from tfedge.errors import TfedgeError
from tfedge_converters.graph import write_model
from tfedge_converters.interpreters import InterpreterDiedError


def features():
    """One loss of every kind; each fits the student that it first sees."""
    return [
        d.SoftTargets(),
        d.Hint("second", "second"),
        d.AttentionTransfer("first", "first"),
        d.SimilarityPreserving("mean", "mean"),
        d.RelationalDistance(),
        d.RelationalAngle(),
        d.Contrastive("mean", "second"),
    ]


def _fitted(distiller, epochs=1, **options):
    distiller.compile(keras.optimizers.Adam(1e-2), LOSS, metrics=["accuracy"], **options)
    return distiller.fit(*data(), batch_size=16, epochs=epochs, shuffle=False, verbose=0).history


@pytest.fixture(scope="module")
def teacher():
    model = net(16, name="taught_before")
    model.compile("adam", LOSS)
    model.fit(*data(256), epochs=6, verbose=0)
    return model


@pytest.mark.parametrize("kind", [d.Distiller, keras.distillation.Distiller])
def test_all_losses_train_in_our_distiller_and_in_keras_own(kind, teacher):
    student = net(6)
    losses = features()
    distiller = kind(teacher, student, losses)
    projection = losses[1].projection.numpy()
    history = _fitted(distiller, epochs=3)
    assert history["loss"][-1] < history["loss"][0]
    assert not np.array_equal(projection, losses[1].projection.numpy())


def test_a_student_comes_to_agree_with_its_teacher(teacher):
    history = _fitted(d.Distiller(teacher, net(8), d.SoftTargets(2.0), alpha=0.9), epochs=12)
    assert history["agreement"][-1] > max(0.8, history["agreement"][0])
    assert history["alpha"] == pytest.approx([0.9] * 12)
    assert {"soft_targets", "student_loss", "distillation_loss", "accuracy"} <= set(history)


def test_the_teacher_does_not_move(teacher):
    before = [w.copy() for w in teacher.get_weights()]
    _fitted(d.Distiller(teacher, net(8), features()))
    for old, new in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_student_saves_and_converts_by_itself(teacher, tmp_path):
    distiller = d.Distiller(teacher, net(8), d.SoftTargets())
    _fitted(distiller)
    distiller.student.save(tmp_path / "student.keras")
    again = keras.models.load_model(tmp_path / "student.keras")
    x, _ = data()
    np.testing.assert_array_equal(again.predict(x, verbose=0),
                                  distiller.student.predict(x, verbose=0))  # fmt: skip
    assert tfedge.convert(again, calibration=x).flatbuffer


def test_a_distiller_saves_with_its_losses(teacher, tmp_path):
    distiller = d.Distiller(teacher, net(8), [d.SoftTargets(3.0), d.Hint("second", "second")])
    _fitted(distiller)
    distiller.save(tmp_path / "distiller.keras")
    again = keras.models.load_model(tmp_path / "distiller.keras")
    assert [type(loss) for loss in again.distillation_losses] == [d.SoftTargets, d.Hint]
    np.testing.assert_array_equal(
        again.distillation_losses[1].projection, distiller.distillation_losses[1].projection
    )


def test_a_file_has_its_teacher_in_it(teacher):
    """It names no other file, which would be read from this computer."""
    config = d.Distiller(teacher, net(8), d.SoftTargets()).get_config()
    assert d.Distiller.from_config(config).teacher.name == teacher.name
    with pytest.raises(TfedgeError, match="the distiller's teacher is no Keras model"):
        d.Distiller.from_config({**config, "teacher": "teacher.tflite"})


def test_a_saved_distiller_goes_on_as_if_it_had_not_stopped(teacher, tmp_path):
    """Weights of the student, of a projection, and what the optimizer remembers."""

    def distiller():
        keras.utils.set_random_seed(7)
        return d.Distiller(teacher, net(8), [d.SoftTargets(3.0), d.Hint("second", "second")])

    whole, stopped = distiller(), distiller()
    _fitted(whole, epochs=2)
    _fitted(stopped)
    stopped.save(tmp_path / "distiller.keras")
    again = keras.models.load_model(tmp_path / "distiller.keras")
    again.fit(*data(), batch_size=16, shuffle=False, verbose=0)
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_without_labels(teacher):
    distiller = d.Distiller(teacher, net(8), d.SoftTargets(), alpha=1.0)
    distiller.compile(keras.optimizers.Adam(1e-2))
    history = distiller.fit(data()[0], batch_size=16, epochs=8, verbose=0).history
    assert history["agreement"][-1] > 0.6


@pytest.mark.parametrize("weights", [None, [3, 1], "accuracy", "confidence"])
def test_ensembles_average_probabilities(weights, teacher):
    other = net(12, 5)
    x, y = data()
    ensemble = d.Ensemble([teacher, other], weights, validation=(x, y))
    said = keras.ops.softmax(ensemble(x))
    parts = [np.asarray(keras.ops.softmax(m(x))) for m in (teacher, other)]
    shares = np.reshape(ensemble.shares, (2, 1, 1))
    if weights == "confidence":
        sure = np.stack([p.max(-1, keepdims=True) for p in parts])
        shares = sure / sure.sum(0)
    np.testing.assert_allclose(said, (shares * np.stack(parts)).sum(0), atol=1e-5)


def test_each_teacher_apart(teacher):
    both = d.Ensemble([teacher, net(12, 5)], separate=True)
    history = _fitted(d.Distiller(both, net(8), d.EachTeacher(d.SoftTargets())))
    assert np.isfinite(history["loss"]).all()


def test_teachers_of_every_kind(teacher, tmp_path):
    import tf_keras

    x, _ = data(8)
    old = tf_keras.Sequential([tf_keras.Input(SHAPE), tf_keras.layers.Flatten(),
                               tf_keras.layers.Dense(CLASSES)])  # fmt: skip
    artifact = tfedge.convert(teacher, calibration=data()[0], input_type="float32",
                              output_type="float32")  # fmt: skip
    (tmp_path / "teacher.tflite").write_bytes(artifact.flatbuffer)
    kinds = {
        "tf_keras": (old, lambda: old(x).numpy()),
        "function": (lambda batch: keras.ops.mean(batch, axis=(1, 2)), lambda: x.mean((1, 2))),
        "tflite": (tmp_path / "teacher.tflite", lambda: teacher.predict(x, verbose=0)),
    }
    for name, (source, expected) in kinds.items():
        found = d.Teacher(source)(x)
        np.testing.assert_allclose(found, expected(), atol=0.2 if name == "tflite" else 1e-5)
        if name != "function":  # whose two numbers are no classes
            _fitted(d.Distiller(source, net(8), d.SoftTargets()))


def test_a_teacher_in_a_file_that_cannot_run_is_one_sentence(tmp_path):
    dying, taught = tmp_path / "dying.tflite", tmp_path / "taught.tflite"
    dying.write_bytes(write_model(aborting()))
    with pytest.raises(InterpreterDiedError, match=r"dying.tflite': operator 1 \(LESS\).*SIGABRT"):
        d.Teacher(dying)
    dying.write_bytes(write_model(random_model("concatenation", 1, 1)))
    with pytest.raises(TfedgeError, match=r"dying.tflite: has \d inputs and 1 outputs"):
        d.Teacher(dying)
    taught.write_bytes(write_model(random_model("relu", 1, 1)))
    wanted = random_model("relu", 1, 1).main.inputs[0].shape[1:]
    message = f"taught.tflite: the teacher takes samples of shape {wanted}, not (99,); give"
    with pytest.raises(TfedgeError, match=re.escape(message)):
        d.Teacher(taught)(np.zeros((2, 99), np.float32))


def test_a_teacher_may_want_other_inputs(teacher):
    x, _ = data(8)
    doubled = d.Teacher(teacher, preprocess=lambda batch: 2 * batch)
    np.testing.assert_allclose(doubled(x), teacher(2 * x), rtol=1e-5)


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"steps_per_execution": 2}])
def test_compiled(options, teacher):
    plain, compiled = net(8, 3), net(8, 3)
    _fitted(d.Distiller(teacher, plain, d.SoftTargets()))
    _fitted(d.Distiller(teacher, compiled, d.SoftTargets()), **options)
    for a, b in zip(plain.get_weights(), compiled.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_mixed_precision(teacher):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        distiller = d.Distiller(teacher, net(8), [d.SoftTargets(), d.Hint("second", "second")])
        history = _fitted(distiller)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert np.isfinite(history["loss"]).all()


def test_a_quantised_student(teacher):
    student = tfedge.quantize(net(8), "int8")
    _fitted(d.Distiller(teacher, student, [d.SoftTargets(), d.Hint("second", "second")]), epochs=2)
    artifact = tfedge.convert(student)
    assert {t.type.name for o in artifact.model.main.operators for t in o.outputs} == {"INT8"}


def test_alpha_and_temperature_follow_a_schedule(teacher):
    distiller = d.Distiller(teacher, net(8), d.SoftTargets())
    distiller.compile("adam", LOSS)
    schedule = DistillationSchedule(
        alpha=lambda epoch: 0.9 - 0.4 * epoch, temperature=lambda epoch: 4.0 / (1 + epoch),
        loss_weights={"soft_targets": 2.0},
    )  # fmt: skip
    history = distiller.fit(*data(), epochs=2, callbacks=[schedule], verbose=0).history
    assert history["alpha"] == pytest.approx([0.9, 0.5])
    assert history["temperature"] == [4.0, 2.0]
    assert float(distiller.distillation_losses[0].temperature) == 2.0
    assert history["distillation_loss"] == pytest.approx(
        [2 * loss for loss in history["soft_targets"]]
    )


def test_a_schedule_may_count_steps(teacher):
    distiller = d.Distiller(teacher, net(8), d.SoftTargets(), alpha=0.5)
    distiller.compile("adam", LOSS)
    asked = []

    class Watch(keras.callbacks.Callback):
        """Writes down what holds in every step."""

        def on_train_batch_end(self, batch, logs=None):
            asked.append(round(float(distiller.alpha), 3))

    schedule = DistillationSchedule(
        alpha=lambda step: step / 10, begin=1, end=6, frequency=2, unit="step"
    )
    x, y = data()
    distiller.fit(x[:32], y[:32], batch_size=4, callbacks=[schedule, Watch()], verbose=0)
    assert asked == [0.5, 0.1, 0.1, 0.3, 0.3, 0.5, 0.6, 0.6]


def test_deeper_layers_teach_shallower_ones():
    student = net(8)
    distiller = d.SelfDistiller(student, ["first_relu", "pool"])
    distiller.compile("adam", LOSS, metrics=["accuracy"])
    history = distiller.fit(*data(), batch_size=16, epochs=6, verbose=0).history
    assert history["exits_loss"][-1] < history["exits_loss"][0]
    assert len(student.layers) == len(net(8).layers)


def test_born_again(teacher):
    students = d.born_again(teacher, lambda: net(8), _fitted, 2)
    assert len(students) == 2
    assert all(isinstance(student, keras.Model) for student in students)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda t: d.Distiller(t, net(8), d.Hint("nowhere", "second")), "no layer 'nowhere'"),
        (lambda t: d.Distiller(t, net(8), d.SoftTargets(), alpha=2), "alpha is a share"),
        (lambda t: d.Distiller(t, net(8), [d.SoftTargets()], [1, 2]), "as many weights"),
        (lambda t: d.Distiller(t, 3, d.SoftTargets()), "a student is a model of Keras 3"),
        (lambda t: d.Distiller(3, net(8), d.SoftTargets()), "int cannot teach"),
        (lambda t: d.Distiller(t, net(8), d.SoftTargets()).compile("adam"), "there is none"),
        (lambda t: d.Ensemble([t], "loudest"), "not 'loudest'"),
        (lambda t: d.Ensemble([t, t], [1]), "as many weights"),
        (lambda t: d.SelfDistiller(t, ["nowhere"]), "no layer 'nowhere'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make, words, teacher):
    with pytest.raises(TfedgeError) as refusal:
        make(teacher)
    assert words in str(refusal.value)


def test_other_classes_are_refused(teacher):
    student = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(TfedgeError, match=r"gives \(batch, 4\), the student \(batch, 3\)"):
        d.Distiller(teacher, student, d.SoftTargets())


def test_a_projection_is_made_for_one_student(teacher):
    loss = d.Hint("second", "second")
    _fitted(d.Distiller(teacher, net(6), loss))
    with pytest.raises(TfedgeError, match="make a new one"):
        _fitted(d.Distiller(teacher, net(8), loss))


def test_a_model_teaches_its_own_integers():
    """The teacher stays what it was, and the student has its weights to train."""
    teacher = net(8)
    before, (x, y) = teacher.get_weights(), data()
    said = teacher.predict(x, verbose=0)
    student = tfedge.quantize(teacher, calibration=x)
    distiller = d.Distiller(teacher, student, d.SoftTargets())
    assert len(distiller.trainable_variables) == len(student.trainable_variables) > 0
    distiller.compile(keras.optimizers.Adam(1e-2), LOSS)
    distiller.fit(x, y, verbose=0)
    np.testing.assert_allclose(distiller.teacher.predict(x, verbose=0), said, atol=1e-5)
    assert np.any(before[0] != student.float_model.get_weights()[0])


@pytest.mark.parametrize("nested", [list, dict])
def test_several_outputs_have_labels_and_teachers(nested):
    def two_heads(seed):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((6,))
        heads = [keras.layers.Dense(n, name=name)(inputs) for name, n in (("kind", 3), ("age", 2))]
        return keras.Model(inputs, heads if nested is list else {"kind": heads[0], "age": heads[1]})

    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 6)).astype("f")
    labels = [rng.integers(0, 3, 32), rng.normal(size=(32, 2)).astype("f")]
    losses = [LOSS, keras.losses.MeanSquaredError()]
    if nested is dict:
        labels, losses = (
            dict(zip(("kind", "age"), both, strict=True)) for both in (labels, losses)
        )
    distiller = d.Distiller(two_heads(1), two_heads(2), d.SoftTargets(), alpha=0.5)
    distiller.compile("sgd", losses)
    history = distiller.fit(x, labels, epochs=2, verbose=0, batch_size=32, shuffle=False).history
    own, taught = history["student_loss"][0], history["soft_targets"][0]
    assert history["loss"][0] == pytest.approx(0.5 * own + 0.5 * taught, rel=1e-5)
    student = two_heads(2)
    student.compile(loss=losses)
    assert own == pytest.approx(student.evaluate(x, labels, verbose=0, return_dict=True)["loss"])
    assert history["loss"][1] < history["loss"][0]
