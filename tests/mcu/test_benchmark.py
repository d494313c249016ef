"""What benchmarks/mcu.py says of runs: estimated cycles, and changes since an earlier table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tfedge.errors import TfedgeError

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import mcu
from common.cycles import estimate

HARNESS = """\
IN: harness_run
0x00000800:  4770       bx       lr
Trace 0: 0x9 [0/00000800/0/0] harness_run
"""
BLOCKS = """\
IN: net_invoke
0x00000100:  b510       push     {r4, lr}
0x00000102:  f000 f800  bl       #0x200
Trace 0: 0x1 [0/00000100/0/0] net_invoke
IN: net_layer_3_conv_2d
0x00000200:  6801       ldr      r1, [r0]
0x00000202:  6842       ldr      r2, [r0, #4]
0x00000204:  fb21 2303  smlad    r3, r1, r2, r3
0x00000208:  d1fa       bne      #0x200
Trace 0: 0x2 [0/00000200/0/0] net_layer_3_conv_2d
Trace 0: 0x2 [0/00000200/0/0] net_layer_3_conv_2d
IN: net_layer_3_conv_2d
0x0000020a:  e9d0 4500  ldrd     r4, r5, [r0]
0x0000020e:  bd10       pop      {r4, pc}
Trace 0: 0x3 [0/0000020a/0/0] net_layer_3_conv_2d
IN: stopwatch_ticks
0x00000900:  4770       bx       lr
Trace 0: 0x4 [0/00000900/0/0] stopwatch_ticks
"""


@pytest.mark.parametrize("wait_states", [0, 3])
def test_cycles_are_those_that_are_published(wait_states, tmp_path):
    """push 3, bl 1; twice ldr 2, ldr 1, smlad 1, bne 1; ldrd 3, pop 3; two refills."""
    listed = tmp_path / "executed"
    listed.write_text(HARNESS + BLOCKS + HARNESS)
    found = estimate(listed, "net", "cortex-m4", wait_states)
    refill = 2 + wait_states
    assert (found.total.instructions, found.total.cycles) == (12, 4 + 2 * 5 + 6 + 2 * refill)
    assert found.layers[3].cycles == 2 * 5 + 6 + 2 * refill


ROW = {
    "model": "ad", "core": "cortex-m4", "packing": "pairs", "optimize": "size", "flags": "-O2",
    "instructions": 1000, "cycles": "", "arena_bytes": 64, "flash_bytes": 500, "code_bytes": 100,
    "stack_bytes": 40,
}  # fmt: skip


def test_changes_are_found_in_what_is_of_the_same(tmp_path):
    baseline = tmp_path / "before.csv"
    baseline.write_text(
        mcu.as_csv([{**ROW, "instructions": 800, "cycles": 7}, ROW | {"model": "b"}])
    )
    (change,) = mcu.changes_since(baseline, [ROW])
    assert (change["figure"], change["before"], change["now"]) == ("instructions", 800, 1000)
    assert change["percent"] == 25
    with pytest.raises(TfedgeError, match="no row of the same"):
        mcu.changes_since(baseline, [ROW | {"core": "cortex-m0"}])
