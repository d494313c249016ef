"""Runs of a float model in LiteRT that show what its tensors hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tfedge.errors import UnsupportedError
from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Model, Operator, Tensor
from tfedge_converters.graph.sequences import keeps_state
from tfedge_converters.interpreters import LITERT_PLAIN, opened
from tfedge_converters.worker.wire import Spec


class SeenValues:
    """Values of tensors after a sample, and of variables before it."""

    def __init__(self, after: dict[int, np.ndarray], before: dict[int, np.ndarray]):
        """Values by id of the tensor."""
        self._after = after
        self._before = before

    def of(self, tensor: Tensor | None) -> np.ndarray:
        """The value of a constant or of a tensor that is shown, to drop before the next sample."""
        if tensor is not None and tensor.data is not None:
            return tensor.data
        return self._after[id(tensor)]

    def states_before(self, operator: Operator) -> list[np.ndarray]:
        """Return the values of an operator's variables before the sample."""
        rules = OPERATORS[operator.code].states
        return [self._before[id(operator.inputs[rule.operand])] for rule in rules]


def run_float(
    model: Model, samples: Iterable[Sequence[np.ndarray]], shown: Sequence[Tensor]
) -> Iterator[SeenValues]:
    """Run a float model in LiteRT.

    Each sample is a sequence of its own, unless the model keeps its state between invocations.

    Args:
        model: a float32 model.
        samples: a value for each input; a few are taken ahead of what has been yielded.
        shown: tensors of the main graph to show after each sample.

    Yields:
        What they hold, for each sample.

    Raises:
        UnsupportedError: LiteRT cannot run it, or makes other shapes of it than its file says.
    """
    states = [tensor for tensor in model.main.tensors() if tensor.is_variable]
    sequence = None if keeps_state(model.main) else 1
    with opened(LITERT_PLAIN, model, shown=shown, before=states, what="the float model") as running:
        _refuse_other_shapes(shown, running.shown[len(states) :])
        for values in running.run(samples, sequence):
            before = zip(map(id, states), values[: len(states)], strict=True)
            after = zip(map(id, shown), values[len(states) :], strict=True)
            yield SeenValues(dict(after), dict(before))


def _refuse_other_shapes(shown: Sequence[Tensor], specs: Sequence[Spec]) -> None:
    """LiteRT goes by shapes that it works out itself; all others by those of the file."""
    for tensor, spec in zip(shown, specs, strict=True):
        if spec.shape != tensor.shape:
            raise UnsupportedError(
                f"'{tensor.name}' is of shape {tensor.shape} in the file, and LiteRT makes "
                f"{spec.shape}; convert the model again"
            )
