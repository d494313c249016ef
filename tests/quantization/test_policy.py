"""The policy table."""

import subprocess
import sys

import pytest
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.policy import (
    INT8,
    INT16,
    INT16X8,
    OPERATORS,
    REAL_FUNCTION,
    OutputRange,
)

NAMES = {name for name in vars(schema.BuiltinOperator) if name.isupper()}


@pytest.mark.parametrize("name", OPERATORS)
def test_rows_are_consistent(name):
    policy = OPERATORS[name]
    assert name in NAMES | {REAL_FUNCTION}
    assert policy.versions.get(INT8, 1) >= 1
    assert policy.real or policy.reads_real or policy.versions
    assert bool(policy.fixed) == (policy.output is OutputRange.FIXED)
    constants = [
        index for rule in policy.weights for index in (rule.operand, rule.bias) if index is not None
    ]
    states = [rule.operand for rule in policy.states]
    taken = [*constants, *states, *policy.absent, *policy.integer_operands]
    assert len(set(taken)) == len(taken)
    assert {rule.input for rule in policy.weights}.isdisjoint(set(taken) - set(states))


def test_kernels_with_one_grid_prescribe_it():
    fixed = {
        name: (policy.fixed[INT8].scale, policy.fixed[INT8].zero_point)
        for name, policy in OPERATORS.items()
        if policy.fixed
    }
    assert fixed == {
        "CAST": (1.0, 0),
        "L2_NORMALIZATION": (1 / 128, 0),
        "LOG_SOFTMAX": (16 / 256, 127),
        "LOGISTIC": (1 / 256, -128),
        "SOFTMAX": (1 / 256, -128),
        "TANH": (1 / 128, 0),
    }


def test_int16_kernels_with_one_grid_prescribe_it():
    fixed = {
        name: policy.fixed[INT16] for name, policy in OPERATORS.items() if INT16 in policy.fixed
    }
    assert fixed.keys() == {"LOGISTIC", "SOFTMAX", "TANH"}
    assert {(grid.scale, grid.zero_point) for grid in fixed.values()} == {(1 / 32768, 0)}
    for policy in OPERATORS.values():
        assert (INT16 in policy.fixed) == (bool(policy.fixed) and INT16X8 in policy.versions)


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        OPERATORS["RELU_ALIKE"] = OPERATORS["RELU"]


@pytest.mark.parametrize("module", ["tfedge.quantization.policy", "tfedge_converters.ptq"])
def test_import_is_light(module):
    code = (
        f"import sys, {module}; "
        "print([name for name in ('tensorflow', 'keras', 'tf_keras') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert output.stdout.strip() == "[]", output.stderr
