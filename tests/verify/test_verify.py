"""Verification finds what differs, says where and why, and says what is the truth."""

from __future__ import annotations

import collections
import dataclasses
import re
import shutil

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from interpreters.dying_models import wide_softmax
from random_builder import Builder
from random_graphs import random_model
from random_heavy import transpose_conv_2d_of

import tfedge
from tfedge.errors import ModelFileError, TfedgeError, UnsupportedError
from tfedge_converters.c.kernels import int16_unary
from tfedge_converters.cli import main
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    read_model,
    write_file,
    write_model,
)
from tfedge_converters.graph.evaluation import evaluate
from tfedge_converters.verify import engines, verify
from tfedge_converters.verify.engines import ENGINES, run_c, run_litert_reference, run_micro
from tfedge_converters.verify.samples import defined_sample, random_samples
from tfedge_converters.verify.vectors import self_test_vectors

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")


def test_c_equals_the_truth_and_litert_is_explained(model_file):
    result = verify(model_file("mlperf_tiny/ad_int8.tflite"), samples=5)
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
        (np.array(3, np.int8), "a single number; their first axis must count samples"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, message):
    with pytest.raises(TfedgeError, match=message):
        verify(random_model("logistic", 1, 1), inputs, engines=["c"])


def test_unknown_engines_and_files_are_refused(tmp_path):
    with pytest.raises(TfedgeError, match="there is no engine 'gpu'"):
        verify(random_model("relu", 1, 1), engines=["gpu"])
    (tmp_path / "x.tflite").write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match="a text file, not a model"):
        verify(tmp_path / "x.tflite")


@pytest.mark.parametrize("name", ["embedding_lookup", "gather", "gather_nd"])
def test_random_indices_are_rows_of_the_table(name):
    """Others end the invocation of generated C with an error."""
    assert verify(random_model(name, 1, 3), samples=20, engines=["c"]).passed


def test_random_integers_that_nothing_bounds():
    model = random_model("integer_arithmetic", 1, 3)
    assert any(tensor.type == TensorType.INT32 for tensor in model.main.inputs)
    assert verify(model, samples=20, engines=["c"]).passed


def _graph_of(code, inputs, result, **options):
    return Graph([inputs[0]], [result], [Operator(code, list(inputs), [result], **options)])


def test_random_integers_of_every_width():
    for type in (TensorType.UINT64, TensorType.UINT32, TensorType.UINT8):
        x, y = (Tensor(name, (1, 500), type) for name in "xy")
        ((values,),) = random_samples(_graph_of("FLOOR_DIV", [x, y], y), 1, 0)
        assert values.dtype == type.dtype
        limits = np.iinfo(type.dtype)
        assert values.max() > limits.max // 8 * 7
        assert values.min() < limits.min + limits.max // 8


def test_random_values_for_damaged_operators():
    """What runs the operators refuses them; here nothing is known of what they may be given."""
    x = Tensor("x", (1, 4), TensorType.INT32)
    y = Tensor("y", (1, 4), TensorType.BOOL, Quantization.per_tensor(0.1, 0))
    table = Tensor("t", (), TensorType.INT8)
    real = Tensor("r", (1, 4), TensorType.FLOAT32)
    for graph in (
        *(_graph_of(code, [x], y) for code in ("EMBEDDING_LOOKUP", "GATHER_ND", "ONE_HOT")),
        Graph([x], [y], [Operator("GATHER", [table, x], [y])]),
        _graph_of("QUANTIZE", [real], y),
        Graph([real], [], [Operator("QUANTIZE", [real], [])]),
    ):
        assert random_samples(graph, 2, 0)[1][0].shape == (1, 4)


