"""Finds the ranges of activations by running the real model on representative data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.policy import OPERATORS, OutputRange, StateGrid
from tfedge.quantization.schemes import Scheme, get
from tfedge_converters.graph import Graph, Model, Operator, Tensor, write_model
from tfedge_converters.graph.sequences import keeps_state
from tfedge_converters.quantize.dataset import RepresentativeData, input_specs
from tfedge_converters.quantize.groups import Groups
from tfedge_converters.quantize.interiors import INTERIORS
from tfedge_converters.quantize.observers import MinMax, Observer
from tfedge_converters.quantize.precision import is_real_activation, real_graph
from tfedge_converters.quantize.real_operators import real_operands, real_operators
from tfedge_converters.quantize.runnable import check_runnable
from tfedge_converters.quiet import quiet


def calibrate(
    model: Model,
    data: Any,
    *,
    scheme: str | Scheme = "int8",
    observer: Callable[[], Observer] = MinMax,
    progress: bool = False,
) -> None:
    """Sets `range` of the activations whose grid is not known otherwise.

    Activations that need none are left alone: those with a range from training, those whose kernel
    prescribes a grid, and those that share the grid of an activation whose range covers them. A
    model that is integer already is left alone too. Memory does not grow with the data. Every
    sample is a sequence of its own, unless the model keeps its state between invocations: then
    consecutive samples are one sequence.

    Args:
        model: a float32 model.
        data: representative inputs, see `RepresentativeData`. They should look like what the
            device will see; a hundred samples usually do.
        scheme: what the model will be quantised to.
        observer: makes the observer of one tensor.
        progress: whether to show a progress bar.

    Raises:
        UnsupportedError: the model cannot be quantised; better to know before than after.
        TfedgeError: the data do not fit, or the model computes NaN or infinity from them.
    """
    graph = real_graph(model)
    if graph is None:
        return
    watched = [(observer(), tensor) for tensor in _unknown(graph, get(scheme))]
    inside = [(observer(), operator, state) for operator, state in _unknown_states(graph)]
    if not watched and not inside:
        return
    samples = RepresentativeData(data, input_specs(model))
    check_runnable(model)
    run = _Runner(model)
    for sample in _tracked(samples) if progress else samples:
        run.begin()
        before = [run.states(operator) for _, operator, _ in inside]
        run(sample)
        for seen, tensor in watched:
            _observe(seen, run.values(tensor), tensor)
        for (seen, operator, state), states in zip(inside, before, strict=True):
            values = INTERIORS[operator.code](operator, run.values(operator.inputs[0]), states)
            _observe(seen, values, state)
    for seen, tensor in [*watched, *((seen, state) for seen, _, state in inside)]:
        tensor.range = seen.range()


def _unknown(graph: Graph, scheme: Scheme) -> list[Tensor]:
    """Activations whose values have to be seen."""
    groups = Groups(graph, scheme)
    covered = {
        id(tensor)
        for tensor in graph.tensors()
        if is_real_activation(tensor)
        and (tensor.range is not None or groups.of(tensor).fixed is not None)
    }
    _spread(graph, groups, covered)
    return [
        tensor
        for tensor in graph.tensors()
        if is_real_activation(tensor) and id(tensor) not in covered
    ]


def _unknown_states(graph: Graph) -> list[tuple[Operator, Tensor]]:
    """Operators with a state that has a range of its own, which is not known."""
    return [
        (operator, state)
        for operator in real_operators(graph)
        for rule in OPERATORS[operator.code].states
        if rule.grid is not StateGrid.RESULT
        if (state := operator.inputs[rule.operand]) is not None and state.range is None
    ]


def _spread(graph: Graph, groups: Groups, covered: set[int]) -> None:
    """Adds what shares a grid with covered activations only.

    A kernel that shares one grid makes no values of its own: if all its operands are covered, so
    is the result. And a range that training gave the result is what it gave the operands too.
    """
    sharing = [
        operator
        for operator in real_operators(graph)
        if OPERATORS[operator.code].output is OutputRange.SHARED
    ]
    before = -1
    while before < len(covered):
        before = len(covered)
        for operator in (*sharing, *reversed(sharing)):
            group = groups.of(operator.outputs[0])
            results = set(map(id, operator.outputs))
            operands = [tensor for _, tensor in real_operands(operator) if not tensor.is_constant]
            inside = {id(tensor) for tensor in operands if groups.of(tensor) is group}
            if covered >= results:
                covered |= inside
            elif inside and inside == set(map(id, operands)) and covered >= inside:
                covered |= results


class _Runner:
    """Runs a real model in LiteRT and shows every tensor of its main graph."""

    def __init__(self, model: Model):
        with quiet(), _told_in_words():
            self._interpreter = Interpreter(
                model_content=write_model(model),
                # Delegates keep intermediate results to themselves.
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
            self._interpreter.allocate_tensors()
        self._keeps_state = keeps_state(model.main)
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._indices = {id(tensor): index for index, tensor in enumerate(model.main.tensors())}

    def begin(self) -> None:
        """Ends the sequence that the last sample belongs to, if every sample is one."""
        if not self._keeps_state:
            with _told_in_words():
                self._interpreter.reset_all_variables()

    def states(self, operator: Operator) -> list[np.ndarray]:
        """Copies of an operator's variables."""
        rules = OPERATORS[operator.code].states
        return [self.values(operator.inputs[rule.operand]).copy() for rule in rules]

    def __call__(self, sample: list[np.ndarray]) -> None:
        with _told_in_words():
            for index, value in zip(self._inputs, sample, strict=True):
                self._interpreter.set_tensor(index, value)
            self._interpreter.invoke()

    def values(self, tensor: Tensor | None) -> np.ndarray:
        """What a tensor of the main graph holds; a view to drop before the next run."""
        with _told_in_words():
            return self._interpreter.tensor(self._indices[id(tensor)])()


@contextmanager
def _told_in_words() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise UnsupportedError(f"LiteRT cannot run the float model: {error}") from error


def _observe(observer: Observer, values: np.ndarray, tensor: Tensor) -> None:
    if not np.isfinite(values).all():
        raise TfedgeError(
            f"tensor '{tensor.name}' becomes NaN or infinite in the float model; check the "
            "representative data (scaling?) and the model's weights"
        )
    observer.update(values)


def _tracked(samples: RepresentativeData) -> Iterable[list[np.ndarray]]:
    from rich.progress import track

    return track(samples, "Calibrating", total=samples.total)
