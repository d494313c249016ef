"""What post-training quantisation costs the MLPerf Tiny networks, by scheme and calibration method.

    python benchmarks/post_training.py FOLDER --data DATA --csv post_training.csv

FOLDER holds {ad,ic,kws,vww}_float.tflite of the MLPerf Tiny reference implementation. No data set
of these networks is needed: inputs come from DATA/NAME.npz (an array x, as the network takes them)
where there is one, else they are seeded random numbers, and the column `inputs` says which. Beside
our files are those of ai-edge-quantizer and, with --tensorflow, of TensorFlow's converter from
FOLDER/{ad,ic,kws,vww}.h5, with the same inputs to calibrate with.

snr_db: signal over noise of the outputs against the float network, on inputs that calibration has
not seen; agreement: part of these inputs whose largest output is the same (not for ad, which
reconstructs its input); zlib_bytes: the file compressed.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from common.tables import as_csv, show
from rich.progress import track

import tfedge
from tfedge.atomic_writing import write_atomically
from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import SCHEMES, STORAGE_SCHEMES
from tfedge_converters.graph import Model, TensorType, read_file, read_model, write_model
from tfedge_converters.graph.blockwise_scales import has_blocks
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq import METHODS, calibrate
from tfedge_converters.quiet import quiet
from tfedge_converters.verify.engines import run_litert, run_litert_reference

NAMES = ("ad", "ic", "kws", "vww")
CALIBRATION, TEST = 100, 200

# Our name of a scheme, how ranges are found, and the recipe of ai-edge-quantizer for it. Layers
# that a recipe does not know stay real.
AI_EDGE_RECIPES = (
    ("int8", "minmax", "static_wi8_ai8"),
    ("int16x8", "minmax", "static_wi8_ai16"),
    ("dynamic", "-", "dynamic_wi8_afp32"),
    ("dynamic4", "-", "dynamic_wi4_afp32"),
    ("dynamic4_b32", "-", "dynamic_wi4b32_afp32"),
    ("dynamic4_b64", "-", "dynamic_wi4b64_afp32"),
    ("weights8", "-", "weight_only_wi8_afp32"),
    ("weights4", "-", "weight_only_wi4_afp32"),
)


@dataclass
class Subject:
    """A network and its inputs."""

    name: str
    inputs: str
    flatbuffer: bytes
    calibration: np.ndarray
    test: np.ndarray
    right: np.ndarray


def float_network(path: Path) -> Model:
    """The network; the published kws_float.tflite has int8 weights, which are made real again."""
    model = read_file(path)
    for tensor in model.main.tensors():
        if tensor.quantization is not None and tensor.data is not None:
            tensor.data = tensor.data.astype(np.float32) * tensor.quantization.scale[0]
            tensor.type, tensor.quantization = TensorType.FLOAT32, None
    return model


def inputs_of(name: str, shape: tuple[int, ...], data: Path | None) -> tuple[np.ndarray, str]:
    count = CALIBRATION + TEST
    if data is not None and (data / f"{name}.npz").exists():
        with np.load(data / f"{name}.npz") as archive:
            x = archive["x"].astype(np.float32)
        return x[np.random.default_rng(0).permutation(len(x))[:count]], "real"
    rng = np.random.default_rng(11)
    if name == "ad":
        return rng.normal(-5, 10, (count, *shape)).astype(np.float32), "random"
    if name == "kws":
        return rng.normal(0, 12, (count, *shape)).astype(np.float32), "random"
    coarse = rng.random((count, 4, 4, 3)) * (255 if name == "ic" else 1)
    block = np.ones((1, shape[0] // 4, shape[1] // 4, 1))
    return np.kron(coarse, block).astype(np.float32), "random"


def subject(folder: Path, name: str, data: Path | None) -> Subject:
    model = float_network(folder / f"{name}_float.tflite")
    x, inputs = inputs_of(name, model.main.inputs[0].shape[1:], data)
    flatbuffer = write_model(model)
    test = x[CALIBRATION:]
    right = outputs(run_litert, flatbuffer, test)
    return Subject(name, inputs, flatbuffer, x[:CALIBRATION], test, right)


def outputs(run: Callable[..., Any], flatbuffer: bytes, x: np.ndarray) -> np.ndarray:
    return np.array([result[0][0] for result in run(flatbuffer, [[value[None]] for value in x])])


def real_outputs(file: bytes, x: np.ndarray, run: Callable[..., Any] | None = None) -> np.ndarray:
    """Real outputs for real inputs, whatever the file's ends are; of LiteRT's reference kernels.

    Only XNNPACK knows of weights in blocks.
    """
    graph = read_model(file).main
    run = run or (run_litert if has_blocks(graph) else run_litert_reference)
    source, result = graph.inputs[0].quantization, graph.outputs[0].quantization
    if source is not None:
        kind = graph.inputs[0].type.dtype
        limits = np.iinfo(kind)
        integers = np.round(x / source.scale[0]) + source.zero_point[0]
        x = np.clip(integers, limits.min, limits.max).astype(kind)
    values = outputs(run, file, x)
    if result is not None:
        values = (values.astype(np.float32) - result.zero_point[0]) * result.scale[0]
    return values


def ours(case: Subject, scheme: str, method: str | None) -> bytes:
    return tfedge.convert(
        case.flatbuffer,
        target="tflite",
        quantization=scheme,
        calibration=case.calibration if method else None,
        calibration_method=method,
        input_type="float32",
        output_type="float32",
    ).flatbuffer


class Calibrated(Protocol):
    """A float model and inputs to calibrate it with."""

    flatbuffer: bytes
    calibration: np.ndarray


def by_ai_edge_quantizer(recipe_name: str, case: Calibrated) -> bytes:
    """Given the extremes of the same inputs: its own calibration needs files with a signature."""
    from ai_edge_quantizer import quantizer, recipe

    model = read_model(case.flatbuffer)
    calibrate(model, case.calibration)
    ranges = {
        tensor.name: {
            "min": np.float32(tensor.range.low if tensor.range else 0),
            "max": np.float32(tensor.range.high if tensor.range else 1),
        }
        for tensor in model.main.tensors()
        if is_real_activation(tensor)
    }
    made = quantizer.Quantizer(bytearray(case.flatbuffer), getattr(recipe, recipe_name)())
    try:
        with np.errstate(all="ignore"):
            return bytes(made.quantize(ranges).quantized_model)
    except ValueError as error:  # of layers that blocks do not divide
        raise TfedgeError(str(error).splitlines()[0]) from error


def by_tensorflow(case: Subject, folder: Path) -> bytes:
    import tensorflow as tf

    from tfedge_converters.export import load_keras

    def representative() -> Iterator[list[np.ndarray]]:
        for value in case.calibration:
            yield [value[None]]

    with quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(load_keras(folder / f"{case.name}.h5"))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        result: bytes = converter.convert()
        return result


def ways(folder: Path, tensorflow: bool) -> list[tuple[str, str, str, Callable[[Subject], bytes]]]:
    """Who makes a file, of which scheme, by which method, and how."""
    made = [
        ("tfedge", scheme, method, lambda case, s=scheme, m=method: ours(case, s, m))
        for scheme in SCHEMES
        for method in (*METHODS, "percentile:99.9")
    ]
    made += [
        ("tfedge", scheme, "-", lambda case, s=scheme: ours(case, s, None))
        for scheme, storage in STORAGE_SCHEMES.items()
        if not storage.integer_only
    ]
    made += [
        ("ai-edge-quantizer", scheme, method, lambda case, r=recipe: by_ai_edge_quantizer(r, case))
        for scheme, method, recipe in AI_EDGE_RECIPES
    ]
    if tensorflow:
        made.append(("TensorFlow", "int8", "minmax", lambda case: by_tensorflow(case, folder)))
    return made


def row(case: Subject, who: str, scheme: str, method: str, file: bytes) -> dict[str, object]:
    actual = real_outputs(file, case.test)
    noise = np.square(actual.astype(np.float64) - case.right).mean()
    signal = np.square(case.right.astype(np.float64)).mean()
    same = actual.argmax(axis=-1) == case.right.argmax(axis=-1)
    return {
        "model": case.name,
        "inputs": case.inputs,
        "made_by": who,
        "scheme": scheme,
        "method": method,
        "snr_db": round(float(10 * np.log10(signal / max(noise, 1e-30))), 1),
        "agreement": "-" if case.name == "ad" else round(float(same.mean()), 3),
        "bytes": len(file),
        "zlib_bytes": len(zlib.compress(file, 9)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", choices=NAMES)
    parser.add_argument("--data", type=Path, help="folder of NAME.npz files with real inputs x")
    parser.add_argument("--tensorflow", action="store_true")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    rows, refused = [], []
    for name in arguments.model or NAMES:
        case = subject(arguments.folder, name, arguments.data)
        made = ways(arguments.folder, arguments.tensorflow)
        for who, scheme, method, make in track(made, name, transient=True):
            try:
                rows.append(row(case, who, scheme, method, make(case)))
            except TfedgeError as error:
                refused.append(f"{name}, {who}, {scheme}, {method}: {error}")
    if rows:
        show("post-training quantisation", rows)
    print(*refused, sep="\n")
    if rows and arguments.csv:
        write_atomically(arguments.csv, as_csv(rows))


if __name__ == "__main__":
    main()
