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

*Operators*: what the model is on the device, all integer, with every range from training.
*`predict`*: how many integers the quantised Keras model may be from the device: 0 where it
reproduces the kernel bit for bit, else what functions such as sigmoid differ by. The figures are
of int8; with activations of 16 bits, sigmoid, tanh, softmax and silu are reproduced too.

Layers that only train (Dropout, noise, regularisation) disappear. Models may be functional,
sequential, nested, subclassed (if `call` runs on symbolic tensors), with several inputs and outputs
and shared layers. Other layers are refused by name; `tfedge.quantization.register` adds yours.

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
