"""Calibration of activations' ranges by running the float model on representative data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from tfedge.calibration import RepresentativeData
from tfedge.calibration.methods import MINMAX, Method, method
from tfedge.calibration.observers import Observer
from tfedge.errors import TfedgeError
from tfedge.files import MALFORMED
from tfedge.progress import tracked
from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.schemes import Scheme, get
from tfedge.result import Result
from tfedge_converters.graph import Graph, Model, Operator, Range, Tensor
from tfedge_converters.graph.digest import digest
from tfedge_converters.graph.layers import layer_names
from tfedge_converters.ptq.calibration_file import Record, is_record, read_record, write_record
from tfedge_converters.ptq.calibration_targets import (
    keep_split,
    unknown_activations,
    unknown_states,
)
from tfedge_converters.ptq.float_runner import SeenValues, run_float
from tfedge_converters.ptq.inputs import input_specs
from tfedge_converters.ptq.lstm_states import LSTM_STATES
from tfedge_converters.ptq.precision import real_graph
from tfedge_converters.ptq.real_functions import with_functions
from tfedge_converters.ptq.softmax_masks import masked_scores

_NAMED = 5


@dataclass(frozen=True)
class _Watched:
    """A tensor whose range is wanted, the integers it will be, and how its values are found.

    Attributes:
        tensor: what it is.
        activation_type: the integers.
        shown: what a run has to show for that.
        values: made from what a run shows.
        is_inside: whether it is within a function of one activation, and wanted if that is split.
    """

    tensor: Tensor
    activation_type: ActivationType
    shown: Tensor
    values: Callable[[SeenValues], np.ndarray]
    is_inside: bool = False


@dataclass(eq=False, repr=False)
class Calibration(Result):
    """Ranges of a model's activations: to be saved, resumed, and used in place of data.

    Memory does not grow with the data.

    Attributes:
        method: a name, see `methods.method`, or what makes the observer of one tensor.
        scheme: what the model will be quantised to, or its name; it decides which activations are
            watched.
        samples: how many samples were seen.

    Raises:
        TfedgeError: there is no such method or scheme.
    """

    method: str | Method = MINMAX
    scheme: str | Scheme = "int8"
    samples: int = field(default=0, init=False)
    _digest: str = field(default="", init=False, repr=False)
    _observers: dict[int, Observer] = field(default_factory=dict, init=False, repr=False)
    _boundless: set[int] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        self.scheme = get(self.scheme)
        self._make = method(self.method)
        self._minimum = self._make().minimum_samples

    def headline(self) -> str:
        """Say what was seen, and how."""
        how = self.method if isinstance(self.method, str) else type(self._make()).__name__
        return (
            f"{self.samples:,} samples seen by {how} for {get(self.scheme).name}, "
            f"{len(self._observers)} activations"
        )

    def sections(self) -> Iterable[str]:
        """The one line that there is to say."""
        return [self.headline()]

    def observe(self, model: Model, data: Any, *, progress: bool = False) -> None:
        """Run the model on samples; may be called again with more of them.

        Scores that a mask hides from SOFTMAX count as clipped where they cannot matter to it.
        Activations whose grid is known otherwise are left alone: those with a range from training,
        those whose kernel prescribes a grid, and those that share the grid of an activation whose
        range covers them.

        Args:
            model: a float32 model, always the same.
            data: representative inputs, see `RepresentativeData`. They should look like what the
                device will see; a hundred samples usually do.
            progress: whether to show a progress bar.

        Raises:
            UnsupportedError: the model cannot be quantised; better to know before than after.
            TfedgeError: the data do not fit, the model computes NaN or infinity from them, or it is
                another model than before. What was seen until then counts.
        """
        graph = real_graph(model)
        watched = {} if graph is None else _all_watched(graph, get(self.scheme))
        if graph is None or not watched:
            return
        self._refuse_another(model)
        if self._observers and set(self._observers) != {*watched} - self._boundless:
            raise TfedgeError(
                "the calibration watched other activations of this model; begin a new one"
            )
        samples = RepresentativeData(data, input_specs(model))
        scores = masked_scores(with_functions(graph, get(self.scheme)), get(self.scheme))
        asked = [*(item.shown for item in watched.values()), *scores.asked]
        shown = list({id(tensor): tensor for tensor in asked}.values())
        self._digest = digest(model)
        self._observers = self._observers or {place: self._make() for place in watched}
        tracked_samples = tracked(samples, "Calibrating", progress, samples.total)
        for seen in run_float(model, tracked_samples, shown):
            limits = scores.limits(seen.of)
            for place, item in watched.items():
                self._see(place, item, _within(item.values(seen), limits.get(id(item.tensor))))
            self.samples += 1

    def _see(self, place: int, item: _Watched, values: np.ndarray) -> None:
        """Show an observer a sample; nobody may need what is infinite within a function."""
        if not values.size or place in self._boundless:
            return
        low, high = float(values.min()), float(values.max())
        if np.isfinite([low, high]).all():
            self._observers[place].update(values, low, high)
        elif item.is_inside:
            del self._observers[place]
            self._boundless.add(place)
        else:
            raise _not_finite(item.tensor)

    def apply(self, model: Model, scheme: str | Scheme = "int8", *, split: bool = False) -> None:
        """Set `range` of the activations whose grid is not known otherwise.

        A model that is integer already is left alone. Activations that never changed are named in
        the log, as a warning.

        Args:
            model: the one that was observed.
            scheme: what it will be quantised to.
            split: whether functions of one activation get ranges in between, where integer kernels
                compute their operators: they will be split into these.

        Raises:
            TfedgeError: it is another model, too few samples were seen for the method, or an
                activation that the scheme asks for was not watched, or was not finite.
        """
        graph = real_graph(model)
        watched = {} if graph is None else _watched(graph, get(scheme), split=split)
        if graph is None or not watched:
            return
        self._refuse_another(model)
        self._refuse_too_few()
        names = layer_names(model.main)
        for place in self._boundless.intersection(watched):
            raise _not_finite(watched[place].tensor)
        missing = [
            _name(item.tensor, names)
            for place, item in watched.items()
            if place not in self._observers
        ]
        if missing:
            raise TfedgeError(
                f"the calibration for the scheme '{get(self.scheme).name}' did not watch "
                f"{_listed(missing)}, whose ranges '{get(scheme).name}' needs; calibrate for that "
                "scheme"
            )
        ranges = {
            place: self._observers[place].range(item.activation_type)
            for place, item in watched.items()
        }
        for place, item in watched.items():
            item.tensor.range = dataclasses.replace(ranges[place], observed=True)
        if split:
            keep_split(graph, get(scheme))
        self._warn_of_constants(watched, names)

    def save(self, path: str | Path) -> None:
        """Write an .npz file; it is whole or not there.

        Raises:
            TfedgeError: it cannot be written, or the method has no name by which to find it again.
        """
        if not isinstance(self.method, str):
            raise TfedgeError("only calibrations by a method with a name can be saved")
        states = {place: observer.state() for place, observer in self._observers.items()}
        scheme = get(self.scheme).get_config()
        write_record(Path(path), Record(self.method, scheme, self.samples, self._digest, states))

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read what `save` wrote.

        Raises:
            TfedgeError: it cannot be read, or is no such file.
        """
        record = read_record(Path(path))
        try:
            calibration = cls(record.method, Scheme.from_config(record.scheme, f"{path}: scheme"))
            for place, state in record.states.items():
                observer = calibration._make()
                observer.restore(state)
                calibration._observers[place] = observer
        except MALFORMED as error:
            raise TfedgeError(f"{path}: not a calibration that this version can read") from error
        calibration.samples, calibration._digest = record.samples, record.digest
        return calibration

    def _refuse_another(self, model: Model) -> None:
        if self._digest and self._digest != digest(model):
            raise TfedgeError(
                "the calibration is of another model, or of this one with other weights; calibrate "
                "this model"
            )

    def _refuse_too_few(self) -> None:
        if self.samples < self._minimum:
            raise TfedgeError(
                f"calibration by {self.method} needs at least {self._minimum} samples, and saw "
                f"{self.samples}; give more, or use {MINMAX}"
            )

    def _warn_of_constants(self, watched: dict[int, _Watched], names: Mapping[int, str]) -> None:
        constant = [
            f"'{_name(item.tensor, names)}' ({self._observers[place].low:g})"
            for place, item in watched.items()
            if self._observers[place].low == self._observers[place].high
            and self.samples * item.tensor.elements > 1
        ]
        if constant:
            logging.warning(
                "representative data: %s never changed, so that its grid covers nothing else; "
                "check the data, and whether these layers are alive",
                _listed(constant),
            )


