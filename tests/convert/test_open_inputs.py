"""Sizes that a .tflite file leaves open are given by the caller, or refused; never made up."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.cli import main
from tfedge_converters.graph import Graph, Model, Operator, Tensor, TensorType, write_model


def _file(declared=(1, 1, 1, 3), signature=(-1, -1, -1, 3)):
    """The means of what ReLU leaves of an image, as TensorFlow's converter writes them."""
    real = TensorType.FLOAT32
    image = Tensor("image", declared, real, shape_signature=signature)
    positive = Tensor("positive", declared, real, shape_signature=signature)
    means = Tensor("means", (1, 3), real, shape_signature=(-1, 3))
    axes = Tensor("axes", (2,), TensorType.INT32, data=np.array([1, 2], np.int32))
    options = schema.ReducerOptionsT()
    options.keepDims = False
    operators = [
        Operator("RELU", [image], [positive], None, 1),
        Operator("MEAN", [positive, axes], [means], options, 1),
    ]
    return write_model(Model([Graph([image], [means], operators)]))


SAMPLES = np.random.default_rng(0).uniform(-1, 1, (8, 6, 5, 3)).astype(np.float32)


@pytest.mark.parametrize("shapes", [(6, 5, 3), [(6, 5, 3)], {"image": (6, 5, 3)}])
def test_open_sizes_become_those_that_are_given(shapes):
    artifact = tfedge.convert(_file(), calibration=SAMPLES, input_shapes=shapes)
    graph = artifact.model.main
    assert graph.inputs[0].shape == graph.operators[0].outputs[0].shape == (1, 6, 5, 3)
    assert not any(tensor.shape_signature for tensor in graph.tensors())
    assert artifact.quality.outputs[0].worst.snr > 30


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (None, r"'image' has shape \(None, None, 3\), but every size must be known"),
        ((6, 5, 4), r"which the model declares as \(None, None, 3\)"),
        ((0, 5, 3), "sizes start at 1"),
        ("large", "which is not a shape"),
        ({"picture": (6, 5, 3)}, "the model's inputs are image"),
    ],
)
def test_sizes_that_nobody_knows_or_that_do_not_fit_are_refused(shapes, words):
    with pytest.raises(TfedgeError, match=words):
        tfedge.convert(_file(), calibration=SAMPLES, input_shapes=shapes)


def test_verification_takes_no_size_that_nobody_gave(tmp_path, capsys):
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    (tmp_path / "net.tflite").write_bytes(_file())
    with pytest.raises(TfedgeError, match=r"'image' has shape \(None, None, 3\)"):
        tfedge.verify(tmp_path / "net.tflite")
    engines = ["litert-reference", "litert"]
    result = tfedge.verify(_file(), SAMPLES, input_shapes=(6, 5, 3), engines=engines)
    assert (result.comparisons[0].mismatches, result.comparisons[0].elements) == (0, 8 * 3)
    command = ["verify", str(tmp_path / "net.tflite"), "--samples", "2", "--engine", "litert"]
    assert main([*command, "--input-shape", "6,5,3"]) == 1  # of float operators there is no C
    assert "of 6 " in capsys.readouterr().out


def test_sizes_that_a_file_says_stay_and_cannot_be_others():
    beside = _file(declared=(1, 6, 5, 3))
    fixed = _file(declared=(1, 6, 5, 3), signature=(-1, 6, 5, 3))
    for file in (beside, fixed):
        artifact = tfedge.convert(file, target="tflite", quantization="float32")
        assert artifact.model.main.inputs[0].shape == (1, 6, 5, 3)
    with pytest.raises(TfedgeError, match="declares as"):
        tfedge.convert(fixed, target="tflite", quantization="float32", input_shapes=(7, 5, 3))
