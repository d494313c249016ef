"""Where the C runtime is; kernels from outside of tfedge lie in folders of their own."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from tfedge_converters.shipped_files import shipped

_OTHER_FOLDERS: list[Path] = []


def runtime_directory() -> Path:
    """The folder of the kernels' C files.

    Raises:
        TfedgeError: the installation is not complete.
    """
    return shipped("c_runtime", "the C runtime")


def add_folder(folder: str | Path) -> None:
    """Let generated programs use the C files of a folder outside of tfedge.

    Args:
        folder: of files that are called as those of the runtime, tfedge_<name>.h and .c.
    """
    _OTHER_FOLDERS.append(Path(folder))


def runtime_file(name: str) -> Path | None:
    """A C file of the runtime, or of a folder that was added to it; None if no folder has it.

    Raises:
        TfedgeError: the installation is not complete.
    """
    folders = (runtime_directory(), *_OTHER_FOLDERS)
    return next((path for folder in folders if (path := folder / name).is_file()), None)


@cache
def runtime_id() -> str:
    """The first 31 bits of a hash of the whole runtime, as a number in C and in assembly.

    Models of one firmware share kernels, which have to be the same: linkers compare these numbers
    (TFEDGE_KERNELS_OF in tfedge_platform.h).

    Raises:
        TfedgeError: the installation is not complete.
    """
    digest = hashlib.sha256()
    for path in sorted(runtime_directory().glob("tfedge_*.[ch]")):
        text = path.read_bytes()
        digest.update(f"{path.name}\0{len(text)}\0".encode() + text)
    return f"{int(digest.hexdigest()[:8], 16) >> 1:#010x}"
