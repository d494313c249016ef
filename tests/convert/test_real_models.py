"""Real networks: generated C equals the truth, or the refusal names what has no kernel."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from real_keras_models import MODELS, with_statistics
from shared_files import SHARED

import tfedge
from tfedge.errors import UnsupportedError
from tfedge.quantization.policy import OPERATORS
from tfedge_converters.c.kernels import LOWERINGS, UNSIGNED_LOWERINGS
from tfedge_converters.export import export_keras
from tfedge_converters.graph import TensorType, read_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.unsigned import SHIFTABLE

# Compiled for an accelerator; or only to be run with float ends, which is another test's business.
FILES = sorted(
    path.relative_to(SHARED)
    for path in SHARED.glob("models/*/*.tflite")
    if not path.stem.endswith(("_edgetpu", "_float"))
)

# Half a minute for one sample in the reference interpreter.
LARGE = {"deeplabv3_mnv2_pascal_quant"}


def missing(flatbuffer: bytes, *, is_float: bool) -> set[str]:
    """Operators that something on the road has no row for."""
    model = read_model(flatbuffer)
    pipeline.run(model)
    operators = model.main.operators
    known = set(LOWERINGS) & set(OPERATORS) if is_float else set(LOWERINGS)
    lacking = set()
    for operator in operators:
        if any(t is not None and t.type == TensorType.UINT8 for t in operator.inputs):
            if operator.code not in SHIFTABLE & (known | set(UNSIGNED_LOWERINGS)):
                lacking.add(operator.code)
        elif operator.code not in known:
            lacking.add(operator.code)
    return lacking


def check(model, flatbuffer, calibration=None, samples=5):
    lacking = missing(flatbuffer, is_float=calibration is not None)
    try:
        artifact = tfedge.convert(model, calibration=calibration)
    except UnsupportedError as refusal:
        # Either a kernel is missing, and the refusal says which, or this is a failure.
        if not any(reason in str(refusal) for reason in lacking):
            raise
        pytest.skip(f"no kernel for {', '.join(sorted(lacking))}, which the refusal names")
    result = tfedge.verify(artifact.flatbuffer, samples=samples, engines=["c"])
    assert result.passed, result


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_published_files(path, shared):
    file = Path(shared(path))
    check(file, file.read_bytes(), samples=1 if file.stem in LARGE else 5)


@pytest.mark.parametrize("name", MODELS)
def test_keras_models(name):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    model = with_statistics(MODELS[name](), rng)
    inputs = rng.uniform(-1, 1, (8, *model.inputs[0].shape[1:])).astype(np.float32)
    check(model, export_keras(model), calibration=inputs)
