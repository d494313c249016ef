"""Reading and writing a real model must not change what it computes."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hostile.formats.compiled import compiled_file
from model_files import PUBLISHED, WITHOUT_PUBLISHED
from random_graphs import random_model

from tfedge.errors import ModelFileError
from tfedge_converters.graph import Operator, read_file, read_model, write_model
from tfedge_converters.graph.sequences import KEEPS_STATE

RUNNABLE = [
    *(
        f"mlperf_tiny/{name}_{kind}"
        for name in ("ad", "ic", "kws", "vww")
        for kind in ("float", "int8")
    ),
    "edgetpu_pairs/deeplabv3_small",
    "edgetpu_pairs/keras_lstm_mnist_ptq",
    "edgetpu_pairs/mobilenet_v1_0.25_128_quant",
    "edgetpu_pairs/mobilenet_v1_0.5_160_quant",
    "edgetpu_pairs/split_concat",
]


def run(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def random_inputs(model: bytes, rng: np.random.Generator) -> list[np.ndarray]:
    inputs = []
    for tensor in read_model(model).main.inputs:
        if tensor.type.name == "FLOAT32":
            inputs.append(rng.normal(size=tensor.shape).astype(np.float32))
        else:
            limits = np.iinfo(tensor.type.dtype)
            values = rng.integers(limits.min, limits.max + 1, tensor.shape)
            inputs.append(values.astype(tensor.type.dtype))
    return inputs


@pytest.mark.parametrize("name", RUNNABLE)
def test_outputs_are_identical_after_a_round_trip(model_file, name):
    before = model_file(f"{name}.tflite").read_bytes()
    after = write_model(read_model(before))
    rng = np.random.default_rng(0)
    for _ in range(2):
        inputs = random_inputs(before, rng)
        for expected, actual in zip(run(before, inputs), run(after, inputs), strict=True):
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("name", RUNNABLE)
def test_writing_is_reproducible_and_loses_nothing(model_file, name):
    _require_reproducible(read_file(model_file(f"{name}.tflite")))


def test_writing_loses_nothing_of_compiled_files():
    _require_reproducible(read_model(compiled_file(random_model("conv_2d", 1, 1))))


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=WITHOUT_PUBLISHED)
def test_writing_loses_nothing_of_what_others_compiled():
    paths = sorted(PUBLISHED.glob("edgetpu_pairs/*_edgetpu.tflite"))
    assert len(paths) == 5
    for path in paths:
        _require_reproducible(read_file(path))


def _require_reproducible(model):
    once = write_model(model)
    again = read_model(once)
    assert write_model(again) == once
    assert [describe(op) for op in again.main.operators] == [
        describe(op) for op in model.main.operators
    ]
    assert again.metadata == model.metadata
    assert [s.key for s in again.signatures] == [s.key for s in model.signatures]


@pytest.mark.parametrize("listed", [b"3", b"[3]", b"{", b"[" * 99_999, b'["a"]'])
def test_lists_of_states_are_checked(listed):
    model = random_model("add", 0, 1)
    model.metadata[KEEPS_STATE] = listed
    with pytest.raises(ModelFileError, match=f"metadata '{KEEPS_STATE}'"):
        read_model(write_model(model))


def describe(operator: Operator):
    """Everything that the file says of an operator."""
    return (
        operator.code,
        operator.version,
        operator.custom_name,
        operator.custom_options,
        plain(operator.options),
        [describe_tensor(tensor) for tensor in (*operator.inputs, *operator.outputs)],
    )


def plain(options):
    if options is None:
        return None
    return {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in vars(options).items()
    }


def describe_tensor(tensor):
    if tensor is None:
        return None
    quantization = tensor.quantization
    return (
        tensor.name,
        tensor.shape,
        tensor.type,
        tensor.shape_signature,
        None if tensor.data is None else tensor.data.tobytes(),
        None
        if quantization is None
        else (quantization.scale.tolist(), quantization.zero_point.tolist(), quantization.axis),
    )
