"""Weights of few values as tables in the file, which TFLite Micro's own operator restores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from test_micro_arena import interpreter, outputs

import tfedge
from tfedge.errors import ModelFileError, UnsupportedError
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    read_model,
    write_model,
)
from tfedge_converters.graph.digest import digest
from tfedge_converters.graph.lut_compression import (
    Compressed,
    compress,
    decode,
    is_decode,
    restored,
)
from tfedge_converters.graph.model_file import ModelFile
from tfedge_converters.tflm import predict_arena, with_compressed_weights
from tfedge_converters.tflm.arena import X86_64
from tfedge_converters.verify.engines import engine

CHANNELS = 96
FITS_NOT = "does not fit its tables"
# The axis of channels, and shapes, of weights that take more than the code of DECODE saves.
LAYERS = {
    "CONV_2D": (0, (CHANNELS, 3, 3, CHANNELS), schema.Conv2DOptionsT),
    "DEPTHWISE_CONV_2D": (3, (1, 32, 32, CHANNELS), schema.DepthwiseConv2DOptionsT),
    "FULLY_CONNECTED": (
        0,
        (3 * CHANNELS, 6 * CHANNELS),
        schema.FullyConnectedOptionsT,
    ),
}


def grid(channels, axis=0):
    scales = np.linspace(0.01, 0.02, channels).astype(np.float32)
    return Quantization(scales, np.zeros(channels, np.int64), axis)


def clustered(shape, axis, channels, values, seed=0):
    """Weights of up to `values` values, others in every channel."""
    rng = np.random.default_rng(seed)
    tables = np.stack([rng.permutation(np.arange(-127, 128))[:values] for _ in range(channels)])
    rows = rng.integers(0, values, (channels, int(np.prod(shape)) // channels))
    chosen = np.take_along_axis(tables, rows, 1).astype(np.int8)
    rest = tuple(size for place, size in enumerate(shape) if place != axis)
    return chosen.reshape(shape if channels == 1 else (channels, *rest)), channels > 1


def layer(code, values, per_channel=True):
    """One layer with weights of few values."""
    axis, shape, options = LAYERS[code]
    axis, channels = (axis, shape[axis]) if per_channel else (0, 1)
    data, moved = clustered(shape, axis, channels, values)
    data = np.ascontiguousarray(np.moveaxis(data, 0, axis)) if moved else data
    weights = Tensor("weights", shape, TensorType.INT8, grid(channels, axis), data)
    made = options()
    if code == "FULLY_CONNECTED":
        source_shape, result_shape = (1, shape[1]), (1, shape[0])
    else:
        source_shape, result_shape = (1, 9, 9, CHANNELS), (1, 9, 9, CHANNELS)
        made.padding, made.strideW, made.strideH = schema.Padding.SAME, 1, 1
        if code == "DEPTHWISE_CONV_2D":
            made.depthMultiplier = 1
    source = Tensor("source", source_shape, TensorType.INT8, grid(1))
    result = Tensor("result", result_shape, TensorType.INT8, Quantization.per_tensor(0.25, 3))
    bias_scale = (weights.quantization.scale * source.quantization.scale[0]).astype(np.float32)
    bias_grid = Quantization(bias_scale, np.zeros(channels, np.int64))
    size = result_shape[-1]
    bias = Tensor("bias", (size,), TensorType.INT32, bias_grid, np.arange(size, dtype=np.int32))
    operator = Operator(code, [source, weights, bias], [result], made, 5)
    return Model([Graph([source], [result], [operator])])


def compressed(model):
    """The model as it is stored."""
    file = ModelFile(model)
    file.store_as(with_compressed_weights(model.graphs))
    return file.stored


@pytest.mark.parametrize("per_channel", [True, False], ids=["channels", "tensor"])
@pytest.mark.parametrize("values", [2, 4, 8, 13, 17, 64])
@pytest.mark.parametrize("code", LAYERS)
def test_tflite_micro_computes_the_same(code, values, per_channel):
    model = layer(code, values, per_channel)
    stored = compressed(model)
    flatbuffer = write_model(stored)
    assert stored is not model and len(flatbuffer) < len(write_model(model)) - 8621
    made, sizes = interpreter(flatbuffer)
    plain, _ = interpreter(write_model(model))
    for one, two in zip(outputs(made, model), outputs(plain, model), strict=True):
        np.testing.assert_array_equal(one, two)
        assert np.unique(one).size > 2
    arena = predict_arena(read_model(flatbuffer, restore=False).graphs, layout=X86_64)
    assert sizes == (arena.planned, arena.persistent)


@pytest.mark.parametrize("code", LAYERS)
def test_a_reader_restores_the_model(code):
    model = layer(code, 9)
    flatbuffer = write_model(compressed(model))
    again = read_model(flatbuffer)
    assert digest(again) == digest(read_model(write_model(model)))
    samples = [[np.full(model.main.inputs[0].shape, 5, np.int8)]]
    for name in ("litert-reference", "litert", "tflite-micro"):
        found = engine(name)(flatbuffer, samples, 1)
        wanted = engine(name)(write_model(model), samples, 1)
        np.testing.assert_array_equal(found[0][0], wanted[0][0])


@pytest.mark.parametrize("type_", ["BOOL", "FLOAT32", "INT8", "INT16", "INT32", "INT64"])
@pytest.mark.parametrize("values", [1, 2, 3, 5, 16, 17, 33, 100, 128])
def test_constants_of_all_types_come_back(type_, values):
    rng = np.random.default_rng(values)
    type_ = TensorType[type_]
    data = rng.integers(0, 2 if type_ == TensorType.BOOL else values, (3, 7, 11))
    tensor = Tensor("constant", data.shape, type_, None, (data * 1.0).astype(type_.dtype))
    operator = decode(tensor, compress(tensor))
    np.testing.assert_array_equal(restored(operator)[0], tensor.data)
    assert operator.outputs[0].data is None


def test_zeros_of_either_sign_come_back():
    data = np.array([[0.0, -0.0, 1.0, -0.0]], np.float32)
    tensor = Tensor("constant", data.shape, TensorType.FLOAT32, None, data)
    [again] = restored(decode(tensor, compress(tensor)))
    assert again.tobytes() == data.tobytes()


def test_more_values_than_tables_hold_stay():
    data = np.arange(-64, 65).astype(np.int8)
    assert compress(Tensor("many", data.shape, TensorType.INT8, None, data)) is None
    # Kernels look for scales along the first axis or the last.
    middle = Tensor("middle", (2, 3, 4), TensorType.INT8, grid(3, 1), np.zeros((2, 3, 4), np.int8))
    assert compress(middle) is None


def _small_layer():
    """A layer whose weights as tables save less than the code that restores them takes."""
    model = layer("CONV_2D", 13)
    operator = model.main.operators[0]
    small = replace(operator.inputs[1], shape=(CHANNELS, 1, 1, CHANNELS))
    small.data = np.ascontiguousarray(operator.inputs[1].data[:, :1, :1])
    operator.inputs[1] = small
    return model


def test_what_saves_less_than_the_code_that_restores_it_stays():
    model = _small_layer()
    assert compressed(model) is model


def test_weights_of_several_graphs_are_saved_once():
    """A file holds what they have in common once, and saves it once."""
    model = Model([_small_layer().main for _ in range(4)])
    assert compressed(model) is model


def test_weights_that_another_graph_keeps_stay():
    first, second = layer("CONV_2D", 13).main, layer("CONV_2D", 13).main
    [operator] = second.operators
    again = replace(operator, outputs=[replace(operator.outputs[0], name="again")])
    second.operators.append(again)
    model = Model([first, second])
    assert compressed(model) is model


def test_weights_that_are_an_output_too_stay():
    model = layer("CONV_2D", 13)
    model.main.outputs.append(model.main.operators[0].inputs[1])
    assert compressed(model) is model


def test_conversion_for_flash(tmp_path):
    model = write_model(layer("CONV_2D", 16))
    dense, small = (
        tfedge.convert(model, target="tflite-micro", name="net", optimize=optimize)
        for optimize in ("balanced", "flash")
    )
    assert len(small.flatbuffer) < 0.56 * len(dense.flatbuffer)
    assert "43,024 bytes in place of 82,944" in small.summary()
    assert "AddDecode" in small.files["net_op_resolver.h"]
    assert "AddDecode" not in dense.files["net_op_resolver.h"]
    small.save(tmp_path)
    assert tfedge.verify(tmp_path, samples=3).passed
    assert tfedge.load(tmp_path).summary().startswith(small.summary())
    # What others make of its file has nothing of it.
    other = tfedge.convert(small.flatbuffer, target="tflite", name="net")
    assert other.flatbuffer == tfedge.convert(model, target="tflite", name="net").flatbuffer
    assert "conv_2d" in tfedge.convert(small.flatbuffer, target="cortex-m4").files["model.c"]


def _written(change):
    """A file whose weights were compressed, and then changed."""
    model = compressed(layer("CONV_2D", 13))
    [operator] = filter(is_decode, model.main.operators)
    indices, values = (tensor.data.copy() for tensor in operator.inputs)
    changed = change(Compressed(indices, values))
    for tensor, data in zip(operator.inputs, (changed.indices, changed.ancillary), strict=True):
        tensor.data, tensor.shape = data, data.shape
    return write_model(model)


def _with_byte(place, value):
    def change(compressed):
        compressed.ancillary[place] = value
        return compressed

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_with_byte(0, 1), "a form other than tables"),
        (_with_byte(0, 127), "a form other than tables"),
        (_with_byte(1, 2), "a form other than tables"),
        (_with_byte(5, 0), FITS_NOT),
        (_with_byte(5, 5), FITS_NOT),
        (_with_byte(6, 0), FITS_NOT),
        (_with_byte(6, 12), FITS_NOT),
        (lambda c: Compressed(c.indices[:-1], c.ancillary), FITS_NOT),
        (
            lambda c: Compressed(np.full_like(c.indices, 255), c.ancillary),
            FITS_NOT,
        ),
        (lambda c: Compressed(c.indices, c.ancillary[:8]), "a form other than tables"),
    ],
)
def test_damage_is_one_sentence(change, words):
    with pytest.raises(ModelFileError, match=words):
        read_model(_written(change))


def test_operands_that_are_missing():
    flatbuffer = write_model(compressed(layer("CONV_2D", 13)))
    model = read_model(flatbuffer, restore=False)
    [operator] = filter(is_decode, model.main.operators)
    operator.inputs.pop()
    with pytest.raises(ModelFileError, match="TFLM_DECODE restores a tensor from two"):
        read_model(write_model(model))


@pytest.mark.parametrize("name", ["RELU", "CONV_2D", "TFLM_DECODE2"])
def test_operators_of_others_are_not_taken_for_their_names(name):
    """A custom operator may be called as one of TFLite Micro's own."""
    grid_ = Quantization.per_tensor(0.1, 0)
    source, result = (Tensor(end, (1, 8), TensorType.INT8, grid_) for end in ("in", "out"))
    operator = Operator("CUSTOM", [source], [result], custom_name=name)
    model = Model([Graph([source], [result], [operator])])
    assert predict_arena(model.graphs) is None
    with pytest.raises(UnsupportedError, match="has no TFLite Micro kernel"):
        tfedge.convert(write_model(model), target="tflite-micro", name="net")
