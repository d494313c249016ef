"""Writes docs/layers.md from the cases that prove what layers become when they are trained.

PYTHONPATH=tests/quantization python tools/layer_table.py
"""

from __future__ import annotations

from pathlib import Path

from layer_cases import CASES, Case

PATH = Path(__file__).resolve().parents[1] / "docs" / "layers.md"
# What tools/keras_layer_table.py writes begins with this, and stays.
NEXT = "\n## "

_HEAD = """\
# Layers that train on integer grids

Made by `python tools/layer_table.py` from the cases that the tests train, convert and run; do not
edit.

*Operators*: what the model is on the device, all integer, with every range from training; what
stands between DEQUANTIZE and QUANTIZE is one table in generated C.
*`predict`*: how many integers the quantised Keras model may be from the device: 0 where it
reproduces the kernel bit for bit, else what functions such as sigmoid differ by. The figures are
of int8; with activations of 16 bits, sigmoid, tanh, softmax and silu are reproduced too.

Models may be functional, sequential, nested, subclassed, with several inputs and outputs and
shared layers.

- *Taken apart*: models in models, and models and layers of your own, into what their `call` does
  with layers and `keras.ops`. It has to run on symbolic tensors, and to do in training what it does
  in inference; weights of its own may be in it.
- *Vanishing*: what only trains, as Dropout, noise, regularisation and augmentation of images.
- *Masks*: those that Keras passes on beside tensors (`mask_zero`, `Masking`), those that Multiply,
  Maximum and Minimum apply to their operands, and those that are arguments count alike. Masks that
  your own code puts on the scores of a softmax, as in `scores + (1 - mask) * -1e9` or
  `where(mask, scores, -1e9)`, cost the scores no precision. A mask of a BatchNormalization decides
  what its statistics count in training, also where it is folded into the layer in front of it.
- *Refused by name*: what has no row of its own, or an argument that its row does not read, and
  cannot be taken apart. `tfedge.quantization.register` adds a layer of yours, `unknown="float"`
  leaves it in float.

`tfedge.quantize` compares its result with the model, without rounding, before it returns it; a
difference is an error that names the first layer that differs (`check=False` leaves that out).

| model | layers | operators | `predict` |
|---|---|---|---:|
"""


def table() -> str:
    """The page, up to the next section."""
    return _HEAD + "".join(_row(name, case) for name, case in sorted(CASES.items()))


def _row(name: str, case: Case) -> str:
    layers = [type(layer).__name__ for layer in case.model().layers]
    shown = ", ".join(layer for layer in layers if layer != "InputLayer")
    return f"| {name.replace('_', ' ')} | {shown} | {', '.join(case.codes)} | {case.farthest} |\n"


if __name__ == "__main__":
    _, heading, rest = PATH.read_text("utf-8").partition(NEXT)
    PATH.write_text(table() + heading + rest, "utf-8")
