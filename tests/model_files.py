"""Files of real networks: made from seeds, and the published ones where somebody has fetched them.

A module of its own: `conftest` is the name of several.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfedge_converters.graph import Model, TensorType, read_file

# Where tools/fetch_published_models.py puts them; the environment may name another folder.
PUBLISHED = Path(
    os.environ.get("TFEDGE_PUBLISHED_MODELS")
    or Path(__file__).resolve().parents[1] / "published_models"
)
WITHOUT_PUBLISHED = (
    "published models are not part of the project; they come with "
    "python tools/fetch_published_models.py --download"
)
SOURCES = ("seeded", "published") if PUBLISHED.is_dir() else ("seeded",)


def float_model(model_file: Callable[[str], Path], name: str) -> Model:
    """An MLPerf Tiny network as a float graph.

    The published kws_float.tflite is hybrid: its weights are made real again here.
    """
    model = read_file(model_file(f"mlperf_tiny/{name}_float.tflite"))
    for tensor in model.main.tensors():
        if tensor.quantization is not None:
            assert name == "kws" and tensor.is_constant and tensor.quantization.scale.size == 1
            tensor.data = tensor.data.astype(np.float32) * tensor.quantization.scale[0]
            tensor.type, tensor.quantization = TensorType.FLOAT32, None
    return model
