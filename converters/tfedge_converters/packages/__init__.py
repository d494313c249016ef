"""Packages: generated C as a folder that a platform's own tools take as it is.

A module of this folder has one package, called `PACKAGE`.
"""

from tfedge_converters.packages.interface import Package, PackagedModel, code_of_package
from tfedge_converters.packages.registry import all_packages, package_for

__all__ = ["Package", "PackagedModel", "all_packages", "code_of_package", "package_for"]
