"""Where the signal of a bad output goes, and what to do about it, in words."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme
from tfedge_converters.diagnosis.measurement import measure
from tfedge_converters.diagnosis.report import SHARED_GRID, UNEVEN, Diagnosis, LayerDiagnosis
from tfedge_converters.graph import Graph, Model, Tensor
from tfedge_converters.graph.layers import layer_names, layer_numbers
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.ptq.layer_schemes import layer_of
from tfedge_converters.ptq.noise import measured_outputs
from tfedge_converters.quality.measurement import output_tensor, work
from tfedge_converters.quality.result import OutputQuality, PartQuality
from tfedge_converters.quality.samples import Sample

# Every layer is rounded by itself and all behind it run: this many multiplications in all.
_MOST_WORK = 4_000_000_000
_MOST_SAMPLES = 8
# Every layer is followed to the outputs, so that effort grows with the square.
_MOST_LAYERS = 200

_NAMED = 4

_WIDE_BITS = 16
_WHOLE_BITS = 8

# Values this far outside of a grid were not in the calibration.
_OUTSIDE = 0.25


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A float model whose ranges are known, as it was before quantisation.

    Attributes:
        model: the copy; constants are shared with the original.
        scheme: what it was quantised to.
    """

    model: Model
    scheme: Scheme

    @classmethod
    def of(cls, model: Model, scheme: Scheme) -> Calibrated:
        """A copy of a model that is about to be quantised."""
        constants = [
            tensor.data
            for graph in model.graphs
            for tensor in graph.tensors()
            if tensor.data is not None
        ]
        return cls(copy.deepcopy(model, {id(values): values for values in constants}), scheme)


def explanation(
    output: OutputQuality,
    index: int,
    converted: Graph,
    calibrated: Calibrated | None,
    worst_layer: Callable[[], LayerDiagnosis | None],
) -> str:
    """Sentences about an output that is not good enough.

    Args:
        output: the one.
        index: its place among the outputs.
        converted: the integer graph.
        calibrated: what it was made of; None for models whose activations stay real.
        worst_layer: finds the layer that costs most, or None; asked only where it is needed.
    """
    if calibrated is None:
        return "Store the weights in more bits"
    part = output.worst
    wider = _wider(calibrated.scheme)
    step = _step(output_tensor(converted, index))
    if output.span < step:
        return (
            f"It hardly changes, from {output.low:.6g} to {output.high:.6g}, where a step of its "
            f"grid is {step:.3g}: check the data, and whether the model has learned anything"
            f"{_or(wider)}"
        )
    if part is not output and part.span <= SHARED_GRID * output.span:
        return f"{_beside(output, part, index, converted)}: {_apart(output, part)}{_or(wider)}"
    worst = worst_layer()
    if worst is None:
        return f"tfedge.diagnose says in which layer{_first(wider)}"
    joined = _joined_by(calibrated.model.main, worst)
    if joined:
        return (
            f"Most is lost in {worst.title}, for {joined} on one grid: scale them to like ranges, "
            f"or do not concatenate them{_or(wider)}"
        )
    reason, remedy, is_for_wider = _cause(worst, calibrated.scheme)
    return f"Most is lost in {worst.title}{reason}: {remedy}{_or(wider) if is_for_wider else ''}"


def _step(tensor: Tensor) -> float:
    return 0.0 if tensor.quantization is None else float(tensor.quantization.scale[0])


def _beside(output: OutputQuality, part: PartQuality, index: int, converted: Graph) -> str:
    """A part that is too small for the grid of the whole."""
    tensor = output_tensor(converted, index)
    number = layer_numbers(converted).get(id(tensor))
    name = layer_names(converted).get(id(tensor), output.name)
    place = f"layer {number}, '{name}'," if number is not None else f"'{name}'"
    return (
        f"It is lost in {place} where one grid spans {output.low:.3g} … {output.high:.3g}, of "
        f"which '{part.name}' needs {part.low:.3g} … {part.high:.3g}"
    )


def _apart(output: OutputQuality, part: PartQuality) -> str:
    if any(part is branch for branch in output.branches):
        names = " and ".join(f"'{branch.name}'" for branch in output.branches[:_NAMED])
        more = " and others" if len(output.branches) > _NAMED else ""
        return f"return {names}{more} as outputs of their own instead of concatenating them"
    return "return unlike channels as outputs of their own, or scale what is learned to like ranges"


