"""The names of the ways to find ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from tfedge.calibration.clipping import Entropy, MeanSquaredError, Percentile
from tfedge.calibration.observers import MinMax, MovingAverage, Observer
from tfedge.errors import TfedgeError
from tfedge.near_names import near

# Makes the observer of one tensor.
Method = Callable[[], Observer]

MINMAX = "minmax"

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        MINMAX: MinMax,
        "moving_average": MovingAverage,
        "percentile": Percentile,
        "mse": MeanSquaredError,
        "entropy": Entropy,
    }
)

_PERCENTILE = "percentile:"


def method(chosen: str | Method) -> Method:
    """Return the factory of a tensor's observer.

    Args:
        chosen: a key of METHODS; "percentile:99.9" and its like; or a callable, such as a class
            derived from `Observer`, which is returned.

    Raises:
        TfedgeError: there is no such method.
    """
    if callable(chosen):
        return chosen
    if chosen in METHODS:
        return METHODS[chosen]
    if isinstance(chosen, str) and chosen.startswith(_PERCENTILE):
        found = partial(Percentile, _number(chosen.removeprefix(_PERCENTILE)))
        found()  # says so if that is no percentage
        return found
    raise TfedgeError(
        f"there is no calibration method {chosen!r}; use {', '.join(METHODS)}, "
        f"{_PERCENTILE}P with P the percentage that the range holds, or a class derived from "
        "tfedge.calibration.Observer"
        f"{near(chosen, METHODS)}"
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise TfedgeError(
            f"'{_PERCENTILE}{text}': give a percentage, e.g. {_PERCENTILE}99.9"
        ) from None
