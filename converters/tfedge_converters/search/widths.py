"""The search: widths of activations by trials, widths of weights by an integer program."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.progress import is_shown
from tfedge.quantization.schemes import Scheme, get
from tfedge_converters import targets
from tfedge_converters.artifact import Artifact
from tfedge_converters.backends import backend_named
from tfedge_converters.early_checks import check_positive, check_samples
from tfedge_converters.graph import Model
from tfedge_converters.graph.layers import layer_names
from tfedge_converters.preparation import prepare
from tfedge_converters.ptq import RepresentativeData, calibrate, input_specs
from tfedge_converters.ptq.groups import Groups
from tfedge_converters.ptq.probe import Probe
from tfedge_converters.ptq.real_functions import with_functions
from tfedge_converters.ptq.real_operators import real_operators
from tfedge_converters.search.activation_noise import ActivationNoise, all_wide
from tfedge_converters.search.context import Budget, Context, arena_of
from tfedge_converters.search.costs import Choice, Costs
from tfedge_converters.search.overrides import uniform_weights, with_weights
from tfedge_converters.search.program import Point, frontier, solve
from tfedge_converters.search.reasons import activation_widths
from tfedge_converters.search.result import ArenaPoint, LayerWidth, WidthSearch, arena_front
from tfedge_converters.search.trials import (
    TrialEvaluator,
    layer_choices,
    layer_widths,
    refused_wide,
    weight_choices,
)
from tfedge_converters.search.weight_noise import WeightNoise, measured_noise
from tfedge_converters.search.widening import greedy_search

_BITS = (2, 3, 4, 5, 6, 7, 8)
# Bytes of alignment make a file a little larger or smaller than the sum of its layers.
_ATTEMPTS = 6


def search_widths(
    model: Any,
    *,
    calibration: Any,
    flash: int | None = None,
    ram: int | None = None,
    bit_operations: int | None = None,
    target: str = "host",
    quantization: str | Scheme = "int8",
    bits: Sequence[int] = _BITS,
    activation_bits: Sequence[int] | None = None,
    samples: int = 64,
    input_shapes: Any = None,
    allow_code: bool = False,
    progress: bool | None = None,
) -> WidthSearch:
    """Choose widths of weights, and of activations if asked, within a budget with least noise.

    The noise that a layer's rounded weights make at the output is measured with all else exact,
    for every layer and width. Noises of layers add up as long as they are small and independent;
    under this model the choice is an integer program, which is solved exactly. Widths of
    activations are chosen before, step by step, each step by a real conversion whose noise is
    measured, and with the weights that it leaves room for (`search/widening.py`). What was
    chosen is then converted, weighed and measured.

    Args:
        model: a float model, as `tfedge.convert` takes it.
        calibration: representative inputs, as for `tfedge.convert`.
        flash: bytes, at most, of the constants of generated C, or of the .tflite file for targets
            without; code comes on top. What a board has limits it as well.
        ram: bytes of the arena of generated C, at most; widths of weights do not change it. What a
            board has limits it as well.
        bit_operations: the sum, over all multiplications of one inference, of the bits of the
            weight times those of the activation, at most.
        target: a name that `tfedge targets` lists.
        quantization: the scheme of everything but the widths. Widths of activations that its
            layers ask for stay.
        bits: what weights may have.
        activation_bits: what activations may have. (8, 16) widens those where that removes most
            noise; without limits, all that make a difference of more than 0.05 dB. Among them are
            inputs and outputs, unless the scheme asks for their width. None for the scheme's alone.
        samples: how many of the calibration data to measure noise on, at most.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        allow_code: whether code may run that the model's file brings or asks for, such as Lambda
            layers; only for files that you trust (docs/security.md).
        progress: whether to show progress; None for where the standard error is a terminal.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: the model cannot be quantised, run, or expressed for the target.
        TfedgeError: nothing meets the budget, the message says what the least is; or another
            argument is wrong.
    """
    progress = is_shown(progress)
    widths = _widths(bits, "weights")
    scheme, searched = _narrowest(get(quantization), activation_bits)
    aim = targets.load(target)
    check_positive(flash=flash, ram=ram, bit_operations=bit_operations, samples=samples)
    if ram is not None and not backend_named(aim.backend).plans_memory:
        raise TfedgeError(
            f"the arena is known for generated C alone, and there is none for the target "
            f"'{aim.name}'; leave ram out, or choose a core or a board"
        )
    check_samples(calibration)
    prepared = prepare(model, input_shapes, allow_code=allow_code)
    typed, name = prepared.model, prepared.name
    prepared.require_float("search with the float model")
    given = list(RepresentativeData(calibration, input_specs(typed)))
    context = Context(prepared.file.flatbuffer, given, aim)
    budget = Budget(flash, ram, bit_operations).on(aim)
    narrow = context.converted(uniform_weights(scheme, widths[-1]))
    _check_ram(narrow, budget, scheme)
    calibrate(typed, given, scheme=scheme)
    work = _Search(context, Probe(typed, given[:samples]), scheme, widths, budget, name, progress)
    found = work.with_activations() if searched else work.of_weights()
    names = layer_names(typed.main)
    return found.named({t.name: names[id(t)] for t in typed.main.tensors() if id(t) in names})


def _widths(given: Sequence[int], what: str) -> list[int]:
    if not given:
        raise TfedgeError(f"give at least one width that {what} may have")
    return sorted(set(given))


def _narrowest(scheme: Scheme, activation_bits: Sequence[int] | None) -> tuple[Scheme, bool]:
    """The scheme with the least of some widths of activations, and whether there are others."""
    if activation_bits is None:
        return scheme, False
    widths = _widths(activation_bits, "activations")
    narrow, *others = (dataclasses.replace(scheme.activations, bits=bits) for bits in widths)
    return dataclasses.replace(scheme, activations=narrow), bool(others)


@dataclass(frozen=True, eq=False)
class _Solution:
    """Widths of weights that the real artifact confirms, for given ones of activations."""

    scheme: Scheme
    point: Point
    artifact: Artifact
    costs: Costs
    choices: list[list[Choice]]


@dataclass(frozen=True, eq=False)
class _Search:
    """One search; `scheme` has the narrowest activations, and `bits` rise."""

    context: Context
    probe: Probe
    scheme: Scheme
    bits: list[int]
    budget: Budget
    name: str
    progress: bool

    @cached_property
    def _weights(self) -> WeightNoise:
        return WeightNoise(self.probe)

    @property
    def _model(self) -> Model:
        return self.probe.model

    def of_weights(self) -> WidthSearch:
        """Activations have the scheme's width."""
        solution = self._solved(self.scheme)
        if solution is None:
            raise self._impossible()
        return self._result(solution)

    def with_activations(self) -> WidthSearch:
        """Widths of activations first."""
        refused = refused_wide(self._model, self.context, self.scheme, self.bits[-1])
        widest = all_wide(self._model.main, self.scheme, refused)
        self._find_ranges(widest)
        activations = ActivationNoise(self.probe, self.scheme, refused)
        weights = weight_choices(
            self._model, self.context, (self.scheme, widest), self._weights, self.bits, self.budget,
            self.progress,
        )  # fmt: skip
        evaluator = TrialEvaluator(
            self.context, self.probe, activations, weights, self.budget, self.bits[-1]
        )
        for trial in greedy_search(evaluator, activations):
            solution = None if trial.refusal else self._solved(activations.scheme_of(trial.wide))
            if solution is not None:
                return dataclasses.replace(
                    self._result(solution),
                    activations=activation_widths(evaluator, activations, trial.wide),
                    arena_front=arena_front(_points(evaluator, activations)),
                )
        raise self._impossible()

    def _solved(self, scheme: Scheme) -> _Solution | None:
        """The best point that the real artifact confirms, with the activations of a scheme."""
        costs, by_layer = self._choices(scheme)
        choices, flash = list(by_layer.values()), self.budget.flash
        room = None if flash is None else flash - costs.fixed_flash
        for _ in range(_ATTEMPTS):
            point = solve(choices, room, self.budget.operations)
            if point is None:
                return None
            chosen = with_weights(scheme, _bits_of(choices, point))
            artifact = self.context.converted(chosen)
            found = costs.flash_of(artifact)
            if flash is None or room is None or found <= flash:
                return _Solution(chosen, point, artifact, costs, choices)
            room = point.flash - (found - flash)
        return None

    def _choices(self, scheme: Scheme) -> tuple[Costs, dict[str, list[Choice]]]:
        return layer_choices(
            self._model, self.context, scheme, self._weights, self.bits, self.budget, self.progress
        )

    def _result(self, solution: _Solution) -> WidthSearch:
        self._find_ranges(solution.scheme)
        graph = with_functions(self._model.main, solution.scheme)
        widths = layer_widths(real_operators(graph), Groups(graph, solution.scheme))
        chosen = zip(solution.choices, solution.point.chosen, strict=True)
        return WidthSearch(
            name=self.name,
            scheme=solution.scheme,
            flash=Costs.flash_of(solution.artifact),
            arena=arena_of(solution.artifact),
            bit_operations=solution.point.operations,
            predicted_noise=solution.point.noise,
            noise=measured_noise(self.probe, solution.scheme),
            layers=tuple(
                LayerWidth.of(options, index, widths[options[index].layer])
                for options, index in chosen
            ),
            front=tuple(
                dataclasses.replace(item, flash=item.flash + solution.costs.fixed_flash)
                for item in frontier(solution.choices)
            ),
        )

    def _find_ranges(self, scheme: Scheme) -> None:
        """Calibrate the tensors that a scheme wants to see and the ones before did not."""
        calibrate(self._model, self.context.samples, scheme=scheme)

    def _impossible(self) -> TfedgeError:
        _, by_layer = self._choices(self.scheme)
        choices, parts = list(by_layer.values()), []
        if self.budget.flash is not None:
            smallest = _extreme(choices, lambda choice: choice.flash)
            scheme = with_weights(self.scheme, _bits_of(choices, smallest))
            least = Costs.flash_of(self.context.converted(scheme))
            parts.append(f"flash bytes of {self.budget.flash:,} (the least possible is {least:,})")
        if self.budget.operations is not None:
            least = _extreme(choices, lambda choice: choice.operations).operations
            parts.append(
                f"bit operations of {self.budget.operations:,} (the least possible is {least:,})"
            )
        return TfedgeError(
            f"no widths of weights meet a budget in {' and '.join(parts)}; raise it, or make "
            "layers smaller"
        )


