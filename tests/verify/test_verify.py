"""Verification finds what differs, says where and why, and says what is the truth."""

from __future__ import annotations

import re

import numpy as np
import pytest
from interpreters.dying_models import wide_softmax
from random_builder import Builder
from random_graphs import random_model
from random_heavy import transpose_conv_2d_of

from tfedge.errors import ModelFileError, TfedgeError, UnsupportedError
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    read_file,
    read_model,
    write_model,
)
from tfedge_converters.verify import verify
from tfedge_converters.verify.engines import ENGINES, run_c, run_litert_reference, run_micro
from tfedge_converters.verify.vectors import self_test_vectors

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")


def test_c_equals_the_truth_and_litert_is_explained(shared):
    result = verify(shared("models/mlperf_tiny/ad_int8.tflite"), samples=5)
    assert result.truth == "tflite-micro"
    assert result.passed
    reference = next(c for c in result.comparisons if c.engine == "litert-reference")
    assert reference.mismatches > 0
    assert "FULLY_CONNECTED" in reference.first_operator
    assert "once" in reference.reason


def test_a_wrong_kernel_is_found_and_named(monkeypatch):
    """The C engine is handed a model whose second operator has another scale."""
    model = random_model("add", 1, 3)

    def wrong(flatbuffer, data, sequence):
        other = read_model(flatbuffer)
        quantization = other.main.operators[1].outputs[0].quantization
        quantization.scale[:] *= 2
        return run_c(write_model(other), data)

    monkeypatch.setitem(ENGINES, "c", wrong)
    result = verify(model, samples=3, engines=["c"])
    assert not result.passed
    assert result.ours[0].first_operator.startswith("operator 1 (ADD)")
    assert result.ours[0].samples == 3


def test_engines_that_cannot_run_are_reported_not_hidden(monkeypatch):
    monkeypatch.setenv("PATH", "")
    result = verify(random_model("relu", 1, 1), samples=1, engines=["c"])
    assert not result.passed
    assert "gcc" in result.comparisons[0].skipped


def test_given_inputs(tmp_path):
    model = random_model("logistic", 1, 1)
    values = np.arange(-128, 128, dtype=np.int8).reshape(1, 1, 256)
    np.savez(tmp_path / "x.npz", values)
    assert verify(model, tmp_path / "x.npz", engines=["c"]).passed
    assert verify(model, values, engines=["c"]).samples == 1


def test_an_interpreter_that_ends_its_process_leaves_the_model_to_the_others():
    model = random_model("depthwise_conv_2d", 1, 1)
    model.main.operators[0].inputs.pop()
    result = verify(model, samples=2, engines=["litert", "c"])
    assert result.passed
    killed = next(c for c in result.comparisons if c.engine == "litert")
    assert re.search(
        r"LiteRT cannot run .*operator 0 \(DEPTHWISE_CONV_2D\).*SIGSEGV", killed.skipped
    )


def test_vectors_that_no_interpreter_can_make_are_missed_aloud():
    """The sum of exponentials of all samples of one model leaves both interpreters' 32 bits."""
    model = wide_softmax(1000)
    found = self_test_vectors(model, write_model(model))
    assert not found.vectors
    assert found.missing.startswith("2 of 2 vectors of the self-test could not be made: ")
    for interpreter in ("TFLite Micro", "LiteRT"):
        assert f"{interpreter} cannot run the model: operator 1 (SOFTMAX)" in found.missing
    with pytest.raises(TfedgeError, match=r"nothing can say what is right: .*SOFTMAX"):
        verify(model, samples=1)
    fine = random_model("relu", 1, 1)
    found = self_test_vectors(fine, write_model(fine))
    assert len(found.vectors) == 2 and not found.missing


def test_tflite_micro_gets_memory_for_the_sums_of_a_transposed_convolution():
    builder = Builder(np.random.default_rng(1))
    transpose_conv_2d_of(builder, (100, 100), 32)
    assert verify(builder.model(), samples=1, engines=["c"]).truth == "tflite-micro"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 1, 255), np.int8), r"shape \(1, 255\), the model \(1, 256\)"),
        (np.zeros((2, 1, 256), np.float32), "is INT8, the samples are float32"),
        ([np.zeros((1, 1, 256), np.int8)] * 2, "2 inputs given for the model's 1"),
        (np.zeros((0, 1, 256), np.int8), "the same number"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, message):
    with pytest.raises(TfedgeError, match=message):
        verify(random_model("logistic", 1, 1), inputs, engines=["c"])


def test_unknown_engines_and_files_are_refused(tmp_path):
    with pytest.raises(TfedgeError, match="there is no engine 'gpu'"):
        verify(random_model("relu", 1, 1), engines=["gpu"])
    (tmp_path / "x.tflite").write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match="not a TFLite flatbuffer"):
        verify(tmp_path / "x.tflite")


def test_random_indices_are_not_invented():
    model = random_model("relu", 1, 1)
    model.main.inputs[0].type = TensorType.INT32
    with pytest.raises(TfedgeError, match="give inputs"):
        verify(model)


def test_nothing_can_say_what_is_right_for_a_compiled_model(shared):
    path = shared("models/edgetpu_pairs/split_concat_edgetpu.tflite")
    assert read_file(path).main.operators[0].custom_name == "edgetpu-custom-op"
    with pytest.raises(TfedgeError, match="nothing can say what is right"):
        verify(path, samples=1)


@pytest.mark.parametrize(
    ("run", "code", "scale", "result"),
    [
        (run_micro, "LESS", 1.0, None),
        (run_micro, "SUB", 0.5, 1e-7),
        (run_litert_reference, "LESS", 1.0, None),
        (run_litert_reference, "ADD", 1.0, 1e-7),
    ],
)
def test_what_ends_the_process_of_an_interpreter_is_refused(run, code, scale, result):
    grid = Quantization.per_tensor(scale, 0)
    operands = [Tensor(name, (1, 8), TensorType.INT8, grid) for name in "ab"]
    output = Tensor("y", (1, 8), TensorType.BOOL)
    if result is not None:
        grid = Quantization.per_tensor(result, 0)
        output = Tensor("y", (1, 8), TensorType.INT8, grid)
    model = Model([Graph(operands, [output], [Operator(code, [*operands], [output])])])
    sample = [np.zeros((1, 8), np.int8)] * 2
    with pytest.raises(UnsupportedError, match=rf"operator 0 \({code}\).*SIGABRT"):
        run(write_model(model), [sample])
