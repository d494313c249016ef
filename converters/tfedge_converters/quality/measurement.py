"""Measurement of a model before and after conversion on the same samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.graph import Graph, Model, Tensor, TensorType
from tfedge_converters.graph.layers import layer_names
from tfedge_converters.ptq.concatenated import Branch, branches
from tfedge_converters.ptq.multiplications import multiplications
from tfedge_converters.ptq.noise import noise, power
from tfedge_converters.ptq.real_values import as_input, as_real
from tfedge_converters.quality.result import OutputQuality, PartQuality
from tfedge_converters.quality.samples import Sample
from tfedge_converters.verify.differences import truthful
from tfedge_converters.verify.engines import SEQUENCE, Outputs, engine

# The reference kernels take nanoseconds a multiplication; larger models run with XNNPACK, whose
# roundings differ by a step here and there, and very large ones on fewer samples.
_SMALL = 2_000_000
_LARGE = 100_000_000
_FEW_SAMPLES = 8
_ENGINES = ("litert-reference", "tflite-micro", "stepwise", "litert")
_FAST_ENGINES = ("litert", *_ENGINES[:-1])

# Ranges of these are known, and small where a class is rare: their channels are alike.
_BOUNDED = frozenset({"LOGISTIC", "LOG_SOFTMAX", "SOFTMAX", "TANH"})
_MOST_CHANNELS = 64
UNLIKE = 1 / 16


class FloatOutputs:
    """Outputs of a float model, as it was before it is changed.

    Attributes:
        flatbuffer: the model as it was.
        names: of its outputs.
        branches: of each output, what was concatenated to it.
    """

    def __init__(self, flatbuffer: bytes, graph: Graph):
        names = layer_names(graph)
        makers = {id(t): operator.code for operator in graph.operators for t in operator.outputs}
        self.flatbuffer = flatbuffer
        self.names = [names.get(id(tensor), tensor.name) for tensor in graph.outputs]
        self.branches: list[list[Branch]] = branches(graph, graph.outputs)
        self._have_channels = [
            tensor.type == TensorType.FLOAT32
            and len(tensor.shape) > 1
            and 1 < tensor.shape[-1] <= _MOST_CHANNELS
            and makers.get(id(tensor)) not in _BOUNDED
            for tensor in graph.outputs
        ]

    def compared(
        self, real: Sequence[np.ndarray], found: Sequence[np.ndarray]
    ) -> tuple[OutputQuality, ...]:
        """The quality of every output.

        Args:
            real: the outputs of the float model, each of shape (samples, *shape).
            found: those of the converted model, as real numbers.
        """
        return tuple(
            self._output(index, *pair) for index, pair in enumerate(zip(real, found, strict=True))
        )

    def _output(self, index: int, real: np.ndarray, found: np.ndarray) -> OutputQuality:
        name = self.names[index]
        if real.dtype.kind != "f":
            differing = float(np.mean(real != found)) if real.size else 0.0
            ends = (float(real.min()), float(real.max())) if real.size else (0.0, 0.0)
            return OutputQuality(name, differing, *ends, is_integer=True)
        whole = _part(name, real, found)
        flat = [values.reshape(len(values), -1) for values in (real, found)]
        parts = tuple(
            _part(branch.name, *(values[:, branch.elements] for values in flat))
            for branch in self.branches[index]
        )
        channels = self._channels(index, whole, real, found) if not parts else ()
        return OutputQuality(
            name, whole.noise, whole.low, whole.high, branches=parts, channels=channels
        )

    def _channels(
        self, index: int, whole: PartQuality, real: np.ndarray, found: np.ndarray
    ) -> tuple[PartQuality, ...]:
        if not self._have_channels[index]:
            return ()
        every = [
            _part(f"channel {channel}", real[..., channel], found[..., channel])
            for channel in range(real.shape[-1])
            if power(real[..., channel])
        ]
        return tuple(part for part in every if part.span <= UNLIKE * whole.span)


def run_both(
    before: FloatOutputs, flatbuffer: bytes, model: Model, samples: Sequence[Sample]
) -> tuple[list[np.ndarray], list[np.ndarray], str]:
    """Run a model before and after its conversion.

    Args:
        before: the float model.
        flatbuffer: what was made of it.
        model: the same as a typed graph.
        samples: for the float model; `count_for` says how many are cheap.

    Returns:
        The outputs before and after, as real numbers of shape (samples, *shape), and what has run
        the converted model.

    Raises:
        TfedgeError: one of them cannot be run.
    """
    real = _stacked(engine("litert")(before.flatbuffer, samples, SEQUENCE))
    integers = [
        [as_input(value, tensor) for value, tensor in zip(sample, model.main.inputs, strict=True)]
        for sample in samples
    ]
    if not all(np.isfinite(values).all() for values in real if values.dtype.kind == "f"):
        raise TfedgeError("the float model computes NaN or infinity from the data")
    results, name = _run(flatbuffer, model, integers)
    outputs = zip(_stacked(results), model.main.outputs, strict=True)
    return real, [as_real(values, tensor) for values, tensor in outputs], name


def count_for(model: Model, samples: int) -> int:
    """How many samples are compared of so many."""
    return samples if work(model) <= _LARGE else min(samples, _FEW_SAMPLES)


def work(model: Model) -> int:
    """Multiplications of one inference."""
    return sum(multiplications(operator) for operator in model.main.operators)


def _run(flatbuffer: bytes, model: Model, samples: list[Sample]) -> tuple[Outputs, str]:
    refusals = []
    for name in truthful(_ENGINES if work(model) <= _SMALL else _FAST_ENGINES, model):
        try:
            return engine(name)(flatbuffer, samples, SEQUENCE), name
        except TfedgeError as error:
            refusals.append(str(error))
    raise TfedgeError(refusals[0])


def _stacked(results: Outputs) -> list[np.ndarray]:
    return [np.stack(column) for column in zip(*results, strict=True)]


def _part(name: str, real: np.ndarray, found: np.ndarray) -> PartQuality:
    if not real.size:
        return PartQuality(name, 0.0, 0.0, 0.0)
    return PartQuality(name, noise(real, found), float(real.min()), float(real.max()))


def output_tensor(graph: Graph, index: int) -> Tensor:
    """Find the tensor behind an output of an integer graph, before a DEQUANTIZE at its end."""
    tensor = graph.outputs[index]
    makers = {id(t): operator for operator in graph.operators for t in operator.outputs}
    maker = makers.get(id(tensor))
    source = maker.inputs[0] if maker is not None and maker.code == "DEQUANTIZE" else None
    return tensor if source is None else source
