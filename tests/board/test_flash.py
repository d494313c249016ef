"""`tfedge flash` and `tfedge link`: what is built, what flashes it, and what is missing."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_session import assert_equal

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.board.boards import board_names, find_board
from tfedge_converters.board.flashing.platforms import PLATFORMS, platform_of
from tfedge_converters.board.flashing.sketch import sketch_files
from tfedge_converters.board.flashing.tools import TOOLS
from tfedge_converters.board.ports import Port
from tfedge_converters.board.running import run_samples
from tfedge_converters.cli import main
from tfedge_converters.execute.toolchain import STRICT_C99

ARDUINO = Path(__file__).parent / "arduino"
HARDWARE = [name for name in board_names() if find_board(name).emulated_core is None]


def test_boards_name_tools_and_platforms_that_are_known():
    platforms = {platform.name for platform in PLATFORMS}
    for name in HARDWARE:
        board = find_board(name)
        assert set(board.platforms) <= platforms
        assert set(board.flash) <= set(TOOLS)
        assert board.flash or "arduino" in board.platforms
        assert targets.load(board.target).part is not None


def test_a_part_leads_to_the_boards_that_have_it():
    with pytest.raises(TfedgeError, match="; boards with nrf52840: nano33ble, nrf52840dk"):
        find_board("nrf52840")


def test_a_sketch_serves_the_link(converted, tmp_path):
    """Compiled as Arduino does: all C of the folder, with the sketch as C++."""
    folder = tmp_path / "net"
    folder.mkdir()
    for name, text in sketch_files(converted.program, find_board("pico")).items():
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    sketch = f'#include "Arduino.h"\n{(folder / "net.ino").read_text()}'
    (tmp_path / "net.ino.cpp").write_text(sketch)
    options = ["-Wall", "-Wextra", "-Wshadow", "-Werror", f"-I{ARDUINO}", f"-I{folder}"]
    c_files = sorted(folder.glob("*.c"))
    subprocess.run(["cc", *STRICT_C99, "-c", *c_files], cwd=tmp_path, check=True)
    command = ["g++", "-std=c++11", *options, "net.ino.cpp", ARDUINO / "core.cpp"]
    command += [*sorted(tmp_path.glob("*.o")), "-o", "sketch"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with subprocess.Popen(
        [tmp_path / "sketch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        port = Port("the sketch", process.stdout.fileno(), process.stdin.fileno())
        run = run_samples(port, converted.program, converted.samples, 3)
        process.stdin.close()
    assert_equal(run.outputs, converted.right)
    assert run.hello.tick_unit == "microseconds"
    assert run.hello.ticks_per_second == 1_000_000
    assert all(layer.ticks is not None for layers in run.layers for layer in layers)


# A program that writes down how it was called, and makes the files that it was told to.
_RECORDER = """\
#!{python}
import json, pathlib, sys
with open({log!r}, "a") as file:
    file.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
for flag in ("--output-dir", "-B"):
    if flag in sys.argv:
        folder = pathlib.Path(sys.argv[sys.argv.index(flag) + 1])
        folder.mkdir(exist_ok=True, parents=True)
        for ending in (".ino.elf", ".ino.bin"):
            (folder / ("net" + ending)).write_bytes(b"image")
if {fails!r} in sys.argv:
    print("no device found", file=sys.stderr)
    sys.exit(3)
"""


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Installs recorders, alone, by their names; gives what they were called with."""
    place = tmp_path / "bin"
    place.mkdir()
    log = tmp_path / "calls"

    def install(*names, fails=""):
        for name in names:
            text = _RECORDER.format(python=sys.executable, log=str(log), fails=fails)
            (place / name).write_text(text)
            (place / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(place))
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    return install


def flash(converted, *options):
    return main(["flash", str(converted.folder), *options])


def test_arduino_builds_and_uploads_a_sketch(converted, tools, capsys):
    calls = tools("arduino-cli")
    assert flash(converted, "--board", "nano33ble", "--port", "/dev/ttyACM7") == 0
    compiled, uploaded = calls()
    assert compiled[:4] == ["arduino-cli", "compile", "--fqbn", "arduino:mbed_nano:nano33ble"]
    assert Path(compiled[-1]).name == "net"
    assert uploaded[1] == "upload" and uploaded[-2:] == ["--port", "/dev/ttyACM7"]
    built = compiled[compiled.index("--output-dir") + 1]
    assert uploaded[uploaded.index("--input-dir") + 1] == built
    printed = capsys.readouterr().out
    assert "$ arduino-cli compile --fqbn arduino:mbed_nano:nano33ble" in printed
    assert f"next: tfedge verify {converted.folder} --port /dev/ttyACM7" in printed


