"""QUANTIZE and DEQUANTIZE, which bring numbers from one type or grid to another."""

from __future__ import annotations

import dataclasses

from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.activation_types import INT8, INT16
from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Operator, Tensor, TensorType


def quantize_operator(source: Tensor, result: Tensor) -> Operator:
    """The operator that moves `source`, float or integer, to the grid of `result`."""
    version = _version("QUANTIZE", result)
    return Operator("QUANTIZE", [source], [result], schema.QuantizeOptionsT(), version)


def dequantize_operator(source: Tensor, result: Tensor) -> Operator:
    """The operator that makes `result`, in float, of the integers of `source`."""
    version = _version("DEQUANTIZE", source)
    return Operator("DEQUANTIZE", [source], [result], schema.DequantizeOptionsT(), version)


def as_float(tensor: Tensor) -> Tensor:
    """The same tensor in float."""
    return dataclasses.replace(tensor, type=TensorType.FLOAT32, quantization=None)


def _version(code: str, integers: Tensor) -> int:
    """The operator's version; bytes have the same one, signed or not."""
    activation_type = INT16 if integers.type == TensorType.INT16 else INT8
    return OPERATORS[code].versions[activation_type.scheme]
