"""A model and its file stay in step, and a model says what it computes with."""

from __future__ import annotations

import dataclasses

import pytest
from hostile.bases import float_twin
from random_graphs import random_model

from tfedge.quantization.schemes import STORAGE_SCHEMES
from tfedge_converters.graph import TensorType, read_model, write_model
from tfedge_converters.graph.kind import ModelKind, model_kind
from tfedge_converters.graph.model_file import ModelFile
from tfedge_converters.ptq.storage import store_weights


def _renamed(model):
    model.main.outputs[0].name = "renamed"


def test_a_file_that_nobody_changed_stays_as_it_was():
    given = write_model(random_model("softmax", 1, 1)) + b"\0" * 16  # as no writer of ours has it
    file = ModelFile(read_model(given), given)
    file.change(lambda model: False)
    assert file.flatbuffer is given


@pytest.mark.parametrize("says", [None, True])
def test_a_change_is_in_the_file_that_is_asked_for_next(says):
    given = write_model(random_model("softmax", 1, 1))
    file = ModelFile(read_model(given), given)
    file.change(lambda model: _renamed(model) or says)
    written = file.flatbuffer
    assert read_model(written).main.outputs[0].name == "renamed"
    assert file.flatbuffer is written


def test_kinds_are_told_apart():
    integer = random_model("conv_2d", 1, 1)
    real = float_twin(integer)
    assert model_kind(integer) is ModelKind.INTEGER
    assert model_kind(real) is ModelKind.FLOAT
    for scheme in ("float16", "dynamic", "weights8"):
        stored = float_twin(integer)
        store_weights(stored, dataclasses.replace(STORAGE_SCHEMES[scheme], minimum_elements=0))
        assert model_kind(stored) is ModelKind.STORAGE
    both = random_model("conv_2d", 1, 2)
    _, second = both.main.operators
    for tensor in (*second.inputs, *second.outputs):
        tensor.type, tensor.quantization = TensorType.FLOAT32, None
    assert model_kind(both) is ModelKind.PARTLY
    assert not model_kind(both).has_float_activations
