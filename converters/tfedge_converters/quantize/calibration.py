"""Finds the ranges of activations by running the real model on representative data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization.policy import OPERATORS, OutputRange
from tfedge.quantization.schemes import Scheme, get
from tfedge_converters.graph import Graph, Model, Tensor, write_model
from tfedge_converters.quantize.dataset import RepresentativeData, input_specs
from tfedge_converters.quantize.formats import Format, format_of
from tfedge_converters.quantize.groups import Groups, real_operands, real_operators
from tfedge_converters.quantize.observers import MinMax, Observer
from tfedge_converters.quantize.precision import is_real_activation, real_graph
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
    model that is integer already is left alone too. Memory does not grow with the data.

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
    observers = {id(tensor): observer() for tensor in _unknown(graph, format_of(get(scheme)))}
    if not observers:
        return
    samples = RepresentativeData(data, input_specs(model))
    indices = {
        index: tensor for index, tensor in enumerate(graph.tensors()) if id(tensor) in observers
    }
    check_runnable(model)
    run = _Runner(model)
    for sample in _tracked(samples) if progress else samples:
        run(sample)
        for index, tensor in indices.items():
            _observe(observers[id(tensor)], run.values(index), tensor)
    for tensor in indices.values():
        tensor.range = observers[id(tensor)].range()


def _unknown(graph: Graph, form: Format) -> list[Tensor]:
    """Activations whose values have to be seen."""
    groups = Groups(graph, form)
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
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]

    def __call__(self, sample: list[np.ndarray]) -> None:
        with _told_in_words():
            for index, value in zip(self._inputs, sample, strict=True):
                self._interpreter.set_tensor(index, value)
            self._interpreter.invoke()

    def values(self, index: int) -> np.ndarray:
        """What a tensor, by its place in `Graph.tensors()`, holds; a view to drop before the next
        run.
        """
        with _told_in_words():
            return self._interpreter.tensor(index)()


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