def test_random_values_where_grids_have_none_in_common_or_are_larger_than_numbers():
    real = Tensor("r", (1, 4), TensorType.FLOAT32)
    grids = [Quantization.per_tensor(0.1, -128), Quantization.per_tensor(0.1, 127)]
    grids[0].zero_point[:], grids[1].zero_point[:] = -200, 200
    near, far = (
        Tensor(name, (1, 4), TensorType.INT8, grid) for name, grid in zip("nf", grids, strict=True)
    )
    huge = Tensor("h", (1, 4), TensorType.INT8, Quantization.per_tensor(3e38, 0))
    quantized = [Operator("QUANTIZE", [real], [x]) for x in (near, far)]
    for graph in (Graph([real], [near, far], quantized), _graph_of("QUANTIZE", [real], huge)):
        assert np.isfinite(random_samples(graph, 1, 0)[0][0]).all()


def test_samples_are_bounded():
    wide = Tensor("x", (1, 1 << 10, 1 << 13), TensorType.INT8)
    with pytest.raises(TfedgeError, match=r"1,000 samples of .*; ask for 64 at most"):
        random_samples(_graph_of("ABS", [wide], wide), 1000, 0)
    wider = Tensor("x", (1 << 14, 1 << 15), TensorType.INT8)
    with pytest.raises(TfedgeError, match="models are run with 134,217,728 at most"):
        defined_sample(_graph_of("ABS", [wider], wider))


def _quotient(divisor_of):
    """x / d, d an input or made from x; each holds a zero."""
    grid = Quantization.per_tensor(0.1, 3)
    x, d = (Tensor(name, (1, 4), TensorType.INT8, grid) for name in "xd")
    y = Tensor("y", (1, 4), TensorType.INT8, Quantization.per_tensor(0.005, 0))
    operators = [Operator("DIV", [x, d], [y], schema.DivOptionsT())]
    inputs = [x, d]
    if divisor_of is not None:
        operators.insert(0, Operator(divisor_of, [x], [d]))
        inputs = [x]
    return Model([Graph(inputs, [y], operators)])


@pytest.mark.parametrize("divisor_of", [None, "ABS"])
def test_random_divisors_are_not_zero(divisor_of):
    model = _quotient(divisor_of)
    result = verify(model, samples=300, engines=["c"])
    assert result.passed
    assert result.samples > 200
    zeros = [np.full((1, 1, 4), 3, np.int8)] * len(model.main.inputs)
    assert verify(model, zeros, engines=["c"]).samples == 1


def test_a_compiled_model_is_named_as_what_it_is():
    grid = Quantization.per_tensor(0.1, 0)
    x, y = (Tensor(name, (1, 8), TensorType.INT8, grid) for name in "xy")
    for name, words in (
        ("edgetpu-custom-op", "for the Edge TPU by edgetpu_compiler.*'tfedge check'"),
        ("ethos-u", "for an Ethos-U NPU by Vela.*that it was compiled from"),
    ):
        operator = Operator("CUSTOM", [x], [y], custom_name=name)
        flatbuffer = write_model(Model([Graph([x], [y], [operator])]))
        for use in (verify, tfedge.convert, tfedge.check):
            with pytest.raises(UnsupportedError, match=words):
                use(flatbuffer)


def test_operators_that_are_alike_are_asked_about_once(monkeypatch):
    """A damaged file may repeat one hundreds of times."""
    model = random_model("int16_exp", 1, 1)
    for _ in range(6):
        last = model.main.operators[-1]
        link = dataclasses.replace(last.outputs[0], name="link")
        again = dataclasses.replace(last, inputs=[last.outputs[0]], outputs=[link])
        model.main.operators.append(again)
        model.main.outputs = [link]
    asked = []

    def run_model(interpreter, *arguments, **options):
        asked.append(interpreter.title)
        return real(interpreter, *arguments, **options)

    real = engines.run_model
    monkeypatch.setattr(engines, "run_model", run_model)
    samples = random_samples(model.main, 2, 0)
    right = engines.run_stepwise(write_model(model), samples)
    assert collections.Counter(asked) == {"TFLite Micro": 3, "LiteRT": 7}
    evaluated = []
    monkeypatch.setattr(int16_unary, "evaluate", lambda one: evaluated.append(one) or evaluate(one))
    int16_unary._table_within.cache_clear()
    for expected, found in zip(right, run_c(write_model(model), samples), strict=True):
        np.testing.assert_array_equal(expected, found)
    assert len(evaluated) == 2


