"""Puts the C runtime and the licence, which lie beside the Python packages, into the wheel as data.

Everything else is in pyproject.toml.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RUNTIME = "c_runtime"
LICENSE = "LICENSE"
NOT_SHIPPED = ("tests", "build", "CMakeLists.txt", ".*")


class BuildWithRuntime(build_py):
    """Copies both to where `shipped_files` looks for them."""

    def run(self) -> None:
        """Builds the packages; an editable install needs no copy."""
        super().run()
        if not self.editable_mode:
            package = Path(self.build_lib, "tfedge_converters")
            ignore = shutil.ignore_patterns(*NOT_SHIPPED)
            shutil.copytree(RUNTIME, package / RUNTIME, ignore=ignore, dirs_exist_ok=True)
            shutil.copy(LICENSE, package)


setup(cmdclass={"build_py": BuildWithRuntime})
