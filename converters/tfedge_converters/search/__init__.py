"""`tfedge.search_widths`: how many bits the weights of each layer get within a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme, get
from tfedge_converters.artifact import Artifact
from tfedge_converters.conversion import convert
from tfedge_converters.graph import write_model
from tfedge_converters.preparation import prepare
from tfedge_converters.quantize import RepresentativeData, calibrate, input_specs
from tfedge_converters.quantize.activations import run_part
from tfedge_converters.quantize.noise import mean_noise
from tfedge_converters.quantize.precision import real_graph
from tfedge_converters.quantize.probe import Probe
from tfedge_converters.quantize.twin import Twin, dequantized
from tfedge_converters.search.costs import Choice, Costs, choices_of, costs_of
from tfedge_converters.search.program import Point, frontier, solve
from tfedge_converters.search.result import LayerWidth, WidthSearch

__all__ = ["LayerWidth", "WidthSearch", "search_widths"]

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
    samples: int = 64,
    input_shapes: Any = None,
    progress: bool = False,
) -> WidthSearch:
    """Chooses the width of every layer's weights such that a budget is met with least noise.

    The noise that a layer's rounded weights make at the output is measured with all else exact,
    for every layer and width. Noises of layers add up as long as they are small and independent;
    under this model the choice is an integer program, which is solved exactly. What was chosen is
    then converted, weighed and measured.

    Args:
        model: a float model, as `tfedge.convert` takes it.
        calibration: representative inputs, as for `tfedge.convert`.
        flash: bytes, at most, of the constants of generated C, or of the .tflite file for targets
            without; code comes on top.
        ram: bytes of the arena of generated C, at most. Widths of weights do not change it.
        bit_operations: the sum, over all multiplications of one inference, of the bits of the
            weight times those of the activation, at most.
        target: a name that `tfedge targets` lists.
        quantization: the scheme of everything but the widths.
        bits: what weights may have.
        samples: how many of the calibration data to measure noise on, at most.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        progress: whether to show progress on the terminal.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: the model cannot be quantised, run, or expressed for the target.
        TfedgeError: nothing meets the budget, the message says what the least is; or another
            argument is wrong.
    """
    scheme = get(quantization)
    prepared = prepare(model, input_shapes)
    typed, name = prepared.model, prepared.name
    if real_graph(typed) is None:
        raise TfedgeError(f"{name} computes with integers already; search with the float model")
    given = list(RepresentativeData(calibration, input_specs(typed)))
    context = _Context(write_model(typed), given, target, scheme)
    base = {width: context.converted(_uniform(scheme, width)) for width in sorted(set(bits))}
    _check_ram(next(iter(base.values())), ram, target)
    calibrate(typed, given, scheme=scheme)
    probe = Probe(typed, given[:samples])
    noises = _sensitivities(probe, scheme, list(base), progress)
    costs = costs_of(typed, base, scheme.activations.bits)
    choices = [choices_of(layer, costs, noises, bit_operations is not None) for layer in noises]
    return _solved(context, probe, costs, choices, flash, bit_operations, name)


@dataclasses.dataclass(frozen=True, eq=False)
class _Context:
    flatbuffer: bytes
    samples: list[list[np.ndarray]]
    target: str
    scheme: Scheme

    def converted(self, scheme: Scheme) -> Artifact:
        return convert(
            self.flatbuffer,
            target=self.target,
            quantization=scheme,
            calibration=self.samples,
            name="model",
        )


def _solved(
    context: _Context,
    probe: Probe,
    costs: Costs,
    choices: list[list[Choice]],
    flash: int | None,
    bit_operations: int | None,
    name: str,
) -> WidthSearch:
    """The best point that the real artifact confirms."""
    room = None if flash is None else flash - costs.fixed_flash
    for _ in range(_ATTEMPTS):
        point = solve(choices, room, bit_operations)
        if point is None:
            raise _impossible(context, choices, flash, bit_operations)
        scheme = _scheme(context.scheme, choices, point)
        artifact = context.converted(scheme)
        found = costs.flash_of(artifact)
        if flash is None or room is None or found <= flash:
            break
        room = point.flash - (found - flash)
    else:
        raise _impossible(context, choices, flash, bit_operations)
    return WidthSearch(
        name=name,
        scheme=scheme,
        flash=found,
        arena=None if artifact.source is None else artifact.source.plan.arena_bytes,
        bit_operations=point.operations,
        predicted_noise=point.noise,
        noise=_measured(probe, scheme),
        layers=tuple(
            LayerWidth.of(options, chosen)
            for options, chosen in zip(choices, point.chosen, strict=True)
        ),
        front=tuple(
            dataclasses.replace(item, flash=item.flash + costs.fixed_flash)
            for item in frontier(choices)
        ),
    )


def _uniform(scheme: Scheme, bits: int) -> Scheme:
    weights = dataclasses.replace(scheme.weights, bits=bits)
    return dataclasses.replace(scheme, weights=weights, overrides={})


def _scheme(scheme: Scheme, choices: list[list[Choice]], point: Point) -> Scheme:
    overrides = {
        options[index].layer: dataclasses.replace(scheme.weights, bits=options[index].bits)
        for options, index in zip(choices, point.chosen, strict=True)
    }
    return dataclasses.replace(scheme, name="searched", overrides={**scheme.overrides, **overrides})


def _sensitivities(
    probe: Probe, scheme: Scheme, bits: list[int], progress: bool
) -> dict[str, dict[int, float]]:
    """Noise at the output by layer and width, with the layer's weights rounded and all else exact.

    Layers go by the names of their results.
    """
    found: dict[str, dict[int, float]] = {}
    for width in _tracked(bits) if progress else bits:
        twin = Twin(probe.model, _uniform(scheme, width))
        for operator in probe.model.main.operators:
            if not twin.rounds_weights(operator):
                continue
            result = operator.outputs[0]
            values = probe.recomputed(twin.with_rounded_weights(operator))
            found.setdefault(result.name, {})[width] = probe.output_noise(result, values)
    return found


def _measured(probe: Probe, scheme: Scheme) -> float:
    """Noise at the output of the integer model."""
    twin = Twin(probe.model, scheme)
    tensors = [twin.tensor(tensor) for tensor in probe.judged]
    values = run_part(twin.model.main, twin.activations(probe.inputs).known, tensors)
    found = [dequantized(tensor, value) for tensor, value in zip(tensors, values, strict=True)]
    return mean_noise([probe.values[id(tensor)] for tensor in probe.judged], found)


def _check_ram(artifact: Artifact, ram: int | None, target: str) -> None:
    if ram is None:
        return
    if artifact.source is None:
        raise TfedgeError(
            f"the arena is known for generated C alone, and there is none for the target "
            f"'{target}'; leave ram out, or choose a core or a board"
        )
    needed = artifact.source.plan.arena_bytes
    if needed > ram:
        raise TfedgeError(
            f"the arena needs {needed:,} bytes of RAM with any width of weights, but the budget is "
            f"{ram:,}: use smaller inputs or fewer channels where the live set is largest"
        )


def _impossible(
    context: _Context,
    choices: list[list[Choice]],
    flash: int | None,
    bit_operations: int | None,
) -> TfedgeError:
    parts = []
    if flash is not None:
        smallest = _extreme(choices, lambda choice: choice.flash)
        least = Costs.flash_of(context.converted(_scheme(context.scheme, choices, smallest)))
        parts.append(f"flash bytes of {flash:,} (the least possible is {least:,})")
    if bit_operations is not None:
        least = _extreme(choices, lambda choice: choice.operations).operations
        parts.append(f"bit operations of {bit_operations:,} (the least possible is {least:,})")
    return TfedgeError(
        f"no widths of weights meet a budget in {' and '.join(parts)}; raise it, or make layers "
        "smaller"
    )


def _extreme(choices: list[list[Choice]], cost: Callable[[Choice], int]) -> Point:
    """What costs least, layer by layer."""
    picked = [min(options, key=cost) for options in choices]
    return Point(
        sum(choice.flash for choice in picked),
        sum(choice.operations for choice in picked),
        sum(choice.noise for choice in picked),
        tuple(options.index(choice) for options, choice in zip(choices, picked, strict=True)),
    )


def _tracked(bits: list[int]) -> Any:
    from rich.progress import track

    return track(bits, "Measuring sensitivities")
