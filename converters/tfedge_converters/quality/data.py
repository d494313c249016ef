"""Whether data look like what a model wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tfedge_converters.graph import Graph, Tensor
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.preparation import Prepared
from tfedge_converters.quality.samples import DataLook, InputLook

# A hundred samples usually do; of less than these, one more changes the ranges.
_FEW = 8

# How much wider or narrower the range of representative data may be than that of others.
_TOO_WIDE, _TOO_NARROW = 4.0, 0.5

# What a model's own scaling makes of its input is of the order of 1: 0 … 1, -1 … 1, a few standard
# deviations. Images of 8 bits are 255 times too large for a model that has real ones of 0 … 1.
_SCALED_SPAN = (0.05, 300.0)

_LARGEST_BYTE = 255
_LIKELY_BYTE = 100


@dataclass(frozen=True)
class Wanted:
    """Knowledge of the values that an input of the model should have.

    Attributes:
        scale: what the model multiplies them with before it does anything else, on average over
            the channels; None if it does not.
        trained: their least and largest value in training; None if it is not known.
        is_whole: whether it takes whole numbers, such as indices of an embedding.
    """

    scale: float | None = None
    trained: tuple[float, float] | None = None
    is_whole: bool = False


def wanted_by(prepared: Prepared) -> list[Wanted]:
    """Return what is known of each input of a model."""
    graph = prepared.model.main
    return [
        Wanted(
            prepared.input_scales.get(index),
            None if tensor.range is None else (tensor.range.low, tensor.range.high),
            not is_real_activation(tensor) or _is_made_whole(graph, tensor),
        )
        for index, tensor in enumerate(graph.inputs)
    ]


def _is_made_whole(graph: Graph, tensor: Tensor) -> bool:
    readers = [item for item in graph.operators if any(tensor is given for given in item.inputs)]
    return bool(readers) and all(
        reader.code == "CAST" and not is_real_activation(reader.outputs[0]) for reader in readers
    )


@dataclass(frozen=True)
class Findings:
    """Findings in calibration data.

    Attributes:
        warnings: what is wrong, on evidence.
        notes: what may be wrong.
    """

    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def findings(
    calibration: DataLook | None,
    evaluation: DataLook | None,
    wanted: Sequence[Wanted],
    samples: int = 0,
) -> Findings:
    """Look at representative data and labelled data.

    Args:
        calibration: of the data for calibration, if there are any.
        evaluation: of labelled data, if there are any.
        wanted: of each input.
        samples: how many a calibration has seen in all, if these are not the first.
    """
    found = Findings()
    looks = [("representative data", calibration), ("evaluation data", evaluation)]
    for what, look in looks:
        for seen, evidence in zip(look.inputs if look else (), wanted, strict=False):
            found.warnings.extend(f"{what}: {text}" for text in _unlike_the_model(seen, evidence))
    if calibration is None or not calibration.samples:
        return found
    found.warnings.extend(f"representative data: {text}" for text in _poor(calibration, samples))
    others = evaluation.inputs if evaluation else [None] * len(calibration.inputs)
    for seen, other, evidence in zip(calibration.inputs, others, wanted, strict=True):
        if other is not None:
            found.warnings.extend(f"representative data: {text}" for text in _unlike(seen, other))
        elif evidence == Wanted() and _is_like_bytes(seen):
            found.notes.append(
                f"representative data: '{seen.name}' has whole numbers of {seen.low:g} … "
                f"{seen.high:g}, as images of 8 bits have; nothing in the model scales them. If it "
                "was trained on other values, such as 0 … 1, scale the data in the same way"
            )
    return found


def _poor(look: DataLook, samples: int) -> list[str]:
    """Too few samples, or samples that say nothing."""
    found = []
    if max(look.samples, samples) < _FEW:
        count = "a single sample" if look.samples == 1 else f"{look.samples} samples"
        found.append(
            f"ranges come from {count}; what lies outside of them is cut off. Give a hundred or "
            "so, of what the device will see"
        )
    for seen in look.inputs:
        if seen.low == seen.high:
            found.append(f"'{seen.name}' is {seen.low:g} everywhere, in every sample")
        elif seen.is_same and look.samples > 1:
            found.append(f"all {look.samples} samples of '{seen.name}' are the same")
    return found


def _unlike(seen: InputLook, other: InputLook) -> list[str]:
    """A range that is not that of the labelled data."""
    if not np.isfinite([seen.span, other.span]).all() or other.span == 0 or seen.span == 0:
        return []
    common = min(seen.high, other.high) - max(seen.low, other.low)
    if common > _TOO_NARROW * other.span and seen.span < _TOO_WIDE * other.span:
        return []
    return [
        f"'{seen.name}' goes from {seen.low:.4g} to {seen.high:.4g}, but in the evaluation data "
        f"from {other.low:.4g} to {other.high:.4g}; prepare both in the way in which the model was "
        "trained"
    ]


def _unlike_the_model(seen: InputLook, wanted: Wanted) -> list[str]:
    """A range that is not what the model scales, or was trained on."""
    span = seen.span
    if not np.isfinite(span) or span == 0:
        return []
    found = []
    if wanted.scale:
        scaled = abs(wanted.scale) * span
        least, largest = _SCALED_SPAN
        if not least <= scaled <= largest:
            found.append(
                f"'{seen.name}' goes from {seen.low:.4g} to {seen.high:.4g}, and the model "
                f"multiplies it by {wanted.scale:.3g} itself, which leaves a range of "
                f"{scaled:.3g}; do not scale the data twice, nor leave out what comes before the "
                "model"
            )
    if wanted.trained is not None:
        low, high = wanted.trained
        if high > low and not _fits(seen, low, high):
            found.append(
                f"'{seen.name}' goes from {seen.low:.4g} to {seen.high:.4g}, but in training it "
                f"was from {low:.4g} to {high:.4g}"
            )
    return found


def _fits(seen: InputLook, low: float, high: float) -> bool:
    """Whether values use and fill a trained range; a few may lie outside."""
    common = min(seen.high, high) - max(seen.low, low)
    return common > seen.span / _TOO_WIDE and common > (high - low) / (2 * _TOO_WIDE)


def _is_like_bytes(seen: InputLook) -> bool:
    return seen.is_whole and seen.low >= 0 and _LIKELY_BYTE <= seen.high <= _LARGEST_BYTE
