"""A folder for projects of STM32CubeMX and STM32CubeIDE."""

from __future__ import annotations

from tfedge_converters.packages.interface import Package

PACKAGE = Package(
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
