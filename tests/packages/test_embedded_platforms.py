"""Packages for platforms that are not installed here: built and run with stand-ins for them.

A stand-in has the functions that a platform publishes, and makes libraries and programs of what it
is given, for this computer: whatever the package names has to be there, and to compile and link.
"""

from __future__ import annotations

import re
import shutil
from xml.etree import ElementTree

import pytest
from packages.conftest import run

import tfedge

with_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")

_ZEPHYR = r"""
project(Zephyr-Kernel C CXX)
function(zephyr_library_named name)
  add_library(${name} STATIC "")
  target_include_directories(${name} PRIVATE $ENV{ZEPHYR_BASE}/share/zephyr-package/cmake/include)
  set(ZEPHYR_CURRENT_LIBRARY ${name} PARENT_SCOPE)
  set_property(GLOBAL APPEND PROPERTY ZEPHYR_LIBS ${name})
endfunction()
macro(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
macro(zephyr_include_directories)
  target_include_directories(app PRIVATE ${ARGN})
endmacro()
file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/prj.conf lines REGEX "^CONFIG_")
foreach(line ${lines})
  string(REGEX MATCH "^([A-Z0-9_]+)=(.*)$" line "${line}")
  set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()
add_library(app STATIC "")
target_include_directories(app PRIVATE ${CMAKE_CURRENT_LIST_DIR}/include)
foreach(module ${ZEPHYR_EXTRA_MODULES})
  file(STRINGS ${module}/zephyr/module.yml cmake REGEX "^  cmake: ")
  string(REPLACE "  cmake: " "" cmake "${cmake}")
  set(ZEPHYR_CURRENT_MODULE_DIR ${module})
  add_subdirectory(${module}/${cmake} ${CMAKE_BINARY_DIR}/modules/${cmake})
endforeach()
get_property(libraries GLOBAL PROPERTY ZEPHYR_LIBS)
file(WRITE ${CMAKE_BINARY_DIR}/empty.c "")
add_executable(zephyr_final ${CMAKE_BINARY_DIR}/empty.c)
target_link_libraries(zephyr_final app ${libraries})
"""

_ESP_IDF = r"""
function(idf_component_register)
  cmake_parse_arguments(given "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
  get_filename_component(name ${CMAKE_CURRENT_LIST_DIR} NAME)
  add_library(${name} STATIC ${given_SRCS})
  target_include_directories(${name} PUBLIC ${given_INCLUDE_DIRS} $ENV{IDF_PATH}/include)
  set(COMPONENT_LIB ${name} PARENT_SCOPE)
  set_property(GLOBAL APPEND PROPERTY COMPONENTS ${name})
endfunction()
macro(project name)
  _project(${name} C CXX)
  foreach(component ${EXTRA_COMPONENT_DIRS} ${CMAKE_CURRENT_LIST_DIR}/main)
    get_filename_component(component ${component} REALPATH)
    get_filename_component(component_name ${component} NAME)
    add_subdirectory(${component} ${CMAKE_BINARY_DIR}/${component_name})
  endforeach()
  get_property(components GLOBAL PROPERTY COMPONENTS)
  list(REMOVE_ITEM components main)
  target_link_libraries(main ${components})
  file(WRITE ${CMAKE_BINARY_DIR}/start.c "void app_main(void); int main(void) { app_main(); }")
  add_executable(${name}.elf ${CMAKE_BINARY_DIR}/start.c)
  target_link_libraries(${name}.elf main)
endmacro()
"""

_CYCLES = "#include <stdint.h>\n#include <time.h>\n"

ZEPHYR_FILES = {
    "share/zephyr-package/cmake/ZephyrConfig.cmake": _ZEPHYR,
    "share/zephyr-package/cmake/include/zephyr/kernel.h": _CYCLES
    + "static inline uint32_t k_cycle_get_32(void) { return (uint32_t)clock(); }\n",
    "share/zephyr-package/cmake/include/zephyr/sys/printk.h": "#include <stdio.h>\n"
    "#define printk printf\n",
}

ESP_IDF_FILES = {
    "tools/cmake/project.cmake": _ESP_IDF,
    "include/esp_cpu.h": _CYCLES
    + "static inline uint32_t esp_cpu_get_cycle_count(void) { return (uint32_t)clock(); }\n",
}

# What STM32CubeMX writes, as far as the demo uses it.
_CUBE_FILES = {
    "Core/Inc/main.h": "#pragma once\n#include <stdint.h>\n"
    "#define HAL_UART_MODULE_ENABLED\n#define HAL_MAX_DELAY 0xFFFFFFFFU\n"
    "typedef struct { int instance; } UART_HandleTypeDef;\n"
    "int HAL_UART_Transmit(UART_HandleTypeDef *uart, const uint8_t *data, uint16_t size,"
    " uint32_t timeout);\n",
    "Core/Src/main.c": '#include "main.h"\n#include <stdio.h>\n#include "@name@_demo.h"\n'
    "static UART_HandleTypeDef huart2;\n"
    "int HAL_UART_Transmit(UART_HandleTypeDef *uart, const uint8_t *data, uint16_t size,"
    " uint32_t timeout) {\n"
    "  (void)timeout;\n"
    "  return uart == &huart2 && fwrite(data, 1, size, stdout) == size ? 0 : 1;\n}\n"
    "int main(void) { return @name@_demo(&huart2) == 0 ? 0 : 1; }\n",
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.13)\nproject(cube C)\n"
    "add_executable(${CMAKE_PROJECT_NAME} Core/Src/main.c)\n"
    "target_include_directories(${CMAKE_PROJECT_NAME} PRIVATE Core/Inc)\n",
}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def cube_project(folder, artifact):
    """A project of STM32CubeMX, and in it a model as the page of its package says."""
    write(
        folder, {path: text.replace("@name@", artifact.name) for path, text in _CUBE_FILES.items()}
    )
    artifact.save(folder / artifact.name, package="stm32cube")
    readme = (folder / artifact.name / "README.md").read_text()
    assert "not with ST's tools" in readme
    with (folder / "CMakeLists.txt").open("a") as project:
        project.write(re.search(r"```cmake\n(.*?)```", readme, re.DOTALL)[1])


