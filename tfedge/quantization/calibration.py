"""Ranges of a quantised model from data, by the observers that conversion has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from tfedge.calibration import MINMAX, InputSpec, Method, RepresentativeData, method
from tfedge.errors import TfedgeError
from tfedge.keras_graph import private
from tfedge.quantization.activation_quantizers import ActivationQuantizer
from tfedge.quantization.operators import QuantizedOperator
from tfedge.quantization.phase import CALIBRATE
from tfedge.quantization.range_noise import warn_of_noise

BATCH_SIZE = 32


def calibrate(
    model: Any, data: Any, chosen: str | Method | None = None, batch_size: int = BATCH_SIZE
) -> None:
    """Run inference in float and give every activation the range that its observer finds.

    Ranges change when all data have been seen, and not at all if something is wrong with them. Then
    the first batch is run once more, rounded: `range_noise.warn_of_noise` says what is too coarse.

    Args:
        model: functional or sequential, with quantised operators.
        data: representative inputs, see `RepresentativeData`.
        chosen: a name, see `tfedge.calibration.method`, or what makes the observer of one
            activation; "minmax" by default.
        batch_size: samples at a time, where the model leaves that open.

    Raises:
        TfedgeError: the data do not fit or are too few for the method, the model computes NaN or
            infinity from them, or there is no such method.
    """
    make = method(chosen or MINMAX)
    samples = RepresentativeData(data, input_specs(model))
    fixed = model.inputs[0].shape[0]
    quantizers = _parts(model, ActivationQuantizer)
    operators = _parts(model, QuantizedOperator)
    before = [operator.phase for operator in operators]
    try:
        for quantizer in quantizers:
            quantizer.watch(make)
        for operator in operators:
            operator.phase = CALIBRATE
        counts, first = [], None
        for batch in _batches(samples, fixed or batch_size, fixed):
            first = batch if first is None else first
            counts.append(_run(model, batch))
        _refuse_too_few(sum(counts), make, chosen)
        for quantizer in quantizers:
            quantizer.settle(len(counts))
    finally:
        for operator, phase in zip(operators, before, strict=True):
            operator.phase = phase
        for quantizer in quantizers:
            quantizer.observer = None
    warn_of_noise(model, operators, keras.tree.pack_sequence_as(model.input, first))


def input_specs(model: Any) -> list[InputSpec]:
    """Return the inputs of a model, one sample at a time; sizes that it leaves open are None.

    Raises:
        TfedgeError: the model does not say what its inputs are.
    """
    if not getattr(model, "inputs", None):
        raise TfedgeError(
            f"model '{model.name}' does not say what its inputs are, which calibration has to "
            "know: build it with the functional API, or quantise it with tfedge.quantize"
        )
    keys = sorted(model.input) if isinstance(model.input, Mapping) else []
    names = [private.input_name(tensor) for tensor in model.inputs]
    return [
        InputSpec(
            (*keys[place : place + 1], names[place]),
            (1, *tensor.shape[1:]),
            np.dtype(keras.backend.standardize_dtype(tensor.dtype)),
        )
        for place, tensor in enumerate(model.inputs)
    ]


def _parts(model: Any, kind: type) -> list[Any]:
    return [layer for layer in private.layers_in(model) if isinstance(layer, kind)]


def _run(model: Any, batch: list[np.ndarray]) -> int:
    model(keras.tree.pack_sequence_as(model.input, batch), training=False)
    return len(batch[0])


def _batches(
    samples: Iterable[list[np.ndarray]], size: int, fixed: int | None
) -> Iterator[list[np.ndarray]]:
    """Samples of one shape together; where a model fixes their number, what is left over is not.

    Raises:
        TfedgeError: there are fewer samples than the model takes at a time.
    """
    batch: list[list[np.ndarray]] = []
    complete = 0
    for sample in samples:
        if batch and (len(batch) == size or not _are_alike(batch[0], sample)):
            yield _joined(batch)
            complete += 1
            batch = []
        batch.append(sample)
    if len(batch) == size or fixed is None:
        yield _joined(batch)
    elif not complete:
        raise TfedgeError(
            f"the model takes {size} samples at a time; the data have {len(batch)}: give as many "
            "or more"
        )


def _are_alike(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(a.shape == b.shape for a, b in zip(first, second, strict=True))


def _joined(batch: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [np.concatenate(column) for column in zip(*batch, strict=True)]


def _refuse_too_few(count: int, make: Method, chosen: Any) -> None:
    minimum = make().minimum_samples
    if count < minimum:
        raise TfedgeError(
            f"calibration by {chosen} needs at least {minimum} samples, and saw {count}; give "
            f"more, or use {MINMAX}"
        )
