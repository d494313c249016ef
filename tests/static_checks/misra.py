"""cppcheck with its MISRA C:2012 addon over the kernels and one generated model.

    make static

Prints every finding that docs/misra.md does not list as a deviation.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hostile.bases import network

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.runtime_files import runtime_directory

DEVIATIONS = Path(__file__).parents[2] / "docs" / "misra.md"
_FLAGS = ("--std=c99", "--enable=all", "--addon=misra", "--quiet", "--error-exitcode=1")


def deviations() -> list[str]:
    """The identifiers in the first column of the document's tables."""
    rows = re.findall(r"^\| `([\w.-]+)` \|", DEVIATIONS.read_text("utf-8"), re.MULTILINE)
    return [f"misra-c2012-{row}" if row[0].isdigit() else row for row in rows]


def check(sources: Sequence[Path], include: Path) -> int:
    """cppcheck's exit status: 0 if all that it found is listed."""
    suppressed = [f"--suppress={name}" for name in deviations()]
    template = "--template={file}:{line}: {message} [{id}]"
    command = ["cppcheck", *_FLAGS, template, *suppressed, f"-I{include}", *map(str, sources)]
    return subprocess.run(command).returncode


def main() -> int:
    if shutil.which("cppcheck") is None:
        print("cppcheck is not installed: apt-get install cppcheck", file=sys.stderr)
        return 1
    kernels = runtime_directory()
    failed = check(sorted(kernels.glob("*.c")), kernels)
    with tempfile.TemporaryDirectory() as folder:
        model = network(np.random.default_rng(0))
        program = generate(model, Options("model", targets.load("host"))).write(folder)
        generated = [path for path in program.sources if path.name.startswith("model")]
        failed |= check(generated, program.directory)
    print(f"MISRA C:2012: {'new findings' if failed else f'{len(deviations())} known deviations'}")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
