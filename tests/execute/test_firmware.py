"""Generated C on simulated cores: results, measurements and failures."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_graphs import random_model, random_sample

from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import CORES, ExecutionError, build_firmware
from tfedge_converters.execute.toolchain import HARNESS_DIRECTORY, STRICT_C99

TOOLS = ("arm-none-eabi-gcc", "qemu-system-arm")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

FIRMWARE = HARNESS_DIRECTORY / "firmware"
NEGATE = Path(__file__).parent / "negate"
INSTRUCTIONS_PER_SPIN = 3


@pytest.fixture(scope="module")
def build(negate):
    """`build("cortex-m4")` gives the model's firmware, compiled once."""
    built = {}

    def build(core):
        toolchain, emulator = CORES[core].toolchain, CORES[core].machine.emulator
        for tool, packages in (
            (toolchain.compiler, toolchain.packages),
            (emulator.name, emulator.packages),
        ):
            if shutil.which(tool) is None:
                pytest.skip(f"no {tool}; on Debian or Ubuntu: apt-get install {packages}")
        if core not in built:
            built[core] = build_firmware(negate.program(), core)
        return built[core]

    return build


@pytest.mark.parametrize("core", CORES)
def test_outputs_are_those_of_the_model(negate, build, core):
    samples = negate.samples(20)
    result = build(core).run(samples)
    for sample, outputs in zip(samples, result.outputs, strict=True):
        for expected, output in zip(negate.expected(sample), outputs, strict=True):
            np.testing.assert_array_equal(output, expected, strict=True)


@pytest.mark.parametrize("core", CORES)
def test_instructions_are_counted_within_60(negate, build, core):
    """A loop of known length, less what an inference without it takes."""
    rounds = [1, 100, 1001, 30_000, 3_000_000]
    samples = [negate.mischief(negate.SPIN, count) for count in rounds]
    one_round, *counts = build(core).run(samples).instructions
    for count, spins in zip(counts, rounds[1:], strict=True):
        assert abs(count - one_round - INSTRUCTIONS_PER_SPIN * (spins - 1)) <= 60


@pytest.mark.parametrize("core", ["cortex-m4"])
def test_count_beyond_the_24_bits_of_the_timer(negate, build, core):
    spins = 300_000_000  # 1.3 wraps
    [count] = build(core).run([negate.mischief(negate.SPIN, spins)]).instructions
    assert 0 <= count - INSTRUCTIONS_PER_SPIN * spins <= 300


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m55", "rv32imc"])
def test_counts_repeat_exactly(negate, build, core):
    firmware = build(core)
    samples = negate.samples(1) * 5
    assert len({*firmware.run(samples).instructions, *firmware.run(samples).instructions}) == 1


@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m55"])
def test_layers_are_timed_one_by_one(core, tmp_path):
    """Each twice in a row: what one layer takes is counted for no other."""
    model = random_model("conv_2d", 1, 3)
    source = generate(model, Options("model", targets.load(core)))
    layers = source.plan.layers
    program = source.write(tmp_path)
    samples = [random_sample(model, np.random.default_rng(0))] * 2
    firmware = build_firmware(program, core, num_layers=len(layers))
    result = firmware.run(samples)
    whole = build_firmware(program, core).run(samples)
    first, second = result.layer_instructions
    assert len(first) == len(layers) and whole.layer_instructions == []
    assert all(abs(a - b) <= 60 for a, b in zip(first, second, strict=True))
    assert min(first) > 60
    assert max(first) < 0.9 * sum(first)
    for counted, timed in zip(result.instructions, whole.instructions, strict=True):
        assert counted == pytest.approx(timed, abs=60 * len(layers))
    for a, b in zip(result.outputs, whole.outputs, strict=True):
        np.testing.assert_array_equal(a[0], b[0])


def test_executed_blocks_are_listed(negate, build, tmp_path):
    listed = tmp_path / "executed"
    build("cortex-m4").run(negate.samples(1), executed=listed)
    text = listed.read_text(errors="replace")
    assert re.search(r"^IN: negate_invoke\n0x[0-9a-f]{8}:  ", text, re.MULTILINE)
    assert re.search(r"^Trace 0: 0x\S+ \[\S+\] negate_invoke$", text, re.MULTILINE)


