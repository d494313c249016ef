"""Recurrent layers whose sequence goes on from invocation to invocation, on every road."""

from __future__ import annotations

import dataclasses
import subprocess

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfedge
from tfedge.errors import MissingToolError, ModelFileError, UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_firmware
from tfedge_converters.export import export_keras
from tfedge_converters.graph import Tensor, TensorType, read_model, write_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers
from tfedge_converters.graph.passes.recurrent_markers import write_recurrent_markers
from tfedge_converters.graph.sequences import KEEPS_STATE, touches_memory
from tfedge_converters.verify.engines import (
    run_c,
    run_litert,
    run_litert_reference,
    run_micro,
    run_stepwise,
)

layers = keras.layers

CHUNK, FEATURES = 4, 3
INVOCATIONS, SEQUENCE = 300, 60


# Layers, and how many variables each has.
KINDS = {layers.LSTM: 2, layers.GRU: 1, layers.SimpleRNN: 1}


def _kept(kind, units, **options):
    return kind(units, stateful=True, bias_initializer="normal", **options)


def _lstm(units, **options):
    return _kept(layers.LSTM, units, **options)


def _model(kind):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((CHUNK, FEATURES), batch_size=1),
            layers.Bidirectional(_kept(kind, 3, return_sequences=True), merge_mode="sum"),
            _kept(kind, 5, return_sequences=True),
            _kept(kind, 4),
            layers.Dense(3),
        ]
    )


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind):
    return _model(kind)


