"""What docs/misra.md says of the C is all that cppcheck finds."""

from __future__ import annotations

import shutil

import pytest
from static_checks.misra import (
    CPPCHECK,
    Finding,
    deviations,
    findings,
    findings_in_generated,
    findings_in_runtime,
)

pytestmark = pytest.mark.skipif(shutil.which(CPPCHECK) is None, reason="cppcheck is not installed")


@pytest.mark.parametrize("where", [findings_in_runtime, findings_in_generated])
def test_every_finding_is_a_listed_deviation(where):
    found, listed = where(), deviations()
    assert "17.7" in {finding.rule for finding in found}, "the addon has not run"
    assert not [finding for finding in found if finding.rule not in listed]


def test_what_is_not_listed_is_not_let_pass(tmp_path):
    source = tmp_path / "heap.c"
    source.write_text("#include <stdlib.h>\nvoid *f(void) {\n  return malloc(7);\n}\n")
    assert Finding(f"{source}:3", "21.3") in findings([source], tmp_path)
    assert "21.3" not in deviations()
