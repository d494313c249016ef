"""Keras and TensorFlow may be missing: what starts from a .tflite file does without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tfedge.errors import MissingToolError

_PACKAGES = ("h5py", "keras", "tensorflow", "tensorflow_model_optimization", "tf_keras")


@contextmanager
def needing_keras(what: str) -> Iterator[None]:
    """Say in words that what is imported within needs packages that are not installed.

    Args:
        what: needs them.

    Raises:
        MissingToolError: one of them is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _PACKAGES:
            raise
        raise MissingToolError(
            f"{what} needs {missing}, which is not installed; 'pip install tfedge' brings it, "
            "unless it is told to leave out dependencies"
        ) from error
