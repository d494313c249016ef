"""What `predict` of a quantised model takes: exact and simulated, in times of the float model.

    nice -n 5 python benchmarks/inference_time.py --repeats 7 --csv inference_time.csv

Processor time of one thread, random weights and images, batches of 8. *First* is the first
`predict` of 32 images, with tracing and optimising; *later* the median of the ratios of
neighbouring runs, the float model's and the quantised one's in turns in one process.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import numpy as np
from common.repeated_pairs import report

import tfedge

IMAGES, BATCH = 32, 8
NETS: dict[str, tuple[int, Callable[..., Any]]] = {
    "MobileNetV2 0.35, 96x96": (
        96,
        lambda **options: keras.applications.MobileNetV2(alpha=0.35, **options),
    ),
    "EfficientNetV2B0, 96x96": (96, keras.applications.EfficientNetV2B0),
    "EfficientNetV2B0, 224x224": (224, keras.applications.EfficientNetV2B0),
}
CASES = [f"{net}: {inference}" for net in NETS for inference in ("exact", "simulated")]


def seconds(model: Any, images: np.ndarray) -> float:
    """Processor time of one `predict`."""
    start = time.process_time()
    model.predict(images, batch_size=BATCH, verbose=0)
    return time.process_time() - start


def measure(case: str, repeats: int) -> dict[str, object]:
    net, inference = case.split(": ")
    size, make = NETS[net]
    keras.utils.set_random_seed(0)
    model = make(weights=None, input_shape=(size, size, 3))
    images = np.random.default_rng(0).uniform(0, 255, (IMAGES, size, size, 3)).astype(np.float32)
    quantized = tfedge.quantize(model, inference=inference)
    quantized.calibrate(images[:BATCH])
    first = seconds(quantized, images)
    seconds(model, images)
    ratios = [seconds(quantized, images) / seconds(model, images) for _ in range(repeats)]
    return {
        "net": net,
        "inference": inference,
        "first_s": round(first, 1),
        "later": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "largest": round(max(ratios), 2),
        "repeats": repeats,
    }


if __name__ == "__main__":
    report(__doc__.split("\n")[0], "predict", CASES, measure)
