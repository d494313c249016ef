"""Metrics by name: accuracy, or what Keras calls it."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.keras_packages import needing_keras
from tfedge.near_names import near

# From labels and a model's outputs, both with a first axis of samples, to a number.
MetricFunction = Callable[[np.ndarray, np.ndarray], float]

ACCURACY = "accuracy"

# Keras makes none of these from its name alone.
_WITH_SETTINGS = (
    "IoU", "MeanIoU", "MeanMetricWrapper", "OneHotIoU", "OneHotMeanIoU",
    "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
)  # fmt: skip

_LIST_IN_KERAS = "src/metrics/__init__.py"


def metric_function(
    metric: str | Callable[[np.ndarray, np.ndarray], Any],
) -> tuple[str, MetricFunction]:
    """A metric's name, and a function that computes it.

    Args:
        metric: "accuracy"; the name of a Keras metric, or of a loss; or a callable from labels and
            outputs to a number.

    Raises:
        TfedgeError: there is none of this name. The function raises it where labels and outputs do
            not fit, or the result is no number.
    """
    if callable(metric):
        return getattr(metric, "__name__", type(metric).__name__), _checked(metric)
    if metric == ACCURACY:
        return ACCURACY, accuracy
    return str(metric), _checked(_of_keras(str(metric)))


def check_metric(metric: Any) -> None:
    """Refuse the name of a metric that there is not, without a wait for Keras.

    Raises:
        TfedgeError: there is none of this name, or a name is not enough for it.
    """
    if callable(metric) or metric == ACCURACY:
        return
    if "keras" in sys.modules:
        metric_function(metric)
        return
    name = str(metric)
    known = _names_in_keras()
    if known and name not in known:
        raise _no_metric(name, sorted(known))
    _refuse_lack_of_settings(name)


def _names_in_keras() -> frozenset[str]:
    """The names of Keras' metrics, from the module that lists them, which is not imported.

    Returns:
        None of them where Keras is not installed, or is laid out otherwise.
    """
    found = importlib.util.find_spec("keras")
    if found is None or found.origin is None:
        return frozenset()
    try:
        tree = ast.parse(Path(found.origin).parent.joinpath(_LIST_IN_KERAS).read_bytes())
    except (OSError, SyntaxError):
        return frozenset()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and "metrics" in (node.module or ""):
            names |= {name for alias in node.names for name in (alias.name, _snake(alias.name))}
        elif isinstance(node, ast.Constant) and str(node.value).isidentifier():
            names.add(str(node.value))
    return frozenset(names)


def _snake(name: str) -> str:
    """The other name by which Keras knows a class."""
    split = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", split).lower()


def _refuse_lack_of_settings(name: str) -> None:
    if name in _WITH_SETTINGS or name in map(_snake, _WITH_SETTINGS):
        raise TfedgeError(
            f"metric '{name}' of Keras needs settings, which a name does not give; give another, "
            "or a function of labels and outputs, in Python"
        )


def _no_metric(name: str, known: Iterable[str]) -> TfedgeError:
    return TfedgeError(
        f"there is no metric '{name}'; give {ACCURACY}, a metric of Keras such as "
        f"'mean_absolute_error', or a function of labels and outputs{near(name, known)}"
    )


def accuracy(labels: np.ndarray, outputs: np.ndarray) -> float:
    """The part of the samples whose class is right.

    Args:
        labels: integer classes of shape (samples, …) or (samples, …, 1), or one-hot of the shape of
            the outputs.
        outputs: (samples, …, classes): the largest is the class; or (samples, …, 1) for two
            classes: above 0.5 is class 1.

    Raises:
        TfedgeError: the shapes do not fit, or a label is no class.
    """
    classes = outputs.shape[-1]
    found = outputs.argmax(axis=-1) if classes > 1 else (outputs[..., 0] > 0.5).astype(np.int64)
    right = _classes(labels, found.shape, classes)
    return float(np.mean(found == right))


def _classes(labels: np.ndarray, shape: tuple[int, ...], classes: int) -> np.ndarray:
    if labels.shape == (*shape, classes) and classes > 1:
        return labels.argmax(axis=-1)
    if labels.shape not in (shape, (*shape, 1)):
        raise TfedgeError(
            f"evaluation data: labels of shape {labels.shape} do not fit outputs of shape "
            f"{(*shape, classes)}; give classes of shape {shape}, or one-hot labels"
        )
    known = max(classes, 2)
    if labels.size and not (labels == np.floor(labels)).all():
        raise TfedgeError("evaluation data: labels are no whole numbers; accuracy needs classes")
    if labels.size and not (labels.min() >= 0 and labels.max() < known):
        raise TfedgeError(
            f"evaluation data: labels go from {labels.min():g} to {labels.max():g}, but the model "
            f"has the classes 0 to {known - 1}"
        )
    return labels.reshape(shape)


def _of_keras(name: str) -> Callable[[np.ndarray, np.ndarray], Any]:
    with needing_keras(f"metric '{name}' is one of Keras; it"):
        import keras
    _refuse_lack_of_settings(name)
    try:
        found = keras.metrics.get(name)
    except ValueError as error:
        raise _no_metric(name, (ACCURACY, *dir(keras.metrics))) from error

    def compute(labels: np.ndarray, outputs: np.ndarray) -> Any:
        if not hasattr(found, "update_state"):
            return np.mean(found(labels, outputs))
        found.reset_state()
        found.update_state(labels, outputs)
        return found.result()

    return compute


def _checked(function: Callable[[np.ndarray, np.ndarray], Any]) -> MetricFunction:
    def compute(labels: np.ndarray, outputs: np.ndarray) -> float:
        try:
            return float(np.asarray(function(labels, outputs)).item())
        except Exception as error:  # whatever the user's function or Keras raises
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise TfedgeError(
                f"evaluation data: the metric fails on labels of shape {labels.shape} and outputs "
                f"of shape {outputs.shape}: {reason[0]}"
            ) from error

    return compute
