"""The libraries for Arduino and PlatformIO: built with Arduino's core for AVR, and run on it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from packages.conftest import run
from random_builder import Builder

import tfedge
from tfedge_converters.c.runtime_files import runtime_directory
from tfedge_converters.graph import Quantization, write_model

CORE = Path("/usr/share/arduino/hardware/arduino/avr")
_MEGA = ("-mmcu=atmega2560", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_ARCH_AVR", "-Os")
# Debian's compiler knows DECIMAL_DIG, which its String class asks for, in later standards alone.
_OPTIONS = (*_MEGA, "-ffunction-sections", "-fdata-sections", "-w", "-DDECIMAL_DIG=17")
_INCLUDES = (f"-I{CORE}/cores/arduino", f"-I{CORE}/variants/mega")
_LANGUAGES = {
    ".c": ("avr-gcc", "-std=gnu11"),
    ".cpp": ("avr-g++", "-std=gnu++11", "-fno-exceptions", "-fno-threadsafe-statics"),
    ".ino": ("avr-g++", "-std=gnu++11", "-fno-exceptions", "-fno-threadsafe-statics", "-xc++"),
}
_SECONDS = 120
_ASK_FOR_MORE = ("tfedge_unary_f32.c", "tfedge_lstm_f32.c", "tfedge_lstm_dynamic.c")
# Colours of the simulator's console.
_COLOURS = re.compile(r"\x1b\[\d*m")

with_avr = pytest.mark.skipif(
    shutil.which("avr-g++") is None or shutil.which("simavr") is None or not CORE.is_dir(),
    reason="gcc-avr, avr-libc, arduino-core-avr or simavr is not installed",
)


def compiled(source, objects, *options):
    command = [*_LANGUAGES[source.suffix], *_OPTIONS, *_INCLUDES, *options]
    run([*command, "-c", source, "-o", objects / f"{source.name}.o"], objects)


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """Arduino's core, as the IDE compiles it before anything else."""
    objects = tmp_path_factory.mktemp("core")
    folder = CORE / "cores/arduino"
    for source in sorted([*folder.glob("*.c"), *folder.glob("*.cpp")]):
        compiled(source, objects)
    run(
        ["avr-gcc-ar", "rcs", "core.a", *sorted(path.name for path in objects.glob("*.o"))], objects
    )
    return objects / "core.a"


def built(folder, sketch, core, objects):
    """The program of a sketch with a library, as the IDE makes it: a list of objects."""
    objects.mkdir()
    for source in sorted((folder / "src").glob("*.c")):
        compiled(source, objects)
    compiled(folder / sketch, objects, f"-I{folder}/src")
    program = objects / "program.elf"
    parts = [*sorted(objects.glob("*.o")), core, "-lm", "-o", program]
    run(["avr-gcc", *_MEGA, "-Wl,--gc-sections", *parts], objects)
    return program


def simulated(program, last):
    """What a board's serial port says, up to a line that begins so."""
    lines = []
    command = ["timeout", str(_SECONDS), "simavr", "-m", "atmega2560", "-f", "16000000", program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            lines.append(_COLOURS.sub("", line).rstrip(".\n"))
            if lines[-1].startswith(last):
                process.terminate()
                return lines
    raise AssertionError("\n".join(lines))


def expected_outputs(converted):
    """The lines that the demo prints of the self-test's last outputs, without real numbers."""
    text = converted("host").source.files["three_self_test.c"]
    vectors = dict(re.findall(r"(\w+)\[\d+\] TFEDGE_STORED = \{([^}]*)\}", text))
    last = max(int(re.search(r"vector_(\d+)_", name)[1]) for name in vectors)
    for index in range(3):
        numbers = vectors[f"three_vector_{last}_output_{index}"].split(",")[:16]
        yield [int(number) for number in numbers]


@with_avr
@pytest.mark.parametrize(
    ("package", "sketch"),
    [("arduino", "examples/demo/demo.ino"), ("platformio", "examples/demo/src/main.cpp")],
)
def test_the_demo_runs_on_an_arduino_mega(converted, tmp_path, core, package, sketch):
    converted("host").save(tmp_path / "three", package=package)
    program = built(tmp_path / "three", sketch, core, tmp_path / "objects")
    lines = simulated(program, "output 2")
    assert "self-test: TFEDGE_OK" in lines
    assert any(re.fullmatch(r"time: \d+ microseconds", line) for line in lines)
    printed = [line.split(":", 1)[1] for line in lines if line.startswith("output")]
    found = [[int(n) for n in re.findall(r"(-?\d+)(?: \()", line)] for line in printed]
    assert found == list(expected_outputs(converted))


@with_avr
def test_every_kernel_compiles_where_int_has_16_bits(tmp_path):
    strict = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Woverflow", "-Werror")
    # avr-libc has no expm1f and no erfcf.
    lacking = {runtime_directory() / name for name in _ASK_FOR_MORE}
    sources = sorted(set(runtime_directory().glob("*.c")) - lacking)
    command = ["avr-gcc", "-mmcu=atmega2560", "-std=gnu11", *strict, "-fsyntax-only", *sources]
    run(command, tmp_path)


@with_avr
def test_what_avr_has_too_little_memory_for_does_not_compile(tmp_path):
    builder = Builder(np.random.default_rng(0))
    grid = Quantization.per_tensor(0.1, 3)
    builder.output("RELU", [builder.input((1, 9000), grid)], (1, 9000), grid)
    path = tmp_path / "large.tflite"
    path.write_bytes(write_model(builder.model()))
    tfedge.convert(path, target="host").save(tmp_path / "large", package="arduino")
    command = ["avr-gcc", "-mmcu=atmega2560", "-std=gnu11", "-c", "large.c", "-o", "large.o"]
    ended = subprocess.run(command, cwd=tmp_path / "large/src", capture_output=True, text=True)
    assert ended.returncode != 0
    assert "arena_and_constants_are_too_large_for_the_RAM_of_this_AVR" in ended.stderr
    readme = (tmp_path / "large/README.md").read_text()
    assert "it fits none of them" in readme


def test_the_library_is_one_by_arduinos_specification(converted, tmp_path):
    converted("host").save(tmp_path, package="arduino")
    lines = (tmp_path / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category"}
    assert required | {"url", "architectures"} <= set(fields)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_. -]{,62}", fields["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert (tmp_path / "src" / fields["includes"]).is_file()
    # Compiled recursively: nothing but the library's own C may lie in src.
    assert {path.suffix for path in (tmp_path / "src").iterdir()} == {".c", ".h"}
    for sketch in (tmp_path / "examples").iterdir():
        assert (sketch / f"{sketch.name}.ino").is_file()


def test_platformio_packs_the_library(converted, tmp_path):
    folder = tmp_path / "three"
    converted("host").save(folder, package="platformio")
    document = json.loads((folder / "library.json").read_text())
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["version"])
    for file in document["examples"][0]["files"]:
        assert (folder / document["examples"][0]["base"] / file).is_file()
    if shutil.which("pio") is None:
        pytest.skip("platformio is not installed")
    # PlatformIO would look the licence up in a list on the network.
    assert document.pop("license") == "Apache-2.0"
    (folder / "library.json").write_text(json.dumps(document))
    run(["pio", "pkg", "pack", "three", "-o", "three.tar.gz"], tmp_path)
    with tarfile.open(tmp_path / "three.tar.gz") as archive:
        packed = set(archive.getnames())
    assert {"src/three.c", "examples/demo/src/main.cpp", "LICENSE"} <= packed
