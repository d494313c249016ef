"""Signal-to-noise ratios and ranges of every layer of a model that is about to be quantised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfedge.progress import tracked
from tfedge.quantization.policy import OPERATORS
from tfedge.quantization.schemes import Scheme
from tfedge_converters.diagnosis.report import ChannelRanges, Diagnosis, LayerDiagnosis
from tfedge_converters.graph import Model, Operator, Tensor
from tfedge_converters.graph.layers import layer_names, layer_numbers
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq.noise import noise
from tfedge_converters.ptq.probe import Probe
from tfedge_converters.ptq.quantized_copy import QuantizedCopy, dequantized, real_results
from tfedge_converters.ptq.tensor_types import activation_type_of
from tfedge_converters.ptq.tensor_values import run_part


def measure(
    model: Model, name: str, scheme: Scheme, samples: list[list[np.ndarray]], progress: bool
) -> Diagnosis:
    """Measure a calibrated float model.

    Args:
        model: every activation's range is known.
        name: what reports call it.
        scheme: what it will be quantised to.
        samples: what to measure on.
        progress: whether to show a progress bar.

    Raises:
        UnsupportedError: LiteRT cannot run the model.
    """
    probe, quantized_copy = Probe(model, samples), QuantizedCopy(model, scheme)
    inputs = [(None, tensor) for tensor in model.main.inputs if is_real_activation(tensor)]
    visible = [*inputs, *((o, t) for o, t in real_results(model) if quantized_copy.makes(t))]
    whole = _integer_values(
        probe, quantized_copy, [*(tensor for _, tensor in visible), *probe.measured_outputs]
    )
    numbers, names = (
        layer_numbers(quantized_copy.model.main),
        layer_names(quantized_copy.model.main),
    )
    layers = [
        _layer(operator, tensor, numbers, names, probe, quantized_copy, whole[place])
        for place, (operator, tensor) in enumerate(tracked(visible, "Diagnosing", progress))
    ]
    return Diagnosis(name, scheme.name, probe.noise(whole[len(visible) :]), tuple(layers))


def _integer_values(
    probe: Probe, quantized_copy: QuantizedCopy, tensors: Sequence[Tensor]
) -> list[np.ndarray]:
    """Compute the integer model's values for the samples, dequantised."""
    integers = [quantized_copy.tensor(tensor) for tensor in tensors]
    known = quantized_copy.activations(probe.inputs).known
    unique = list({id(tensor): tensor for tensor in integers}.values())
    computed = run_part(quantized_copy.model.main, known, unique)
    values = {id(t): value for t, value in zip(unique, computed, strict=True)}
    return [dequantized(tensor, values[id(tensor)]) for tensor in integers]


def _layer(
    operator: Operator | None,
    tensor: Tensor,
    numbers: Mapping[int, int],
    names: Mapping[int, str],
    probe: Probe,
    quantized_copy: QuantizedCopy,
    found: np.ndarray,
) -> LayerDiagnosis:
    real, integer = probe.values[id(tensor)], quantized_copy.tensor(tensor)
    weighted = operator is not None and bool(OPERATORS[operator.code].weights)
    exact = (
        probe.recomputed(quantized_copy.with_rounded_weights(operator))
        if weighted and operator
        else real
    )
    alone = quantized_copy.rounded(tensor, exact)
    return LayerDiagnosis(
        number=numbers.get(id(integer)),
        name=names.get(id(integer), integer.name),
        operator="(input)" if operator is None else operator.code,
        noise=noise(real, found),
        own_noise=noise(real, alone),
        output_noise=probe.output_noise(tensor, alone),
        activations=_ranges(real, real.ndim - 1),
        weights=None if operator is None else _weights(operator),
        grid=_ends(integer),
    )


def _ends(integer: Tensor) -> tuple[float, float]:
    """Dequantise the least and the largest integer of an activation."""
    activation_type = activation_type_of(integer.type)
    low, high = dequantized(integer, np.array([activation_type.low, activation_type.high])).tolist()
    return low, high


def _weights(operator: Operator) -> ChannelRanges | None:
    """Return the channel ranges of the first constant that the policy calls weights."""
    for rule in OPERATORS[operator.code].weights:
        tensor = operator.inputs[rule.operand]
        if tensor is not None and tensor.is_constant:
            return _ranges(np.asarray(tensor.data), rule.axis)
    return None


def _ranges(values: np.ndarray, axis: int) -> ChannelRanges:
    channels = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    return ChannelRanges(channels.min(axis=1), channels.max(axis=1))
