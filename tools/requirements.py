"""Prints what pip is to install for environments that differ from the usual one, a line each.

Usage: python requirements.py lowest|without-training; tfedge has to be installed, `--no-deps`.

lowest            constraints: the lowest version that tfedge says it works with, of each package
without-training  requirements: all but those that only Keras models need
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib.metadata import requires

TRAINING = ("h5py", "keras", "tensorflow", "tensorflow-model-optimization", "tf_keras")
_NAME = re.compile(r"[\w.-]+")
_LEAST = re.compile(r"([\w.-]+)>=([\w.]+)")


def lowest(requirements: Iterable[str]) -> list[str]:
    """`name==version` for every requirement with a lowest version."""
    found = map(_LEAST.match, requirements)
    return [f"{least[1]}=={least[2]}" for least in found if least]


def without_training(requirements: Iterable[str]) -> list[str]:
    """The requirements but for Keras, TensorFlow and what belongs to them."""
    names = ((each, _NAME.match(each)) for each in requirements)
    return [each for each, name in names if name and name[0] not in TRAINING]


_KINDS = {"lowest": lowest, "without-training": without_training}

if __name__ == "__main__":
    needed = [each for each in requires("tfedge") or [] if "extra ==" not in each]
    print("\n".join(_KINDS[sys.argv[1]](needed)))
