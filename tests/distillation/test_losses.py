"""Every loss against its formula in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfedge import distillation as d
from tfedge.errors import TfedgeError

RNG = np.random.default_rng(0)
BATCH, CLASSES = 5, 7


def _normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _kl(p, q):
    return (p * np.log(p / q)).sum(-1)


def _unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _huber(x):
    far = np.abs(x)
    return np.where(far < 1, 0.5 * x**2, far - 0.5)


def _soft_targets(t, s):
    return 9 * _kl(_softmax(t / 3), _softmax(s / 3)).mean()


def _decoupled(t, s):
    losses = []
    for teacher, student in zip(t, s, strict=True):
        p, q = _softmax(teacher / 2), _softmax(student / 2)
        best = teacher.argmax()
        target = _kl(np.array([p[best], 1 - p[best]]), np.array([q[best], 1 - q[best]]))
        others = [np.delete(x, best) / (1 - x[best]) for x in (p, q)]
        losses.append(4 * (1.5 * target + 6 * _kl(*others)))
    return np.mean(losses)


def _multi_label(t, s):
    p, q = _sigmoid(t / 2), _sigmoid(s / 2)
    return 4 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean()


def _attention(t, s):
    maps = [_unit((x**2).mean(-1).reshape(BATCH, -1)) for x in (t, s)]
    return ((maps[0] - maps[1]) ** 2).sum(-1).mean()


def _similarity(t, s):
    flat = [x.reshape(BATCH, -1) for x in (t, s)]
    g = [_unit(x @ x.T) for x in flat]
    return ((g[0] - g[1]) ** 2).sum() / BATCH**2


def _distance(t, s):
    def distances(x):
        x = x.reshape(BATCH, -1)
        all_ = np.array([[np.linalg.norm(a - b) for b in x] for a in x])
        return all_ / all_[all_ > 0].mean()

    return _huber(distances(t) - distances(s)).mean()


def _angle(t, s):
    def cosines(x):
        x = x.reshape(BATCH, -1)
        result = np.zeros((BATCH,) * 3)
        for i in range(BATCH):
            for j in range(BATCH):
                for k in range(BATCH):
                    a, b = x[j] - x[i], x[k] - x[i]
                    if a.any() and b.any():
                        result[i, j, k] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        return result

    return _huber(cosines(t) - cosines(s)).mean()


LOGITS = (BATCH, CLASSES)
IMAGES = (BATCH, 4, 6, 3)

FORMULAS = {
    "soft targets": (d.SoftTargets(3.0), LOGITS, LOGITS, _soft_targets),
    "soft targets of a sequence": (d.SoftTargets(3.0), (2, 6, 4), (2, 6, 4), _soft_targets),
    "decoupled": (d.DecoupledDistillation(2.0, 1.5, 6.0), LOGITS, LOGITS, _decoupled),
    "multi label": (d.MultiLabel(2.0), LOGITS, LOGITS, _multi_label),
    "binary": (d.MultiLabel(2.0), (BATCH, 1), (BATCH, 1), _multi_label),
    "regression": (d.Regression(), LOGITS, LOGITS, lambda t, s: _huber(t - s).mean()),
    "hint": (d.Hint(), IMAGES, IMAGES, lambda t, s: ((t - s) ** 2).mean()),
    "attention": (d.AttentionTransfer(), IMAGES, (BATCH, 4, 6, 5), _attention),
    "similarity": (d.SimilarityPreserving(), IMAGES, (BATCH, 9), _similarity),
    "distance": (d.RelationalDistance(), IMAGES, (BATCH, 9), _distance),
    "angle": (d.RelationalAngle(), IMAGES, (BATCH, 9), _angle),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_loss_is_its_formula(name):
    loss, teacher_shape, student_shape, formula = FORMULAS[name]
    teacher, student = _normal(*teacher_shape), _normal(*student_shape)
    found = float(loss.compute_loss(teacher, student))
    np.testing.assert_allclose(found, formula(teacher.astype(float), student.astype(float)), 1e-4)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_loss_comes_back_from_its_config(name):
    loss, teacher_shape, student_shape, _ = FORMULAS[name]
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    teacher, student = _normal(*teacher_shape), _normal(*student_shape)
    assert float(again.compute_loss(teacher, student)) == float(loss.compute_loss(teacher, student))


def test_probabilities_teach_as_their_logits_do():
    t, s = _normal(*LOGITS), _normal(*LOGITS)
    of_logits = float(d.SoftTargets(3.0).compute_loss(t, s))
    loss = d.SoftTargets(3.0, from_logits=False)
    of_probabilities = float(loss.compute_loss(_softmax(t), _softmax(s)))
    np.testing.assert_allclose(of_probabilities, of_logits, rtol=1e-3)


def test_a_hint_is_projected_and_averaged():
    loss = d.Hint()
    loss.prepare((None, 8, 4, 3), (None, 4, 2, 5))
    teacher, student = _normal(BATCH, 8, 4, 3), _normal(BATCH, 4, 2, 5)
    small = teacher.reshape(BATCH, 4, 2, 2, 2, 3).mean((2, 4))
    expected = ((small - student @ loss.projection.numpy()) ** 2).mean()
    np.testing.assert_allclose(float(loss.compute_loss(teacher, student)), expected, rtol=1e-4)


def test_contrast_is_the_cross_entropy_of_finding_oneself():
    loss = d.Contrastive(width=4, temperature=0.5)
    loss.prepare((None, 2, 3), (None, 7))
    teacher, student = _normal(BATCH, 2, 3), _normal(BATCH, 7)
    t = _unit(teacher.reshape(BATCH, -1) @ loss.projections[0].numpy())
    s = _unit(student @ loss.projections[1].numpy())
    expected = -np.log(np.diag(_softmax(s @ t.T / 0.5))).mean()
    np.testing.assert_allclose(float(loss.compute_loss(teacher, student)), expected, rtol=1e-4)


def test_boxes_count_where_there_is_an_object():
    loss = d.Detection(box_weight=2.0)
    t = {"classes": _normal(BATCH, 6, 3), "boxes": _normal(BATCH, 6, 4)}
    s = {"classes": _normal(BATCH, 6, 3), "boxes": _normal(BATCH, 6, 4)}
    p, q = _softmax(t["classes"]), _softmax(s["classes"])
    seen = 1 - p[..., 0]
    boxes = (seen * _huber(t["boxes"] - s["boxes"]).mean(-1)).sum(-1) / seen.sum(-1)
    expected = (_kl(p, q).mean(-1) + 2 * boxes).mean()
    np.testing.assert_allclose(float(loss.compute_loss(t, s)), expected, rtol=1e-4)


def test_outputs_have_losses_of_their_own():
    loss = d.PerOutput({"class": d.SoftTargets(3.0), "size": d.Regression()})
    t = {"class": _normal(*LOGITS), "size": _normal(BATCH, 2), "ignored": _normal(BATCH, 9)}
    s = {"class": _normal(*LOGITS), "size": _normal(BATCH, 2), "ignored": _normal(BATCH, 9)}
    expected = _soft_targets(t["class"], s["class"]) + _huber(t["size"] - s["size"]).mean()
    np.testing.assert_allclose(float(loss.compute_loss(t, s)), expected, rtol=1e-4)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    np.testing.assert_allclose(float(again.compute_loss(t, s)), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "teacher", "student", "words"),
    [
        (d.SoftTargets(), (None, 12), (None, 10), "the teacher gives (batch, 12), the student"),
        (d.Hint(), (None, 8, 8, 3), (None, 8, 3), "as many axes"),
        (d.Hint(), (None, 9, 9, 3), (None, 4, 4, 3), "whole multiple"),
        (d.AttentionTransfer(), (None, 8, 8, 3), (None, 4, 4, 3), "same height and width"),
        (d.Detection(), (None, 8), (None, 8), "must return a dict"),
        (d.PerOutput({"a": d.SoftTargets()}), {"b": (None, 3)}, {"b": (None, 3)}, "no output 'a'"),
    ],
)
def test_what_cannot_be_compared_is_refused(loss, teacher, student, words):
    with pytest.raises(TfedgeError) as refusal:
        loss.prepare(teacher, student)
    assert words in str(refusal.value)


@pytest.mark.parametrize("make", [d.SoftTargets, d.MultiLabel, d.DecoupledDistillation])
def test_a_temperature_is_positive(make):
    with pytest.raises(TfedgeError, match="positive"):
        make(0.0)