def test_without_a_port_an_image_is_flashed_by_what_is_installed(converted, tools):
    calls = tools("arduino-cli", "st-flash", "openocd")
    assert flash(converted, "--board", "nucleo-l4r5zi") == 0
    assert calls()[-1] == ["st-flash", "--reset", "write", "firmware.bin", "0x08000000"]
    assert flash(converted, "--board", "nucleo-l4r5zi", "--tool", "openocd") == 0
    program = ["-c", "program firmware.elf verify reset exit"]
    assert calls()[-1] == ["openocd", "-f", "board/st_nucleo_l4.cfg", *program]


def test_platformio_builds_the_kept_project(converted, tools, tmp_path):
    calls = tools("pio")
    kept = tmp_path / "sketch"
    assert flash(converted, "--board", "bluepill-f103c8", "--project", str(kept)) == 0
    built, uploaded = calls()
    assert built == ["pio", "run", "--project-dir", str(kept / "net")]
    assert uploaded == [*built, "--target", "upload"]
    settings = (kept / "net" / "platformio.ini").read_text()
    assert "platform = ststm32\nboard = bluepill_f103c8\nframework = arduino" in settings
    before = {path: path.read_bytes() for path in (kept / "net").iterdir()}
    assert flash(converted, "--board", "bluepill-f103c8", "--project", str(kept)) == 0
    assert before == {path: path.read_bytes() for path in (kept / "net").iterdir()}


@pytest.mark.parametrize(
    ("mark", "text", "name", "program"),
    [
        ("x.ino", "", "arduino", "arduino-cli"),
        ("platformio.ini", "", "platformio", "pio"),
        ("prj.conf", "", "zephyr", "west"),
        ("CMakeLists.txt", "include($ENV{IDF_PATH}/project.cmake)", "esp-idf", "idf.py"),
        ("CMakeLists.txt", "add_executable(app main.c)", "cmake", "cmake"),
    ],
)  # fmt: skip
def test_projects_are_built_as_they_are(mark, text, name, program, tools, tmp_path, capsys):
    project = tmp_path / "project"
    project.mkdir()
    (project / mark).write_text(text)
    assert platform_of(project).name == name
    board = {"esp-idf": "esp32c3"}.get(name, "pico")
    tools()
    command = ["flash", str(project), "--board", board, "--port", "/dev/ttyUSB0"]
    assert main(command) == 2
    assert f"{program} not found, which builds {project}" in capsys.readouterr().err
    calls = tools(program, "picotool")
    assert main([*command, *(["--tool", "picotool"] if name == "cmake" else [])]) == 0
    last = calls()[-1]
    assert last[0] == ("picotool" if name == "cmake" else program)
    assert ("/dev/ttyUSB0" in last) == (name not in ("zephyr", "cmake"))


def test_nothing_but_the_library_is_no_project(converted):
    assert platform_of(converted.folder) is None


def test_an_image_is_flashed_without_a_build(converted, tools, tmp_path):
    calls = tools("dfu-util", "esptool")
    (tmp_path / "app.bin").write_bytes(b"x")
    (tmp_path / "app.merged.bin").write_bytes(b"x")
    image = ["--image", str(tmp_path / "app.bin")]
    assert flash(converted, "--board", "nucleo-h743zi", *image) == 0
    where = ["--alt", "0", "--dfuse-address", "0x08000000:leave"]
    assert calls() == [["dfu-util", *where, "--download", "firmware.bin"]]
    image = ["--image", str(tmp_path / "app.merged.bin"), "--port", "/dev/ttyUSB0"]
    assert flash(converted, "--board", "esp32s3", *image) == 0
    chip = ["--chip", "esp32s3", "--port", "/dev/ttyUSB0"]
    assert calls()[-1] == ["esptool", *chip, "write_flash", "0x0", "firmware.merged.bin"]


