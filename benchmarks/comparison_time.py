"""What it costs to compare a changed model with its original: CPU time with and without.

    nice -n 5 python benchmarks/comparison_time.py --repeats 7 --csv comparison_time.csv

`tfedge.quantize` runs with the comparison and without in turns in one process on one thread, after
one run each that does not count. What is told is the median of the ratios of neighbouring runs.
"""

from __future__ import annotations

import gc
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
from common.repeated_pairs import report

import tfedge

MODELS: dict[str, Callable[[], Any]] = {
    "MobileNetV2 224x224x3": lambda: keras.applications.MobileNetV2(weights=None),
    "EfficientNetV2B0 224x224x3": lambda: keras.applications.EfficientNetV2B0(weights=None),
    "ResNet50 224x224x3": lambda: keras.applications.ResNet50(weights=None),
}


def seconds(model: Any, check: bool) -> float:
    """CPU time of one call."""
    gc.collect()
    start = time.process_time()
    tfedge.quantize(model, check=check)
    return time.process_time() - start


def measure(name: str, repeats: int) -> dict[str, object]:
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    pairs = [(seconds(model, True), seconds(model, False)) for _ in range(repeats + 1)][1:]
    shares = [checked / bare - 1 for checked, bare in pairs]
    return {
        "model": name,
        "parameters": model.count_params(),
        "with_s": round(statistics.median(checked for checked, _ in pairs), 2),
        "without_s": round(statistics.median(bare for _, bare in pairs), 2),
        "share": round(statistics.median(shares), 2),
        "least": round(min(shares), 2),
        "largest": round(max(shares), 2),
        "repeats": repeats,
    }


if __name__ == "__main__":
    report(__doc__.split("\n")[0], "CPU seconds of quantize", MODELS, measure)