def pack_description(folder):
    """What tools know of a pack: the root of its description."""
    (description,) = folder.glob("*.pdsc")
    package = ElementTree.parse(description).getroot()
    assert description.name == f"{package.findtext('vendor')}.{package.findtext('name')}.pdsc"
    files = {file.get("name") for file in package.iter("file")}
    assert all((folder / name).exists() for name in files)
    made = {f"src/{path.name}" for path in (folder / "src").iterdir()}
    assert made | {"src/"} == {name for name in files if name.startswith("src/")}
    return package


def listed(package, category):
    """Names of a pack's files of a category."""
    return [file.get("name") for file in package.iter("file") if file.get("category") == category]


def passed(printed):
    assert "self-test: TFEDGE_OK\n" in printed
    assert "output 2 'output_2': " in printed
    return True


def cmake(folder, build):
    run(["cmake", "-S", folder, "-B", build], folder)
    commands = run(["cmake", "--build", build, "--verbose"], folder)
    (network,) = [line for line in commands.splitlines() if "three.c.o -c" in line]
    assert " -O2" in network


@with_cmake
def test_zephyr_builds_the_sample(converted, tmp_path, monkeypatch):
    write(tmp_path / "zephyr", ZEPHYR_FILES)
    converted("cortex-m4").save(tmp_path / "three", package="zephyr")
    monkeypatch.setenv("ZEPHYR_BASE", str(tmp_path / "zephyr"))
    cmake(tmp_path / "three/samples/demo", tmp_path / "build")
    assert passed(run([tmp_path / "build/zephyr_final"], tmp_path))
    kconfig = (tmp_path / "three/zephyr/Kconfig").read_text()
    assert re.search(r"(?m)^config TFEDGE_THREE\n\tbool ", kconfig)
    regex = re.search(r'- "(.*)"', (tmp_path / "three/samples/demo/sample.yaml").read_text())[1]
    assert re.search(regex, "self-test: TFEDGE_OK")


@with_cmake
def test_esp_idf_builds_the_example(converted, tmp_path, monkeypatch):
    write(tmp_path / "idf", ESP_IDF_FILES)
    converted("cortex-m4").save(tmp_path / "three", package="esp-idf")
    monkeypatch.setenv("IDF_PATH", str(tmp_path / "idf"))
    cmake(tmp_path / "three/examples/demo", tmp_path / "build")
    assert passed(run([tmp_path / "build/three_demo.elf"], tmp_path))
    if shutil.which("compote"):
        run(["compote", "component", "pack", "--name", "three"], tmp_path / "three")
        assert (tmp_path / "three/dist/three_0.1.0.tgz").is_file()


@with_cmake
def test_a_cube_project_takes_the_folder_as_its_page_says(converted, tmp_path):
    cube_project(tmp_path, converted("cortex-m4"))
    cmake(tmp_path, tmp_path / "build")
    assert passed(run([tmp_path / "build/cube"], tmp_path))


def test_a_csolution_finds_all_files_of_the_pack(converted, tmp_path):
    converted("cortex-m4").save(tmp_path, package="cmsis-pack")
    package = pack_description(tmp_path)
    # In the order of PACK.xsd.
    assert [child.tag for child in package] == [
        *("vendor", "name", "description", "url", "license", "releases", "keywords", "components")
    ]
    includes = [f"-I{folder}" for folder in listed(package, "include")]
    strict = ("-std=c99", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-pedantic", "-Werror")
    sources = listed(package, "sourceC")
    run(["cc", *strict, *includes, *sources, "-o", "demo/run", "-lm"], tmp_path)
    assert passed(run(["demo/run"], tmp_path))


def test_two_packages_link_as_folders_of_objects(model_file, converted, tmp_path):
    """As Arduino and IDEs do: every C file of every library, into one program."""
    for name in ("first", "second"):
        artifact = tfedge.convert(model_file, target="host", name=name, optimize="size")
        artifact.save(tmp_path / name, package="arduino")
    (tmp_path / "main.c").write_text(
        '#include "first.h"\n#include "second.h"\n'
        "static uint8_t arena[FIRST_ARENA_BYTES] __attribute__((aligned(FIRST_ARENA_ALIGN)));\n"
        "static first_context one;\nstatic second_context two;\n"
        "int main(void) {\n"
        "  return first_init(&one, arena, sizeof arena) || first_self_test(&one) ||\n"
        "         second_init(&two, arena, sizeof arena) || second_self_test(&two);\n}\n"
    )
    sources = sorted(tmp_path.glob("*/src/*.c"))
    names = [source.name for source in sources if source.name.startswith("tfedge_")]
    assert len(names) == 2 * len(set(names)) > 0
    options = ("-Ifirst/src", "-Isecond/src", "-o", "program", "-lm")
    run(["cc", "main.c", *sources, *options], tmp_path)
    run([tmp_path / "program"], tmp_path)
