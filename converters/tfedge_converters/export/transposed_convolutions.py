"""Transposed convolutions with dilation, exported without: TFLite's operator has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tfedge.keras_graph import private
from tfedge.keras_graph.dilation import spread


@contextmanager
def spread_transposed_kernels() -> Iterator[None]:
    """Let transposed convolutions have zeros in their kernels instead of a dilation."""
    with private.backend_function("nn", "conv_transpose", _convolved):
        yield


def _convolved(
    convolve: Any,
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    sizes = len(kernel.shape) - 2
    rates = [dilation_rate] * sizes if isinstance(dilation_rate, int) else list(dilation_rate)
    return convolve(inputs, spread(kernel, rates), strides, padding, output_padding, data_format)
