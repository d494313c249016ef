"""A folder for projects of STM32CubeMX and STM32CubeIDE."""

from __future__ import annotations

from collections.abc import Mapping

from tfedge_converters.packages.interface import Package, PackagedModel


class STM32Cube(Package):
    """The folder, whose library compiles TFLite Micro as well where a model is for it."""

    def templates_for(self, model: PackagedModel) -> Mapping[str, str]:
        """Return those of the demo, and of the library."""
        if not model.code.interpreter:
            return self.templates
        return {**self.templates, "CMakeLists.txt": "stm32cube/micro_library.cmake.j2"}


PACKAGE = STM32Cube(
    name="stm32cube",
    title="a folder for STM32Cube projects",
    templates={
        "README.md": "stm32cube/README.md.j2",
        "CMakeLists.txt": "stm32cube/CMakeLists.txt.j2",
        "Demo/{name}_demo.c": "stm32cube/demo.c.j2",
        "Demo/{name}_demo.h": "stm32cube/demo.h.j2",
    },
    code_folder="Src",
)
