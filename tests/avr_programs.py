"""Self-tests of generated C on an AVR in simavr, whose `int` has 16 bits."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tfedge_converters.c import CSource

TOOLS = ("avr-gcc", "simavr")
# That with most memory of those that Debian's simavr has: 16 KiB.
_CHIP = "atmega1284p"
_FLAGS = (f"-mmcu={_CHIP}", "-std=gnu11", "-Os", "-ffunction-sections", "-Wl,--gc-sections", "-w")
_TOO_LARGE = "are_too_large_for_the_RAM_of_this_AVR"
# A simulated inference of the largest operators takes a few seconds.
_SECONDS = 120
_MAIN = """#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include "{name}.h"
static uint8_t arena[{NAME}_ARENA_BYTES + 1] __attribute__((aligned({NAME}_ARENA_ALIGN)));
static {name}_context context;
static void put(char letter) {{
  while ((UCSR0A & (1 << UDRE0)) == 0) {{
  }}
  UDR0 = (uint8_t)letter;
}}
int main(void) {{
  UCSR0B = 1 << TXEN0;
  int status = {name}_init(&context, arena, sizeof arena);
  if (status == 0) {{
    status = {name}_self_test(&context);
  }}
  put('#');
  put((char)('0' - status));
  put('\\n');
  cli(); /* the simulator ends where nothing could wake the chip */
  sleep_enable();
  sleep_cpu();
}}
"""


def missing_tools() -> list[str]:
    """Names of programs that are not installed."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def status_of_self_test(source: CSource, folder: Path) -> int | None:
    """What a program's self-test returns; None if the chip has too little memory for it."""
    program = source.write(folder)
    names = {"name": source.name, "NAME": source.name.upper()}
    sources = program.sources
    main = folder / "avr_main.c"
    main.write_text(_MAIN.format(**names))
    elf = folder / "program.elf"
    command = ["avr-gcc", *_FLAGS, *sources, main, "-lm", "-o", elf]
    compilation = subprocess.run(command, capture_output=True, text=True)
    if compilation.returncode and _TOO_LARGE in compilation.stderr:
        return None
    assert compilation.returncode == 0, compilation.stderr
    simulation = subprocess.run(
        ["simavr", "-m", _CHIP, "-f", "16000000", elf],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    status = re.search(r"#(\d)", simulation.stdout + simulation.stderr)
    assert status is not None, simulation.stdout + simulation.stderr
    return -int(status[1])
