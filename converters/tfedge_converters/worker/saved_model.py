"""TensorFlow, which opens a SavedModel where it can do no harm.

Imported by workers alone: shape functions trust the types of what they are given, and a damaged
graph ends their process.
"""

from __future__ import annotations

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a GPU's memory is for who opens the model to run it

import tensorflow as tf


def open_once(path: str) -> None:
    """Open a folder as whoever runs it would, and let go of it.

    Raises:
        Exception: whatever TensorFlow makes of it; whoever opens it afterwards hears that too.
    """
    tf.saved_model.load(path)
