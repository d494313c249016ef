"""Keras and TensorFlow may be missing: what starts from a .tflite file does without them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tfedge.errors import MissingToolError, TfedgeError

_PACKAGES = ("h5py", "keras", "tensorflow", "tensorflow_model_optimization", "tf_keras")


@contextmanager
def needing_keras(what: str) -> Iterator[None]:
    """Say in words that what is imported within needs packages that are not installed, or start.

    Args:
        what: needs them.

    Raises:
        MissingToolError: one of them is missing.
        TfedgeError: Keras cannot be imported as it is set up, as with a backend that is missing.
    """
    try:
        yield
    except (ImportError, ValueError) as error:
        missing = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and missing in _PACKAGES:
            raise MissingToolError(
                f"{what} needs {missing}, which is not installed; 'pip install tfedge' brings it, "
                "unless it is told to leave out dependencies"
            ) from error
        if "keras" in sys.modules:  # its import has succeeded: something else is wrong
            raise
        raise TfedgeError(
            f"{what} needs Keras on TensorFlow, and Keras cannot be imported ({error}); the "
            "environment variable KERAS_BACKEND=tensorflow has it run there, whatever "
            "~/.keras/keras.json says"
        ) from error
