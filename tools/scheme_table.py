"""Writes docs/schemes.md by converting and running models with every scheme on every engine.

PYTHONPATH=tests/convert python tools/scheme_table.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scheme_cases import MODELS, built, samples

import tfedge
from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import SCHEMES, STORAGE_SCHEMES
from tfedge_converters.export import export_keras
from tfedge_converters.graph.blockwise_scales import has_blocks
from tfedge_converters.verify.engines import engine

PATH = Path(__file__).resolve().parents[1] / "docs" / "schemes.md"

_HEAD = """\
# What a model can be converted to

Made by `python tools/scheme_table.py`, which converts and runs models with every scheme; do not
edit.

`tfedge.convert(model, quantization=…)`, `tfedge convert --quantization …`:

| scheme | weights | activations | calibration |
|---|---|---|---|
"""

_ROUNDED = "float32, rounded to int8 at run time"
_COMPUTED = "int4 of CONV_2D and FULLY_CONNECTED, multiplied as they are"

_DESCRIPTIONS = {
    "int8": ("int8, a scale for each channel", "int8", "yes"),
    "int16x8": ("int8, a scale for each channel", "int16, symmetric", "yes"),
    "int4": ("int4, two a byte, where kernels read them; else int8", "int8", "yes"),
    "edgetpu": ("int8, one scale for a dense layer", "int8", "yes"),
    "float32": ("float32", "float32", "no"),
    "float16": ("float16, made real by DEQUANTIZE; for GPU delegates", "float32", "no"),
    "dynamic": ("int8, multiplied as they are", _ROUNDED, "no"),
    "dynamic_integer": (
        "int8, multiplied as they are",
        "8 bits with exponents found at run time, between float32 inputs and outputs",
        "no",
    ),
    "dynamic4": (f"{_COMPUTED}, a scale for each channel; else as `dynamic`", _ROUNDED, "no"),
    "dynamic4_b32": ("as `dynamic4`, a scale for every 32 of a dense layer", _ROUNDED, "no"),
    "dynamic4_b64": ("as `dynamic4`, a scale for every 64 of a dense layer", _ROUNDED, "no"),
    "weights8": ("int8, made real by DEQUANTIZE", "float32", "no"),
    "weights4": ("int4, two a byte, made real by DEQUANTIZE", "float32", "no"),
}

_EXACT = 120

_ENGINES = {
    "LiteRT": ("tflite", "litert-reference"),
    "TFLite Micro": ("tflite-micro", "tflite-micro"),
    "C": ("host", "c"),
}

_MIDDLE = """
Weights of less than 1,024 values stay real where activations do, as with TensorFlow's converter.

`dynamic_integer` is for generated C on cores without an FPU: no instruction, and no function that a
compiler calls for one, computes with a real number, from the bits of float32 inputs to those of the
outputs ([how](architecture/kernels_and_memory.md#block-floating-point), [what it loses and
takes](measurements/block_floating_point.md)). [Operators](operators.md) on `bfp8` are those that
have it; others are refused.

Blocks with scales of their own (`dynamic4_b32`, `dynamic4_b64`) are 32 or 64 inputs of a channel; a
`StorageScheme` may have any multiple of 32 as its `block_size`. Channels keep one scale where that
does not divide the layer's inputs, or where training found it. **Only XNNPACK, LiteRT's default,
computes with such blocks.** Of LiteRT's other kernels, the reference ones always and the optimised
ones for some shapes give wrong numbers and no error: the table below, `evaluation_data` and
`tfedge verify` do not ask them. LiteRT's kernels of DEPTHWISE_CONV_2D, TRANSPOSE_CONV and
UNIDIRECTIONAL_SEQUENCE_LSTM refuse int4 weights with real activations: such layers have int8
weights with `dynamic4`, and so have tables of GATHER.

Signal over noise, in dB, of outputs against the Keras model, and why there is none. The models have
random weights: the figures tell what works, not how accurate a trained model will be. Figures are
rounded to 5 dB; above 120 dB there is nothing but float32's own rounding.

| model | scheme | LiteRT | TFLite Micro | C |
|---|---|---|---|---|
"""


def table() -> str:
    """The whole page."""
    schemes = "".join(
        f"| `{name}` | {' | '.join(_DESCRIPTIONS[name])} |\n"
        for name in (*SCHEMES, *STORAGE_SCHEMES)
    )
    return _HEAD + schemes + _MIDDLE + "".join(map(_rows, MODELS))


def _rows(name: str) -> str:
    model = built(name)
    x = samples(model)
    right = model.predict(x, verbose=0)
    exported = export_keras(model)
    rows = []
    for scheme in (*SCHEMES, *STORAGE_SCHEMES):
        cells = [_cell(exported, scheme, x, right, *engine) for engine in _ENGINES.values()]
        rows.append(f"| {name} | `{scheme}` | {' | '.join(cells)} |\n")
    return "".join(rows)


def _cell(
    exported: bytes, scheme: str, x: np.ndarray, right: np.ndarray, target: str, runner: str
) -> str:
    try:
        artifact = tfedge.convert(
            exported,
            target=target,
            quantization=scheme,
            calibration=x,
            input_type=None if x.dtype == np.int32 else "float32",
            output_type="float32",
        )
        if any(map(has_blocks, artifact.model.graphs)):
            runner = "litert"
        results = engine(runner)(artifact.flatbuffer, [[value[np.newaxis]] for value in x])
    except TfedgeError as error:
        return _shortened(str(error))
    actual = np.array([result[0][0] for result in results])
    noise = np.square(actual.astype(np.float64) - right).mean()
    decibels = 10 * np.log10(np.square(right).mean() / noise)
    return "exact" if decibels > _EXACT else f"{5 * round(decibels / 5)} dB"


def _shortened(reason: str) -> str:
    return reason.split(";")[0].split("\n")[0].replace("|", "/")


if __name__ == "__main__":
    PATH.write_text(table(), "utf-8")
