"""In a Distiller, callbacks that make models smaller mean the student."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from distilled_nets import LOSS, data, net

import tfedge
from tfedge import distillation as d
from tfedge.callbacks import (
    Pruning,
    QuantizationAwareTraining,
    QuantizationSchedule,
    WeightClustering,
)
from tfedge.errors import TfedgeError


def _fitted(distiller, *callbacks):
    distiller.compile(keras.optimizers.Adam(1e-3), LOSS)
    return distiller.fit(*data(), epochs=2, batch_size=16, callbacks=callbacks, verbose=0).history


def _zeros(model):
    return np.mean([(layer.kernel.numpy() == 0).mean() for layer in (model.get_layer("second"),)])


def test_only_the_student_is_pruned():
    teacher, student = net(16), net(8)
    history = _fitted(d.Distiller(teacher, student, d.SoftTargets()), Pruning(0.5))
    assert history["sparsity"][-1] == pytest.approx(0.5, abs=0.01)
    assert _zeros(student) == pytest.approx(0.5, abs=0.01)
    assert _zeros(teacher) == 0


def test_only_the_weights_of_the_student_are_shared():
    teacher, student = net(16), net(8)
    before = teacher.get_weights()
    history = _fitted(d.Distiller(teacher, student, d.SoftTargets()), WeightClustering(4))
    assert {int(n) for n in history["distinct_values_second"]} == {4}
    assert len(np.unique(student.get_layer("second").kernel)) == 4
    for old, now in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_a_student_is_pruned_and_shared_and_trains_for_integers():
    student = net(8)
    callbacks = Pruning(0.5), WeightClustering(4, begin=1), QuantizationAwareTraining("int8", 1)
    history = _fitted(d.Distiller(net(16), student, d.SoftTargets()), *callbacks)
    assert history["quantized"] == [0.0, 1.0]
    rows = tfedge.convert(student).weights
    assert {row.values for row in rows} == {4}
    size = np.size(student.get_layer("second").kernel.numpy())
    (second,) = (row for row in rows if row.weights == size)
    assert (
        second.zeros / second.weights
        == pytest.approx(_zeros(student))
        == pytest.approx(0.5, abs=0.01)
    )


def test_only_the_student_trains_for_integers():
    teacher, student = net(16), net(8)
    before = np.asarray(teacher(data()[0]))
    callback = QuantizationAwareTraining("int8")
    history = _fitted(d.Distiller(teacher, student, d.SoftTargets()), callback)
    assert history["quantized"] == [1.0, 1.0]
    np.testing.assert_array_equal(teacher(data()[0]), before)
    artifact = tfedge.convert(callback.quantized_model())
    assert {t.type.name for o in artifact.model.main.operators for t in o.outputs} == {"INT8"}


def test_a_schedule_finds_the_quantised_student():
    student = tfedge.quantize(net(8), "int8")
    history = _fitted(d.Distiller(net(16), student, d.SoftTargets()), QuantizationSchedule(begin=1))
    assert history["quantized"] == [0.0, 1.0]


def test_a_student_whose_layers_are_compared_has_to_be_quantised_before():
    distiller = d.Distiller(net(16), net(8), d.Hint("second", "second"))
    with pytest.raises(TfedgeError, match=r"tfedge\.quantize\(student\)"):
        _fitted(distiller, QuantizationAwareTraining("int8"))
