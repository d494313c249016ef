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

_DESCRIPTIONS = {
    "int8": ("int8, a scale for each channel", "int8", "yes"),
    "int16x8": ("int8, a scale for each channel", "int16, symmetric", "yes"),
    "int4": ("int4, two a byte, where kernels read them; else int8", "int8", "yes"),
    "edgetpu": ("int8, one scale for a dense layer", "int8", "yes"),
    "float32": ("float32", "float32", "no"),
    "float16": ("float16, made real by DEQUANTIZE; for GPU delegates", "float32", "no"),
    "dynamic": ("int8, multiplied as they are", "float32, rounded to int8 at run time", "no"),
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
int4 weights in blocks with scales of their own are not written.

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