def test_an_engine_that_was_asked_for_has_to_run(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for tool in ("gcc", "cc", "as", "ld", "collect2"):
        if found := shutil.which(tool, path="/usr/bin:/bin"):
            (tmp_path / tool).symlink_to(found)
    model = random_model("relu", 1, 1)
    result = verify(model, samples=1, engines=["c", "qemu:cortex-m4"])
    assert [item.engine for item in result.ours] == ["c"]
    assert [item.engine for item in result.not_run] == ["qemu:cortex-m4"]
    assert not result.passed
    write_file(model, tmp_path / "net.tflite")
    arguments = ["verify", str(tmp_path / "net.tflite"), "--samples", "1", "--engine", "c"]
    assert main(arguments) == 0
    assert main([*arguments, "--engine", "qemu:cortex-m4"]) == 1
    assert "not run, though asked for: qemu:cortex-m4" in capsys.readouterr().out


@pytest.fixture(scope="module", params=["host", "cortex-m4"])
def written(request, tmp_path_factory):
    """What convert wrote of convolutions, with weights in an order of their own or as they are."""
    folder = tmp_path_factory.mktemp("written")
    model = write_model(random_model("packed_conv_2d", 3, 2))
    artifact = tfedge.convert(model, name="net", target=request.param)
    assert (request.param == "host") != ("tfedge_conv_2d_pairs_s8.c" in artifact.source.files)
    artifact.save(folder)
    return artifact, folder


def test_a_folder_is_verified_as_it_lies_there(written, tmp_path):
    artifact, folder = written
    assert verify(artifact, samples=3).passed
    assert verify(folder, samples=3, engines=["c"]).passed
    changed = shutil.copytree(folder, tmp_path / "changed")
    weights = changed / "net_weights.c"
    begin = weights.read_text().index("{") + 1
    text = weights.read_text()
    number = re.search(r"-?\d+", text[begin:])
    place = slice(begin + number.start(), begin + number.end())
    weights.write_text(text[: place.start] + str(int(number[0]) ^ 1) + text[place.stop :])
    result = verify(changed, samples=20)
    assert not result.passed
    assert result.faults[0] == "changed since tfedge wrote it: net_weights.c"
    assert "net_weights.c is not what net.tflite gives, from line" in result.faults[1]
    assert "net_self_test" in result.faults[2]


def test_a_folder_with_another_model_is_noticed(written, tmp_path):
    _, folder = written
    changed = shutil.copytree(folder, tmp_path / "changed")
    header = (folder / "net.h").read_text()
    digest = re.search(r'HASH "(\w+)"', header)[1]
    (changed / "net.h").write_text(header.replace(digest, "0" * 64))
    result = verify(changed, samples=1, engines=["c"])
    assert result.faults == (
        "changed since tfedge wrote it: net.h",
        "net.h was generated from another model than net.tflite",
    )
    assert not result.passed
    with pytest.raises(ModelFileError, match=r"holds no \.tflite file"):
        verify(tmp_path)


def test_an_array_for_tflite_micro_is_compared_with_the_model(tmp_path):
    model = write_model(random_model("conv_2d", 1, 1))
    tfedge.convert(model, name="net", target="tflite-micro").save(tmp_path)
    assert verify(tmp_path, samples=1).passed
    array = tmp_path / "net_model_data.c"
    lines = array.read_text().splitlines()
    middle = next(i for i, line in enumerate(lines) if re.match(r"^\s*-?\d+,", line)) + 2
    lines[middle] = re.sub(r"\d+", lambda number: str(int(number[0]) ^ 1), lines[middle], count=1)
    array.write_text("\n".join(lines) + "\n")
    result = verify(tmp_path, samples=1)
    assert not result.passed
    assert result.faults == (
        "changed since tfedge wrote it: net_model_data.c",
        f"net_model_data.c is not what net.tflite gives, from line {middle + 1} on",
    )


def test_what_lies_in_a_folder_is_compared_with_its_manifest(written, tmp_path, capsys):
    _, folder = written
    changed = shutil.copytree(folder, tmp_path / "changed")
    (changed / "main.c").write_text("int main(void) { return 1; }\n")
    (changed / "notes.tflite").write_bytes(b"mine")
    assert verify(changed, samples=1, engines=["c"]).passed
    (changed / "net_weights.h").unlink()
    (changed / "net_op_resolver.h").write_text("")
    (changed / "old.c").write_text("/* old: generated by tfedge 0.0.1 for host. */")
    result = verify(changed, samples=1, engines=["c"])
    assert result.faults[:2] == (
        "missing: net_weights.h",
        "not of this conversion, but called as if they were: net_op_resolver.h, old.c",
    )
    assert "does not compile" in result.faults[2]
    assert "does not compile" in result.comparisons[0].skipped
    assert main(["verify", str(changed), "--samples", "1"]) == 1
    assert "WRONG FILES: missing: net_weights.h" in capsys.readouterr().out
    (changed / "net.tflite").unlink()
    with pytest.raises(ModelFileError, match=r"net\.tflite is missing, which tfedge wrote there"):
        verify(changed)
    (changed / "tfedge_convert.manifest.json").unlink()
    shutil.copy(folder / "net.tflite", changed / "only.tflite")
    (changed / "notes.tflite").unlink()
    faults = verify(changed, samples=1, engines=["c"]).faults
    assert faults[0].startswith("tfedge_convert.manifest.json is missing")


def test_a_folder_whose_writer_was_stopped_is_no_conversion(written, tmp_path, capsys):
    artifact, folder = written
    changed = shutil.copytree(folder, tmp_path / "changed")
    manifest = changed / "tfedge_convert.manifest.json"
    manifest.write_text(manifest.read_text().replace("true", "false"))
    assert main(["verify", str(changed)]) == 2
    assert "changed: it is incomplete, for writing it was interrupted" in capsys.readouterr().err
    artifact.save(changed)
    assert verify(changed, samples=1, engines=["c"]).passed


def test_the_self_test_of_a_folder_is_run_whatever_engines_are(written, tmp_path, monkeypatch):
    _, folder = written
    monkeypatch.setenv("PATH", str(tmp_path))
    result = verify(folder, samples=1, engines=["litert"])
    assert "net_self_test could not be run: cc or gcc or clang not found" in result.faults[0]
    assert not result.passed


@pytest.mark.parametrize("name", ["int16_abs", "int16_leaky_relu", "int16_mul", "int16_relu"])
def test_differences_of_int16_are_explained(name):
    for seed in range(3):
        engines = ["litert-reference", "litert"]
        for item in verify(random_model(name, seed, 3), samples=40, engines=engines).comparisons:
            assert item.reason or not item.mismatches


def test_what_cannot_be_verified_is_said():
    for wrong, words in ((None, "a NoneType cannot be verified"), (7, "a int cannot be verified")):
        with pytest.raises(TfedgeError, match=words):
            verify(wrong)
    with pytest.raises(TfedgeError, match=r"given as a list, such as \['c'\]"):
        verify(random_model("relu", 1, 1), engines="c")


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


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"samples": 2.5}, "at least 1 sample is needed to compare, not 2.5"),
        ({"sequence": "50"}, "a sequence has at least 1 sample, not '50'"),
        ({"seed": -1}, "a seed is an integer of at least 0, not -1"),
    ],
)
def test_counts_that_are_none_are_refused(numbers, words):
    with pytest.raises(TfedgeError, match=words):
        verify(b"", **numbers)
