"""Recovery, from calibration data without labels, of what rounding to integers loses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfedge.calibration import RepresentativeData
from tfedge.calibration.representative_data import require_recovery_data
from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.quantization.schemes import Scheme, get
from tfedge_converters.graph import Model
from tfedge_converters.ptq.inputs import input_specs
from tfedge_converters.ptq.recovery.adaround import AdaRound
from tfedge_converters.ptq.recovery.bias_correction import BiasCorrection
from tfedge_converters.ptq.recovery.clip_search import ClipSearch
from tfedge_converters.ptq.recovery.equalization import Equalization
from tfedge_converters.ptq.recovery.session import Session

Step = Equalization | ClipSearch | AdaRound | BiasCorrection

# In the order in which they run: every step builds on what those before it have decided.
STEPS: dict[str, Step] = {
    "equalization": Equalization(),
    "clip_search": ClipSearch(),
    "adaround": AdaRound(),
    "block_adaround": AdaRound(unit="block"),
    "bias_correction": BiasCorrection(),
}

__all__ = ["STEPS", "AdaRound", "BiasCorrection", "ClipSearch", "Equalization", "recover", "steps"]


def steps(given: Sequence[str | Step]) -> list[Step]:
    """The steps of a recovery, in the order in which they run, whatever the order given.

    Args:
        given: keys of `STEPS`, for the defaults, or objects with settings; one of a class derived
            from a step's stands in its place.

    Raises:
        TfedgeError: a step is unknown, or given twice.
    """
    names = [given] if isinstance(given, str) else list(given)
    made = [_step(name) if isinstance(name, str) else name for name in names]
    order = [_place(step) for step in made]
    if len(set(order)) < len(made):
        raise TfedgeError("a recovery has each step once; leave out what is double")
    return [step for _, step in sorted(zip(order, made, strict=True), key=lambda pair: pair[0])]


def recover(
    model: Model,
    chosen: Sequence[str | Step],
    data: Any,
    calibrate: Callable[[list[list[np.ndarray]]], None],
    *,
    scheme: str | Scheme = "int8",
    progress: bool = False,
) -> None:
    """Change a float model, in place, such that less is lost when it is quantised.

    Layers that training put on integer grids stay as they are.

    Args:
        model: a float32 model.
        chosen: see `steps`.
        data: representative inputs, see `RepresentativeData`; all are held in memory.
        calibrate: sets the ranges of the model's activations from samples.
        scheme: what the model will be quantised to.
        progress: whether to show progress bars.

    Raises:
        TfedgeError: a step is unknown, there are no data, or they do not fit.
        UnsupportedError: the model cannot be quantised.
    """
    ordered = steps(chosen)
    require_data(data)
    samples = list(RepresentativeData(data, input_specs(model)))
    for step in ordered:
        if isinstance(step, Equalization):
            step.apply(model)
    calibrate(samples)
    session = Session(model, samples, get(scheme), progress)
    for step in ordered:
        if not isinstance(step, Equalization):
            step.apply(session)


def require_data(data: Any) -> None:
    """Refuse to go on without data.

    Raises:
        TfedgeError: there are none.
    """
    require_recovery_data(data, "calibration=…, --calibration FILE.npz")


def _place(step: Any) -> int:
    """Return the place of a step's kind among those that there are."""
    for place, kind in enumerate(dict.fromkeys(type(known) for known in STEPS.values())):
        if isinstance(step, kind):
            return place
    raise TfedgeError(f"{step!r} is no step of a recovery; they are {', '.join(STEPS)}")


def _step(name: str) -> Step:
    if name not in STEPS:
        raise TfedgeError(
            f"'{name}' is no step of a recovery; they are {', '.join(STEPS)}{near(name, STEPS)}"
        )
    return STEPS[name]
