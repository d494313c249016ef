"""A software pack (Open-CMSIS-Pack), for Keil, IAR, csolution projects and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfedge_converters.packages.interface import Package, PackagedModel


class CMSISPack(Package):
    """The pack, whose description lists headers as well as sources."""

    def context(self, model: PackagedModel) -> Mapping[str, Any]:
        """Return the headers."""
        return {"headers": sorted(name for name in model.code.files if name.endswith(".h"))}


PACKAGE = CMSISPack(
    name="cmsis-pack",
    title="a CMSIS software pack",
    templates={
        "README.md": "cmsis_pack/README.md.j2",
        "tfedge.{name}.pdsc": "cmsis_pack/pdsc.j2",
        "demo/{name}_demo.c": "cmsis_pack/demo.c.j2",
    },
    code_folder="src",
)
