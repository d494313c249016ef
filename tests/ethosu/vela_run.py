"""Compiles models with Vela one after the other; run by a test.

It gets an accelerator and .tflite files, and prints a line of JSON for each: whether Vela compiled
it. Each is compiled in a process of its own, since Vela ends some models with a crash.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

from ethosu.vela import vela


def compiles(path: Path, accelerator: str) -> bool:
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            vela.main([str(path), "--accelerator-config", accelerator, "--output-dir",
                       str(path.parent)])  # fmt: skip
    except BaseException:
        os._exit(1)
    os._exit(0)


def main(accelerator: str, *paths: str) -> None:
    done = {path: compiles(Path(path), accelerator) for path in paths}
    print("\n" + json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
