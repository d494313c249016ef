"""The results of a BYTE_FUNCTION for all 256 values of its operand."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfedge_converters.arithmetic import real_tables, tables
from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.graph.evaluation import evaluate
from tfedge_converters.graph.types import Operator, Tensor


def byte_table(function: Operator) -> np.ndarray:
    """Run every step of a function of one int8 value with LiteRT's reference kernel.

    Its float32 results are TFLite Micro's, bit for bit: both call the C library once a value, where
    arithmetic of our own would have to equal a library's last bits. Two steps are ours: ELU, which
    LiteRT computes by another formula, and the last QUANTIZE, which interpreters leave undefined
    where an integer overflows.

    Args:
        function: a BYTE_FUNCTION; where it leaves and enters real numbers, its operand and result
            have one scale (> 0) each.

    Returns:
        The results in the order of the operand's byte (0..127, then -128..-1).

    Raises:
        UndefinedError: LiteRT cannot compute a step.
    """
    (source,), (output,) = function.inputs, function.outputs
    assert source is not None
    codes = tables.SIGNED.astype(np.int8)
    known = {id(source): dataclasses.replace(source, shape=codes.shape, data=codes)}
    for step in function.steps:
        operands = [_operand(tensor, known) for tensor in step.inputs]
        known[id(step.outputs[0])] = _result(step, operands)
    result = known[id(output)].data
    assert result is not None
    return result


def _operand(tensor: Tensor | None, known: dict[int, Tensor]) -> Tensor:
    assert tensor is not None
    if id(tensor) in known or tensor.data is None or tensor.data.size > 1:
        return known.get(id(tensor), tensor)
    return dataclasses.replace(tensor, shape=(), data=tensor.data.reshape(()))


def _result(step: Operator, operands: list[Tensor]) -> Tensor:
    """A step's result for all 256 values, as a constant."""
    output = dataclasses.replace(step.outputs[0], shape=(256,), shape_signature=None)
    if step.code == "QUANTIZE":
        reals, grid = operands[0].data, output.quantization
        assert reals is not None and grid is not None
        scale, zero_point = np.float32(grid.scale[0]), int(grid.zero_point[0])
        values = real_tables.quantize_reals(reals, scale, zero_point).astype(np.int8)
    elif step.code == "ELU":
        values = _elu(step, operands, output)
    else:
        values = _evaluated(step, operands, output)
    return dataclasses.replace(output, data=values)


def _elu(step: Operator, operands: list[Tensor], output: Tensor) -> np.ndarray:
    """x, or exp(x) - 1 for negative x."""
    exp = dataclasses.replace(step, code="EXP", options=None, version=1)
    reals = operands[0].data
    assert reals is not None
    return np.where(reals < 0, _evaluated(exp, operands, output) - np.float32(1), reals)


def _evaluated(step: Operator, operands: list[Tensor], output: Tensor) -> np.ndarray:
    results = evaluate(dataclasses.replace(step, inputs=[*operands], outputs=[output]))
    if results is None or results[0].shape != output.shape:
        raise UndefinedError(
            f"{step.code}, one of its steps, cannot be computed for all 256 values of "
            f"'{operands[0].name}'"
        )
    return results[0]
