"""Runs a real model in LiteRT and shows what its tensors hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfedge.errors import UnsupportedError
from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Model, Operator, Tensor, write_model
from tfedge_converters.graph.sequences import keeps_state
from tfedge_converters.quiet import quiet


class FloatRunner:
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
        self._before: dict[int, np.ndarray] = {}
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._indices = {id(tensor): index for index, tensor in enumerate(model.main.tensors())}
        self._states = [tensor for tensor in model.main.tensors() if tensor.is_variable]

    def __call__(self, sample: list[np.ndarray]) -> None:
        """Runs one sample: a value for each input.

        It is a sequence of its own, unless the model keeps its state between invocations.
        """
        with _told_in_words():
            if not self._keeps_state:
                self._interpreter.reset_all_variables()
            self._before = {id(state): self.values(state).copy() for state in self._states}
            for index, value in zip(self._inputs, sample, strict=True):
                self._interpreter.set_tensor(index, value)
            self._interpreter.invoke()

    def states_before(self, operator: Operator) -> list[np.ndarray]:
        """What an operator's variables held before the last sample."""
        rules = OPERATORS[operator.code].states
        return [self._before[id(operator.inputs[rule.operand])] for rule in rules]

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
