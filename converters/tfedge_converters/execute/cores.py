"""The cores that firmware can be built for, and QEMU's machines that run it.

Sources: QEMU's hw/arm/mps2.c, mps2-tz.c and armsse.c, and hw/riscv/virt.c; Arm application notes
AN385, AN386, AN500, AN505 and AN547.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Emulator:
    """A program of QEMU.

    Attributes:
        name: of the program.
        packages: Debian's.
        options: beside those that all have.
    """

    name: str
    packages: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Uart:
    """A machine's first serial port.

    Attributes:
        kind: of its registers: "cmsdk" or "16550".
        address: of the first.
    """

    kind: str
    address: int


@dataclass(frozen=True)
class Section:
    """A further memory of a machine, with the section that C puts something into it by.

    Attributes:
        name: the section's, such as ".dtcm".
        kind: what it is to a model: "ram", with no value at first, or "flash".
        address, bytes: of the memory.
    """

    name: str
    kind: str
    address: int
    bytes: int

    @property
    def output(self) -> str:
        """The linked section's name, by whose beginning sizes are found."""
        return f"{'.subject' if self.kind == 'ram' else '.constants'}{self.name}"


@dataclass(frozen=True)
class Machine:
    """A machine of QEMU.

    Attributes:
        emulator: that has it.
        name: for QEMU's -machine.
        clock_hz: what the harness's stopwatch counts; QEMU executes 10^9 instructions a second of
            its time.
        vectors: the address where the core looks for its vector table, or begins, at reset.
        flash: the address of 4 MiB minus a vector table of memory for code and constants.
        ram: the address of 4 MiB of memory with nothing right below it.
        uart: where QEMU's first -serial leads.
        sections: further memories.
    """

    emulator: Emulator
    name: str
    clock_hz: int
    vectors: int
    flash: int
    ram: int
    uart: Uart
    sections: tuple[Section, ...] = ()

    @property
    def instructions_per_tick(self) -> float:
        """How many instructions QEMU executes while the stopwatch counts one."""
        return 1e9 / self.clock_hz

    def linker_regions(self) -> str:
        """The MEMORY command of a linker script, and what goes to further memories."""
        regions = [
            ("VECTORS (rx)", self.vectors, VECTOR_TABLE_BYTES),
            ("FLASH (rx)", self.flash, 4 * _MEGABYTE - VECTOR_TABLE_BYTES),
            ("RAM (rwx)", self.ram, 4 * _MEGABYTE),
            *((f"SECTION{i}", s.address, s.bytes) for i, s in enumerate(self.sections)),
        ]
        lines = [
            f"    {name} : ORIGIN = {origin:#x}, LENGTH = {length:#x}"
            for name, origin, length in regions
        ]
        sections = [
            f"    {section.output} {'(NOLOAD) ' if section.kind == 'ram' else ''}: ALIGN(16) "
            f"{{ *({section.name} {section.name}.*) }} > SECTION{index}"
            for index, section in enumerate(self.sections)
        ]
        parts = ["MEMORY", "{", *lines, "}"]
        parts += ["SECTIONS", "{", *sections, "}"] if sections else []
        return "\n".join([*parts, ""])


@dataclass(frozen=True)
class Clang:
    """A clang that compiles what a toolchain's gcc links.

    Attributes:
        name: of the program.
        flags: the architecture, and the C library's headers.
    """

    name: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Toolchain:
    """A cross compiler.

    Attributes:
        prefix: what the names of its programs begin with.
        packages: Debian's, its C library among them.
        library: what messages call that.
        specs: the file that makes the compiler find it; it comes with it.
        flags: that choose it.
        startup: the folder of the harness's code for its architecture.
        clang: compiles, where gcc cannot and only links; None where gcc does both.
        cpp_packages: Debian's, of the C++ library; "" where it has none.
    """

    prefix: str
    packages: str
    library: str
    specs: str
    flags: tuple[str, ...]
    startup: str
    clang: Clang | None = None
    cpp_packages: str = ""

    @property
    def compiler(self) -> str:
        """The name of the program that compiles C."""
        return f"{self.prefix}gcc" if self.clang is None else self.clang.name


@dataclass(frozen=True)
class Core:
    """A kind of processor core.

    Attributes:
        flags: the compiler's options for it.
        machine: runs its code.
        toolchain: compiles it.
        linked_as: gcc's options to link it, where it is not gcc that compiles.
    """

    flags: tuple[str, ...]
    machine: Machine
    toolchain: Toolchain
    linked_as: tuple[str, ...] = ()


VECTOR_TABLE_BYTES = 16 * 4