@pytest.fixture(scope="module")
def chunks():
    rng = np.random.default_rng(3)
    return rng.normal(size=(INVOCATIONS, CHUNK, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module")
def right(model, chunks):
    """What Keras predicts chunk by chunk, a sequence after the other."""
    step = tf.function(model, autograph=False)
    results = []
    for position, chunk in enumerate(chunks):
        if position % SEQUENCE == 0:
            for layer in model.layers:
                getattr(layer, "reset_state", lambda: None)()
        results.append(np.array(step(chunk[None]))[0])
    return np.array(results)


@pytest.fixture(scope="module")
def artifact(model, chunks):
    return tfedge.convert(model, calibration=chunks, input_type="float32", output_type="float32")


def _run(run, flatbuffer, chunks, sequence=SEQUENCE):
    inputs = [[chunk[None]] for chunk in chunks]
    return np.array([outputs[0][0] for outputs in run(flatbuffer, inputs, sequence)])


@pytest.mark.parametrize("run", [run_litert, run_litert_reference, run_micro])
def test_the_float_file_goes_on_as_keras_does(run, model, chunks, right):
    real = read_model(export_keras(model))
    fuse_lstm_markers(real)
    write_recurrent_markers(real)
    pipeline.run(real)
    got = _run(run, write_model(real), chunks)
    np.testing.assert_allclose(got, right, atol=2e-6)
    assert abs(_run(run, write_model(real), chunks, 1) - right).max() > 0.1


def test_the_integers_go_on_as_keras_does(artifact, chunks, right):
    got = _run(run_c, artifact.flatbuffer, chunks)
    assert 10 * np.log10((right**2).mean() / ((got - right) ** 2).mean()) > 28
    # The error does not grow with the sequence.
    late = np.arange(INVOCATIONS) % SEQUENCE > SEQUENCE / 2
    assert abs(got - right)[late].max() < 2 * abs(got - right)[~late].max()


def test_no_byte_differs_from_tflite_micro(artifact, chunks):
    right = _run(run_micro, artifact.flatbuffer, chunks)
    np.testing.assert_array_equal(_run(run_c, artifact.flatbuffer, chunks), right)


def test_a_state_of_one_operator_is_kept_step_by_step(kind, artifact, chunks):
    right = _run(run_micro, artifact.flatbuffer, chunks)
    if kind is layers.LSTM:
        np.testing.assert_array_equal(_run(run_stepwise, artifact.flatbuffer, chunks), right)
        return
    with pytest.raises(UnsupportedError, match="a state of several operators"):
        _run(run_stepwise, artifact.flatbuffer, chunks)


def test_int16_goes_on_too(model, chunks, right):
    artifact = tfedge.convert(
        model, quantization="int16x8", calibration=chunks,
        input_type="float32", output_type="float32",
    )  # fmt: skip
    got = _run(run_c, artifact.flatbuffer, chunks)
    np.testing.assert_array_equal(got, _run(run_micro, artifact.flatbuffer, chunks))
    assert 10 * np.log10((right**2).mean() / ((got - right) ** 2).mean()) > 30


def test_verify_runs_sequences(artifact):
    result = tfedge.verify(artifact.model, samples=120, sequence=40, engines=["c", "litert"])
    assert result.passed
    with pytest.raises(tfedge.errors.TfedgeError, match="at least 1 sample"):
        tfedge.verify(artifact.model, sequence=0)


def test_firmware_goes_on(artifact, chunks, tmp_path):
    converted = tfedge.convert(artifact.flatbuffer, target="cortex-m4", name="keeper")
    inputs = [[chunk[None]] for chunk in chunks[:40]]
    right = run_micro(artifact.flatbuffer, inputs, 13)
    try:
        firmware = build_firmware(converted.source.write(tmp_path), "cortex-m4")
        outputs = firmware.run(inputs, sequence=13).outputs
    except MissingToolError as error:
        pytest.skip(str(error))
    np.testing.assert_array_equal(outputs, right)


MAIN = """
#include <string.h>
#include "keeper.h"

static uint8_t arena[KEEPER_ARENA_BYTES] __attribute__((aligned(KEEPER_ARENA_ALIGN)));
static keeper_context a, b;

static float step(keeper_context *context) {
  float input[KEEPER_IN0_ELEMENTS];
  for (int i = 0; i < KEEPER_IN0_ELEMENTS; i++) input[i] = 0.9f;
  memcpy(keeper_input(context, 0), input, sizeof input);
  keeper_invoke(context);
  return *(const float *)keeper_output(context, 0);
}

int main(void) {
  if (sizeof(keeper_state) != KEEPER_STATE_BYTES) return 1;
  keeper_init(&a, arena, sizeof arena);
  keeper_init(&b, arena, sizeof arena);
  const float first = step(&a), second = step(&a);
  if (first == second) return 2;
  if (step(&b) != first || step(&b) != second) return 3;
  if (keeper_self_test(&a) != TFEDGE_OK || step(&a) != first) return 4;
  if (keeper_reset(&a) != TFEDGE_OK || step(&a) != first || step(&b) == first) return 5;
  return keeper_reset(NULL) == TFEDGE_ERROR_NULL ? 0 : 6;
}
"""


def test_contexts_are_sequences_and_share_an_arena(artifact, tmp_path):
    program = tfedge.convert(artifact.flatbuffer, name="keeper").source.write(tmp_path)
    main = tmp_path / "main" / "main.c"
    main.parent.mkdir()
    main.write_text(MAIN)
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}"]
    command += [main, *program.sources, "-lm", "-o", main.parent / "program"]
    subprocess.run(command, check=True)
    assert subprocess.run([main.parent / "program"]).returncode == 0


def test_files_name_the_states(kind, artifact):
    again = read_model(artifact.flatbuffer)
    kept = [tensor for tensor in again.main.tensors() if tensor.keeps_state]
    assert len(kept) == 4 * KINDS[kind]
    assert KEEPS_STATE not in again.metadata
    assert write_model(again) == artifact.flatbuffer


@pytest.mark.parametrize("listed", [b'["nothing"]', b"[3", b"7", b"[[]]", b'{"a": 1}', b"\xff"])
def test_a_wrong_list_of_states_is_refused(artifact, listed):
    damaged = read_model(artifact.flatbuffer)
    for tensor in damaged.main.tensors():
        tensor.keeps_state = False
    damaged.metadata[KEEPS_STATE] = listed
    with pytest.raises(ModelFileError):
        read_model(write_model(damaged))


def test_only_some_layers_with_a_state_are_refused():
    model = keras.Sequential(
        [
            keras.Input((CHUNK, FEATURES), batch_size=1),
            _lstm(3, return_sequences=True),
            layers.LSTM(2),
        ]
    )
    with pytest.raises(UnsupportedError, match="all recurrent layers stateful, or none"):
        tfedge.convert(model, calibration=np.zeros((2, CHUNK, FEATURES), np.float32))


def test_a_state_of_two_calls_is_refused(kind):
    x = keras.Input((CHUNK, FEATURES), batch_size=1)
    layer = _kept(kind, 2, name="memory")
    model = keras.Model(x, layer(x) + layer(x * 2.0))
    with pytest.raises(UnsupportedError, match=r"'memory' .* called several times"):
        export_keras(model)


def test_a_memory_that_is_not_one_is_refused():
    """A state that is read after it was written, or written twice, or never."""
    model = _model(layers.GRU)
    artifact = tfedge.convert(model, calibration=np.ones((2, CHUNK, FEATURES), np.float32))

    def damaged(damage):
        found = read_model(artifact.flatbuffer)
        damage(found.main)
        with pytest.raises(UnsupportedError, match="keeps a state"):
            generate(found, Options("model", targets.load("host")))

    def reads(graph):
        return next(op for op in graph.operators if touches_memory(op) and op.inputs[0].is_variable)

    def writes(graph):
        state = reads(graph).inputs[0]
        return next(op for op in graph.operators if op.outputs[0] is state)

    def read_late(graph):
        last = Tensor("late", (1, 3), TensorType.INT16, reads(graph).outputs[0].quantization)
        graph.operators.append(
            dataclasses.replace(reads(graph), inputs=[*reads(graph).inputs], outputs=[last])
        )
        graph.outputs.append(last)

    damaged(read_late)
    damaged(lambda graph: graph.operators.append(dataclasses.replace(writes(graph))))
    damaged(lambda graph: graph.operators.remove(writes(graph)))
    damaged(lambda graph: setattr(reads(graph).inputs[0], "type", TensorType.INT8))
