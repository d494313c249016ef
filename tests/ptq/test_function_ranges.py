"""What is known of a function's numbers is right for every integer that it is a function of."""

from __future__ import annotations

import numpy as np
import pytest

from tfedge_converters.graph import Operator, Quantization, Tensor, TensorType
from tfedge_converters.ptq.function_ranges import may_leave_numbers, may_leave_words

_FUNCTIONS = {
    "DIV": np.divide,
    "EXP": np.exp,
    "LOG": np.log,
    "POW": np.power,
    "RSQRT": lambda x: 1 / np.sqrt(x),
    "SQRT": np.sqrt,
}

# The first operand's zero point and scale, and the second operand, if there is one.
_CASES = [
    ("DIV", -128, 0.1, 3.0),
    ("DIV", -128, 0.1, 0.0),
    ("EXP", 0, 0.1, None),
    ("EXP", 0, 1.0, None),
    ("LOG", -128, 0.1, None),
    ("LOG", -129, 0.1, None),
    ("POW", -128, 0.1, 2.0),
    ("POW", -128, 0.1, 50.0),
    ("POW", -128, 0.1, -1.0),
    ("POW", -129, 0.1, -1.0),
    ("POW", -129, 0.01, -30.0),
    ("POW", 0, 0.1, 0.5),
    ("RSQRT", -128, 0.1, None),
    ("RSQRT", -129, 0.1, None),
    ("SQRT", -128, 0.1, None),
    ("SQRT", -127, 0.1, None),
]


@pytest.mark.parametrize(("code", "zero_point", "scale", "other"), _CASES)
def test_it_says_whether_a_result_is_no_finite_number(code, zero_point, scale, other):
    grid = Quantization(np.float32([scale]), np.array([zero_point]))
    source = Tensor("x", (256,), TensorType.INT8, grid)
    operands, values = [source], [(np.arange(-128, 128) - zero_point) * np.float32(scale)]
    if other is not None:
        constant = np.array(other, np.float32)
        operands.append(Tensor("c", (), TensorType.FLOAT32, data=constant))
        values.append(constant)
    with np.errstate(all="ignore"):
        results = _FUNCTIONS[code](*(value.astype(np.float32) for value in values))
    step = Operator(code, operands, [Tensor("y", (256,), TensorType.FLOAT32)])
    assert may_leave_numbers(source, (step,)) == (not np.isfinite(results).all())


@pytest.mark.parametrize(("least", "beyond"), [(1e-12, True), (1e-4, False)])
def test_it_says_whether_quantize_may_overflow(least, beyond):
    """The root of 1e-12 has the reciprocal 1e6: 1e10 steps of 1e-4."""
    grid = Quantization(np.float32([0.1]), np.array([0]))
    source = Tensor("x", (4,), TensorType.INT16, grid)
    limit = Tensor("c", (), TensorType.FLOAT32, data=np.array(least, np.float32))
    inner, last = (Tensor(name, (4,), TensorType.FLOAT32) for name in "mr")
    steps = (Operator("MAXIMUM", [source, limit], [inner]), Operator("RSQRT", [inner], [last]))
    result = Tensor("y", (4,), TensorType.INT16, Quantization(np.float32([1e-4]), np.array([0])))
    assert may_leave_words(source, steps, result) == beyond