@pytest.mark.parametrize(
    ("installed", "options", "words"),
    [
        ([], ["--board", "pico"],
         r"nothing is installed that builds for board 'pico'.*arduino-cli compile --fqbn "
         r"rp2040:rp2040:rpipico .*; pio \(pip install platformio\): pio run --project-dir SKETCH; "
         r"SKETCH is a folder that this makes: tfedge flash .* --board pico --project DIR"),
        (["arduino-cli"], ["--board", "nucleo-f446re"],
         r"nothing is installed that flashes board 'nucleo-f446re'.*st-flash --reset write "
         r"firmware.bin 0x08000000; openocd \(apt-get install openocd\)"),
        (["arduino-cli"], ["--board", "teensy40"], "has to be told where board 'teensy40' is"),
        ([], ["--board", "nrf52840dk"], "has no Arduino core.*tfedge link"),
        ([], ["--board", "mps2-an385"], "is one of QEMU's.*tfedge run .* --board mps2-an385"),
        ([], ["--board", "pico", "--tool", "picotol"], "no tool that flashes.*'picotool'"),
        ([], ["--board", "picot"], "there is no board 'picot'.*did you mean 'pico'"),
        ([], ["--board", "pico", "--image", "/no/such.uf2"], "/no/such.uf2"),
        (["st-flash"], ["--board", "nucleo-l4r5zi", "--image", __file__],
         r"st-flash flashes \.bin files, and there is test_flash\.py"),
        ([], ["--board", "teensy40", "--image", __file__], "no tool flashes an image"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_in_a_line(converted, tools, capsys, installed, options, words):
    tools(*installed)
    assert flash(converted, *options) == 2
    said = capsys.readouterr().err
    assert re.search(words, said), said
    assert said.count("\n") == 1


def test_a_sketch_is_kept_where_nothing_builds_it(converted, tools, tmp_path, capsys):
    tools()
    kept = tmp_path / "kept"
    assert flash(converted, "--board", "pico", "--project", str(kept)) == 2
    assert f"pio run --project-dir {kept / 'net'}" in capsys.readouterr().err
    assert (kept / "net" / "net.ino").is_file()


def test_a_sketch_has_the_files_as_somebody_changed_them(converted, tools, tmp_path, capsys):
    """Notes in an encoding of one's own ended in a traceback."""
    tools()
    changed, kept = tmp_path / "changed", tmp_path / "kept"
    shutil.copytree(converted.folder, changed)
    notes = (changed / "net.h").read_bytes() + "/* für mich */\n".encode("latin-1")
    (changed / "net.h").write_bytes(notes)
    assert main(["flash", str(changed), "--board", "pico", "--project", str(kept)]) == 2
    assert "nothing is installed that builds" in capsys.readouterr().err
    assert (kept / "net" / "net.h").read_bytes() == notes


def test_a_tool_that_fails_is_quoted(converted, tools, capsys):
    tools("arduino-cli", fails="upload")
    assert flash(converted, "--board", "pico", "--port", "/dev/x") == 2
    said = capsys.readouterr().err
    assert "arduino-cli ended with exit code 3; it was run as 'arduino-cli upload" in said
    assert "no device found" in said


@pytest.mark.parametrize("name", TOOLS)
def test_installed_tools_understand_their_command_lines(name, tmp_path):
    """Without a board they find none, which is all that they have to say against them."""
    program = next((path for each in TOOLS[name].programs if (path := shutil.which(each))), None)
    if program is None:
        pytest.skip(f"{name} is not installed")
    board = next(find_board(each) for each in HARDWARE if name in find_board(each).flash)
    image = f"firmware{TOOLS[name].images[0]}"
    (tmp_path / image).write_bytes(bytes(64))
    arguments = TOOLS[name].arguments(board.flash[name], image, "/dev/no-such-port")
    ran = subprocess.run(
        [program, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode != 0
    none_there = r"find|found|open failed|No DFU|no-such-port|[Nn]o (available|connected)|probe"
    assert re.search(none_there, said), said
    assert not re.search(r"(?i)usage:|invalid (option|command line)|unrecognized", said), said


def test_the_link_is_written_for_firmware_of_ones_own(converted, tmp_path, capsys):
    assert main(["link", str(converted.folder), "--output", str(tmp_path / "link")]) == 0
    assert "net_linked.c, tfedge_link.c" in capsys.readouterr().out
    written = sorted(path.name for path in (tmp_path / "link").iterdir())
    assert written == [
        "net_linked.c", "tfedge_link.c", "tfedge_link.h", "tfedge_link.manifest.json",
        "tfedge_link_clock.h", "tfedge_link_model.h",
    ]  # fmt: skip
    assert main(["link", str(tmp_path), "--output", str(tmp_path / "link")]) == 2
    assert "holds no .tflite file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "compiler",
    [
        "arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb",
        "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb",
        "arm-none-eabi-gcc -mcpu=cortex-m55 -mthumb",
        "riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32imc -mabi=ilp32",
    ],
)
def test_the_clock_compiles_for_every_kind_of_core(converted, compiler, tmp_path):
    program, *flags = shlex.split(compiler)
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    assert main(["link", str(converted.folder), "--output", str(tmp_path)]) == 0
    (tmp_path / "main.c").write_text(
        '#include "tfedge_link_clock.h"\n'
        "const char *unit = TFEDGE_LINK_TICK_UNIT;\n"
        "uint32_t ticks(void);\n"
        "uint32_t ticks(void) { tfedge_link_clock_start(); return tfedge_link_clock_ticks(); }\n"
    )
    includes = [f"-I{tmp_path}", f"-I{converted.folder}"]
    command = [program, *flags, *STRICT_C99, *includes, "-c", "main.c", "tfedge_link.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
