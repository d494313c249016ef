"""Seconds from a Keras model to an int8 file with 100 samples: ours and TensorFlow's converter.

    nice -n 0 python benchmarks/conversion_time.py --repeats 7 --csv conversion_time.csv

Both are run in turns in one process, after one run each that does not count. What is compared is
the median of the ratios of neighbouring runs. Calibration inputs are seeded random numbers.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from common.networks import resnet_8
from common.repeated_pairs import report

import tfedge
from tfedge_converters.quiet import quiet

SAMPLES = 100

MODELS: dict[str, Callable[[], Any]] = {
    "ResNet-8 32x32x3": lambda: resnet_8(keras),
    "MobileNetV1-0.25 96x96x3": lambda: keras.applications.MobileNet(
        (96, 96, 3), alpha=0.25, weights=None, classes=2
    ),
    "MobileNetV2 96x96x3": lambda: keras.applications.MobileNetV2((96, 96, 3), weights=None),
}


def ours(model: Any, samples: np.ndarray) -> bytes:
    return tfedge.convert(model, target="tflite", calibration=samples).flatbuffer


def by_tensorflow(model: Any, samples: np.ndarray) -> bytes:
    def representative() -> Iterator[list[np.ndarray]]:
        for sample in samples:
            yield [sample[np.newaxis]]

    with quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        result: bytes = converter.convert()
        return result


def seconds(convert: Callable[[Any, np.ndarray], bytes], model: Any, samples: np.ndarray) -> float:
    start = time.perf_counter()
    convert(model, samples)
    return time.perf_counter() - start


def measure(name: str, repeats: int) -> dict[str, object]:
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    shape = (SAMPLES, *model.input_shape[1:])
    samples = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    runs = [
        (seconds(ours, model, samples), seconds(by_tensorflow, model, samples))
        for _ in range(repeats + 1)
    ][1:]
    ratios = [mine / theirs for mine, theirs in runs]
    return {
        "model": name,
        "ours_s": round(statistics.median(mine for mine, _ in runs), 2),
        "tensorflow_s": round(statistics.median(theirs for _, theirs in runs), 2),
        "ratio": round(statistics.median(ratios), 3),
        "least": round(min(ratios), 3),
        "largest": round(max(ratios), 3),
        "repeats": repeats,
    }


if __name__ == "__main__":
    report(__doc__.split("\n")[0], "seconds of conversion", MODELS, measure)
