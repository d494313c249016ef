"""The compiler's output, and the ways in which running it can end.

The compiler itself is closed and not to be had here: scripts stand for its exits that fail.
"""

import time

import pytest
from edgetpu.compiler_outputs import INTERNAL_ERROR, PRINTED, TABLE, TOO_LARGE, VERSION_14

import tfedge
from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters.cli import main
from tfedge_converters.edgetpu import compiler
from tfedge_converters.edgetpu.comparison import compare_log
from tfedge_converters.edgetpu.compiler_log import LogRow, parse_log

DEEPLAB = "edgetpu_pairs/deeplabv3_mnv2_pascal_quant.tflite"


def test_what_is_printed_is_read():
    log = parse_log(PRINTED)
    assert (log.version, log.milliseconds) == ("16.0.384591198", 3438)
    assert (log.cached_bytes, log.streamed_bytes) == (round(2.23 * 2**20), 175 * 1024)
    assert log.remaining_bytes == round(4.7 * 2**20)
    assert (log.input_bytes, log.output_bytes) == (round(2.09 * 2**20), round(2.78 * 2**20))
    assert (log.subgraphs, log.operations) == (1, 72)
    assert (log.mapped, log.on_cpu) == (64, 8)
    assert LogRow("CONV_2D", 2, "More than one subgraph is not supported") in log.rows


def test_a_log_file_says_the_same_operators():
    assert parse_log(TABLE).rows == parse_log(PRINTED).rows
    assert parse_log(PRINTED + TABLE).counts() == parse_log(TABLE).counts()
    assert parse_log(TABLE).cached_bytes is None
    assert parse_log(PRINTED.replace("\n", "\r\n")) == parse_log(PRINTED)


def test_a_table_may_be_missing():
    log = parse_log(VERSION_14)
    assert (log.rows, log.subgraphs, log.operations, log.cached_bytes) == ((), 0, 2, 0)


@pytest.mark.parametrize("text", ["", "hello", TABLE[42:], "\0" * 100])
def test_other_text_is_refused(text):
    with pytest.raises(TfedgeError, match="no output of edgetpu_compiler"):
        parse_log(text)


def test_damaged_output_is_read_as_far_as_it_goes():
    for end in range(60, len(PRINTED), 37):
        log = parse_log(PRINTED[:end])
        assert log.mapped <= 64
    strange = PRINTED.replace("2.23MiB", "2.2.3MiB").replace("175.00KiB", "many")
    assert (parse_log(strange).cached_bytes, parse_log(strange).streamed_bytes) == (None, None)
    long = "9" * 5000
    for number in ("2.23", "64"):
        parse_log(PRINTED.replace(number, long))
    counted = PRINTED.replace(
        "Number of Edge TPU subgraphs: 1", "Number of Edge TPU subgraphs: " + long
    )
    assert parse_log(counted).subgraphs is None


def test_prediction_and_log_are_compared(model_file):
    report = tfedge.check(model_file(DEEPLAB))
    agreed = compare_log(report, parse_log(PRINTED))
    assert agreed.agrees
    assert agreed.predicted_bytes == pytest.approx(agreed.cached_bytes, rel=0.01)
    other = compare_log(
        report, parse_log(PRINTED.replace("36         Mapped", "35         Mapped"))
    )
    assert other.differences == ("CONV_2D (Mapped to Edge TPU): 36 predicted, 35 in fact",)
    assert "prediction differs" in other.text()


def _script(tmp_path, monkeypatch, text):
    path = tmp_path / "edgetpu_compiler"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv(compiler.VARIABLE, str(path))


def _printing(text, status):
    return f"cat <<'END'\n{text}\nEND\nexit {status}"


def test_a_missing_compiler_is_named(monkeypatch, capsys, model_file):
    monkeypatch.delenv(compiler.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingToolError, match="TFEDGE_EDGETPU_COMPILER"):
        compiler.compile_model(b"")
    assert main(["check", str(model_file(DEEPLAB)), "--compile", "nowhere"]) == 2
    assert "edgetpu_compiler is not installed" in capsys.readouterr().err
    monkeypatch.setenv(compiler.VARIABLE, "/no/such/program")
    with pytest.raises(MissingToolError, match="names '/no/such/program'"):
        compiler.find_compiler()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TOO_LARGE, "due to large activation tensors in model.; make the input"),
        (INTERNAL_ERROR, "Internal compiler error. Aborting!; it gives no reason"),
        ("Invalid model: a.tflite\nModel not quantized", "Invalid model: a.tflite; quantise it"),
        ("", "no output"),
    ],
)
def test_a_failure_is_told_in_its_own_words(tmp_path, monkeypatch, text, words):
    _script(tmp_path, monkeypatch, _printing(text, 1))
    with pytest.raises(TfedgeError) as caught:
        compiler.compile_model(b"model")
    assert "failed (status 1)" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../a", "a/b", "-o", "A"])
def test_files_are_called_like_models(tmp_path, monkeypatch, name):
    _script(tmp_path, monkeypatch, _printing(VERSION_14, 0))
    with pytest.raises(TfedgeError, match="cannot prefix"):
        compiler.compile_model(b"model", name=name)


def test_success_without_a_file_is_a_failure(tmp_path, monkeypatch):
    _script(tmp_path, monkeypatch, _printing(VERSION_14, 0))
    with pytest.raises(TfedgeError, match="left no file"):
        compiler.compile_model(b"model")


def test_a_compiler_that_hangs_is_ended_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "_GRACE_SECONDS", 0)
    _script(tmp_path, monkeypatch, "sleep 60 &\nwait")
    start = time.monotonic()
    with pytest.raises(TfedgeError, match="still running after 1 s; give it more"):
        compiler.compile_model(b"model", seconds=1)
    assert time.monotonic() - start < 20


def test_a_program_that_cannot_run_is_named(tmp_path, monkeypatch):
    path = tmp_path / "edgetpu_compiler"
    path.write_bytes(b"\x7fELF not really")
    path.chmod(0o755)
    monkeypatch.setenv(compiler.VARIABLE, str(path))
    with pytest.raises(TfedgeError, match="cannot be run"):
        compiler.compile_model(b"model")