# The frame has 4096 bytes, of which the function writes to the upper ones, but for what RISC-V's
# compiler puts below them.
@pytest.mark.parametrize(
    ("core", "most"),
    [("cortex-m0", 3000), ("cortex-m4", 3000), ("cortex-m55", 3000), ("rv32imc", 4096)],
)
def test_stack_depth_is_that_of_the_deepest_inference(negate, build, core, most):
    firmware = build(core)
    shallow = firmware.run(negate.samples(1)).stack_bytes
    assert shallow <= 64
    deep = [negate.mischief(negate.USE_STACK, used) for used in (500, 3000, 100)]
    assert 3000 <= firmware.run([*deep, *negate.samples(1)]).stack_bytes <= most + 64


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55", "rv32imc"])
def test_sizes_are_those_of_the_model_alone(negate, build, core):
    sizes = build(core).sizes()
    tables = 2 * 8 + 4 + 8 * 4  # the offsets, the bias and the kinds of mischief
    assert 0 <= sizes.rodata_bytes - tables <= 8
    assert 200 <= sizes.code_bytes <= 800
    assert sizes.data_bytes == 0
    assert sizes.flash_bytes == sizes.code_bytes + sizes.rodata_bytes
    assert sizes.ram_bytes_static == negate.program().arena_bytes + 4  # and a pointer, the context


def test_sizes_follow_the_model(negate_copy, build):
    before = build("cortex-m4").sizes()
    for name in ("negate_weights.c", "negate_weights.h"):
        replace_text(negate_copy.directory / name, "[2]", "[2 + 500]")
    code = '__asm__ volatile(".rept 500\\n nop\\n .endr"); '
    code += "static volatile int a = 5, b; a += b; b += a;"
    start = "const int code = tfedge_mischief"
    replace_text(negate_copy.directory / "negate.c", start, code + start)
    grown = replace(negate_copy, arena_bytes=negate_copy.arena_bytes + 2000)
    after = build_firmware(grown, "cortex-m4").sizes()
    assert after.rodata_bytes - before.rodata_bytes in range(1000, 1008)
    assert after.code_bytes - before.code_bytes in range(1000, 1032)
    assert after.data_bytes - before.data_bytes == 4
    assert after.ram_bytes_static - before.ram_bytes_static in range(2000 + 4 + 4, 2000 + 4 + 4 + 8)


def replace_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_harness_hides_nothing_of_the_c_library(build, core):
    """A routine that the harness used as well would not count as the model's."""
    firmware = build(core)
    firmware.sizes()
    empty_elf = firmware.elf.parent / "empty" / "empty.elf"
    symbols = subprocess.check_output(["arm-none-eabi-nm", empty_elf], text=True)
    assert "platform_invoke" in symbols
    assert not re.search("mem(set|cpy|move)|strlen|__aeabi", symbols)


def test_unused_functions_are_dropped(build):
    symbols = subprocess.check_output(["arm-none-eabi-nm", build("cortex-m4").elf], text=True)
    assert "negate_invoke" in symbols
    assert "negate_self_test" not in symbols


def test_flags_of_the_caller_win(negate, build):
    small = build_firmware(negate.program(), "cortex-m4", flags=["-Os"])
    assert small.sizes().code_bytes < build("cortex-m4").sizes().code_bytes
    samples = negate.samples(2)
    [[negated, _], _] = small.run(samples).outputs
    np.testing.assert_array_equal(negated, negate.expected(samples[0])[0])


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m33", "cortex-m55"])
def test_fault_names_the_function(negate, build, core):
    with pytest.raises(ExecutionError, match=r"fault: cfsr 0x00010000 pc .*\n? in trap"):
        build(core).run([*negate.samples(1), negate.mischief(negate.TRAP)])


# gcc traps at a breakpoint, clang at an instruction that is none.
@pytest.mark.parametrize(("core", "cause"), [("rv32imc", 3), ("rv64gc", 3), ("rv32imc-zve32x", 2)])
def test_trap_names_the_function(negate, build, core, cause):
    with pytest.raises(ExecutionError, match=rf"fault: mcause 0x0000000{cause} pc .*\n? in trap"):
        build(core).run([*negate.samples(1), negate.mischief(negate.TRAP)])


@pytest.mark.parametrize("core", CORES)
def test_stack_overflow_is_no_hang(negate, build, core):
    with pytest.raises(ExecutionError, match=r"fault: .* stack overflow"):
        build(core).run([negate.mischief(negate.OVERFLOW_STACK)], timeout=20)


