"""Why activations got their widths, in words."""

from __future__ import annotations

from tfedge_converters.ptq.noise import decibels
from tfedge_converters.search.activation_noise import NARROW, WIDE, ActivationNoise, Wide
from tfedge_converters.search.result import ActivationWidth
from tfedge_converters.search.trials import Trial, TrialEvaluator
from tfedge_converters.search.widening import improves


def activation_widths(
    evaluator: TrialEvaluator, activations: ActivationNoise, wide: Wide
) -> tuple[ActivationWidth, ...]:
    """Compare every group's width with the other one, by one more trial each."""
    found = []
    for group in activations.groups:
        bits, noise = activations.alone(group, wide)
        if group.bound:
            reason = group.bound
        elif group.number in wide:
            reason = _of_wide(evaluator(wide), evaluator(wide - {group.number}))
        else:
            reason = _of_narrow(evaluator(wide), evaluator(wide | activations.move(group.number)))
        names = tuple(tensor.name for tensor in group.tensors)
        found.append(ActivationWidth(names, bits, group.elements, noise, reason))
    return tuple(found)


def _of_wide(chosen: Trial, other: Trial) -> str:
    """Compare with narrowing one group."""
    if other.noise is None:
        return f"with {NARROW} bits the rest would {other.refusal}"
    return f"{NARROW} bits would leave {_all_in_all(chosen, other)}{_arena(chosen, other)}"


def _of_narrow(chosen: Trial, other: Trial) -> str:
    """Compare with widening one group and what is made of it."""
    if other.refusal and other.noise is None:
        return f"{WIDE} bits would {other.refusal}"
    if other.refusal:
        return f"{WIDE} bits would leave {_all_in_all(chosen, other)}, but would {other.refusal}"
    if improves(other, chosen):
        return (
            f"{WIDE} bits would leave {_all_in_all(chosen, other)}, but no widths of weights meet "
            "the budget to the byte"
        )
    return (
        f"{WIDE} bits would leave {_all_in_all(chosen, other)}, which is not worth it"
        f"{_arena(chosen, other)}"
    )


def _all_in_all(chosen: Trial, other: Trial) -> str:
    assert chosen.noise is not None and other.noise is not None
    return f"{decibels(other.noise):.2f} dB in all instead of {decibels(chosen.noise):.2f}"


def _arena(chosen: Trial, other: Trial) -> str:
    """Say how the other choice would change the arena."""
    if chosen.arena is None or other.arena is None:
        return ""
    difference = other.arena - chosen.arena
    if not difference:
        return ", with the same arena"
    return f", and {'cost' if difference > 0 else 'save'} {abs(difference):,} bytes of arena"
