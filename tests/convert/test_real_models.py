"""Real networks: generated C equals the truth."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from model_files import PUBLISHED, WITHOUT_PUBLISHED
from real_keras_models import MODELS, with_statistics
from seeded_models import edgetpu, mlperf_tiny

import tfedge

SEEDED = [
    *(f"mlperf_tiny/{name}_int8.tflite" for name in mlperf_tiny.NAMES),
    *(f"edgetpu_pairs/{name}.tflite" for name in edgetpu.MODELS),
]

# Not what was compiled for an accelerator; nor what only takes real numbers, which is another
# test's business.
FETCHED = sorted(
    str(path.relative_to(PUBLISHED))
    for path in PUBLISHED.glob("*/*.tflite")
    if not path.stem.endswith(("_edgetpu", "_float"))
)

# Half a minute for one sample in the reference interpreter.
LARGE = {"deeplabv3_mnv2_pascal_quant"}


def check(model, calibration=None, samples=5):
    artifact = tfedge.convert(model, calibration=calibration)
    result = tfedge.verify(artifact.flatbuffer, samples=samples, engines=["c"])
    assert result.passed, result


@pytest.mark.parametrize("path", [path for path in SEEDED if Path(path).stem not in LARGE])
def test_files(path, seeded):
    check(seeded(path))


@pytest.mark.skipif(not FETCHED, reason=WITHOUT_PUBLISHED)
@pytest.mark.parametrize("path", FETCHED or [""])
def test_published_files(path):
    check(PUBLISHED / path, samples=1 if Path(path).stem in LARGE else 5)


@pytest.mark.parametrize("name", MODELS)
def test_keras_models(name):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    model = with_statistics(MODELS[name](), rng)
    inputs = rng.uniform(-1, 1, (8, *model.inputs[0].shape[1:])).astype(np.float32)
    check(model, calibration=inputs)
