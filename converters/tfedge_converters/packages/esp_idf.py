"""A component for ESP-IDF, with an example."""

from __future__ import annotations

from tfedge_converters.packages.interface import Package

PACKAGE = Package(
    name="esp-idf",
    title="a component for ESP-IDF",
    templates={
        "README.md": "esp_idf/README.md.j2",
        "CMakeLists.txt": "esp_idf/CMakeLists.txt.j2",
        "idf_component.yml": "esp_idf/idf_component.yml.j2",
        "examples/demo/CMakeLists.txt": "esp_idf/project.cmake.j2",
        "examples/demo/sdkconfig.defaults": "esp_idf/sdkconfig.defaults.j2",
        "examples/demo/main/CMakeLists.txt": "esp_idf/main.cmake.j2",
        "examples/demo/main/main.c": "esp_idf/main.c.j2",
    },
    code_folder="src",
)
