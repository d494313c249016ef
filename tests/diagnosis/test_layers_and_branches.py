"""Layers have one name and number everywhere; branches of a concatenation are heard apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from keras import layers
from small_models import convolutions, detector_of

import tfedge
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.graph import Graph, Operator, Tensor, TensorType, read_model
from tfedge_converters.graph.layers import answers_to, layer_names
from tfedge_converters.ptq.concatenated import branches
from tfedge_converters.ptq.layer_schemes import layer_of

SAMPLES = np.random.default_rng(0).normal(size=(24, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def detector():
    return detector_of(lambda *parts: layers.Concatenate(name="found")(list(parts)))


def _graph(*names):
    """Operators in a row that make tensors of these names; a name of two is a copy."""
    tensors = [Tensor(name, (1, 4), TensorType.FLOAT32) for name in ("x", *names)]
    operators = [
        Operator("QUANTIZE" if end.name.endswith("_requantized") else "RELU", [begin], [end])
        for begin, end in itertools.pairwise(tensors)
    ]
    return Graph(tensors[:1], tensors[-1:], operators)


def test_a_layer_has_the_shortest_name_that_no_other_answers_to():
    names = [
        "net/conv/Relu;net/conv/BiasAdd;net/conv/convolution",
        "net/dense/MatMul;net/dense/BiasAdd",
        "net/dense/Sigmoid",
        "net/left/dense_1/MatMul",
        "net/right/dense_1/MatMul",
        "net/right/dense_1/MatMul_requantized",
        "net/norm/batchnorm/mul",
        "end",
    ]
    graph = _graph(*names)
    short = layer_names(graph)
    assert [short[id(operator.outputs[0])] for operator in graph.operators] == [
        "conv", "dense/MatMul", "dense/Sigmoid", "left/dense_1", "right/dense_1",
        "right/dense_1_requantized", "norm", "end",
    ]  # fmt: skip
    # A scheme that calls a layer so means it alone.
    for operator in graph.operators:
        (tensor,) = operator.outputs
        if operator.code != "QUANTIZE":
            scheme = Scheme("one", overrides={short[id(tensor)]: WeightScheme(bits=2)})
            meant = [name for name in names if layer_of(scheme, name).weights]
            assert [name for name in meant if not name.endswith("_requantized")] == [tensor.name]


def test_names_from_the_whole_to_its_parts():
    found = answers_to("a/b/c;a/d")
    assert found[:3] == ["a/b/c;a/d", "a/b/c", "a/d"]
    assert set(found[3:]) == {"a/b", "b/c", "a", "b", "c", "d"}
    assert "a?[2J" in answers_to("a\x1b[2J/b")
    deep = "/".join(f"s{number}" for number in range(5_000))
    assert len(answers_to(deep)) < 25_000


def test_layers_have_one_number_and_one_name(detector):
    """In the summary, generated C, diagnosis, search and schemes."""
    network = convolutions()
    for model in (detector, network):
        artifact = tfedge.convert(model, calibration=SAMPLES, name="net")
        known = {(item.index, item.name) for item in artifact.source.plan.layers}
        for layer in tfedge.diagnose(model, calibration=SAMPLES, samples=4).layers:
            assert layer.number is None or (layer.number, layer.name) in known
        for number, name in known:
            assert f"Layer {number}:" in artifact.source.files["net.c"]
            assert f"'{name}'" in artifact.source.files["net.c"]
            assert name in artifact.summary()
    search = tfedge.search_widths(
        network, calibration=SAMPLES, samples=4, bits=(4, 8), target="tflite", flash=4_500
    )
    assert [layer.name for layer in search.layers] == ["one", "two", "three", "scores"]
    assert set(search.scheme.overrides) == {"one", "two", "three", "scores"}
    assert "two" in {name for _, name in known}


def test_diagnosis_hears_the_smaller_branch(detector):
    diagnosis = tfedge.diagnose(detector, calibration=SAMPLES, samples=16)
    assert diagnosis.noise > 0.2
    assert diagnosis.worst.operator == "CONCATENATION" and diagnosis.worst.name == "found"


def test_branches_are_followed_through_what_moves_them():
    def joined(boxes, scores):
        x = layers.Concatenate(axis=1)([boxes[..., :3], scores])
        return layers.Permute((2, 1))(layers.ReLU()(x))

    graph = read_model(detector_of(joined)).main
    (found,) = branches(graph, graph.outputs)
    labels = np.zeros((1, 3, 8), int)
    for number, branch in enumerate(found, 1):
        labels.reshape(-1)[branch.elements] = number
    assert (labels[..., :4] == 1).all() and (labels[..., 4:] == 2).all()