def worst_layer(calibrated: Calibrated | None, samples: Sequence[Sample]) -> LayerDiagnosis | None:
    """The layer that costs most; None if it is too much work to find it."""
    if calibrated is None:
        return None
    layers = len(calibrated.model.main.operators)
    if layers > _MOST_LAYERS:
        return None
    affordable = _MOST_WORK // max(1, work(calibrated.model) * layers)
    chosen = list(samples[: min(_MOST_SAMPLES, affordable)])
    if not chosen or not measured_outputs(calibrated.model.main):
        return None
    try:
        found: Diagnosis = measure(
            calibrated.model, "model", calibrated.scheme, chosen, progress=False
        )
    except TfedgeError:
        return None
    if not found.layers:
        return None
    if _is_clipped(found.worst, calibrated.scheme):
        # What is cut off early is missing in all that follows.
        return next(layer for layer in found.layers if _is_clipped(layer, calibrated.scheme))
    return found.worst


def _joined_by(graph: Graph, worst: LayerDiagnosis) -> str:
    """The concatenation that a layer is, or that gives it a grid too large, in words."""
    names = layer_names(graph)
    for operator in graph.operators:
        if not traits_of(operator.code).joins:
            continue
        operands = [names.get(id(tensor), "") for tensor in operator.inputs]
        result = names[id(operator.outputs[0])]
        if worst.name == result or (worst.use < SHARED_GRID and worst.name in operands):
            listed = " and ".join(f"'{name}'" for name in operands[:_NAMED] if name)
            more = " and others" if len(operands) > _NAMED else ""
            return f"'{result}' puts {listed}{more}"
    return ""


def _cause(worst: LayerDiagnosis, scheme: Scheme) -> tuple[str, str, bool]:
    """Why a layer is bad, the remedy, and whether more bits help too: what applies first."""
    for cause in _CAUSES:
        if cause.applies(worst, scheme):
            reason = cause.reason.format(use=worst.use, bits=_weight_bits(worst, scheme))
            return reason, cause.remedy, cause.more_bits_help
    return "", "train for integers (tfedge.quantize), or try recovery=['adaround']", True


def _is_clipped(worst: LayerDiagnosis, scheme: Scheme) -> bool:
    low, high = worst.grid
    allowed = _OUTSIDE * (high - low)
    return bool(
        worst.activations.low.min() < low - allowed or worst.activations.high.max() > high + allowed
    )


def _leaves_its_grid_empty(worst: LayerDiagnosis, scheme: Scheme) -> bool:
    return worst.use < SHARED_GRID


def _has_uneven_channels(worst: LayerDiagnosis, scheme: Scheme) -> bool:
    given = (worst.activations, worst.weights)
    return any(ranges is not None and ranges.unevenness > UNEVEN for ranges in given)


def _has_narrow_weights(worst: LayerDiagnosis, scheme: Scheme) -> bool:
    return worst.weights is not None and _weight_bits(worst, scheme) < _WHOLE_BITS


def _weight_bits(worst: LayerDiagnosis, scheme: Scheme) -> int:
    return (layer_of(scheme, worst.name).weights or scheme.weights).bits


@dataclass(frozen=True)
class _Cause:
    applies: Callable[[LayerDiagnosis, Scheme], bool]
    reason: str
    remedy: str
    more_bits_help: bool = True


_CAUSES = (
    _Cause(
        _is_clipped,
        ", whose values lie outside of its grid",
        "calibrate with data like those that it will get",
        more_bits_help=False,
    ),
    _Cause(
        _leaves_its_grid_empty,
        ", whose values span {use:.1%} of their grid",
        "calibrate with data like those that it will get",
    ),
    _Cause(
        _has_narrow_weights,
        ", whose weights have {bits} bits",
        "give them more (tfedge.search_widths finds where they count)",
        more_bits_help=False,
    ),
    _Cause(
        _has_uneven_channels,
        ", whose channels have very unlike ranges",
        "recovery=['equalization'] evens them out",
    ),
)


def _wider(scheme: Scheme) -> str:
    return "" if scheme.activations.bits == _WIDE_BITS else "quantization='int16x8'"


def _or(wider: str) -> str:
    return f"; or convert with {wider}" if wider else ""


def _first(wider: str) -> str:
    return f"; {wider} may be enough" if wider else ""
