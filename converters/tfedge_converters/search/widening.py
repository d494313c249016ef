"""Which activations get 16 bits: two greedy searches, each step a real conversion.

An arena is a peak and no sum, and a conversion between widths takes room of its own, so that what
an activation costs depends on all others. One search starts with all activations narrow and widens,
in the order of noise removed per byte, what fits; each step widens an activation together with what
is computed from it, without which no one would hear its 16 bits. The other starts with all of them
wide, narrows what matters least per byte until all limits hold, and then widens again what fits.
Both narrow at last what has come to matter little. Sums of noises give the order; steps are taken
or not by the noise that is measured. Of all that was tried the best is taken. No single step
improves on it noticeably; a set of several steps may.
"""

from __future__ import annotations

from tfedge_converters.search.activation_noise import ActivationNoise, Wide
from tfedge_converters.search.trials import Trial, TrialEvaluator

# Less than 0.05 dB of noise is not worth twice the bits to compute with.
_NOTICEABLE = 10**0.005


def greedy_search(evaluator: TrialEvaluator, activations: ActivationNoise) -> list[Trial]:
    """Search greedily and return what fits of all that was tried, the best first.

    Args:
        evaluator: of choices, each by a real conversion.
        activations: their noise.
    """
    grown = (
        _grown(evaluator, activations, Wide()),
        _grown(evaluator, activations, _shed(evaluator, activations)),
    )
    for wide in grown:
        _trimmed(evaluator, activations, wide)
    best = None
    while (found := _best_first(evaluator)) and found[0] != best:
        best = found[0]
        _trimmed(evaluator, activations, _grown(evaluator, activations, best.wide))
    return found


def _best_first(evaluator: TrialEvaluator) -> list[Trial]:
    """Sort what fits by noise, but of what is as good as the best, few wide groups first."""
    fitting = [trial for trial in evaluator.trials.values() if not trial.refusal]
    limit = min(map(_noise_of, fitting), default=0.0) * _NOTICEABLE
    good = [trial for trial in fitting if _noise_of(trial) <= limit]
    rest = [trial for trial in fitting if _noise_of(trial) > limit]
    return [*sorted(good, key=lambda trial: (len(trial.wide), _noise_of(trial))),
            *sorted(rest, key=_noise_of)]  # fmt: skip


def improves(trial: Trial, on: Trial) -> bool:
    """Whether a trial fits and has noticeably less noise than another one."""
    return not trial.refusal and _noise_of(trial) * _NOTICEABLE < _noise_of(on)


def _grown(evaluator: TrialEvaluator, activations: ActivationNoise, wide: Wide) -> Wide:
    """Widen until no activation is left whose widening fits and pays."""
    before = None
    while wide != before:
        before = wide
        for number in _most_removed_first(activations, wide):
            wider = wide | activations.move(number)
            if wider != wide and improves(evaluator(wider), evaluator(wide)):
                wide = wider
    return wide


def _most_removed_first(activations: ActivationNoise, wide: Wide) -> list[int]:
    """Groups by the noise that widening removes per byte that it adds."""
    now = activations.of(wide)
    rates = {}
    for number in activations.free:
        move = activations.move(number) - wide
        added = sum(activations.groups[item].elements for item in move)
        rates[number] = (now - activations.of(wide | move)) / added if added else 0.0
    return sorted(rates, key=lambda number: (-rates[number], number))


def _shed(evaluator: TrialEvaluator, activations: ActivationNoise) -> Wide:
    """Narrows, from all wide, until all limits hold and the rest matters."""
    wide = activations.free
    while wide:
        least = min(wide, key=lambda number: (_added_per_byte(activations, wide, number), number))
        narrower = wide - {least}
        if not evaluator(wide).refusal and improves(evaluator(wide), evaluator(narrower)):
            break
        wide = narrower
    return wide


def _trimmed(evaluator: TrialEvaluator, activations: ActivationNoise, wide: Wide) -> Wide:
    """Narrow what makes no noticeable difference, all in all."""
    end = wide
    for number in sorted(wide, key=lambda item: (_added_per_byte(activations, end, item), item)):
        narrower = wide - {number}
        if not evaluator(narrower).refusal and not improves(evaluator(end), evaluator(narrower)):
            wide = narrower
    return wide


def _added_per_byte(activations: ActivationNoise, wide: Wide, number: int) -> float:
    """The noise that narrowing a group adds per byte that it saves."""
    added = activations.of(wide - {number}) - activations.of(wide)
    return added / activations.groups[number].elements


def _noise_of(trial: Trial) -> float:
    return float("inf") if trial.noise is None else trial.noise