def calibrate(
    model: Model,
    data: Any,
    *,
    scheme: str | Scheme = "int8",
    method: str | Method = MINMAX,
    progress: bool = False,
) -> None:
    """Set `range` of the activations whose grid is not known otherwise, from data.

    A model that is integer already is left alone. Every sample is a sequence of its own, unless the
    model keeps its state between invocations: then consecutive samples are one sequence.

    Args:
        model: a float32 model.
        data: representative inputs, see `RepresentativeData`.
        scheme: what the model will be quantised to.
        method: a name, see `methods.method`, or what makes the observer of one tensor.
        progress: whether to show a progress bar.

    Raises:
        UnsupportedError: the model cannot be quantised.
        TfedgeError: see `Calibration`.
    """
    calibration = Calibration(method, scheme)
    calibration.observe(model, data, progress=progress)
    calibration.apply(model, scheme)


def is_calibration(given: Any) -> bool:
    """Whether this is a Calibration or the file of one, and not data."""
    return isinstance(given, Calibration) or (
        isinstance(given, (str, Path)) and is_record(Path(given))
    )


def _all_watched(graph: Graph, scheme: Scheme) -> dict[int, _Watched]:
    """List the tensors to watch, whether functions will be split or not."""
    found = _watched(graph, scheme)
    return {
        place: item if place in found else dataclasses.replace(item, is_inside=True)
        for place, item in (_watched(graph, scheme, split=True) | found).items()
    }


