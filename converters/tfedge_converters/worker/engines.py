"""The interpreters that a worker can load, each behind the same few methods.

Imported by workers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfedge_converters.worker.wire import DTYPES, Spec


class LiteRT:
    """LiteRT's interpreter with the kernels of one of its resolvers.

    Args:
        flatbuffer: the model.
        resolver: a name in `OpResolverType`.
        shown: indices of the main graph's tensors to show after a sample; None: the outputs.
        before: indices of tensors to show as they are before a sample.
        preserve: whether tensors between operators keep their values.
    """

    def __init__(
        self,
        flatbuffer: bytes,
        *,
        resolver: str,
        shown: Sequence[int] | None = None,
        before: Sequence[int] = (),
        preserve: bool = False,
    ):
        library = self.import_library()
        self._interpreter = library.Interpreter(
            model_content=flatbuffer,
            experimental_op_resolver_type=library.OpResolverType[resolver],
            experimental_preserve_all_tensors=preserve,
        )
        self._interpreter.allocate_tensors()
        self._details = {item["index"]: item for item in self._interpreter.get_tensor_details()}
        self._inputs = [item["index"] for item in self._interpreter.get_input_details()]
        outputs = [item["index"] for item in self._interpreter.get_output_details()]
        self._shown = outputs if shown is None else list(shown)
        self._before = list(before)

    @staticmethod
    def import_library() -> Any:
        """Import what it is made of, which takes longer than most models."""
        from ai_edge_litert import interpreter

        return interpreter

    @property
    def inputs(self) -> list[Spec]:
        """The types of a sample."""
        return [self._spec(index) for index in self._inputs]

    @property
    def shown(self) -> list[Spec]:
        """The types of what comes before and after a sample."""
        return [self._spec(index) for index in (*self._before, *self._shown)]

    def _spec(self, index: int) -> Spec:
        item = self._details[index]
        return _spec(item["name"], item["shape"], item["dtype"])

    def reset(self) -> None:
        """Begin a sequence."""
        self._interpreter.reset_all_variables()

    def run(self, sample: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run one sample and return the values that are shown."""
        before = [self._interpreter.get_tensor(index) for index in self._before]
        for index, value in zip(self._inputs, sample, strict=True):
            self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        return [*before, *(self._value(index) for index in self._shown)]

    def _value(self, index: int) -> np.ndarray:
        value = self._interpreter.tensor(index)()
        return value if isinstance(value, np.ndarray) else np.asarray(value)

    def shapes(self) -> list[list[int]]:
        """The shape of every tensor of the main graph, after a run on whatever inputs hold."""
        self._interpreter.invoke()
        details = {item["index"]: item["shape"] for item in self._interpreter.get_tensor_details()}
        count = next(index for index in range(len(details) + 1) if index not in details)
        return [[int(size) for size in details[index]] for index in range(count)]


class Micro:
    """TFLite Micro's interpreter with its reference kernels.

    Args:
        flatbuffer: the model.
        arena: bytes of memory for its tensors.
        outputs: how many outputs the model has.
        inputs: how many inputs.
    """

    def __init__(self, flatbuffer: bytes, *, arena: int, inputs: int, outputs: int):
        self._interpreter = self.import_library().Interpreter.from_bytes(
            flatbuffer, arena_size=arena
        )
        self._counts = (inputs, outputs)

    @staticmethod
    def import_library() -> Any:
        """Import what it is made of, which takes longer than most models."""
        from tflite_micro.python.tflite_micro import runtime

        return runtime

    @property
    def inputs(self) -> list[Spec]:
        """The types of a sample."""
        return self._specs(self._interpreter.get_input_details, self._counts[0])

    @property
    def shown(self) -> list[Spec]:
        """The types of the outputs."""
        return self._specs(self._interpreter.get_output_details, self._counts[1])

    def _specs(self, details: Callable[[int], dict[str, Any]], count: int) -> list[Spec]:
        found = [details(index) for index in range(count)]
        return [_spec(str(i), item["shape"], item["dtype"]) for i, item in enumerate(found)]

    def reset(self) -> None:
        """Begin a sequence."""
        self._interpreter.reset()

    def run(self, sample: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs of one sample."""
        for index, value in enumerate(sample):
            self._interpreter.set_input(value, index)
        self._interpreter.invoke()
        return [self._interpreter.get_output(index) for index in range(self._counts[1])]


# By the names that requests have.
LOADERS: dict[str, type[LiteRT] | type[Micro]] = {"litert": LiteRT, "tflite-micro": Micro}


def _spec(name: str, shape: Any, dtype: Any) -> Spec:
    found = np.dtype(dtype)
    if found.name not in DTYPES:
        raise ValueError(f"tensor '{name}' holds no numbers")
    return Spec(tuple(int(size) for size in np.atleast_1d(shape)), found)
