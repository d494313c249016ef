"""Handwritten digits, from training to firmware that answers in QEMU.

    python examples/digits.py --output build/digits

Trains a small convolutional network on scikit-learn's bundled digits (8x8 pixels), quantises it to
int8, generates C, and runs it: the whole test set in LiteRT and in the C compiled for this
computer, some of it in firmware for a Cortex-M4 in QEMU. Ends with one table. Steps whose tools are
missing are left out, and the table says what to install.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tfedge
from tfedge.errors import MissingToolError
from tfedge_converters.execute import FirmwareResult, FirmwareSizes, build_firmware, build_host
from tfedge_converters.quiet import quiet
from tfedge_converters.verify.engines import Outputs, run_litert_reference, run_micro

with quiet():
    import keras

EPOCHS = 40
CALIBRATION_SAMPLES = 200
FIRMWARE_SAMPLES = 40
CORE = "cortex-m4"
CAPTION = (
    "mismatches: output bytes that differ from TFLite Micro's reference arithmetic, which is what "
    "devices compute; LiteRT rounds fully-connected layers once instead of twice. "
    "Flash: code and constants; RAM: arena and stack, in bytes. Instructions: of one inference."
)
SEED = 7


@dataclass
class Digits:
    """Images in 0..1, shape (n, 8, 8, 1), and labels 0..9."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


@dataclass
class FirmwareRun:
    """What the firmware answered and what it costs."""

    result: FirmwareResult
    sizes: FirmwareSizes


def load() -> Digits:
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8, 1) / 16.0).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=0.4, stratify=labels, random_state=SEED
    )
    return Digits((x_train, y_train), (x_test, y_test))


def build_model() -> keras.Model:
    keras.utils.set_random_seed(SEED)
    layers = keras.layers
    inputs = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(12, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    shortcut = layers.ReLU()(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(shortcut)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(12, 1)(x)
    x = layers.Add()([x, shortcut])
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(24, 3, activation="relu")(x)
    x = layers.Flatten()(x)
    outputs = layers.Dense(10, activation="softmax", name="digit")(x)
    return keras.Model(inputs, outputs, name="digits")


def train(model: keras.Model, digits: Digits, progress: Progress) -> None:
    task = progress.add_task("training", total=EPOCHS)
    advance = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: progress.advance(task))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*digits.train, epochs=EPOCHS, batch_size=32, verbose=0, callbacks=[advance])


def quantised_samples(images: np.ndarray, artifact: tfedge.Artifact) -> list[list[np.ndarray]]:
    """Images on the int8 grid of the model's input, one list a sample."""
    tensor = artifact.model.main.inputs[0]
    scale, zero_point = tensor.quantization.scale[0], tensor.quantization.zero_point[0]
    integers = np.clip(np.round(images / scale) + zero_point, -128, 127).astype(np.int8)
    return [[image[None]] for image in integers]


def run_firmware(program, samples: Sequence[Sequence[np.ndarray]]) -> FirmwareRun | str:
    """Runs on the core, or says what is missing."""
    try:
        firmware = build_firmware(program, CORE)
        return FirmwareRun(firmware.run(samples), firmware.sizes())
    except MissingToolError as error:
        return str(error)


def run_host(program, samples: Sequence[Sequence[np.ndarray]]) -> Outputs | str:
    """Runs on this computer, or says what is missing."""
    try:
        return build_host(program).run(samples)
    except MissingToolError as error:
        return str(error)


def run_truth(flatbuffer: bytes, samples: Sequence[Sequence[np.ndarray]]) -> Outputs:
    """TFLite Micro's interpreter, or LiteRT's reference kernels where it is not installed."""
    try:
        return run_micro(flatbuffer, samples)
    except MissingToolError:
        return run_litert_reference(flatbuffer, samples)


def accuracy(outputs: Outputs, labels: np.ndarray) -> str:
    right = sum(int(np.argmax(o[0]) == label) for o, label in zip(outputs, labels, strict=True))
    return f"{100 * right / len(labels):.2f} % of {len(labels)}"


def mismatches(outputs: Outputs, right: Outputs) -> str:
    pairs = zip(outputs, right, strict=True)
    return f"{sum(int((a[0] != b[0]).sum()) for a, b in pairs):,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("build/digits"))
    folder = parser.parse_args().output
    console = Console()
    with quiet(), Progress(console=console, transient=True) as progress:
        digits = load()
        model = build_model()
        train(model, digits, progress)
        steps = progress.add_task("converting", total=5)

        def begin(step: str) -> None:
            progress.update(steps, advance=1, description=step)

        artifact = tfedge.convert(
            model, target=CORE, calibration=digits.train[0][:CALIBRATION_SAMPLES]
        )
        artifact.save(folder)
        program = artifact.source.write(folder)
        begin("Keras and LiteRT")
        images, labels = digits.test
        real = [[row] for row in model.predict(images, verbose=0)]
        samples = quantised_samples(images, artifact)
        litert = run_litert_reference(artifact.flatbuffer, samples)
        begin("TFLite Micro")
        truth = run_truth(artifact.flatbuffer, samples)
        begin("C, host")
        host = run_host(program, samples)
        begin("firmware in QEMU")
        firmware = run_firmware(program, samples[:FIRMWARE_SAMPLES])
    console.print(artifact.summary(), highlight=False)
    console.print(report(real, litert, host, firmware, truth, labels))
    console.print(CAPTION, highlight=False)
    console.print(f"generated code: {folder}", highlight=False)


def report(
    real: Outputs,
    litert: Outputs,
    host: Outputs | str,
    firmware: FirmwareRun | str,
    truth: Outputs,
    labels: np.ndarray,
) -> Table:
    """The closing table: one row a way of running the model."""
    table = Table(box=box.SIMPLE)
    for column in ("digits", "accuracy", "mismatches", "flash", "RAM", "instructions"):
        table.add_column(column, justify="left" if column == "digits" else "right")
    table.add_row("Keras, float32", accuracy(real, labels), "", "", "", "")
    table.add_row("LiteRT, int8", accuracy(litert, labels), mismatches(litert, truth), "", "", "")
    if isinstance(host, str):
        table.add_row("C, host", host, "", "", "", "")
    else:
        table.add_row("C, host", accuracy(host, labels), mismatches(host, truth), "", "", "")
    name = f"C, {CORE} in QEMU"
    if isinstance(firmware, str):
        table.add_row(name, firmware, "", "", "", "")
        return table
    outputs = firmware.result.outputs
    table.add_row(
        name,
        accuracy(outputs, labels[: len(outputs)]),
        mismatches(outputs, truth[: len(outputs)]),
        f"{firmware.sizes.flash_bytes:,}",
        f"{firmware.sizes.ram_bytes_static + firmware.result.stack_bytes:,}",
        f"{int(np.median(firmware.result.instructions)):,}",
    )
    return table


if __name__ == "__main__":
    main()