def _points(evaluator: TrialEvaluator, activations: ActivationNoise) -> list[ArenaPoint]:
    return [
        ArenaPoint(trial.arena, trial.noise, activations.names(trial.wide))
        for trial in evaluator.trials.values()
        if trial.arena is not None and trial.noise is not None
    ]


def _bits_of(choices: list[list[Choice]], point: Point) -> dict[str, int]:
    picked = [options[index] for options, index in zip(choices, point.chosen, strict=True)]
    return {choice.layer: choice.bits for choice in picked}


def _check_ram(artifact: Artifact, budget: Budget, scheme: Scheme) -> None:
    """Refuse what no widths of weights, nor wider activations, make smaller."""
    needed, ram = arena_of(artifact), budget.ram
    if needed is not None and ram is not None and needed > ram:
        raise TfedgeError(
            f"the arena needs {needed:,} bytes of RAM with activations of "
            f"{scheme.activations.bits} bits and any width of weights, but the budget is {ram:,}: "
            "use smaller inputs or fewer channels where the live set is largest"
        )


def _extreme(choices: list[list[Choice]], cost: Callable[[Choice], int]) -> Point:
    """Choose the least cost, layer by layer."""
    picked = [min(options, key=cost) for options in choices]
    return Point(
        sum(choice.flash for choice in picked),
        sum(choice.operations for choice in picked),
        sum(choice.noise for choice in picked),
        tuple(options.index(choice) for options, choice in zip(choices, picked, strict=True)),
    )
