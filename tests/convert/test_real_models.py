"""Real networks: generated C equals the truth."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from real_keras_models import MODELS, with_statistics
from shared_files import SHARED

import tfedge

# Compiled for an accelerator; or only to be run with float ends, which is another test's business.
FILES = sorted(
    path.relative_to(SHARED)
    for path in SHARED.glob("models/*/*.tflite")
    if not path.stem.endswith(("_edgetpu", "_float"))
)

# Half a minute for one sample in the reference interpreter.
LARGE = {"deeplabv3_mnv2_pascal_quant"}


def check(model, calibration=None, samples=5):
    artifact = tfedge.convert(model, calibration=calibration)
    result = tfedge.verify(artifact.flatbuffer, samples=samples, engines=["c"])
    assert result.passed, result


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_published_files(path, shared):
    file = Path(shared(path))
    check(file, samples=1 if file.stem in LARGE else 5)


@pytest.mark.parametrize("name", MODELS)
def test_keras_models(name):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    model = with_statistics(MODELS[name](), rng)
    inputs = rng.uniform(-1, 1, (8, *model.inputs[0].shape[1:])).astype(np.float32)
    check(model, calibration=inputs)
