"""A module for Zephyr, with a sample."""

from __future__ import annotations

from tfedge_converters.packages.interface import Package

PACKAGE = Package(
    name="zephyr",
    title="a module for Zephyr",
    templates={
        "README.md": "zephyr/README.md.j2",
        "zephyr/module.yml": "zephyr/module.yml.j2",
        "zephyr/CMakeLists.txt": "zephyr/CMakeLists.txt.j2",
        "zephyr/Kconfig": "zephyr/Kconfig.j2",
        "samples/demo/CMakeLists.txt": "zephyr/sample.cmake.j2",
        "samples/demo/prj.conf": "zephyr/prj.conf.j2",
        "samples/demo/sample.yaml": "zephyr/sample.yaml.j2",
        "samples/demo/src/main.c": "zephyr/main.c.j2",
    },
    code_folder="src",
)