def test_unaligned_access_faults_where_the_core_cannot_do_it(negate, build):
    """The machine that runs code for a Cortex-M0 has a core that could."""
    sample = negate.mischief(negate.READ_UNALIGNED)
    build("cortex-m3").run([sample])
    with pytest.raises(ExecutionError, match=r"fault: .* in read_unaligned"):
        build("cortex-m0").run([sample])


def test_error_code_of_the_model_is_reported(negate, build):
    with pytest.raises(ExecutionError, match="negate_invoke returned -7"):
        build("cortex-m4").run([negate.mischief(negate.RETURN_NEGATIVE)])


def test_arena_that_is_too_small_is_reported(negate):
    firmware = build_firmware(negate.program(arena_bytes=39), "cortex-m3")
    with pytest.raises(ExecutionError, match="negate_init returned -1"):
        firmware.run(negate.samples(1))


def test_endless_loop_ends_at_the_timeout(negate, build):
    with pytest.raises(ExecutionError, match=r"mps2-an386 .* was still running after 0\.5 s"):
        build("cortex-m4").run([negate.mischief(negate.LOOP_FOREVER)], timeout=0.5)


def test_wrong_sample_names_the_input(negate, build):
    with pytest.raises(TfedgeError, match="'vector' of sample 0 is float32"):
        build("cortex-m4").run([[np.zeros((1, 16), np.float32), np.zeros(2, np.int16)]])


def test_a_simulated_clock_of_another_rate_is_noticed(negate, monkeypatch):
    """As of a QEMU whose machine was changed: no count is better than a wrong one."""
    core = CORES["cortex-m4"]
    machine = replace(core.machine, clock_hz=core.machine.clock_hz * 2)
    monkeypatch.setitem(CORES, "cortex-m4", replace(core, machine=machine))
    with pytest.raises(ExecutionError, match=r"counted 50000 ticks .* 100000 were expected"):
        build_firmware(negate.program(), "cortex-m4").run([])


def test_model_larger_than_the_memory(negate):
    with pytest.raises(ExecutionError, match="region `RAM' overflowed"):
        build_firmware(negate.program(arena_bytes=5 << 20), "cortex-m4")


def test_unknown_core_lists_the_known_ones(negate):
    with pytest.raises(TfedgeError, match=r"'cortex-a7' is no core .* cortex-m0, cortex-m3"):
        build_firmware(negate.program(), "cortex-a7")


def test_missing_compiler_names_the_packages(negate, no_tools):
    with pytest.raises(MissingToolError, match="gcc-arm-none-eabi libnewlib-arm-none-eabi"):
        build_firmware(negate.program(), "cortex-m4")


def test_missing_c_library_names_the_packages(negate, no_tools, tmp_path):
    """Debian's compiler package only recommends the library; gcc then repeats the file's name."""
    gcc = tmp_path / "arm-none-eabi-gcc"
    gcc.write_text("#!/bin/sh\necho ${1#--print-file-name=}\n")
    gcc.chmod(0o755)
    with pytest.raises(MissingToolError, match=r"newlib.* libnewlib-arm-none-eabi"):
        build_firmware(negate.program(), "cortex-m4")


def test_missing_qemu_names_the_package(negate, build, request):
    firmware = build("cortex-m4")
    request.getfixturevalue("no_tools")
    with pytest.raises(MissingToolError, match="apt-get install qemu-system-arm"):
        firmware.run(negate.samples(1))


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
@pytest.mark.parametrize("cpu", ["cortex-m0", "cortex-m4"])
def test_harness_is_clean_under_the_warnings_of_clang(build, cpu):
    directory = build("cortex-m4").elf.parent  # has subject.h
    startup = FIRMWARE / "cortex_m"
    sources = sorted([*FIRMWARE.glob("*.c"), *startup.glob("*.c")])
    command = ["clang", "--target=arm-none-eabi", f"-mcpu={cpu}", "-ffreestanding", *STRICT_C99]
    command += [f"-I{path}" for path in (directory, NEGATE, HARNESS_DIRECTORY, FIRMWARE, startup)]
    subprocess.run(
        [*command, "-fsyntax-only", *sources, HARNESS_DIRECTORY / "harness.c"], check=True
    )
