"""What docs/misra.md says of the C is all that cppcheck finds."""

from __future__ import annotations

import shutil

import pytest
from static_checks.misra import (
    CPPCHECK,
    FIRST_CONFIGURATION,
    Finding,
    deviations,
    findings,
    findings_in_every_line,
    findings_in_generated,
)

pytestmark = pytest.mark.skipif(shutil.which(CPPCHECK) is None, reason="cppcheck is not installed")


def generated():
    """Branches of the kernels that generated code has copies of are looked at among the kernels."""
    return findings_in_generated(FIRST_CONFIGURATION)


@pytest.mark.parametrize("where", [findings_in_every_line, generated])
def test_every_finding_is_a_listed_deviation(where):
    """Those of every kernel with every configuration: `make static`."""
    found, listed = where(), deviations()
    assert "17.7" in {finding.rule for finding in found}, "the addon has not run"
    assert not [finding for finding in found if finding.rule not in listed]


def test_what_is_not_listed_is_not_let_pass(tmp_path):
    source = tmp_path / "heap.c"
    source.write_text("#include <stdlib.h>\nvoid *f(void) {\n  return malloc(7);\n}\n")
    assert Finding(f"{source}:3", "21.3") in findings([source], tmp_path)
    assert "21.3" not in deviations()