def _watched(graph: Graph, scheme: Scheme, *, split: bool = False) -> dict[int, _Watched]:
    """List the tensors to watch, by their place among the graph's tensors."""
    places = {id(tensor): place for place, tensor in enumerate(graph.tensors())}
    found = {
        places[id(tensor)]: _Watched(tensor, activation_type, tensor, partial(_held, tensor))
        for tensor, activation_type in unknown_activations(graph, scheme, split=split)
    }
    found |= {
        places[id(state)]: _Watched(state, activation_type, source, partial(_interior, operator))
        for operator, state, activation_type in unknown_states(graph)
        if (source := operator.inputs[0]) is not None
    }
    return found


def _held(tensor: Tensor, seen: SeenValues) -> np.ndarray:
    return seen.of(tensor)


def _interior(operator: Operator, seen: SeenValues) -> np.ndarray:
    return LSTM_STATES[operator.code](
        operator, seen.of(operator.inputs[0]), seen.states_before(operator)
    )


def _within(values: np.ndarray, limits: Range | None) -> np.ndarray:
    return values if limits is None else np.clip(values, limits.low, limits.high)


def _not_finite(tensor: Tensor) -> TfedgeError:
    return TfedgeError(
        f"tensor '{tensor.name}' becomes NaN or infinite in the float model; check the "
        "representative data (scaling?) and the model's weights"
    )


def _name(tensor: Tensor, names: Mapping[int, str]) -> str:
    """Name a tensor as reports do; states of layers have their own names."""
    return names.get(id(tensor), tensor.name)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
