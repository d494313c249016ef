"""Trials of wide activations: costs and quality of a choice, by a real conversion."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tfedge.errors import UnsupportedError
from tfedge.quantization.schemes import Scheme
from tfedge_converters.artifact import Artifact
from tfedge_converters.graph import Model, Operator
from tfedge_converters.litert_kernels import check_litert
from tfedge_converters.ptq.bit_widths import free_activations
from tfedge_converters.ptq.calibration import calibrate
from tfedge_converters.ptq.groups import Groups
from tfedge_converters.ptq.probe import Probe
from tfedge_converters.ptq.real_functions import with_functions
from tfedge_converters.search.activation_noise import NARROW, WIDE, ActivationNoise, Wide, all_wide
from tfedge_converters.search.context import Budget, Context, arena_of
from tfedge_converters.search.costs import Choice, Costs, choices_of, costs_of, fixed_flash
from tfedge_converters.search.overrides import uniform_weights, with_activations
from tfedge_converters.search.program import solve
from tfedge_converters.search.weight_noise import WeightNoise, measured_noise


@dataclass(frozen=True)
class Trial:
    """Costs and quality of one choice.

    Attributes:
        wide: the groups of wide activations.
        arena: bytes; None for targets without C.
        noise: relative power at the output, measured with the widest weights, and what the
            integer program adds for narrower ones; None where no widths of weights fit.
        refusal: which limit is missed, in words; empty if none is.
    """

    wide: Wide
    arena: int | None
    noise: float | None
    refusal: str


@dataclass(frozen=True, eq=False)
class WeightChoices:
    """Every layer's choices, by the width that it computes in.

    Attributes:
        layers: the operators with weights to choose for.
        widths: what layers compute in while all activations are narrow, by name.
        choices: of every layer, with narrow activations and with wide ones.
    """

    layers: Sequence[Operator]
    widths: Mapping[str, int]
    choices: tuple[Mapping[str, list[Choice]], Mapping[str, list[Choice]]]

    def of(self, groups: Groups) -> list[list[Choice]]:
        """The choices where activations have the widths of these groups."""
        found = layer_widths(self.layers, groups)
        narrow, wide = self.choices
        return [(narrow if found[name] == bits else wide)[name]
                for name, bits in self.widths.items()]  # fmt: skip


def weight_choices(
    model: Model,
    context: Context,
    schemes: tuple[Scheme, Scheme],
    measured: WeightNoise,
    bits: Sequence[int],
    budget: Budget,
    progress: bool = False,
) -> WeightChoices:
    """Costs and noises of all layers, with narrow activations and with wide ones.

    Args:
        model: the float model, its ranges known.
        context: what converts it.
        schemes: that of narrow activations, and that of wide ones.
        measured: what measures layers.
        bits: what weights may have.
        budget: what limits are set.
        progress: whether to show progress on the terminal.
    """
    _, narrow = layer_choices(model, context, schemes[0], measured, bits, budget, progress)
    _, wide = layer_choices(model, context, schemes[1], measured, bits, budget)
    layers = [item for item in model.main.operators if item.outputs[0].name in narrow]
    widths = layer_widths(layers, Groups(with_functions(model.main, schemes[0]), schemes[0]))
    return WeightChoices(layers, widths, (narrow, wide))


def layer_choices(
    model: Model,
    context: Context,
    scheme: Scheme,
    measured: WeightNoise,
    bits: Sequence[int],
    budget: Budget,
    progress: bool = False,
) -> tuple[Costs, dict[str, list[Choice]]]:
    """Costs, and by layer its choices, with the activations of a scheme."""
    base = {width: context.converted(uniform_weights(scheme, width)) for width in bits}
    noises = measured.by_layer(scheme, bits, progress)
    costs = costs_of(model, base, scheme)
    with_operations = budget.operations is not None
    return costs, {name: choices_of(name, costs, noises, with_operations) for name in noises}


def layer_widths(operators: Sequence[Operator], groups: Groups) -> dict[str, int]:
    """The widths that operators of real numbers compute in, by the names of their results."""
    return {item.outputs[0].name: groups.activation_type(item).bits for item in operators}


class TrialEvaluator:
    """Evaluation of choices of wide activations, each once.

    Attributes:
        trials: all of them, in order.
    """

    def __init__(
        self,
        context: Context,
        probe: Probe,
        activations: ActivationNoise,
        weights: WeightChoices,
        budget: Budget,
        bits: int,
    ):
        """`bits`: of all weights in the conversions, whose arena does not depend on it."""
        self._context = context
        self._probe = probe
        self._activations = activations
        self._weights = weights
        self._budget = budget
        self._bits = bits
        self.trials: dict[Wide, Trial] = {}

    def __call__(self, wide: Wide) -> Trial:
        """The trial of a choice."""
        if wide not in self.trials:
            self.trials[wide] = self._tried(wide)
        return self.trials[wide]

    def _tried(self, wide: Wide) -> Trial:
        scheme = uniform_weights(self._activations.scheme_of(wide), self._bits)
        try:
            artifact = self._context.converted(scheme)
        except UnsupportedError as error:
            return Trial(wide, None, None, f"not convert: {error}")
        arena = arena_of(artifact)
        added = self._added_by_weights(wide, artifact)
        noise = None if added is None else self._measured(scheme) + added
        limit = self._budget.ram
        if arena is not None and limit is not None and arena > limit:
            return Trial(wide, arena, noise, f"need an arena of {arena:,} bytes")
        refusal = "" if noise is not None else "leave the weights too little of the budget"
        return Trial(wide, arena, noise, refusal)

    def _measured(self, scheme: Scheme) -> float:
        """Roundings have offsets in common, so that their noises may also cancel."""
        calibrate(self._probe.model, self._context.samples, scheme=scheme)
        return measured_noise(self._probe, scheme)

    def _added_by_weights(self, wide: Wide, artifact: Artifact) -> float | None:
        choices = self._weights.of(self._activations.widths(wide))
        flash = self._budget.flash
        room = None if flash is None else flash - fixed_flash(artifact)
        point = solve(choices, room, self._budget.operations)
        widest = sum(options[0].noise for options in choices)
        return None if point is None else max(0.0, point.noise - widest)


def refused_wide(model: Model, context: Context, scheme: Scheme, bits: int) -> dict[str, str]:
    """Names of activations that cannot be wide, with what the conversion says.

    The target computes them, and LiteRT, in which noise is measured.

    Args:
        model: the float model.
        context: what converts it.
        scheme: with narrow activations.
        bits: of all weights in the conversions.
    """
    free = [tensor.name for tensor in free_activations(model.main, scheme)]

    def refusal(wide: Collection[str]) -> str:
        widths = {name: WIDE if name in wide else NARROW for name in free}
        try:
            check_litert(
                context.converted(uniform_weights(with_activations(scheme, widths), bits)).model
            )
        except UnsupportedError as error:
            return str(error).split(";")[0]
        return ""

    if not refusal(free):
        return {}
    refused: dict[str, str] = {}
    functions = with_functions(model.main, scheme)
    for group in Groups(functions, all_wide(model.main, scheme)).all():
        names = {tensor.name for tensor in group.tensors}.intersection(free)
        reason = refusal(names) if names else ""
        refused |= dict.fromkeys(names, reason) if reason else {}
    return refused
