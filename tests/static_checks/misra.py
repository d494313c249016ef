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

# Without the preprocessor's other branches, which take most of the time.
FIRST_CONFIGURATION = ("--max-configs=1",)

# A guard of a header is no choice.
_CONDITION = re.compile(r"^\s*#\s*(?:if|ifdef|elif)\b", re.MULTILINE)
_INCLUDED = re.compile(r'^#include "(tfedge_\w+\.h)"', re.MULTILINE)

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


def findings(sources: Sequence[Path], include: Path, flags: Sequence[str] = ()) -> list[Finding]:
    """All that cppcheck finds.

    Args:
        sources: C files, at least one.
        include: the folder of their headers.
        flags: further ones of cppcheck.

    Raises:
        RuntimeError: it fails.
    """
    command = [CPPCHECK, *_FLAGS, *flags, f"-I{include}", "--template={file}:{line}: [{id}]"]
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


def findings_in_every_line() -> list[Finding]:
    """In every kernel, and in every branch of every file: a third of the time, and the same lines.

    What has branches is looked at with all of them in one of the kernels that include it. The other
    kernels are one file, in which headers are read once.
    """
    folder = runtime_directory()
    sources = sorted(folder.glob("*.c"))
    thorough = _that_include_all_branches(sources)
    with tempfile.TemporaryDirectory() as place:
        others = Path(place) / "others.c"
        rest = [path for path in sources if path not in thorough]
        others.write_text("".join(f'#include "{path}"\n' for path in rest))
        found = findings([others], folder, FIRST_CONFIGURATION)
    return [*findings(thorough, folder), *found]


def _that_include_all_branches(sources: Sequence[Path]) -> list[Path]:
    """As few kernels as have among them, or include, each file that has branches."""
    having = {path: _files_with_branches(path) for path in sources}
    left, chosen = set().union(*having.values()), []
    while left:
        best = max(sources, key=lambda path: len(having[path] & left))
        chosen.append(best)
        left -= having[best]
    return chosen


def _files_with_branches(path: Path) -> set[str]:
    """The names of those among a file and all that it includes."""
    text = path.read_text("utf-8")
    headers = (path.parent / name for name in _INCLUDED.findall(text))
    own = {path.name} if _CONDITION.search(text) else set()
    return own.union(*map(_files_with_branches, headers))


def findings_in_generated(flags: Sequence[str] = ()) -> list[Finding]:
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
        return findings(sources, Path(folder), flags)


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
