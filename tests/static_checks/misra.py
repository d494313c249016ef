"""cppcheck with its MISRA C:2012 addon over the kernels and over generated programs.

    make static

Fails on every finding that docs/misra.md does not list as a deviation.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hostile.bases import network
from static_checks.models import fallible, wide_between_narrow

from tfedge_converters import targets
from tfedge_converters.c import Options, Vector, generate
from tfedge_converters.c.runtime_files import runtime_directory

CPPCHECK = "cppcheck"
DEVIATIONS = Path(__file__).parents[2] / "docs" / "misra.md"

# Notes on cppcheck's own work are not enabled.
_CHECKS = "--enable=warning,style,performance,portability"
_FLAGS = ("--std=c99", _CHECKS, "--addon=misra", "--quiet", "-j2")
_FINDING = re.compile(r"^(\S+:\d+): \[(?:misra-c2012-)?([\w.-]+)\]$", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """What cppcheck says of one place.

    Attributes:
        place: file and line.
        rule: a rule's number, or the name of one of cppcheck's own checks.
    """

    place: str
    rule: str


def deviations() -> set[str]:
    """The first column of the document's tables."""
    return set(re.findall(r"^\| `([\w.-]+)` \|", DEVIATIONS.read_text("utf-8"), re.MULTILINE))


def findings(sources: Sequence[Path], include: Path) -> list[Finding]:
    """All that cppcheck finds.

    Raises:
        RuntimeError: it fails.
    """
    command = [CPPCHECK, *_FLAGS, f"-I{include}", "--template={file}:{line}: [{id}]"]
    result = subprocess.run(
        [*command, *map(str, sources)], capture_output=True, text=True, check=False
    )
    if result.returncode or "Bailing out" in result.stderr:
        raise RuntimeError(f"cppcheck failed: {result.stdout}{result.stderr}")
    return [Finding(place, rule) for place, rule in _FINDING.findall(result.stderr)]


def findings_in_runtime() -> list[Finding]:
    """In every kernel."""
    folder = runtime_directory()
    return findings(sorted(folder.glob("*.c")), folder)


def findings_in_generated() -> list[Finding]:
    """In layers with code of their own, in bands of rows, and in a program that can fail."""
    zeros = Vector(
        (np.zeros((1, 8, 6, 4), np.int8),), (np.zeros((2, 3), np.int8), np.zeros((1, 8), np.int8))
    )
    programs = {
        "network": (network(np.random.default_rng(0)), [zeros], "balanced"),
        "streamed": (wide_between_narrow(), [], "ram"),
        "fallible": (fallible(), [], "balanced"),
    }
    host = targets.load("host")
    with tempfile.TemporaryDirectory() as folder:
        for name, (model, vectors, optimize) in programs.items():
            generate(model, Options(name, host, optimize), vectors=vectors).write(folder)
        sources = [path for name in programs for path in sorted(Path(folder).glob(f"{name}*.c"))]
        return findings(sources, Path(folder))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true", help="print the listed deviations too")
    everything = parser.parse_args().all
    if shutil.which(CPPCHECK) is None:
        print("cppcheck is not installed: apt-get install cppcheck", file=sys.stderr)
        return 1
    found = sorted({*findings_in_runtime(), *findings_in_generated()}, key=lambda f: f.place)
    listed = deviations()
    for finding in found:
        if everything or finding.rule not in listed:
            print(f"{finding.place}: [{finding.rule}]")
    rules = {finding.rule for finding in found}
    print(f"MISRA C:2012: {len(rules)} kinds of findings, {len(rules - listed)} not listed")
    print(f"Listed, and not found by this version: {', '.join(sorted(listed - rules))}")
    return 1 if rules - listed else 0


if __name__ == "__main__":
    raise SystemExit(main())