_ARM = Toolchain(
    prefix="arm-none-eabi-",
    packages="gcc-arm-none-eabi libnewlib-arm-none-eabi",
    library="newlib",
    specs="nano.specs",
    flags=("--specs=nano.specs", "--specs=nosys.specs"),
    startup="cortex_m",
    cpp_packages="libstdc++-arm-none-eabi-newlib",
)
_RISCV = Toolchain(
    prefix="riscv64-unknown-elf-",
    packages="gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    library="picolibc",
    specs="picolibc.specs",
    flags=("--specs=picolibc.specs",),
    startup="riscv",
)
# Debian's gcc 12 has no intrinsics for vectors. clang would take the compiler's own library from
# where only its packages for other systems have it.
_RISCV_CLANG = replace(
    _RISCV,
    packages=f"clang-19 {_RISCV.packages}",
    clang=Clang(
        "clang-19",
        ("--target=riscv32-unknown-elf", "-isystem/usr/lib/picolibc/riscv64-unknown-elf/include"),
    ),
)

_QEMU_ARM = Emulator("qemu-system-arm", "qemu-system-arm")
_MPS2_MEMORY = (0x0, VECTOR_TABLE_BYTES, 0x2000_0000)
_MPS2_UART = Uart("cmsdk", 0x4000_4000)
_PSRAM = (
    Section(".psram", "ram", 0x2100_0000, 8 * _MEGABYTE),
    Section(".qspi", "flash", 0x2180_0000, 8 * _MEGABYTE),
)
_TIGHTLY_COUPLED = (
    Section(".dtcm", "ram", 0x2000_0000, _MEGABYTE // 2),
    Section(".sram", "ram", 0x2100_0000, 2 * _MEGABYTE),
    Section(".qspi", "flash", 0x6200_0000, 8 * _MEGABYTE),
)
_AN385 = Machine(_QEMU_ARM, "mps2-an385", 25_000_000, *_MPS2_MEMORY, _MPS2_UART, _PSRAM)
_AN386 = Machine(_QEMU_ARM, "mps2-an386", 25_000_000, *_MPS2_MEMORY, _MPS2_UART, _PSRAM)
_AN500 = Machine(_QEMU_ARM, "mps2-an500", 25_000_000, *_MPS2_MEMORY, _MPS2_UART, _PSRAM)
# Of these two the secure aliases: cores are secure after a reset, and so are their devices.
_AN505 = Machine(
    _QEMU_ARM,
    "mps2-an505",
    20_000_000,
    *(0x1000_0000, 0x1000_0040, 0x3800_0000),
    Uart("cmsdk", 0x5020_0000),
)
_AN547 = Machine(
    _QEMU_ARM,
    "mps3-an547",
    32_000_000,
    *(0x0, 0x6100_0000, 0x6000_0000),
    Uart("cmsdk", 0x5930_3000),
    _TIGHTLY_COUPLED,
)

_HARD_FLOAT = ("-mfloat-abi=hard", "-mfpu=auto")


def _cortex_m(machine: Machine, *flags: str) -> Core:
    return Core((*flags, "-mthumb"), machine, _ARM)


def _virt(bits: int, *options: str) -> Machine:
    emulator = Emulator(f"qemu-system-riscv{bits}", "qemu-system-misc", ("-bios", "none", *options))
    memory = (0x8000_0000, 0x8000_0040, 0x8100_0000)
    return Machine(emulator, "virt", 1_000_000_000, *memory, Uart("16550", 0x1000_0000))


def _risc_v(bits: int, *flags: str) -> Core:
    return Core(flags, _virt(bits), _RISCV)


CORES = {
    # Armv6-M is a subset of what the Cortex-M3 executes; it has no machine with enough memory.
    "cortex-m0": _cortex_m(_AN385, "-mcpu=cortex-m0"),
    "cortex-m3": _cortex_m(_AN385, "-mcpu=cortex-m3"),
    "cortex-m4": _cortex_m(_AN386, "-mcpu=cortex-m4", *_HARD_FLOAT),
    "cortex-m7": _cortex_m(_AN500, "-mcpu=cortex-m7", *_HARD_FLOAT),
    "cortex-m33": _cortex_m(_AN505, "-mcpu=cortex-m33", *_HARD_FLOAT),
    "cortex-m55": _cortex_m(_AN547, "-mcpu=cortex-m55", *_HARD_FLOAT),
    "rv32imc": _risc_v(32, "-march=rv32imc", "-mabi=ilp32"),
    # QEMU's vectors are those of all of RVV; the compiler keeps to the part that is asked for.
    "rv32imc-zve32x": Core(
        ("-march=rv32imc_zve32x_zvl128b", "-mabi=ilp32"),
        _virt(32, "-cpu", "rv32,v=true,vext_spec=v1.0,vlen=128"),
        _RISCV_CLANG,
        ("-march=rv32imc", "-mabi=ilp32"),
    ),
    # Addresses from 2^31 on are none for the default code model.
    "rv64gc": _risc_v(64, "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"),
}
